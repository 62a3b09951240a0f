//! The crate's one error. Its kind says what the caller can do about it; its message is public; its source is private and
//! goes to the log alone. Where the caller may know more than the words say, a reason for programs goes with it. It knows
//! nothing of HTTP: `http::encode` turns a kind into a status code.

use serde_json::Value;
use std::error::Error as StdError;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong; sent again unchanged it fails again.
    BadRequest,
    /// The caller may not do this, or its token is not (or no longer) valid.
    Denied,
    /// There is nothing at this path, or no such thing.
    NotFound,
    /// The path exists, the operation on it does not.
    Unsupported,
    /// The state of things forbids it now; it can be resolved and tried again.
    Conflict,
    /// The request is well formed and contradicts one that was made before.
    Mismatch,
    /// The server is sealed: unseal it first.
    Sealed,
    /// The server was never initialised.
    NotInitialized,
    /// The request is larger than a limit allows.
    TooLarge,
    /// Too much at once; try again later.
    Busy,
    /// A server that we depend on failed or refused.
    Upstream,
    /// Our own fault; details are in the log under the request's id.
    Internal,
}

/// An error with a public message and, at times, a private source.
///
/// None may hold a secret: message and reason go to the caller, the source to the log.
pub struct Error {
    kind: Kind,
    message: String,
    reason: Option<Box<Value>>,
    /// There was an answer, and it was this.
    answered: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),+ $(,)?) => {
        $(
            #[must_use]
            pub fn $name(message: impl Into<String>) -> Self {
                Self::new(Kind::$kind, message)
            }
        )+
    };
}

impl Error {
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), reason: None, answered: false, source: None }
    }

    constructors! {
        bad_request => BadRequest,
        denied => Denied,
        not_found => NotFound,
        unsupported => Unsupported,
        conflict => Conflict,
        mismatch => Mismatch,
        sealed => Sealed,
        too_large => TooLarge,
        busy => Busy,
        upstream => Upstream,
        internal => Internal,
        not_initialized => NotInitialized,
    }

    /// The denial everybody knows, in the words that clients look for.
    #[must_use]
    pub fn permission_denied() -> Self {
        Self::denied("permission denied")
    }

    /// Attaches the private cause, which goes to the log and never to the caller.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Attaches the reason, an object with a `code` for programs and a `message` for people: what the one who asked may know
    /// about why, and what to do next.
    #[must_use]
    pub fn because(mut self, reason: Value) -> Self {
        self.reason = Some(Box::new(reason));
        self
    }

    #[must_use]
    pub fn reason(&self) -> Option<&Value> {
        self.reason.as_deref()
    }

    /// Puts `what` in front of the public message: `what: message`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Says of an `Upstream` error that the other side did answer, with an error of its own about what it was asked.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.answered = true;
        self
    }

    /// The same as an `Upstream` error: whether what was asked took effect is open. Whether there was an answer stays known.
    #[must_use]
    pub fn left_open(self) -> Self {
        Self { answered: !self.is_silence(), kind: Kind::Upstream, ..self }
    }

    /// The same in other words.
    #[must_use]
    pub fn reworded(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Whether nothing was heard of the other side, so that asking it something else would go the same way.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self.kind, Kind::Upstream | Kind::Busy) && !self.answered
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public message: one line, safe to send to the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Message and causes in one line, for the log.
    #[must_use]
    pub fn for_log(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.kind, self.for_log())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
