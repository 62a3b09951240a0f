//! Why leases end, and how it is told: for each lease that ends a line in the log where something else ended it, and an entry
//! on the audit devices, with what began it.
//!
//! A cause is stored once, sealed under a random key, and the rows that it ends carry the key: marking a subtree costs no more
//! for it. What ends by its own time has no cause.
//!
//! Invariant: telling never holds up ending. An entry that no device takes is reported in the log.

use crate::audit;
use crate::barrier::Place;
use crate::base::{Error, Result, Timestamp, random};
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::prefixes::token_row_name;
use crate::core::revocation::ROWS_A_CHANGE;
use crate::logical::Revoked;
use crate::storage::{Hash, LeaseKind, LeaseRow, LeaseState, Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// Causes are kept so long: by then what they ended is gone, or listed for other reasons.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// What ends leases before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The lease's or token's own time, or that of the token at which the cascade begins.
    Expired,
    Revoked,
    /// As one of those under a prefix.
    RevokedByPrefix,
    /// As one of those under a prefix, to be dropped if it could not be ended.
    RevokedByForce,
    /// With all leases of a role.
    RevokedByRole,
    /// With all that an entity has.
    RevokedByEntity,
    /// With all that somebody got who signed in by an alias.
    RevokedByAlias,
    /// Its last use is made.
    UsedUp,
    MountDisabled,
    /// By the engine that had made it: its role or connection went.
    EndedByEngine,
    /// The answer that was to hand it out was never sent.
    Unanswered,
    /// There was nothing outside that it stood for.
    Reconciled,
    /// Found by tidying: its row, or the one above it, was gone or did not open.
    Tidied,
    /// What it was is no longer known.
    Unknown,
}

impl Event {
    /// As it is told and stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::RevokedByPrefix => "revoked-by-prefix",
            Self::RevokedByForce => "revoked-by-force",
            Self::RevokedByRole => "revoked-by-role",
            Self::RevokedByEntity => "revoked-by-entity",
            Self::RevokedByAlias => "revoked-by-alias",
            Self::UsedUp => "used-up",
            Self::MountDisabled => "mount-disabled",
            Self::EndedByEngine => "ended-by-engine",
            Self::Unanswered => "unanswered",
            Self::Reconciled => "reconciled",
            Self::Tidied => "tidied",
            Self::Unknown => "unknown",
        }
    }
}

/// What ended some leases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cause {
    pub event: Event,
    /// The request that asked for it; empty where none did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// The accessor of the token that asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Where it began: the lease's id, a token's under the name that it is listed by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lease_id: String,
    /// Where it began, if that is a token: its accessor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accessor: String,
    /// What was meant: a prefix, a mount, a role, an entity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

impl Cause {
    #[must_use]
    pub fn of(event: Event) -> Self {
        let none = String::new;
        Self { event, request_id: none(), by: none(), lease_id: none(), accessor: none(), scope: none() }
    }

    #[must_use]
    pub fn at(self, scope: &str) -> Self {
        Self { scope: scope.to_owned(), ..self }
    }

    /// The same, begun at this lease.
    fn begun_at(self, live: &Live, lease: &Lease) -> Self {
        let accessor = lease.payload.token.as_ref().map(|token| token.accessor.clone()).unwrap_or_default();
        Self { lease_id: live.id_of(lease), accessor, ..self }
    }

    /// For the log: `revoked auth/token/create/h0… by request 4b…`.
    fn told(&self) -> String {
        let mut told = self.event.word().to_owned();
        for (what, value) in [("", &self.lease_id), ("under ", &self.scope), ("by request ", &self.request_id)] {
            if !value.is_empty() {
                told.push_str(&format!(" {what}{value}"));
            }
        }
        told
    }
}

/// A cause with the key that rows carry, ready to be stored with the first of them.
pub struct Prepared {
    pub key: Hash,
    sealed: Vec<u8>,
    at: Timestamp,
}

impl Prepared {
    /// # Errors
    /// `Internal` when the store fails.
    pub fn insert(&self, tx: &mut dyn Tx) -> Result<()> {
        match tx.cause(&self.key)? {
            Some(_) => Ok(()),
            None => tx.cause_insert(&self.key, self.at, &self.sealed),
        }
    }

    /// Stores it, if it is not stored yet, as what ends this row.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn put_on(&self, tx: &mut dyn Tx, row: i64) -> Result<()> {
        self.insert(tx)?;
        tx.lease_set_cause(row, &self.key).map(drop)
    }
}

impl Live {
    /// Seals a cause under a new key.
    ///
    /// # Errors
    /// `Internal` when the system gives no randomness.
    pub fn prepare_cause(&self, cause: &Cause) -> Result<Prepared> {
        let key: Hash = random::bytes()?;
        let bytes = serde_json::to_vec(cause).map_err(|_| Error::internal("a cause cannot be written as JSON"))?;
        Ok(Prepared { key, sealed: self.barrier.seal(&place(&key), &bytes)?, at: self.now() })
    }

