//! The HTTP client underneath: time-out, proxy, and TLS with the one crypto provider of the program.

use super::address::Address;
use super::proxy;
use crate::base::tls::connector::Connector;
use crate::base::tls::{self, Identity, Names, Trust};
use crate::base::{Error, duration};
use crate::cli::{Failure, Invocation};
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use zeroize::Zeroizing;

const TIME_OUT: Duration = Duration::from_secs(60);

pub fn build(invocation: &Invocation, address: &Address) -> Result<ureq::Agent, Failure> {
    let time_out = match invocation.environment.variable("VAULT_CLIENT_TIMEOUT") {
        None => TIME_OUT,
        Some(text) => duration::parse(text).map_err(|error| Failure::from(error).context("VAULT_CLIENT_TIMEOUT"))?,
    };
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(time_out).filter(|time_out| !time_out.is_zero()))
        .user_agent(concat!("leasehold/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy::choose(&invocation.environment, address)?)
        .build();
    if !address.is_https() {
        return Ok(config.new_agent());
    }
    let renamed = match invocation.text("tls-server-name").filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => {
            let name = ServerName::try_from(name.to_owned())
                .map_err(|_| Failure::local(format!("{name:?} is no name that a certificate can be for")))?;
            Some((address.authority(), name))
        }
    };
    Ok(ureq::Agent::with_parts(config, Connector::chain(tls(invocation)?, renamed), DefaultResolver::default()))
}

fn tls(invocation: &Invocation) -> Result<std::sync::Arc<rustls::ClientConfig>, Failure> {
    let trust = if invocation.is_set("tls-skip-verify") { Trust::Anybody } else { trust(invocation)? };
    let identity = match (invocation.text("client-cert"), invocation.text("client-key")) {
        (Some(certificate), Some(key)) => Some(identity(Path::new(certificate), Path::new(key))?),
        (None, None) => None,
        _ => return Err(Failure::local("A client certificate needs both -client-cert and -client-key.")),
    };
    tls::client_config(trust, Names::Checked, identity).map_err(told)
}

/// The certificates to trust in place of those that this system trusts. A directory may hold other files, too.
fn trust(invocation: &Invocation) -> Result<Trust, Failure> {
    let given = |name| invocation.text(name).filter(|text| !text.is_empty());
    if let Some(file) = given("ca-cert") {
        return certificates(Path::new(file)).map(Trust::Given);
    }
    if let Some(text) = invocation.environment.variable("VAULT_CACERT_BYTES") {
        let found = tls::certificates(text.as_bytes());
        return found.map(Trust::Given).map_err(|error| told(error.context("VAULT_CACERT_BYTES")));
    }
    let Some(directory) = given("ca-path") else {
        return tls::system_trust(invocation.environment.variable("SSL_CERT_FILE").map(Path::new)).map_err(told);
    };
    let mut files = Vec::new();
    collect_files(Path::new(directory), &mut files)?;
    let found: Vec<_> = files.iter().flat_map(|file| certificates(file).unwrap_or_default()).collect();
    if found.is_empty() {
        Err(Failure::local(format!("no file in {directory} holds a certificate")))
    } else {
        Ok(Trust::Given(found))
    }
}

/// All files of a directory and of those in it. A link to a directory is not followed: it may lead round in a circle.
fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            collect_files(&path, files)?;
        }
    }
    Ok(())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    tls::certificates(&text).map_err(|_| Failure::local(format!("{} holds no certificate in PEM form", file.display())))
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, Failure> {
    let chain = certificates(certificate)?;
    let text = Zeroizing::new(std::fs::read(key).map_err(|error| unreadable(key, &error))?);
    let key = tls::private_key(&text)
        .map_err(|_| Failure::local(format!("{} holds no private key in PEM form", key.display())))?;
    Ok(Identity { chain, key })
}

fn told(error: Error) -> Failure {
    Failure::local(error.message())
}

fn unreadable(path: &Path, error: &dyn Display) -> Failure {
    Failure::local(format!("could not read {}: {error}", path.display()))
}
