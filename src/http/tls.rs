//! Makes the TLS side of a listener from its files: rustls with aws-lc-rs, the only cryptography provider of this program.

use crate::base::{Error, Result};
use crate::http::config::{TlsConfig, TlsVersion};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, crypto::CryptoProvider};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Reads the files and checks that they fit together.
///
/// # Errors
/// `BadRequest` naming the file and what is wrong with it.
pub(super) fn server_config(tls: &TlsConfig) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[&SupportedProtocolVersion] = match tls.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|error| unusable(&tls.key_file, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| Error::internal("TLS cannot be set up").caused_by(error))?
        .with_client_cert_verifier(client_verifier(tls, provider)?)
        .with_single_cert(certificates(&tls.cert_file)?, key)
        .map_err(|error| unusable(&tls.cert_file, error).context("the certificate and its key"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn client_verifier(tls: &TlsConfig, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>> {
    let Some(file) = &tls.client_ca_file else {
        if tls.require_client_cert {
            return Err(Error::bad_request(
                "client certificates can only be required together with tls_client_ca_file",
            ));
        }
        return Ok(Arc::new(NoClientAuth));
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unusable(file, error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if tls.require_client_cert { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|error| unusable(file, error))?;
    Ok(verifier)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = |error| unusable(file, error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(file).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    if chain.is_empty() {
        return Err(Error::bad_request(format!("{}: holds no certificate in PEM form", file.display())));
    }
    Ok(chain)
}

fn unusable(file: &Path, why: impl std::fmt::Display) -> Error {
    Error::bad_request(format!("{}: {why}", file.display()))
}
