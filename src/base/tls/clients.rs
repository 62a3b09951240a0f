//! Checks the certificates that clients show: a listener's, at the handshake, and an auth method's, against its own authorities.
//!
//! As for servers, a certificate that is itself trusted needs no chain, whatever it says of itself.

use super::{authorities, provider, verifier};
use crate::base::{Error, Result};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use std::sync::Arc;

/// What a listener asks of its clients.
#[derive(Debug)]
pub struct ClientVerifier {
    /// Whatever a client shows is taken, as long as it has the key to it.
    indifferent: bool,
    /// None where no authority is trusted.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    given: Vec<CertificateDer<'static>>,
    required: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientVerifier {
    /// Takes any certificate, also none: who the client is, is for others to judge.
    #[must_use]
    pub fn indifferent() -> Self {
        Self { indifferent: true, chain: None, given: Vec::new(), required: false, provider: provider() }
    }

    /// Takes certificates of these authorities, and where one is not required, also none.
    ///
    /// # Errors
    /// `BadRequest` for what cannot be an authority.
    pub fn new(given: Vec<CertificateDer<'static>>, required: bool) -> Result<Self> {
        Ok(Self { indifferent: false, chain: chain_verifier(&given)?, given, required, provider: provider() })
    }
}

/// Whether a client's chain, its own certificate first, leads to one of these or begins with one of them. Possession of the
/// key is what the handshake has shown.
///
/// # Errors
/// `BadRequest` saying what is wrong with it.
pub fn verify_client(
    chain: &[CertificateDer<'static>],
    given: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<()> {
    let Some((own, intermediates)) = chain.split_first() else {
        return Err(Error::bad_request("there is no certificate"));
    };
    let outcome = match chain_verifier(given)? {
        _ if given.contains(own) => verifier::trusted_itself(own, verifier::Purpose::Client, now),
        Some(verifier) => verifier.verify_client_cert(own, intermediates, now).map(drop),
        None => Err(CertificateError::UnknownIssuer.into()),
    };
    outcome.map_err(|error| Error::bad_request(error.to_string()))
}

fn chain_verifier(given: &[CertificateDer<'static>]) -> Result<Option<Arc<dyn ClientCertVerifier>>> {
    let roots = authorities(given)?;
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    Ok(Some(verifier.map_err(|error| Error::bad_request(error.to_string()))?))
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match &self.chain {
            _ if self.indifferent => Ok(ClientCertVerified::assertion()),
            _ if self.given.iter().any(|given| given == end_entity) => {
                verifier::trusted_itself(end_entity, verifier::Purpose::Client, now)?;
                Ok(ClientCertVerified::assertion())
            }
            Some(chain) => chain.verify_client_cert(end_entity, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
