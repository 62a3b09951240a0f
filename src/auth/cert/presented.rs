//! What a client shows: its certificate as roles judge it. Read once, from bytes that anybody may have written.

use crate::base::{Error, Result};
use crate::logical::Map;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::Value;
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

pub struct Presented {
    /// As it came: the client's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// In decimal, one for each of the chain.
    pub serials: Vec<String>,
    /// The last one; empty where there is none.
    pub common_name: String,
    pub units: Vec<String>,
    pub dns: Vec<String>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
    pub extensions: Vec<Extension>,
    subject_key: Vec<u8>,
    authority_key: Vec<u8>,
}

pub struct Extension {
    pub oid: String,
    pub value: Vec<u8>,
}

/// Whether a certificate is within its time.
#[must_use]
pub fn is_current(der: &[u8], now: UnixTime) -> bool {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        let time = certificate.validity();
        time.not_before.timestamp() <= now && now <= time.not_after.timestamp()
    })
}

impl Presented {
    /// # Errors
    /// `BadRequest` where there is none, or one that cannot be read.
    pub fn read(certificates: &[Vec<u8>]) -> Result<Self> {
        let unreadable = || Error::bad_request("the client certificate cannot be read");
        let chain: Vec<_> = certificates.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let serials = chain.iter().map(|der| serial(der)).collect::<Result<_>>()?;
        let own = certificates.first().ok_or_else(|| Error::bad_request("client certificate must be supplied"))?;
        let (_, parsed) = X509Certificate::from_der(own).map_err(|_| unreadable())?;
        let mut shown = Self {
            chain,
            serials,
            common_name: texts(parsed.subject(), X509Name::iter_common_name).pop().unwrap_or_default(),
            units: texts(parsed.subject(), X509Name::iter_organizational_unit),
            dns: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
            extensions: Vec::new(),
            subject_key: Vec::new(),
            authority_key: Vec::new(),
        };
        let names = parsed.subject_alternative_name().map_err(|_| unreadable())?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => shown.dns.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => shown.emails.push((*name).to_owned()),
                GeneralName::URI(name) => shown.uris.push((*name).to_owned()),
                _ => {}
            }
        }
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(key) => shown.subject_key = key.0.to_vec(),
                ParsedExtension::AuthorityKeyIdentifier(key) => {
                    shown.authority_key = key.key_identifier.as_ref().map(|key| key.0.to_vec()).unwrap_or_default();
                }
                _ => {}
            }
            shown.extensions.push(Extension { oid: extension.oid.to_id_string(), value: extension.value.to_vec() });
        }
        Ok(shown)
    }

    /// What the token and, where that is asked for, the alias are told of it.
    pub fn metadata(&self, role: &str, extensions: &[String]) -> Map {
        let mut metadata = Map::new();
        let serial = self.serials.first().cloned().unwrap_or_default();
        for (name, value) in [
            ("cert_name", role.to_owned()),
            ("common_name", self.common_name.clone()),
            ("serial_number", serial),
            ("subject_key_id", colons(&self.subject_key)),
            ("authority_key_id", colons(&self.authority_key)),
        ] {
            metadata.insert(name.to_owned(), Value::from(value));
        }
        // Dashes in place of dots, which templates of policies could not name.
        for extension in self.extensions.iter().filter(|extension| extensions.contains(&extension.oid)) {
            metadata.insert(extension.oid.replace('.', "-"), Value::from(extension.text().unwrap_or_default()));
        }
        metadata
    }

    /// Tells this certificate from every other.
    pub fn fingerprint(&self) -> String {
        let own = self.chain.first().map(|own| own.as_ref()).unwrap_or_default();
        hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, own))
    }
}

impl Extension {
    /// The value, where it is a text as ASN.1 has them.
    pub fn text(&self) -> Option<String> {
        let (_, any) = Any::from_der(&self.value).ok()?;
        match any.tag() {
            Tag::Utf8String
            | Tag::PrintableString
            | Tag::Ia5String
            | Tag::NumericString
            | Tag::VisibleString
            | Tag::GeneralString
            | Tag::T61String => String::from_utf8(any.data.to_vec()).ok(),
            Tag::BmpString => {
                let units: Vec<u16> = any
                    .data
                    .chunks(2)
                    .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
                    .collect();
                String::from_utf16(&units).ok()
            }
            _ => None,
        }
    }
}

/// The serial number of a certificate in decimal.
///
/// # Errors
/// `BadRequest` for what is none.
pub fn serial(der: &[u8]) -> Result<String> {
    let parsed = X509Certificate::from_der(der).map_err(|_| Error::bad_request("a certificate cannot be read"))?;
    Ok(parsed.1.tbs_certificate.serial.to_string())
}

/// Whether a certificate is one that signs others.
pub fn is_authority(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, parsed)| parsed.is_ca())
}

fn texts<'n, I>(name: &'n X509Name<'n>, of: impl Fn(&'n X509Name<'n>) -> I) -> Vec<String>
where
    I: Iterator<Item = &'n AttributeTypeAndValue<'n>>,
{
    of(name).filter_map(|attribute| attribute.as_str().ok().map(str::to_owned)).collect()
}

/// As `0a:1b:2c`.
fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