    /// Marks rows a batch a transaction until there are no more, and stores the cause with the first of them; how many there
    /// were.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub(super) fn mark(
        &self,
        cause: &Prepared,
        mut batch: impl FnMut(&mut dyn Tx, &Hash, Timestamp, usize) -> Result<usize>,
    ) -> Result<usize> {
        let mut total = 0;
        loop {
            let marked = self.storage.writing(|tx| {
                let marked = batch(tx, &cause.key, self.now(), ROWS_A_CHANGE)?;
                if marked > 0 {
                    cause.insert(tx)?;
                }
                Ok(marked)
            })?;
            total += marked;
            if marked < ROWS_A_CHANGE {
                return Ok(total);
            }
        }
    }

    /// [`Self::prepare_cause`], begun at this lease; a row that does not open says only what happened.
    pub(super) fn prepare_cause_at(&self, cause: &Cause, row: &LeaseRow) -> Result<Prepared> {
        let leases = Leases { barrier: &self.barrier };
        let cause = match leases.open(row.clone()) {
            Ok(lease) => cause.clone().begun_at(self, &lease),
            Err(_) => cause.clone(),
        };
        self.prepare_cause(&cause)
    }

    /// What ended, or ends, this lease.
    #[must_use]
    pub fn cause_of(&self, snapshot: &dyn Snapshot, lease: &Lease) -> Cause {
        let Some(key) = lease.row.cause else { return own_end(lease, self.now()) };
        match self.open_cause(snapshot, &key) {
            Ok(cause) => cause.unwrap_or_else(|| Cause::of(Event::Unknown)),
            Err(error) => {
                log::error!("the cause of a lease's end does not open: {}", error.for_log());
                Cause::of(Event::Unknown)
            }
        }
    }

    fn open_cause(&self, snapshot: &dyn Snapshot, key: &Hash) -> Result<Option<Cause>> {
        let Some(sealed) = snapshot.cause(key)? else { return Ok(None) };
        let bytes = self.barrier.open(&place(key), &sealed)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| Error::internal("a cause does not parse"))
    }

    /// A lease's id under its mount's present path; a token's under the name that it is listed by.
    #[must_use]
    pub fn id_of(&self, lease: &Lease) -> String {
        let mount = self.mount_of(&lease.row.mount);
        let mount = mount.as_ref().map_or("(unknown mount)/", |mount| mount.path.as_str());
        match lease.row.kind {
            LeaseKind::Token => format!("{mount}{}/{}", lease.payload.path, token_row_name(&lease.row.key)),
            LeaseKind::Secret => format!("{mount}{}/{}", lease.payload.path, lease.payload.suffix),
        }
    }

    /// Tells the log and the audit devices of ended leases.
    pub(super) fn tell_ended(&self, ended: &[(Lease, Outcome)]) {
        let mut causes: HashMap<Hash, Cause> = HashMap::new();
        for (lease, outcome) in ended {
            let known = lease.row.cause.and_then(|key| causes.get(&key).cloned());
            let cause = known.map_or_else(|| self.storage.reading(|snapshot| Ok(self.cause_of(snapshot, lease))), Ok);
            let cause = cause.unwrap_or_else(|_| Cause::of(Event::Unknown));
            if let Some(key) = lease.row.cause {
                causes.insert(key, cause.clone());
            }
            self.tell_end(lease, *outcome, &cause);
        }
    }

    fn tell_end(&self, lease: &Lease, outcome: Outcome, cause: &Cause) {
        let id = self.id_of(lease);
        let is_own_time = lease.row.cause.is_none() && cause.event == Event::Expired;
        if !(is_own_time && lease.row.kind == LeaseKind::Token) {
            log::info!("lease {id} is ended ({}): {}", outcome.word(), cause.told());
        }
        if self.audit.is_empty() {
            return;
        }
        let mount = self.mount_of(&lease.row.mount).ok();
        let token = lease.payload.token.as_ref();
        let entry = audit::LeaseEnd {
            time: self.now(),
            lease_id: &id,
            mount: mount.as_ref().map(|mount| mount.path.as_str()).unwrap_or_default(),
            kind: mount.as_ref().map(|mount| mount.kind.as_str()).unwrap_or_default(),
            accessor: token.map(|token| token.accessor.as_str()).unwrap_or_default(),
            issued: lease.row.issued,
            request_id: &lease.payload.request_id,
            outcome: outcome.word(),
            cause: audit::Cause {
                event: cause.event.word(),
                request_id: &cause.request_id,
                by: &cause.by,
                lease_id: &cause.lease_id,
                accessor: &cause.accessor,
                scope: &cause.scope,
            },
        };
        if let Err(error) = self.audit.ended(&entry) {
            log::error!("the end of lease {id} is on no audit device: {}", error.for_log());
        }
    }
}

/// How a lease came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A token: it is dead, and nothing was outside.
    Token,
    Outside(Revoked),
    /// Dropped by force; what was outside may be there still.
    Dropped,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Token | Self::Outside(Revoked::Done) => "done",
            Self::Outside(Revoked::Gone) => "gone",
            Self::Outside(Revoked::ExpiresOnly) => "expires-only",
            Self::Dropped => "dropped",
        }
    }
}

/// What ended a lease that nothing else did.
fn own_end(lease: &Lease, now: Timestamp) -> Cause {
    let is_over = lease.row.expires.is_some_and(|expires| expires <= now);
    if is_over && lease.row.state != LeaseState::Pending {
        return Cause::of(Event::Expired);
    }
    Cause { request_id: lease.payload.request_id.clone(), ..Cause::of(Event::Unanswered) }
}

pub(super) fn place(key: &Hash) -> Place<'_> {
    Place { table: "causes", column: "sealed", row: key, grants: &[] }
}
