//! The definition of an engine: a name, help, routes, its versions, and for dynamic secrets how each kind is renewed and
//! revoked.

use crate::base::{Error, Result, Timestamp};
use crate::logical::{Ctx, LoginRenewal, LoginView, Map, Reconciling, Records, Route};
use serde_json::Value;
use std::time::Duration;

/// The option of a mount that names the version of its engine.
pub const VERSION: &str = "version";

pub struct Engine {
    /// The type that `secrets enable` takes.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    pub help: &'static str,
    pub routes: &'static [&'static Route<Ctx>],
    pub secrets: &'static [SecretKind],
    /// Finishes what a crash interrupted, by the engine's own notes. Called after each unseal, and again for as long as it
    /// fails.
    pub recover: Option<fn(&mut Ctx) -> Result<()>>,
    /// Of an auth method: whether a token that it made may be renewed, and for how long. None: by what was said when it signed
    /// in.
    pub renew_login: Option<fn(&mut Ctx, &LoginView) -> Result<LoginRenewal>>,
    /// Of an auth method: whether a name is locked after too many attempts that failed: see [`Ctx::attempt`].
    pub locks_out: bool,
    /// Work that is done at its time, and for as long as it takes: see [`crate::logical::Records::schedule`].
    pub tasks: &'static [TaskKind],
    /// Which version of the engine this is, as a mount's option `version` names it.
    pub version: &'static str,
    /// Its later versions, in their order: each an engine of its own that serves the mounts whose option names it.
    pub later: &'static [&'static Engine],
    /// Further names that `secrets enable` takes, each for one version.
    pub aliases: &'static [Alias],
    /// What is written in the transaction that makes a mount of the version before one of this: it notes that the records are
    /// to be brought over, and schedules a task that does so. Until it is done the engine refuses the mount's requests.
    pub upgrade: Option<BeginUpgrade>,
    /// How what it makes outside is compared with its leases. None: it makes nothing that can be listed.
    pub reconciling: Option<&'static Reconciling>,
}

/// What [`Engine::upgrade`] is.
pub type BeginUpgrade = fn(&mut dyn Records, Timestamp) -> Result<()>;

/// Another name of an engine: `kv-v2` is `kv` with `version=2`.
pub struct Alias {
    pub name: &'static str,
    pub version: &'static str,
}

impl Engine {
    /// What an engine has that needs none of the rest: the base of every definition.
    pub const BLANK: Self = Self {
        name: "",
        summary: "",
        help: "",
        routes: &[],
        secrets: &[],
        recover: None,
        renew_login: None,
        locks_out: false,
        tasks: &[],
        version: "1",
        later: &[],
        aliases: &[],
        upgrade: None,
        reconciling: None,
    };

    /// The version of this engine that serves a mount with these options.
    #[must_use]
    pub fn for_options(&'static self, options: &Map) -> &'static Self {
        let version = version(options);
        self.later.iter().copied().find(|later| Some(later.version) == version).unwrap_or(self)
    }

    /// Checks the options that a mount is to have; `before` are those that it has, if it is there already.
    ///
    /// # Errors
    /// `BadRequest` for a version that is not served, and for one that is earlier than the mount's: there is no way back.
    pub fn check_options(&self, before: Option<&Map>, options: &Map) -> Result<()> {
        let served: Vec<&str> =
            [self.version].into_iter().chain(self.later.iter().map(|later| later.version)).collect();
        let place = |options: &Map| match version(options) {
            None => Some(0),
            Some(version) => served.iter().position(|served| *served == version),
        };
        let Some(asked) = place(options) else {
            return Err(Error::bad_request(format!(
                "invalid version provided: {} has {}, not version {}",
                self.name,
                served.iter().map(|version| format!("version {version}")).collect::<Vec<_>>().join(" and "),
                version(options).unwrap_or_default()
            )));
        };
        match before.and_then(place).filter(|before| *before > asked) {
            Some(before) => Err(Error::bad_request(format!("cannot downgrade mount from version {}", served[before]))),
            None => Ok(()),
        }
    }

    #[must_use]
    pub fn secret(&self, kind: &str) -> Option<&SecretKind> {
        self.secrets.iter().find(|secret| secret.kind == kind)
    }
}

/// The version that options name, if any.
fn version(options: &Map) -> Option<&str> {
    options.get(VERSION).and_then(Value::as_str).filter(|version| !version.is_empty())
}

/// One kind of scheduled work.
pub struct TaskKind {
    pub kind: &'static str,
    /// Does the work of that name. It may be run early and more than once: it decides by its own records. When it fails, it is
    /// run again later, by a back-off that is stored.
    pub run: fn(&mut Ctx, &str) -> Result<Next>,
}

impl TaskKind {
    /// # Errors
    /// `Internal` for a kind that the engine does not have.
    pub fn find(engine: &Engine, kind: &str) -> Result<&'static Self> {
        let found = engine.tasks.iter().find(|task| task.kind == kind);
        found.ok_or_else(|| Error::internal("work of a kind that its engine does not know"))
    }
}

/// When a task is to be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Done,
    At(Timestamp),
}

/// One kind of outside credential. Creating it is the business of its `creds` endpoint, through [`Ctx::issue`].
pub struct SecretKind {
    pub kind: &'static str,
    /// How long after its start a create may still land outside: until then "not there" says nothing of a lease whose
    /// creation was never confirmed.
    pub settle: Duration,
    /// Cannot be ended outside before its time: its lease says so.
    pub expires_only: bool,
    /// Called when a lease is renewed, after the core found it renewable: may refuse or shorten.
    pub renew: fn(&mut Ctx, &LeaseView) -> Result<Renewal>,
    /// Ends the credential outside. Must be able to run again after any crash, and treats "already gone" as
    /// [`Revoked::Gone`]. It finds all that it needs in the lease and in the mount's configuration.
    pub revoke: fn(&mut Ctx, &LeaseView) -> Result<Revoked>,
}

/// What an engine sees of a lease.
pub struct LeaseView {
    pub id: String,
    /// The path that made it, below the mount (`creds/support`).
    pub path: String,
    pub role: String,
    /// Its name outside, and further ones that were learnt when it was made.
    pub subject: String,
    pub subjects: Vec<String>,
    /// What [`crate::logical::Intent::revocation`] held.
    pub revocation: Value,
    pub issued: Timestamp,
    pub expires: Option<Timestamp>,
    /// What no renewal moves its end beyond, besides the limits of its role and mount.
    pub ends: Option<Timestamp>,
    /// Never became active: the create may have failed, or may land late.
    pub pending: bool,
    /// What the renewal asks for (zero: the default).
    pub increment: Duration,
}

/// What renewing allows: the role's own limits as they are today.
#[derive(Debug, Default, Clone)]
pub struct Renewal {
    pub ttl: Option<Duration>,
    pub max_ttl: Option<Duration>,
}

/// How a revocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    Done,
    /// It was not there (any more).
    Gone,
    /// This kind cannot be revoked: it ends by itself.
    ExpiresOnly,
}
