//! TLS: whom a client believes, which clients a server takes, and the settings of a connection that follow from it. The one
//! place for it: the command line, the databases and everything else that connects takes its settings from here.
//!
//! Owns certificates, keys and how they are read from PEM; knows no protocol. Always: a certificate is believed because the
//! chain to an authority that is trusted says so, or because it is itself, byte by byte, one that is trusted. Its dates, its
//! purpose and its name count in both cases.

pub mod clients;
pub mod connector;
mod verifier;

#[cfg(test)]
mod tests;

use crate::base::{Error, Result};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedCipherSuite, crypto::CryptoProvider};
use std::path::Path;
use std::sync::Arc;
use verifier::Verifier;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{FromDer, X509Version};

/// Whom a client believes.
pub enum Trust {
    /// Whoever answers: nobody can read along who does not sit in the middle.
    Anybody,
    /// The authorities that browsers trust.
    Public,
    /// These authorities, and these very certificates.
    Given(Vec<CertificateDer<'static>>),
}

/// Whether a server's certificate has to be for the name that it is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Checked,
    /// Any certificate of those authorities will do.
    Ignored,
}

/// What a client shows of itself when it is asked: its chain, and the key of the first.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// The program's one crypto provider.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Whether a suite is offered, by the name that it is registered under, or by the shorter one that some still go by.
#[must_use]
pub fn is_cipher_suite(name: &str) -> bool {
    provider().cipher_suites.iter().any(|suite| is_named(suite, name))
}

/// The names of all suites that are offered.
#[must_use]
pub fn cipher_suites() -> Vec<&'static str> {
    provider().cipher_suites.iter().filter_map(|suite| suite.suite().as_str()).map(registered).collect()
}

/// The crypto provider with these suites alone; those of TLS 1.3 are not chosen among, and stay.
#[must_use]
pub fn provider_with(suites: &[String]) -> Arc<CryptoProvider> {
    let mut limited = rustls::crypto::aws_lc_rs::default_provider();
    if !suites.is_empty() {
        limited
            .cipher_suites
            .retain(|suite| suite.tls13().is_some() || suites.iter().any(|name| is_named(suite, name)));
    }
    Arc::new(limited)
}

fn is_named(suite: &SupportedCipherSuite, name: &str) -> bool {
    let own = suite.suite().as_str().map(registered);
    own.is_some_and(|own| own == name || own.strip_suffix("_SHA256") == Some(name) && own.contains("CHACHA20"))
}

/// The library calls those of TLS 1.3 by a name of its own.
fn registered(name: &'static str) -> &'static str {
    match name {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        other => other,
    }
}

/// The settings of a connection.
///
/// # Errors
/// `BadRequest` for a certificate that cannot be an authority, and for a key that does not belong to its certificate.
pub fn client_config(trust: Trust, names: Names, identity: Option<Identity>) -> Result<Arc<ClientConfig>> {
    let builder = believing(trust, names)?;
    let Some(Identity { chain, key }) = identity else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let is_old = chain.first().is_some_and(is_of_an_old_version);
    let config = builder.with_client_auth_cert(chain, key).map_err(|_| Error::bad_request(mismatch(is_old)))?;
    Ok(Arc::new(config))
}

/// Why a certificate and a key do not go together. The library reads no certificate before version 3.
#[must_use]
pub fn mismatch(is_old: bool) -> &'static str {
    match is_old {
        true => {
            "the certificate is of X.509 version 1, which is not supported; make one of version 3, with extensions \
             (openssl x509 -req … -extfile)"
        }
        false => "the private key does not belong to the certificate",
    }
}

/// Whether a certificate is older than version 3.
#[must_use]
pub fn is_of_an_old_version(certificate: &CertificateDer<'static>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.version() != X509Version::V3)
}

fn believing(trust: Trust, names: Names) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = provider();
    let verifier = match trust {
        Trust::Anybody => Verifier::blind(provider.clone()),
        Trust::Public => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            Verifier::new(roots, Vec::new(), names, provider.clone())?
        }
        Trust::Given(certificates) => {
            Verifier::new(authorities(&certificates)?, certificates, names, provider.clone())?
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("no TLS").caused_by(error))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
}

/// Those of the certificates that may vouch for others. Whoever trusts one server's or one client's certificate does not trust
/// its holder to make more of them.
fn authorities(given: &[CertificateDer<'static>]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for (at, certificate) in given.iter().enumerate() {
        let damaged = |why: &dyn std::fmt::Display| {
            Error::bad_request(format!("certificate {} in it cannot be read: {why}", at + 1))
        };
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| damaged(&error))?;
        // Before version 3 there was no way to say it.
        if parsed.is_ca() || parsed.version() != X509Version::V3 {
            roots.add(certificate.clone()).map_err(|error| damaged(&error))?;
        }
    }
    Ok(roots)
}

/// The certificates in a text in PEM, one at least.
///
/// # Errors
/// `BadRequest` where there is none, or one that is damaged.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::bad_request(format!("it is not PEM: {error}")))?;
    if found.is_empty() { Err(Error::bad_request("there is no certificate in PEM in it")) } else { Ok(found) }
}

/// The private key in a text in PEM.
///
/// # Errors
/// `BadRequest` where there is none.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| Error::bad_request("there is no private key in PEM in it"))
}

/// Where systems keep the authorities that their owner trusts, in one file.
const STORES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Whom this system's owner trusts: `file` where it is named, else the system's store, else those that browsers trust.
///
/// # Errors
/// `BadRequest` for a named file that holds none.
pub fn system_trust(file: Option<&Path>) -> Result<Trust> {
    if let Some(file) = file {
        let named = |error: Error| error.context(file.display());
        let pem = std::fs::read(file).map_err(|error| named(Error::bad_request(error.to_string())))?;
        return Ok(Trust::Given(certificates(&pem).map_err(named)?));
    }
    let store = STORES.iter().find_map(|path| std::fs::read(path).ok());
    let readable = |pem: Vec<u8>| CertificateDer::pem_slice_iter(&pem).flatten().filter(is_certificate).collect();
    let found: Vec<CertificateDer<'static>> = store.map(readable).unwrap_or_default();
    Ok(if found.is_empty() { Trust::Public } else { Trust::Given(found) })
}

/// A store may hold what nobody here can read; the rest counts all the same.
fn is_certificate(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}
