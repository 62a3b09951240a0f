//! A client for one other server that has a trust of its own: which authorities vouch for it, by which certificate we are known
//! there, which name its certificate bears. What the public authorities vouch for is called through `outbound`.
//!
//! It knows nothing of what it carries; retrying is its callers' business.

use crate::base::outbound::{self, Reply};
use crate::base::{Error, Result};
use std::fmt::Display;
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use zeroize::Zeroizing;

const CONNECT: Duration = Duration::from_secs(5);

/// How a server is told from another, and we from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// PEM; the public authorities where there is none.
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    /// The name on its certificate, where it is not that of the address.
    pub server_name: Option<String>,
    pub skip_verify: bool,
}

/// One server.
pub struct Peer {
    agent: ureq::Agent,
    /// With the server's name in place of the host, where that was given apart.
    base: String,
    host_header: Option<String>,
    address: String,
}

impl Peer {
    /// # Errors
    /// `BadRequest` for an address that is none, and for a file that cannot be read or holds something else.
    pub fn new(address: &str, trust: &Trust) -> Result<Self> {
        let address = address.trim_end_matches('/');
        outbound::check_address(address)?;
        let uri: Uri = address.parse().map_err(|_| Error::bad_request(format!("{address:?} is not an address")))?;
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("leasehold/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(trust)?)
            .build();
        let named = trust.server_name.as_deref().filter(|_| uri.scheme_str() == Some("https"));
        let Some(name) = named else {
            let agent = config.new_agent();
            return Ok(Self { agent, base: address.to_owned(), host_header: None, address: address.to_owned() });
        };
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16());
        let fixed = Fixed(format!("{host}:{}", port.unwrap_or(443)));
        let shown_port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self {
            agent: ureq::Agent::with_parts(config, DefaultConnector::default(), fixed),
            base: format!("https://{name}{shown_port}{}", uri.path().trim_end_matches('/')),
            host_header: Some(format!("{host}{shown_port}")),
            address: address.to_owned(),
        })
    }

    /// As it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Posts a JSON body below the address.
    ///
    /// # Errors
    /// `Upstream` when no answer came: the address, and why.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str, deadline: Instant) -> Result<Reply> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::upstream(format!("no time is left to call {}", self.address)));
        }
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.post(url).config().timeout_global(Some(left)).build();
        request = request.header("Content-Type", "application/json");
        if let Some(host) = &self.host_header {
            request = request.header("Host", host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        outbound::reply(&self.address, request.send(body))
    }
}

fn tls(trust: &Trust) -> Result<TlsConfig> {
    let mut tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .disable_verification(trust.skip_verify);
    tls = tls.root_certs(match &trust.ca_file {
        Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        None => RootCerts::WebPki,
    });
    match (&trust.client_cert_file, &trust.client_key_file) {
        (Some(certificate), Some(key)) => tls = tls.client_cert(Some(client_certificate(certificate, key)?)),
        (None, None) => {}
        _ => return Err(Error::bad_request("a client certificate needs both its file and its key's file")),
    }
    Ok(tls.build())
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let text = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    let found: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(Error::bad_request(format!("{} holds no certificate in PEM form", file.display())));
    }
    Ok(found)
}

fn client_certificate(certificate: &Path, key: &Path) -> Result<ClientCert> {
    let chain = certificates(certificate)?;
    let text = Zeroizing::new(std::fs::read(key).map_err(|error| unreadable(key, &error))?);
    let key = PrivateKey::from_pem(&text)
        .map_err(|_| Error::bad_request(format!("{} holds no private key in PEM form", key.display())))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn unreadable(path: &Path, error: &dyn Display) -> Error {
    Error::bad_request(format!("{} cannot be read: {error}", path.display()))
}

/// Finds every name at one place: TLS sees the name that the certificate bears, the socket goes to the address.
#[derive(Debug)]
struct Fixed(String);

impl Resolver for Fixed {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        for address in self.0.to_socket_addrs()?.take(16) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}
