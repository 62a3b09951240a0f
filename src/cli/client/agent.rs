//! The HTTP client underneath: time-out, proxy, and TLS with the one crypto provider of the program.

use super::address::Address;
use crate::base::duration;
use crate::cli::{Failure, Invocation};
use std::fmt::Display;
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use zeroize::Zeroizing;

const TIME_OUT: Duration = Duration::from_secs(60);

pub fn build(invocation: &Invocation, address: &Address) -> Result<ureq::Agent, Failure> {
    let time_out = match invocation.environment.variable("VAULT_CLIENT_TIMEOUT") {
        None => TIME_OUT,
        Some(text) => duration::parse(text).map_err(|error| Failure::from(error).context("VAULT_CLIENT_TIMEOUT"))?,
    };
    let proxy = if address.is_loopback() { None } else { ureq::Proxy::try_from_env() };
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(time_out).filter(|time_out| !time_out.is_zero()))
        .user_agent(concat!("leasehold/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy)
        .tls_config(tls(invocation)?)
        .build();
    if address.has_server_name() {
        let resolver = Fixed(address.endpoint());
        return Ok(ureq::Agent::with_parts(config, DefaultConnector::default(), resolver));
    }
    Ok(config.new_agent())
}

fn tls(invocation: &Invocation) -> Result<TlsConfig, Failure> {
    let mut tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .disable_verification(invocation.is_set("tls-skip-verify"));
    if let Some(trusted) = trusted(invocation)? {
        tls = tls.root_certs(RootCerts::new_with_certs(&trusted));
    }
    match (invocation.text("client-cert"), invocation.text("client-key")) {
        (Some(certificate), Some(key)) => {
            tls = tls.client_cert(Some(client_certificate(Path::new(certificate), Path::new(key))?));
        }
        (None, None) => {}
        _ => return Err(Failure::local("A client certificate needs both -client-cert and -client-key.")),
    }
    Ok(tls.build())
}

/// The certificates to trust instead of the public ones. A directory may hold other files, too.
fn trusted(invocation: &Invocation) -> Result<Option<Vec<Certificate<'static>>>, Failure> {
    match (invocation.text("ca-cert"), invocation.text("ca-path")) {
        (Some(file), _) => certificates(Path::new(file)).map(Some),
        (None, Some(directory)) => {
            let directory = Path::new(directory);
            let files = files_of(directory)?;
            let found: Vec<_> = files.iter().flat_map(|file| certificates(file).unwrap_or_default()).collect();
            if found.is_empty() {
                return Err(Failure::local(format!("no file in {} holds a certificate", directory.display())));
            }
            Ok(Some(found))
        }
        (None, None) => Ok(None),
    }
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let text = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    let found: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(Failure::local(format!("{} holds no certificate in PEM form", file.display())));
    }
    Ok(found)
}

fn client_certificate(certificate: &Path, key: &Path) -> Result<ClientCert, Failure> {
    let chain = certificates(certificate)?;
    let text = Zeroizing::new(std::fs::read(key).map_err(|error| unreadable(key, &error))?);
    let key = PrivateKey::from_pem(&text)
        .map_err(|_| Failure::local(format!("{} holds no private key in PEM form", key.display())))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn unreadable(path: &Path, error: &dyn Display) -> Failure {
    Failure::local(format!("could not read {}: {error}", path.display()))
}

/// Finds every name at one place: TLS sees the name that the certificate bears, the socket goes to the address.
#[derive(Debug)]
struct Fixed(String);

impl Resolver for Fixed {
    fn resolve(&self, _: &http::Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        for address in self.0.to_socket_addrs()?.take(16) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}
