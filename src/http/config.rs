//! What a listener is told: where to listen, with which certificate, and its limits. Plain data; the configuration file is
//! read elsewhere.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// `host:port`; port 0 takes any free one.
    pub address: String,
    /// Without it the listener speaks plain HTTP.
    pub tls: Option<TlsConfig>,
    pub limits: Limits,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    #[default]
    Tls12,
    Tls13,
}

/// Sizes, deadlines and openness of one listener. Each deadline is for the whole of its step, however the bytes trickle in.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections served at once.
    pub max_connections: usize,
    /// Bytes from the method to the empty line; again for a chunked body's trailers and extensions together.
    pub max_header_bytes: usize,
    /// Header fields in one request, at most [`Limits::MOST_HEADERS`].
    pub max_headers: usize,
    /// Bytes of a body once decoded.
    pub max_body_bytes: usize,
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
            max_header_bytes: 16 * 1024,
            max_headers: 100,
            max_body_bytes: 32 * 1024 * 1024,
            header_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(30),
            write_deadline: Duration::from_secs(30),
            idle_deadline: Duration::from_secs(90),
            linger_deadline: Duration::from_secs(1),
            open: Open::default(),
        }
    }
}
