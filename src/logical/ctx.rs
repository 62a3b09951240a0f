//! The context that an engine works in: its own records, its mount's settings, who calls, the clock, and the way to issue a
//! leased credential. An engine reaches nothing else.
//!
//! Invariant: `write` and `outside` both borrow the context mutably, so that calling out inside a transaction does not
//! compile.

use crate::base::failpoint::step;
use crate::base::{Clock, Error, Result, Secret, Timestamp};
use crate::logical::{Map, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A mount's records, read on one snapshot or inside one transaction. Paths are relative to the mount (`config/root`).
pub trait Records {
    fn get(&self, path: &str) -> Result<Option<Zeroizing<Vec<u8>>>>;
    /// Whether there is a record, be it damaged: so that one can be written over.
    fn has(&self, path: &str) -> Result<bool>;
    /// Names directly below `folder` (empty, or ending in a slash), sorted; a name that has names below it ends in a slash.
    fn list(&self, folder: &str) -> Result<Vec<String>>;
    /// # Errors
    /// `Internal` on a snapshot that only reads.
    fn put(&mut self, path: &str, value: &[u8]) -> Result<()>;
    fn delete(&mut self, path: &str) -> Result<bool>;
    /// Has the engine's task of this kind run for `name` at `due`; moves it if it is scheduled already.
    ///
    /// # Errors
    /// `Internal` on a snapshot that only reads.
    fn schedule(&mut self, kind: &'static str, name: &str, due: Timestamp) -> Result<()>;
    /// Whether it was scheduled.
    ///
    /// # Errors
    /// `Internal` on a snapshot that only reads.
    fn unschedule(&mut self, kind: &'static str, name: &str) -> Result<bool>;
}

/// The store as one mount sees it.
pub trait View: Send + Sync {
    fn read(&self, question: &mut dyn FnMut(&dyn Records) -> Result<()>) -> Result<()>;
    fn write(&self, change: &mut dyn FnMut(&mut dyn Records) -> Result<()>) -> Result<()>;
}

/// Commits lease intents. Implemented by the core.
pub trait Issue: Send + Sync {
    /// Commits the intent as a pending lease; the row and what the answer will say of it.
    fn begin(&self, intent: &Intent) -> Result<(crate::logical::Issued, crate::logical::LeaseAnswer)>;
    /// The outside call failed: the row becomes due at once.
    fn abandon(&self, issued: crate::logical::Issued, reason: &Error);
    /// Stores what was learnt while creating, and a shorter life if the outside gave one.
    fn refine(&self, issued: crate::logical::Issued, learnt: &Created) -> Result<crate::logical::LeaseAnswer>;
    /// What whoever gets this lease should know of it.
    fn warning(&self, _issued: crate::logical::Issued) -> Option<String> {
        None
    }
}

/// What the core does for an engine beside keeping its records and issuing its leases.
pub trait Services: Send + Sync {
    /// A new password by the policy of that name; by the default one where the name is empty.
    ///
    /// # Errors
    /// `BadRequest` when there is no such policy.
    fn generate_password(&self, policy: &str) -> Result<Secret<String>>;
    /// A keyed checksum of a text, in characters that any name outside may have: who sees it in a name knows that this server
    /// made the name.
    fn mark(&self, text: &str) -> String;
    /// A keyed hash of a text, by which a record of the mount can be found and the text cannot.
    fn digest(&self, text: &str) -> String;
    /// How many of the mount's leases there are, whatever their state.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    fn count_leases(&self, which: &Which<'_>) -> Result<u64>;
    /// Ends them, and tells how many there were. They are dead when this returns; ending them outside goes on.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    fn end_leases(&self, which: &Which<'_>) -> Result<u64>;
    /// Somebody wants to sign in as this name.
    ///
    /// # Errors
    /// `Denied` while the name is locked.
    fn check_lockout(&self, name: &str) -> Result<()>;
    /// Whether it worked: a failure is counted, a success makes failures forgotten.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    fn attempted(&self, name: &str, succeeded: bool) -> Result<()>;
}

/// Some of a mount's leases of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'n> {
    All,
    Role(&'n str),
    /// By [`Intent::subject`].
    Subject(&'n str),
    /// By [`Intent::target`].
    Target(&'n str),
}

/// What is to be leased, complete before the outside world is touched.
#[derive(Debug, Clone)]
pub struct Intent {
    /// One of the engine's [`crate::logical::SecretKind`]s.
    pub kind: &'static str,
    pub role: String,
    /// The outside name (a user name): chosen before it exists outside.
    pub subject: String,
    /// The identity of where it will live, in words that stay the same (`aws 123456789012`). Leases of one target wait for it
    /// together when it is down. Empty: the mount itself.
    pub target: String,
    /// All that revoking needs, the target's identity included. No secret that revoking does not need.
    pub revocation: Value,
    pub ttl: Option<Duration>,
    pub max_ttl: Option<Duration>,
    pub renewable: bool,
}

/// What creating the credential gave.
#[derive(Default)]
pub struct Created {
    pub data: Map,
    /// Replaces the intent's `revocation` where creating taught something (an access key id).
    pub revocation: Option<Value>,
    /// Further names outside that the lease shall be found by, beside the intent's subject (an access key id).
    pub subjects: Vec<String>,
    /// The life that the outside gave, where it decides.
    pub ttl: Option<Duration>,
    pub warnings: Vec<String>,
}

/// A mount's settings as its engine sees them.
#[derive(Debug, Clone)]
pub struct MountView {
    pub uuid: String,
    pub path: String,
    pub default_lease_ttl: Duration,
    pub max_lease_ttl: Duration,
    pub options: Map,
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub display_name: String,
    pub policies: Vec<String>,
    pub entity_id: String,
    /// An opaque name for the calling token, stable while it lives: what its cubbyhole is kept under.
    pub token_name: String,
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// What the client proved to own in the TLS handshake, its own certificate first, in DER; empty without one.
    pub certificates: Arc<[Vec<u8>]>,
}

pub struct Ctx {
    pub mount: MountView,
    pub caller: Caller,
    pub clock: Arc<dyn Clock>,
    /// Identifies this server (its cluster id), for names and tags outside.
    pub server_id: String,
    backing: Backing,
    deadline: Instant,
}

/// What stands behind a context.
pub struct Backing {
    pub view: Arc<dyn View>,
    /// Only where a request may issue leases.
    pub issue: Option<Arc<dyn Issue>>,
    pub services: Arc<dyn Services>,
}

/// A permit to call out, for as long as it is borrowed; carries the deadline.
pub struct Outside<'c> {
    deadline: Instant,
    ends: Timestamp,
    _no_transaction: std::marker::PhantomData<&'c mut ()>,
}

impl Outside<'_> {
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When the lease that is being issued ends; without one, now.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.ends
    }
}

impl Ctx {
    pub fn new(
        mount: MountView,
        caller: Caller,
        clock: Arc<dyn Clock>,
        server_id: String,
        backing: Backing,
        deadline: Instant,
    ) -> Self {
        Self { mount, caller, clock, server_id, backing, deadline }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One consistent look at the records.
    ///
    /// # Errors
    /// The question's own.
    pub fn read<T>(&self, mut question: impl FnMut(&dyn Records) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.backing.view.read(&mut |records| {
            answer = Some(question(records)?);
            Ok(())
        })?;
        answer.ok_or_else(|| Error::internal("the store did not run the question"))
    }

    /// One transaction on the records; durable when it returns.
    ///
    /// # Errors
    /// The change's own; then nothing of it stays.
    pub fn write<T>(&mut self, mut change: impl FnMut(&mut dyn Records) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.backing.view.write(&mut |records| {
            answer = Some(change(records)?);
            Ok(())
        })?;
        answer.ok_or_else(|| Error::internal("the store did not run the change"))
    }

    /// The permit to call out.
    pub fn outside(&mut self) -> Outside<'_> {
        Outside { deadline: self.deadline, ends: self.now(), _no_transaction: std::marker::PhantomData }
    }

    /// Reads one record as JSON.
    ///
    /// # Errors
    /// `Internal` when it does not open or parse.
    pub fn load<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        self.read(|records| load(records, path))
    }

    /// Writes one record as JSON.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn store<T: Serialize>(&mut self, path: &str, value: &T) -> Result<()> {
        self.write(|records| store(records, path, value))
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn delete(&mut self, path: &str) -> Result<bool> {
        self.write(|records| records.delete(path))
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.read(|records| records.list(folder))
    }

    /// A new password by the policy of that name; by the default one where the name is empty.
    ///
    /// # Errors
    /// `BadRequest` when there is no such policy.
    pub fn generate_password(&self, policy: &str) -> Result<Secret<String>> {
        self.backing.services.generate_password(policy)
    }

    /// A keyed checksum of a text, for names outside that only this server can have made: ten lower-case letters and digits.
    #[must_use]
    pub fn mark(&self, text: &str) -> String {
        self.backing.services.mark(text)
    }

    /// A keyed hash of a text, by which a record of the mount can be found and the text cannot: 32 hexadecimal digits.
    #[must_use]
    pub fn digest(&self, text: &str) -> String {
        self.backing.services.digest(text)
    }

    /// How many of the mount's leases there are, whatever their state.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn count_leases(&self, which: &Which<'_>) -> Result<u64> {
        self.backing.services.count_leases(which)
    }

    /// Ends leases of the mount; how many there were. They are dead when this returns, ending them outside goes on.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn end_leases(&mut self, which: &Which<'_>) -> Result<u64> {
        self.backing.services.end_leases(which)
    }

    /// An attempt to sign in as somebody by a secret that can be guessed. `check` says who it is, or none where the secret is
    /// wrong: that is counted, and after too many of these the name is locked for a while, whoever comes. The name counts
    /// folded, as that of an alias does.
    ///
    /// # Errors
    /// `Denied` while the name is locked; `BadRequest` with `refusal` where the secret is wrong; those of `check`.
    pub fn attempt<T>(
        &mut self,
        name: &str,
        refusal: &str,
        check: impl FnOnce(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let services = self.backing.services.clone();
        services.check_lockout(name)?;
        match check(self)? {
            Some(who) => {
                // Others were guessing meanwhile: that this one was right tells them nothing.
                services.check_lockout(name)?;
                services.attempted(name, true)?;
                Ok(who)
            }
            None => {
                services.attempted(name, false)?;
                Err(Error::bad_request(refusal))
            }
        }
    }

    /// Issues a leased credential: commits the intent, then calls `create` with no transaction open. The lease is pending
    /// until the pipeline activates it, just before the answer is sent; if `create` fails it is revoked at once.
    ///
    /// # Errors
    /// The intent's (a limit, a dying ancestor) or `create`'s own.
    pub fn issue(&mut self, intent: &Intent, create: impl FnOnce(&Outside<'_>) -> Result<Created>) -> Result<Response> {
        let issue = self.backing.issue.clone().ok_or_else(|| Error::internal("this request cannot issue leases"))?;
        let (issued, mut lease) = step!("issue.intent", issue.begin(intent))?;
        let ends = self.now().plus(lease.ttl);
        let mut created = match step!("issue.create", create(&Outside { ends, ..self.outside() })) {
            Ok(created) => created,
            Err(error) => {
                issue.abandon(issued, &error);
                return Err(error);
            }
        };
        if created.revocation.is_some() || created.ttl.is_some() || !created.subjects.is_empty() {
            lease = step!("issue.refine", issue.refine(issued, &created))?;
        }
        let mut response = Response::data(std::mem::take(&mut created.data));
        response.warnings = created.warnings;
        response.warnings.extend(issue.warning(issued));
        response.lease = Some(lease);
        response.issued = Some(issued);
        Ok(response)
    }
}

/// Reads a JSON record inside a snapshot or transaction.
///
/// # Errors
/// `Internal` when it does not open or parse.
pub fn load<T: DeserializeOwned>(records: &(impl Records + ?Sized), path: &str) -> Result<Option<T>> {
    let Some(bytes) = records.get(path)? else { return Ok(None) };
    // The parser's own message quotes what it read, which may be secret: only its position is kept.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::internal("a stored record does not parse").caused_by(format!(
            "{path}: line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

/// Writes a JSON record inside a transaction.
///
/// # Errors
/// `Internal` when the store fails.
pub fn store<T: Serialize>(records: &mut (impl Records + ?Sized), path: &str, value: &T) -> Result<()> {
    let bytes =
        Zeroizing::new(serde_json::to_vec(value).map_err(|_| Error::internal("a record cannot be written as JSON"))?);
    records.put(path, &bytes)
}
