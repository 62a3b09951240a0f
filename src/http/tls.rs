//! Makes the TLS side of a listener from its files: rustls with aws-lc-rs, the only cryptography provider of this program.

use crate::base::tls::clients::ClientVerifier;
use crate::base::tls::provider;
use crate::base::{Error, Result};
use crate::http::config::{TlsConfig, TlsVersion};
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Reads the files and checks that they fit together.
///
/// # Errors
/// `BadRequest` naming the file and what is wrong with it.
pub(super) fn server_config(tls: &TlsConfig) -> Result<Arc<ServerConfig>> {
    let versions: &[&SupportedProtocolVersion] = match tls.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|error| unusable(&tls.key_file, error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(|error| Error::internal("TLS cannot be set up").caused_by(error))?
        .with_client_cert_verifier(client_verifier(tls)?)
        .with_single_cert(certificates(&tls.cert_file)?, key)
        .map_err(|error| unusable(&tls.cert_file, error).context("the certificate and its key"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn client_verifier(tls: &TlsConfig) -> Result<Arc<dyn ClientCertVerifier>> {
    match &tls.client_ca_file {
        _ if !tls.ask_client_cert => Ok(Arc::new(NoClientAuth)),
        Some(file) => {
            let verifier = ClientVerifier::new(certificates(file)?, tls.require_client_cert);
            Ok(Arc::new(verifier.map_err(|error| error.context(file.display()))?))
        }
        None if tls.require_client_cert => {
            Err(Error::bad_request("client certificates can only be required together with tls_client_ca_file"))
        }
        None => Ok(Arc::new(ClientVerifier::indifferent())),
    }
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
