//! What is answered. The outcome is a word, never a status code: `http::encode` finds the number.

use crate::base::{Secret, Timestamp};
use crate::logical::{Login, Map, wipe};
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// How it went, where it went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    #[default]
    Ok,
    /// Taken on; it goes on after the answer.
    Accepted,
    /// Nothing (or nothing any more) is here, but there is something to say about it.
    GoneWithData,
    /// Health: the server is sealed.
    Sealed,
    /// Health: the server was never initialised.
    NotInitialized,
    /// Health: the status code that the caller itself chose for this state.
    AsAsked(u16),
}

/// An answer that goes on after it has begun.
pub trait Stream: Send {
    /// What there is to say next, as soon as there is anything, at most after so long: then it may be empty. None when it is
    /// over.
    fn next(&mut self, at_most: Duration) -> Option<Vec<u8>>;
}

/// The answer's content.
#[derive(Default)]
pub enum Body {
    /// Nothing to say: done.
    #[default]
    Empty,
    /// The usual envelope, with this as its `data`.
    Data(Map),
    /// The usual envelope, and the same keys once more beside it, as the system's older clients read them.
    DataAndTop(Map),
    /// This alone, without the envelope.
    Bare(Value),
    /// Anything else, with its media type.
    Raw { media_type: Cow<'static, str>, bytes: Vec<u8> },
    /// Goes on until it is over or nobody listens any more.
    Stream { media_type: &'static str, source: Option<Box<dyn Stream>> },
}

impl Drop for Body {
    fn drop(&mut self) {
        match self {
            Self::Data(data) | Self::DataAndTop(data) => data.values_mut().for_each(wipe),
            Self::Bare(value) => wipe(value),
            Self::Raw { bytes, .. } => zeroize::Zeroize::zeroize(bytes),
            Self::Empty | Self::Stream { .. } => {}
        }
    }
}

/// A token as it is answered to the one who made it.
#[derive(Clone)]
pub struct Auth {
    pub token: Secret<String>,
    pub accessor: String,
    pub policies: Vec<String>,
    pub token_policies: Vec<String>,
    /// Those that the entity and its groups add.
    pub identity_policies: Vec<String>,
    pub metadata: Option<Map>,
    pub ttl: Duration,
    pub renewable: bool,
    pub entity_id: String,
    pub token_type: &'static str,
    pub orphan: bool,
    pub num_uses: u32,
}

/// The lease fields of an answer.
#[derive(Debug, Clone, Default)]
pub struct LeaseAnswer {
    pub id: String,
    pub ttl: Duration,
    pub renewable: bool,
}

/// The single-use token that stands in for an answer.
#[derive(Clone)]
pub struct WrapInfo {
    pub token: Secret<String>,
    /// The same as a JWT, where that was asked for: what is given out in its place.
    pub jwt: Option<Secret<String>>,
    pub accessor: String,
    pub ttl: Duration,
    pub created: Timestamp,
    /// The path whose answer is inside, whoever has wrapped it again since.
    pub creation_path: String,
    /// The accessor of the token inside; empty where the answer holds none.
    pub wrapped_accessor: String,
}

/// A lease row that was committed while this answer was made. A pending one becomes active in the last step before the
/// answer is sent, and is revoked if it does not get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued {
    pub row: i64,
}

#[derive(Default)]
pub struct Response {
    pub outcome: Outcome,
    pub body: Body,
    pub warnings: Vec<String>,
    pub auth: Option<Auth>,
    pub lease: Option<LeaseAnswer>,
    pub issued: Option<Issued>,
    /// Whoever asked has signed in: the pipeline makes the token and puts it into `auth`.
    pub login: Option<Box<Login>>,
    /// The type of the mount that answered; the pipeline fills it in.
    pub mount_type: String,
    /// Stands in for an answer that was wrapped.
    pub wrap_info: Option<WrapInfo>,
    /// The id of the request that was given this answer before: nothing was done for it this time.
    pub replay_of: Option<String>,
    /// The id of the request that this was once the answer to, where it comes out of a wrapping.
    pub request_id: Option<String>,
}

impl Response {
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn data(data: Map) -> Self {
        Self { body: Body::Data(data), ..Self::default() }
    }

    /// Whether there is nothing in it but that it went well.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.body, Body::Empty)
            && self.auth.is_none()
            && self.lease.is_none()
            && self.wrap_info.is_none()
            && self.warnings.is_empty()
    }

    /// Data written with `json!({…})`; anything but an object is an empty answer.
    #[must_use]
    pub fn json(value: Value) -> Self {
        match value {
            Value::Object(data) => Self::data(data),
            _ => Self::empty(),
        }
    }

    #[must_use]
    pub fn data_and_top(value: Value) -> Self {
        match value {
            Value::Object(data) => Self { body: Body::DataAndTop(data), ..Self::default() },
            _ => Self::empty(),
        }
    }

    #[must_use]
    pub fn bare(value: Value) -> Self {
        Self { body: Body::Bare(value), ..Self::default() }
    }

    /// The names in a folder, as `{"keys": […]}`.
    #[must_use]
    pub fn keys(keys: Vec<String>) -> Self {
        Self::json(serde_json::json!({ "keys": keys }))
    }

    #[must_use]
    pub fn accepted(mut self) -> Self {
        self.outcome = Outcome::Accepted;
        self
    }

    /// Not there (any more), with this to say about it.
    #[must_use]
    pub fn gone(mut self) -> Self {
        self.outcome = Outcome::GoneWithData;
        self
    }

    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }
}
