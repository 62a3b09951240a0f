//! Why a request was refused before any service saw it. After a refusal the connection is closed: where the next request
//! would start is no longer certain.

use std::fmt;

/// A status code and one line that says who got what wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub reason: &'static str,
}

impl Refusal {
    pub(super) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    pub(super) const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }

    pub(super) const HEADERS_TOO_LARGE: Self = Self::new(431, "the request's header fields are too large");
    pub(super) const BODY_TOO_LARGE: Self = Self::new(413, "request body too large");
    pub(super) const TOO_SLOW: Self = Self::new(408, "the request took too long to arrive");
    pub(super) const NO_ROOM: Self = Self::new(503, "too many connections, try again later");
    pub(super) const NO_MEMORY: Self = Self::new(503, "too many large requests at once, try again later");
    pub(super) const TOO_MANY: Self = Self::new(503, "too many requests at once, try again later");
    pub(super) const PLAIN_ON_TLS: Self = Self::bad("Client sent an HTTP request to an HTTPS server.");
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}
