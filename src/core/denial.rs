//! What a denial says beyond "permission denied": a reason that programs can tell apart and people can act on.
//!
//! Invariant: it is told to whoever holds the very token that it is about, and says nothing of other tokens, of values, or of
//! whether anything is at a path. A token that no row knows is told nothing.

#[cfg(test)]
mod tests;

use crate::base::{Error, Result, Timestamp};
use crate::core::leases::{Lease, Leases, MAX_DEPTH};
use crate::logical::Operation;
use crate::policy::{self, Capabilities, Reason, RuleRef};
use crate::storage::{LeaseKey, LeaseKind, LeaseState, Snapshot};
use serde_json::{Value, json};

/// Without a token.
#[must_use]
pub fn without_token() -> Error {
    Error::permission_denied().because(
        json!({ "code": "token_missing", "message": "The request carries no token, and this path needs one." }),
    )
}

/// The entity that the token belongs to is of no use.
#[must_use]
pub fn without_entity() -> Error {
    let message = "The entity that the token belongs to is disabled or gone.";
    Error::permission_denied().because(json!({ "code": "entity_disabled", "message": message }))
}

/// A policy that the token names does not open.
#[must_use]
pub fn damaged_policy(name: &str) -> Error {
    let message = format!("The policy {name:?} is damaged, so that tokens that name it are denied: write it anew.");
    Error::permission_denied().because(json!({ "code": "policy_damaged", "message": message, "policy": name }))
}

/// What the policy check found.
pub struct Finding<'f> {
    pub reason: &'f Reason,
    pub rule: Option<&'f RuleRef>,
    pub path: &'f str,
    pub operation: Operation,
    pub sudo: bool,
    /// The path tells create from update by what is there, which is not to be told.
    pub hides_existence: bool,
}

impl Finding<'_> {
    #[must_use]
    pub fn error(&self) -> Error {
        Error::permission_denied().because(self.describe())
    }

    /// As an object: a code, a sentence, what is needed, and the rule that decided.
    #[must_use]
    pub fn describe(&self) -> Value {
        let needs = self.needs();
        let operation: Vec<_> = needs.iter().copied().filter(|name| *name != "sudo").collect();
        let message = self.reason.message(self.path, &operation.join(" or "), self.rule);
        let mut reason = json!({ "code": self.reason.code(), "message": message, "path": self.path, "needs": needs });
        if let Some(rule) = self.rule {
            reason["rule"] = shown(rule);
        }
        if let Some(name) = self.reason.parameter() {
            reason["parameter"] = Value::from(name);
        }
        reason
    }

    fn needs(&self) -> Vec<&'static str> {
        const WRITES: Capabilities = Capabilities::CREATE.with(Capabilities::UPDATE);
        let needed = policy::Operation::from(self.operation).needs();
        let holds_neither = match self.reason {
            Reason::NotGranted(granted) => granted.overlap(WRITES) == Capabilities::NONE,
            _ => true,
        };
        let needed = if self.hides_existence && holds_neither && WRITES.contains(needed) { WRITES } else { needed };
        let sudo = if self.sudo { Capabilities::SUDO } else { Capabilities::NONE };
        needed.with(sudo).names().collect()
    }
}

/// A rule as answers name it.
#[must_use]
pub fn shown(rule: &RuleRef) -> Value {
    json!({ "policy": rule.policy, "line": rule.line, "path": rule.pattern })
}

/// Why a token does not authenticate, for as long as its row is still there.
///
/// # Errors
/// `Internal` when the store fails.
pub fn of_token(snapshot: &dyn Snapshot, leases: &Leases<'_>, key: &LeaseKey, now: Timestamp) -> Result<Error> {
    let found = snapshot.lease_by_key(key)?.filter(|row| row.kind == LeaseKind::Token);
    // A pending one was never handed out; a damaged one does not say whose it is.
    let lease = found.filter(|row| row.state != LeaseState::Pending).and_then(|row| leases.open(row).ok());
    let Some(lease) = lease else { return Ok(Error::permission_denied()) };
    let own = ending(&lease, now);
    if let Some(Ending::Expired(at)) = own {
        return Ok(expired(at));
    }
    Ok(match (dead_ancestor(snapshot, leases, lease.row.parent, now)?, own) {
        (Some(above), _) => with_parent(&above),
        (None, Some(_)) => coded("token_revoked", "The token was revoked, or its uses are spent."),
        (None, None) => Error::permission_denied(),
    })
}

/// Why a batch token does not authenticate; `parent` is the key of the token that it ends with.
///
/// # Errors
/// `Internal` when the store fails.
pub fn of_batch_token(
    snapshot: &dyn Snapshot,
    leases: &Leases<'_>,
    expires: Timestamp,
    parent: Option<&LeaseKey>,
    now: Timestamp,
) -> Result<Error> {
    if expires <= now {
        return Ok(expired(expires));
    }
    let Some(parent) = parent else { return Ok(Error::permission_denied()) };
    let above = match snapshot.lease_by_key(parent)? {
        Some(row) => dead_ancestor(snapshot, leases, row.id, now)?,
        None => Some(Ending::Revoked),
    };
    Ok(above.map_or_else(Error::permission_denied, |above| with_parent(&above)))
}

/// The token is good for clients at other addresses alone.
#[must_use]
pub fn elsewhere() -> Error {
    coded("address_not_allowed", "The token is bound to addresses, and the client's is none of them.")
}

fn expired(at: Timestamp) -> Error {
    coded("token_expired", &format!("The token expired at {}.", at.rfc3339()))
}

fn with_parent(above: &Ending) -> Error {
    match above {
        Ending::Expired(at) => {
            let message = format!("A token that this one was made with expired at {}, and it with it.", at.rfc3339());
            coded("parent_expired", &message)
        }
        Ending::Revoked => coded("parent_revoked", "A token that this one was made with was revoked, and it with it."),
    }
}

fn coded(code: &str, message: &str) -> Error {
    Error::permission_denied().because(json!({ "code": code, "message": message }))
}

enum Ending {
    Expired(Timestamp),
    Revoked,
}

fn ending(lease: &Lease, now: Timestamp) -> Option<Ending> {
    match lease.row.expires.filter(|expires| *expires <= now) {
        Some(at) => Some(Ending::Expired(at)),
        None => (lease.row.state != LeaseState::Active).then_some(Ending::Revoked),
    }
}

fn dead_ancestor(snapshot: &dyn Snapshot, leases: &Leases<'_>, parent: i64, now: Timestamp) -> Result<Option<Ending>> {
    let mut next = parent;
    for _ in 0..MAX_DEPTH {
        if next == 0 {
            return Ok(None);
        }
        let Some(lease) = snapshot.lease(next)?.and_then(|row| leases.open(row).ok()) else {
            return Ok(Some(Ending::Revoked));
        };
        if let Some(ending) = ending(&lease, now) {
            return Ok(Some(ending));
        }
        next = lease.row.parent;
    }
    Ok(None)
}
