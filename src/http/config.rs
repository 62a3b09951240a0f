//! What a listener is told: where to listen, with which certificate, and its limits. Plain data; the configuration file is
//! read elsewhere.

pub use crate::config::{Address, Forwarded, JsonLimits, ProxyProtocol, TlsVersion};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct ListenerConfig {
    pub address: Address,
    /// Without it the listener speaks plain HTTP.
    pub tls: Option<TlsConfig>,
    pub limits: Limits,
    pub proxy_protocol: Option<ProxyProtocol>,
    pub forwarded: Option<Forwarded>,
}

impl ListenerConfig {
    /// A listener at `host:port` in plain HTTP, and otherwise as by default.
    #[must_use]
    pub fn tcp(address: &str) -> Self {
        let address = Address::Tcp(address.to_owned());
        Self { address, tls: None, limits: Limits::default(), proxy_protocol: None, forwarded: None }
    }
}

#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// PEM: the certificate, then those that link it to its root.
    pub cert_file: PathBuf,
    /// PEM: the certificate's private key.
    pub key_file: PathBuf,
    /// Whether clients are asked for a certificate.
    pub ask_client_cert: bool,
    /// PEM: the authorities whose client certificates are taken. Without it any is, and who it belongs to is for others to
    /// judge.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client without a certificate is turned away; needs `client_ca_file`.
    pub require_client_cert: bool,
    pub min_version: TlsVersion,
    pub max_version: TlsVersion,
    /// By their names; all that there are where none is named.
    pub cipher_suites: Vec<String>,
}

impl TlsConfig {
    /// With these files, and otherwise as by default.
    #[must_use]
    pub fn files(cert_file: PathBuf, key_file: PathBuf) -> Self {
        Self {
            cert_file,
            key_file,
            ask_client_cert: true,
            client_ca_file: None,
            require_client_cert: false,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
        }
    }
}

/// Sizes, deadlines and openness of one listener. Each deadline is for the whole of its step, however the bytes trickle in.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections served at once.
    pub max_connections: usize,
    /// Requests that are being answered at once.
    pub max_in_flight: usize,
    /// Bytes from the method to the empty line; again for a chunked body's trailers and extensions together.
    pub max_header_bytes: usize,
    /// Header fields in one request, at most [`Limits::MOST_HEADERS`].
    pub max_headers: usize,
    /// Bytes of a body once decoded.
    pub max_body_bytes: usize,
    /// What a body in JSON may be.
    pub json: JsonLimits,
    /// For the first byte of a new connection, for the TLS handshake, and for a request's head from its first byte on.
    pub header_deadline: Duration,
    /// For the body, from the end of the head on.
    pub body_deadline: Duration,
    /// For writing one answer.
    pub write_deadline: Duration,
    /// For the next request on a connection that is kept alive.
    pub idle_deadline: Duration,
    /// How long what a refused client still sends is read and thrown away, so that it gets to see the refusal.
    pub linger_deadline: Duration,
    pub open: Open,
}

/// What of the API is open on a listener to those without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Open {
    pub metrics: bool,
    pub in_flight_requests: bool,
}

impl Limits {
    /// The parser keeps room for this many header fields on its stack.
    pub const MOST_HEADERS: usize = 128;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_in_flight: 512,
            max_header_bytes: 16 * 1024,
            max_headers: 100,
            max_body_bytes: 32 * 1024 * 1024,
            json: JsonLimits::default(),
            header_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(30),
            write_deadline: Duration::from_secs(30),
            idle_deadline: Duration::from_secs(90),
            linger_deadline: Duration::from_secs(1),
            open: Open::default(),
        }
    }
}
