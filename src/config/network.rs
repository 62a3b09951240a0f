//! What a listener is told of the network around it, as plain data: where it listens, and whom it believes about whom a
//! connection or a request is from. Those who listen act on it.

use crate::base::cidr::Cidr;
use std::fmt;
use std::path::PathBuf;

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `host:port`; port 0 takes any free one.
    Tcp(String),
    Unix(UnixSocket),
}

/// A socket that is a file of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocket {
    pub path: PathBuf,
    pub mode: u32,
    /// Names or numbers; who runs the server where nothing is said.
    pub user: Option<String>,
    pub group: Option<String>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(unix) => write!(f, "{}", unix.path.display()),
        }
    }
}

/// What is done about the PROXY protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProtocol {
    pub behavior: ProxyBehavior,
    /// The proxies that are trusted.
    pub authorized: Vec<Cidr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyBehavior {
    /// Whoever connects is believed.
    UseAlways,
    /// The word of others than the trusted is passed over.
    AllowAuthorized,
    /// Others than the trusted are turned away.
    DenyUnauthorized,
}

/// What is done about `X-Forwarded-For`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The proxies that are trusted.
    pub authorized: Vec<Cidr>,
    /// How many addresses from the end are those of further proxies.
    pub hop_skips: usize,
    pub reject_not_authorized: bool,
    pub reject_not_present: bool,
}

/// What a body in JSON may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonLimits {
    pub depth: usize,
    /// Bytes of one text.
    pub string_length: usize,
    /// Entries of one object.
    pub object_entries: usize,
    /// Elements of one array.
    pub array_elements: usize,
    /// Values in all.
    pub values: usize,
}

impl JsonLimits {
    /// The parser goes no deeper.
    pub const DEEPEST: usize = 127;
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth: 100, string_length: usize::MAX, object_entries: 10_000, array_elements: 10_000, values: 100_000 }
    }
}
