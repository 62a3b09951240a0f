//! The TLS side of a listener, made from its files: rustls with aws-lc-rs, the only cryptography provider of this program.
//!
//! The files are looked at again when a connection comes, a second after the last time at the soonest, and read again when they
//! have changed: a new certificate needs no signal and no restart. Files that do not fit together change nothing: the
//! certificate in use stays until they do.

use crate::base::tls::clients::ClientVerifier;
use crate::base::tls::{is_of_an_old_version, mismatch, provider_with};
use crate::base::{Error, Result};
use crate::http::config::{TlsConfig, TlsVersion};
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// How long the files are believed to be what they were.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A listener's TLS as its files have it.
pub(super) struct Keeper {
    tls: TlsConfig,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamps: Vec<Option<Stamp>>,
    looked: Instant,
}

/// What tells a file from what it was before.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    node: u64,
    length: u64,
    changed: (i64, i64),
}

impl Keeper {
    /// # Errors
    /// `BadRequest` naming the file and what is wrong with it.
    pub fn new(tls: TlsConfig) -> Result<Self> {
        let stamps = stamps(&tls);
        let current = Current { config: server_config(&tls)?, stamps, looked: Instant::now() };
        Ok(Self { tls, current: Mutex::new(current) })
    }

    /// The settings to begin a connection with.
    pub fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= TRUSTED_FOR {
            current.looked = Instant::now();
            let stamps = stamps(&self.tls);
            if stamps != current.stamps {
                current.stamps = stamps;
                self.renew(&mut current);
            }
        }
        Arc::clone(&current.config)
    }

    /// Reads the files again, whether or not they look changed.
    pub fn reload(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.stamps = stamps(&self.tls);
        self.renew(&mut current);
    }

    fn renew(&self, current: &mut Current) {
        match server_config(&self.tls) {
            Ok(config) => {
                log::info!("{}: the certificate is read again", self.tls.cert_file.display());
                current.config = config;
            }
            Err(error) => log::warn!("{error}; the certificate in use stays"),
        }
    }
}

/// Whether the files of a listener fit together, and for how many days its certificate is good.
///
/// # Errors
/// `BadRequest` naming the file and what is wrong with it.
pub fn check_tls(tls: &TlsConfig) -> Result<i64> {
    server_config(tls)?;
    let chain = certificates(&tls.cert_file)?;
    let own = chain.first().and_then(|own| X509Certificate::from_der(own).ok());
    let end = own.map(|(_, own)| own.validity().not_after.timestamp()).unwrap_or_default();
    Ok((end - jiff::Timestamp::now().as_second()).div_euclid(24 * 3600))
}

fn stamps(tls: &TlsConfig) -> Vec<Option<Stamp>> {
    let files = [Some(&tls.cert_file), Some(&tls.key_file), tls.client_ca_file.as_ref()];
    files.into_iter().flatten().map(|file| fs::metadata(file).ok().map(|file| Stamp::of(&file))).collect()
}

impl Stamp {
    fn of(file: &fs::Metadata) -> Self {
        Self { device: file.dev(), node: file.ino(), length: file.len(), changed: (file.mtime(), file.mtime_nsec()) }
    }
}

/// Reads the files and checks that they fit together.
fn server_config(tls: &TlsConfig) -> Result<Arc<ServerConfig>> {
    let versions: &[&SupportedProtocolVersion] = match (tls.min_version, tls.max_version) {
        (TlsVersion::Tls12, TlsVersion::Tls13) => &[&rustls::version::TLS13, &rustls::version::TLS12],
        (_, TlsVersion::Tls12) => &[&rustls::version::TLS12],
        (TlsVersion::Tls13, TlsVersion::Tls13) => &[&rustls::version::TLS13],
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|error| unusable(&tls.key_file, error))?;
    let chain = certificates(&tls.cert_file)?;
    let is_old = chain.first().is_some_and(is_of_an_old_version);
    let mut config = ServerConfig::builder_with_provider(provider_with(&tls.cipher_suites))
        .with_protocol_versions(versions)
        .map_err(|error| Error::bad_request(format!("these TLS versions and suites do not go together: {error}")))?
        .with_client_cert_verifier(client_verifier(tls)?)
        .with_single_cert(chain, key)
        .map_err(|error| match is_old {
            true => Error::bad_request(format!("{}: {}", tls.cert_file.display(), mismatch(is_old))),
            false => unusable(&tls.cert_file, error).context("the certificate and its key"),
        })?;
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
