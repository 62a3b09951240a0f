//! A role: which certificates it trusts, what they have to say besides, and what tokens they get.

use super::presented::Presented;
use crate::base::{Error, Result, glob, tls};
use crate::logical::TokenParameters;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Where the roles are kept.
pub const FOLDER: &str = "cert/";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    pub name: String,
    /// PEM; the first says whether all of them are authorities, or it alone is trusted.
    pub certificate: String,
    pub display_name: String,
    pub allowed_names: Vec<String>,
    pub allowed_common_names: Vec<String>,
    pub allowed_dns_sans: Vec<String>,
    pub allowed_email_sans: Vec<String>,
    pub allowed_uri_sans: Vec<String>,
    pub allowed_organizational_units: Vec<String>,
    /// `oid:pattern`, or `hex:oid:pattern`.
    pub required_extensions: Vec<String>,
    pub allowed_metadata_extensions: Vec<String>,
    pub token: TokenParameters,
}

/// Where the record of a role is.
pub fn record(name: &str) -> String {
    format!("{FOLDER}{name}")
}

impl Role {
    /// The certificates that are trusted.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>> {
        tls::certificates(self.certificate.as_bytes())
            .map_err(|error| Error::bad_request("failed to parse certificate").caused_by(error))
    }

    /// # Errors
    /// `BadRequest` for what is no certificate, one that is not for clients, and a requirement that cannot be read.
    pub fn check(&self) -> Result<()> {
        let certificates = self.certificates()?;
        for certificate in &certificates {
            X509Certificate::from_der(certificate).map_err(|_| Error::bad_request("failed to parse certificate"))?;
        }
        let first = certificates.first().and_then(|first| X509Certificate::from_der(first).ok());
        if let Some((_, first)) = first.filter(|(_, first)| !first.is_ca()) {
            let purposes = first.extended_key_usage().ok().flatten();
            if purposes.is_some_and(|purposes| !purposes.value.client_auth && !purposes.value.any) {
                return Err(Error::bad_request(
                    "nonCA certificates should have TLS client authentication set as an extended key usage",
                ));
            }
        }
        for required in &self.required_extensions {
            requirement(required)?;
        }
        match self.allowed_metadata_extensions.iter().find(|oid| !is_oid(oid)) {
            Some(oid) => Err(Error::bad_request(format!("allowed_metadata_extensions: {oid:?} is no OID, as 1.2.3.4"))),
            None => Ok(()),
        }
    }

    /// Whether the certificate says all that the role asks of it. Of each list that is not empty one pattern has to fit.
    pub fn takes(&self, shown: &Presented) -> bool {
        let fits = |patterns: &[String], names: &[&str]| {
            patterns.is_empty() || patterns.iter().any(|pattern| names.iter().any(|name| glob::matches(pattern, name)))
        };
        let texts = |names: &[String]| -> Vec<String> { names.to_vec() };
        let listed = |patterns: &[String], names: &[String]| {
            fits(patterns, &names.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let anywhere = [vec![shown.common_name.clone()], texts(&shown.dns), texts(&shown.emails)].concat();
        listed(&self.allowed_names, &anywhere)
            && fits(&self.allowed_common_names, &[&shown.common_name])
            && listed(&self.allowed_dns_sans, &shown.dns)
            && listed(&self.allowed_email_sans, &shown.emails)
            && listed(&self.allowed_uri_sans, &shown.uris)
            && listed(&self.allowed_organizational_units, &shown.units)
            && self.required_extensions.iter().all(|required| has_extension(shown, required))
    }
}

/// An extension that has to be there, and what its value has to be like.
struct Requirement<'r> {
    oid: &'r str,
    pattern: &'r str,
    /// Of the whole value in hexadecimal, rather than of the text in it.
    hex: bool,
}

fn requirement(text: &str) -> Result<Requirement<'_>> {
    let (hex, rest) = text.strip_prefix("hex:").map_or((false, text), |rest| (true, rest));
    match rest.split_once(':') {
        Some((oid, pattern)) if is_oid(oid) => Ok(Requirement { oid, pattern, hex }),
        _ => Err(Error::bad_request(format!(
            "required_extensions: {text:?} is not written as oid:value or hex:oid:value, as \"1.2.3.4:staff*\""
        ))),
    }
}

fn has_extension(shown: &Presented, required: &str) -> bool {
    let Ok(Requirement { oid, pattern, hex }) = requirement(required) else { return false };
    let values = shown.extensions.iter().filter(|extension| extension.oid == oid);
    let mut texts =
        values.filter_map(|extension| if hex { Some(hex::encode(&extension.value)) } else { extension.text() });
    if hex {
        texts.any(|text| glob::matches(&pattern.to_ascii_lowercase(), &text))
    } else {
        texts.any(|text| glob::matches(pattern, &text))
    }
}

fn is_oid(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
}
