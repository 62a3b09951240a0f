//! What somebody asks, once HTTP is left behind.

use crate::base::Secret;
use crate::logical::{CanonicalPath, Map, wipe};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be done at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Read,
    Update,
    Patch,
    Delete,
    List,
    Help,
}

impl Operation {
    /// The word that audit entries and error messages use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Help => "help",
        }
    }
}

/// The form of the token that an answer is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WrapFormat {
    /// A token like any other.
    #[default]
    Plain,
    /// That token, signed, with where it comes from.
    Jwt,
}

/// What a rate limit leaves the client of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Requests in each interval.
    pub limit: f64,
    pub remaining: u64,
    /// Until all of it is there again, or where the request was refused, until the next one may come.
    pub reset: Duration,
    pub is_refused: bool,
    /// Clients are told also where nothing was refused.
    pub is_shown: bool,
}

/// One request, decoded and canonical. A write arrives as `Update`; the route's `exists` turns it into `Create`.
pub struct Request {
    /// A UUID; also in the answer, in the log and in the audit entries.
    pub id: String,
    pub operation: Operation,
    pub path: CanonicalPath,
    pub data: Map,
    pub token: Option<Secret<String>>,
    pub peer: Option<SocketAddr>,
    /// The client's certificate chain from the TLS handshake, its own first, in DER.
    pub certificates: Arc<[Vec<u8>]>,
    /// How long the wrapping token is to live, where the answer is to be wrapped.
    pub wrap_ttl: Option<Duration>,
    pub wrap_format: WrapFormat,
    /// When the caller stops waiting: what calls out must be done by then.
    pub deadline: Instant,
    /// By which the client asks for the same answer again.
    pub idempotency_key: Option<String>,
    /// What a rate limit said, for the answer's headers; none where none holds.
    pub allowance: Option<Allowance>,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.data.values_mut().for_each(wipe);
    }
}
