//! The lease tree: tokens and secrets alike. How a lease is found, opened and judged alive; how it is renewed.
//!
//! Invariant: a lease lives only if every ancestor lives. Whoever acts on a lease asks [`Leases::alive`] in the snapshot or
//! transaction in which it acts.

use crate::barrier::{Barrier, Place};
use crate::base::{Error, Result, Timestamp, random};
use crate::core::mounts::Mount;
use crate::core::tokens::TokenRecord;
use crate::storage::{Hash, LeaseKey, LeaseKind, LeaseRow, LeaseState, NewLease, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The deepest that the tree may be.
pub const MAX_DEPTH: usize = 64;

/// Characters of the last segment of a lease id, and of an accessor.
const SUFFIX_LENGTH: usize = 24;

/// The sealed part of a lease.
#[derive(Serialize, Deserialize)]
pub struct Payload {
    /// The path that made it, below its mount: `creds/support`, `create`.
    pub path: String,
    /// The last segment of its id; empty for tokens, which have a secret id.
    pub suffix: String,
    /// Seconds that a renewal grants when it asks for nothing.
    pub ttl: u64,
    pub renewable: bool,
    pub renewed: Option<i64>,
    /// The request that made it.
    pub request_id: String,
    /// Making it was refused: at most a part of it is outside, and what has its name there may be somebody else's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Why the last revocation failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Nothing renews it beyond this: the end of the batch token that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenRecord>,
}

/// What a leased secret's revocation needs.
#[derive(Serialize, Deserialize, Clone)]
pub struct SecretRecord {
    pub kind: String,
    pub role: String,
    pub subject: String,
    /// Further names outside, learnt while creating (an access key id).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Where it lives; empty: the mount itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    pub revocation: Value,
}

/// A row and its payload, opened: so the clear columns are as they were sealed.
pub struct Lease {
    pub row: LeaseRow,
    pub payload: Payload,
}

impl Lease {
    #[must_use]
    pub fn is_live_at(&self, now: Timestamp) -> bool {
        self.row.state == LeaseState::Active && self.row.expires.is_none_or(|expires| now < expires)
    }

    /// Seconds left, rounded up so that a lease just made shows what was granted.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        self.row
            .expires
            .map_or(0, |expires| now.until(expires).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// The token's own part.
    ///
    /// # Errors
    /// `Internal` when the row is no token.
    pub fn token(&self) -> Result<&TokenRecord> {
        self.payload.token.as_ref().ok_or_else(|| Error::internal("a token's row holds no token"))
    }
}

/// Finds, opens and judges leases.
#[derive(Clone, Copy)]
pub struct Leases<'b> {
    pub barrier: &'b Barrier,
}

impl Leases<'_> {
    /// The key that an identifier (a token, a lease's last segment, an accessor) is found by.
    #[must_use]
    pub fn key(&self, domain: &'static str, identifier: &str) -> LeaseKey {
        let bare = identifier.strip_prefix(super::tokens::PREFIX).unwrap_or(identifier);
        let mut key = [0; 24];
        key[..8].copy_from_slice(&random::time_of(bare).0.to_be_bytes());
        key[8..].copy_from_slice(&self.barrier.hash(domain, &[identifier.as_bytes()]));
        key
    }

    #[must_use]
    pub fn secret_key(&self, suffix: &str) -> LeaseKey {
        self.key("lease id", suffix)
    }

    #[must_use]
    pub fn token_key(&self, token: &str) -> LeaseKey {
        self.key("token", token)
    }

    #[must_use]
    pub fn accessor_key(&self, accessor: &str) -> LeaseKey {
        self.key("accessor", accessor)
    }

    #[must_use]
    pub fn index(&self, domain: &'static str, mount: &Hash, value: &str) -> Hash {
        self.barrier.hash(domain, &[mount, value.as_bytes()])
    }

    /// What the leases of one target are found by, whichever mount they belong to.
    #[must_use]
    pub fn target(&self, target: &str) -> Option<Hash> {
        (!target.is_empty()).then(|| self.barrier.hash("lease target", &[target.as_bytes()]))
    }

    /// What the leases of one role of a mount are found by.
    #[must_use]
    pub fn role(&self, mount: &Mount, role: &str) -> Option<Hash> {
        (!role.is_empty()).then(|| self.index("lease role", &mount.hash(), role))
    }

    /// What the leases of one entity are found by, on every mount.
    #[must_use]
    pub fn entity(&self, entity: &str) -> Option<Hash> {
        (!entity.is_empty()).then(|| self.barrier.hash("lease entity", &[entity.as_bytes()]))
    }

    /// Opens a row; an edited, moved or swapped one is an error.
    pub fn open(&self, row: LeaseRow) -> Result<Lease> {
        let grants = Grants::of_row(&row);
        let bytes = self.barrier.open(&place(&row.key, &[&grants.bytes()]), &row.sealed)?;
        let payload = serde_json::from_slice(&bytes).map_err(|_| Error::internal("a row of leases does not parse"))?;
        Ok(Lease { row, payload })
    }

    pub fn seal(&self, grants: &Grants, key: &LeaseKey, payload: &Payload) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(payload).map(zeroize::Zeroizing::new);
        let bytes = bytes.map_err(|_| Error::internal("a lease cannot be written as JSON"))?;
        self.barrier.seal(&place(key, &[&grants.bytes()]), &bytes)
    }

    /// Seals a payload anew for a row whose clear columns stay as they are.
    pub fn reseal(&self, lease: &Lease) -> Result<Vec<u8>> {
        self.seal(&Grants::of_row(&lease.row), &lease.row.key, &lease.payload)
    }

    /// The lease of this row, if it and all its ancestors live; and how deep it lies.
    ///
    /// A damaged one is dead, itself or above, and is reported.
    pub fn alive(&self, snapshot: &dyn Snapshot, row: LeaseRow, now: Timestamp) -> Result<Option<(Lease, usize)>> {
        let Some(lease) = self.open_living(row, now) else { return Ok(None) };
        Ok(self.ancestors_alive(snapshot, lease.row.parent, now)?.map(|depth| (lease, depth)))
    }

    /// How many ancestors there are, if all of them live.
    pub fn ancestors_alive(&self, snapshot: &dyn Snapshot, parent: i64, now: Timestamp) -> Result<Option<usize>> {
        let mut next = parent;
        for depth in 0..=MAX_DEPTH {
            if next == 0 {
                return Ok(Some(depth));
            }
            let Some(row) = snapshot.lease(next)?.filter(|row| row.kind == LeaseKind::Token) else { return Ok(None) };
            let Some(ancestor) = self.open_living(row, now) else { return Ok(None) };
            next = ancestor.row.parent;
        }
        Ok(None)
    }

    /// Opens a row that lives by its own columns; what is above it is not looked at.
    fn open_living(&self, row: LeaseRow, now: Timestamp) -> Option<Lease> {
        let id = row.id;
        match self.open(row) {
            Ok(lease) => Some(lease).filter(|lease| lease.is_live_at(now)),
            Err(error) => {
                log::error!("lease {id} is damaged, so that it and all below it are dead: {}", error.for_log());
                None
            }
        }
    }
}

