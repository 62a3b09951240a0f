//! Checks a server's certificate. `webpki` judges chains; added to it is the certificate that is trusted as it is, which
//! `webpki` refuses when it also says of itself that it is an authority, as those that `openssl req -x509` makes do.

use super::Names;
use crate::base::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{FromDer, X509Version};

#[derive(Debug)]
pub struct Verifier {
    /// Any certificate will do.
    blind: bool,
    /// None where no authority is trusted.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// A server's own certificate among these is trusted as it is.
    given: Vec<CertificateDer<'static>>,
    names: Names,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub fn blind(provider: Arc<CryptoProvider>) -> Self {
        Self { blind: true, chain: None, given: Vec::new(), names: Names::Ignored, provider }
    }

    pub fn new(
        roots: RootCertStore,
        given: Vec<CertificateDer<'static>>,
        names: Names,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self> {
        let chain = if roots.is_empty() {
            None
        } else {
            let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
            Some(chain.map_err(|error| Error::bad_request(error.to_string()))?)
        };
        Ok(Self { blind: false, chain, given, names, provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.blind {
            return Ok(ServerCertVerified::assertion());
        }
        speaks_of_names(end_entity)?;
        let outcome = match &self.chain {
            _ if self.given.iter().any(|given| given == end_entity) => trusted_itself(end_entity, Purpose::Server, now)
                .and_then(|()| verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)),
            Some(chain) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(drop)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        // The name is what both look at last.
        match outcome {
            Err(rustls::Error::InvalidCertificate(error)) if self.names == Names::Ignored && is_about_name(&error) => {
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome.map(|()| ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Where anybody is believed, somebody in between brings a certificate and a key that fit each other: checking that
        // they do would only turn away certificates that are too old to be read.
        if self.blind {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.blind {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Certificates before version 3 have no place for a host's name but the common name, which nobody reads any more.
fn speaks_of_names(certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
    match X509Certificate::from_der(certificate) {
        Ok((_, parsed)) if parsed.version() != X509Version::V3 => Err(rustls::Error::General(
            "the server's certificate is of an old version, which cannot name a host; make one of version 3 with a \
             subjectAltName"
                .to_owned(),
        )),
        // What cannot be read is refused below, in the words of those who know why.
        _ => Ok(()),
    }
}

/// What a certificate is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Server,
    Client,
}

/// Judges a certificate that is itself trusted, but for its name: no chain is asked for, all the rest is.
pub fn trusted_itself(certificate: &CertificateDer<'_>, purpose: Purpose, now: UnixTime) -> Result<(), rustls::Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    let purposes = parsed.extended_key_usage().map_err(|_| CertificateError::BadEncoding)?;
    let fits = purposes.is_none_or(|purposes| match purpose {
        Purpose::Server => purposes.value.server_auth || purposes.value.any,
        Purpose::Client => purposes.value.client_auth || purposes.value.any,
    });
    if fits { Ok(()) } else { Err(CertificateError::InvalidPurpose.into()) }
}

fn is_about_name(error: &CertificateError) -> bool {
    matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
}
