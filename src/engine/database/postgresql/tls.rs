//! TLS towards PostgreSQL: rustls by the program's one crypto provider, verifying as much as `sslmode` says.
//!
//! Owns the certificates and what is checked of the server's. `require` encrypts without asking whom it talks to, unless there
//! is an authority to ask by, as libpq has it.

use crate::base::{Error, Result};
use crate::engine::database::driver::Parameters;
use crate::engine::database::postgresql::address::{Address, SslMode};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use zeroize::Zeroizing;

/// The settings of TLS for a connection, by its parameters and by the files that its address names.
///
/// # Errors
/// `BadRequest` for what is no certificate or key, and where there is nothing to verify by.
pub fn configuration(parameters: &Parameters, address: &Address) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = verifier(parameters, address, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("no TLS").caused_by(error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let certificate = pem(parameters, "tls_certificate", address.certificate.as_deref())?;
    let key = pem(parameters, "private_key", address.private_key.as_deref())?;
    let configuration = match (certificate, key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates(&certificate, "tls_certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|_| Error::bad_request("private_key: there is no private key in PEM in it"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| Error::bad_request("private_key does not belong to tls_certificate"))?
        }
        _ => return Err(Error::bad_request("tls_certificate and private_key go together: one is missing")),
    };
    Ok(Arc::new(configuration))
}

fn verifier(
    parameters: &Parameters,
    address: &Address,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let authority = match address.root_certificate.as_deref() {
        Some("system") => None,
        path => pem(parameters, "tls_ca", path)?,
    };
    let mut trusted = RootCertStore::empty();
    let mut given = Vec::new();
    match (&authority, address.ssl_mode) {
        (Some(authority), _) => {
            given = certificates(authority, "tls_ca")?;
            for certificate in &given {
                trusted
                    .add(certificate.clone())
                    .map_err(|_| Error::bad_request("tls_ca: a certificate in it cannot be an authority"))?;
            }
        }
        (None, SslMode::VerifyCa | SslMode::VerifyFull) => {
            trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        (None, _) => return Ok(Arc::new(Verifier { chain: None, given, name: false, provider: provider.clone() })),
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), provider.clone())
        .build()
        .map_err(|error| Error::bad_request(format!("tls_ca: {error}")))?;
    let name = address.ssl_mode == SslMode::VerifyFull;
    Ok(Arc::new(Verifier { chain: Some(chain), given, name, provider: provider.clone() }))
}

/// A text in PEM: a parameter's, or a file's whose path stands in the address.
fn pem(parameters: &Parameters, name: &str, path: Option<&str>) -> Result<Option<Zeroizing<String>>> {
    match (parameters.text(name), path) {
        ("", None) => Ok(None),
        ("", Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) => Err(Error::bad_request(format!("connection_url: {path}: {error}"))),
        },
        (text, _) => Ok(Some(Zeroizing::new(text.to_owned()))),
    }
}

fn certificates(pem: &str, name: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| Error::bad_request(format!("{name}: it is not PEM")))?;
    if found.is_empty() {
        Err(Error::bad_request(format!("{name}: there is no certificate in PEM in it")))
    } else {
        Ok(found)
    }
}

/// Checks as much as it was told to.
#[derive(Debug)]
struct Verifier {
    /// None: any certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// The given authorities; a server's own certificate among them is trusted as it is.
    given: Vec<CertificateDer<'static>>,
    /// Whether the name has to fit as well.
    name: bool,
    provider: Arc<CryptoProvider>,
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
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(error)) if self.passes(&error, end_entity) => {
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// What is no objection without `verify-full`: another name, and a certificate that signed itself and was given as such.
    fn passes(&self, error: &CertificateError, certificate: &CertificateDer<'_>) -> bool {
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => !self.name,
            CertificateError::Other(_) => !self.name && self.given.iter().any(|given| given == certificate),
            _ => false,
        }
    }
}

/// Begins TLS on a connection.
pub struct Connector {
    pub configuration: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

impl<S> TlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = tokio_rustls::TlsConnector::from(self.configuration).connect(self.name, stream);
        Box::pin(async { connecting.await.map(Stream) })
    }
}

/// A connection inside TLS.
pub struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