/// The last segment of a new lease id: time-ordered, so that rows are inserted at the end of the index.
pub fn new_suffix(now: Timestamp) -> Result<String> {
    random::time_ordered(now, SUFFIX_LENGTH)
}

/// The clear columns of a lease that grant something; they are bound into its seal.
#[derive(Debug, Clone, Copy)]
pub struct Grants {
    pub parent: i64,
    pub mount: Hash,
    pub kind: LeaseKind,
    pub issued: Timestamp,
    pub expires: Option<Timestamp>,
    pub maximum: Option<Timestamp>,
}

impl Grants {
    #[must_use]
    pub fn of_row(row: &LeaseRow) -> Self {
        let LeaseRow { parent, mount, kind, issued, expires, maximum, .. } = *row;
        Self { parent, mount, kind, issued, expires, maximum }
    }

    /// All of them in a fixed form.
    fn bytes(&self) -> Vec<u8> {
        let moment = |moment: Option<Timestamp>| moment.map_or([0xff; 8], |moment| moment.0.to_be_bytes());
        [
            &self.parent.to_be_bytes()[..],
            &self.mount,
            &[self.kind as u8],
            &self.issued.0.to_be_bytes(),
            &moment(self.expires),
            &moment(self.maximum),
        ]
        .concat()
    }

    /// A row to insert, less what finds it by other ways.
    #[must_use]
    pub fn row(
        &self,
        key: LeaseKey,
        node: i64,
        state: LeaseState,
        due: Option<Timestamp>,
        sealed: Vec<u8>,
    ) -> NewLease {
        NewLease {
            key,
            parent: self.parent,
            mount: self.mount,
            node,
            kind: self.kind,
            state,
            issued: self.issued,
            expires: self.expires,
            maximum: self.maximum,
            due,
            accessor: None,
            entity: None,
            role: None,
            subject: None,
            target: None,
            sealed,
        }
    }
}

fn place<'p>(key: &'p LeaseKey, grants: &'p [&'p [u8]]) -> Place<'p> {
    Place { table: "leases", column: "sealed", row: key, grants }
}
