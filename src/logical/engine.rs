//! The definition of an engine: a name, help, routes, and for dynamic secrets how each kind is renewed and revoked.

use crate::base::{Error, Result, Timestamp};
use crate::logical::{Ctx, Route};
use serde_json::Value;
use std::time::Duration;

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
    /// Work that is done at its time, and for as long as it takes: see [`crate::logical::Records::schedule`].
    pub tasks: &'static [TaskKind],
}

impl Engine {
    /// What an engine has that needs none of the rest: the base of every definition.
    pub const BLANK: Self =
        Self { name: "", summary: "", help: "", routes: &[], secrets: &[], recover: None, tasks: &[] };

    #[must_use]
    pub fn secret(&self, kind: &str) -> Option<&SecretKind> {
        self.secrets.iter().find(|secret| secret.kind == kind)
    }
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
    /// What [`crate::logical::Intent::revocation`] held.
    pub revocation: Value,
    pub issued: Timestamp,
    pub expires: Option<Timestamp>,
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
