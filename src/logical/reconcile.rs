//! How an engine lets what is outside be compared with its mount's leases. It tells what is there and whose it seems to be, a
//! page at a time; what follows from that is the core's to say.
//!
//! Invariant: nothing is claimed to be this server's that another could have made.

use crate::base::{Result, Timestamp};
use crate::logical::{Ctx, Intent, LeaseView};
use serde_json::Value;

/// What an engine brings whose credentials can be compared.
pub struct Reconciling {
    /// Where the mount's credentials live, by the names that operators know them by, in order.
    pub places: fn(&mut Ctx) -> Result<Vec<String>>,
    /// What is at a place and may be of a server's making: the page behind `after`, which is empty at first.
    pub list: fn(ctx: &mut Ctx, place: &str, after: &str) -> Result<Page>,
    /// The same of these names alone, with all that is to be known of them. What is not there is left out.
    pub named: fn(ctx: &mut Ctx, place: &str, names: &[String]) -> Result<Vec<Seen>>,
    /// What has become of the credentials of leases, one answer for each.
    pub look: fn(&mut Ctx, &[LeaseView]) -> Result<Vec<Look>>,
    /// Whether what is outside was made for a lease with this [`Intent::revocation`], given that it has the lease's name.
    pub is_of: fn(revocation: &Value, seen: &Seen) -> bool,
    /// The lease by which something can be ended that has none.
    pub owed: fn(ctx: &mut Ctx, place: &str, seen: &Seen) -> Result<Intent>,
}

/// A part of what is at a place.
pub struct Page {
    pub found: Vec<Seen>,
    /// What the next page goes on with, if there is one.
    pub next: Option<String>,
}

/// Something outside, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub name: String,
    /// What the target never gives to another, not even to one of the same name; empty where it has none.
    pub id: String,
    /// The mark of the lease that it was made for.
    pub mark: Option<String>,
    pub claim: Claim,
    /// Where the target says.
    pub created: Option<Timestamp>,
}

/// What tells whose something outside is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Not looked at yet: [`Reconciling::named`] tells.
    Unread,
    /// It carries this server's mark.
    Marked,
    /// Its name holds a checksum that only this server can make.
    Named,
    /// Nothing but that its name begins as those that are made here do.
    Alike {
        /// Names are never made twice, so that one that an ended lease had proves whose it is.
        is_unique: bool,
    },
    /// It carries the mark of another server.
    Others,
}

/// What has become of a lease's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It is there; and in what it is not as it should be.
    There(Vec<Drift>),
    /// It is not there.
    Gone,
    /// It lives where nobody can look any more, and why.
    Elsewhere(String),
    /// The place that it lives in cannot be asked now; whether it did not answer at all.
    Unreachable { place: String, reason: String, is_silence: bool },
}

/// A difference between what a lease says and what is outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// In words, of which the credential is the subject: `has no access key any more`.
    pub what: String,
    pub remedy: Remedy,
}

/// What would put a difference right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    Renew,
    Revoke,
    /// Somebody has to look.
    ByHand,
}
