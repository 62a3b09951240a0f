//! Tokens: leases that authenticate. A token is stored nowhere, only its keyed hash; what it may do is its policies'
//! business, how long it lives the tree's.

use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::core::leases::{Grants, Lease, Leases, MAX_DEPTH, Payload};
use crate::core::live::Live;
use crate::core::names::Names;
use crate::core::quotas::admission::Admission;
use crate::core::revocation::BATCH;
use crate::core::{cubbyholes, mounts};
use crate::logical::{Auth, Caller, Issued, Map};
use crate::policy::Acl;
use crate::storage::{LeaseKey, LeaseKind, LeaseRow, LeaseState, Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// What a service token begins with.
pub const PREFIX: &str = "hvs.";

/// Characters after the prefix: 8 of time, 24 random (142 bits).
const TOKEN_LENGTH: usize = 32;
const ACCESSOR_LENGTH: usize = 24;

/// How long a token that is made may stay pending before the sweeper takes it for lost.
const PENDING_MARGIN: Duration = Duration::from_secs(120);

/// The token's own part of its lease's payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRecord {
    pub accessor: String,
    pub policies: Vec<String>,
    pub display_name: String,
    pub meta: Option<Map>,
    /// The path that made it, as `auth/token/create`.
    pub path: String,
    /// Uses left; 0: any number.
    pub num_uses: u32,
    /// Seconds; 0: none.
    pub period: u64,
    pub explicit_max_ttl: u64,
    pub creation_ttl: u64,
    pub orphan: bool,
    #[serde(default)]
    pub entity_id: String,
}

/// An authenticated caller.
pub struct Identity {
    pub row: LeaseRow,
    pub renewable: bool,
    pub renewed: Option<Timestamp>,
    pub token: TokenRecord,
    pub acl: Arc<Acl>,
    /// The depth of the caller's own lease in the tree.
    pub depth: usize,
    cubbyhole: String,
}

impl Identity {
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            display_name: self.token.display_name.clone(),
            policies: self.token.policies.clone(),
            entity_id: self.token.entity_id.clone(),
            token_name: self.cubbyhole.clone(),
        }
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.token.policies.iter().any(|name| name == "root")
    }
}

/// Everything about a token to be made; its limits are already applied.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// A chosen id; else a random one is made.
    pub id: Option<Secret<String>>,
    pub parent: i64,
    pub record: TokenRecord,
    pub renewable: bool,
    pub expires: Option<Timestamp>,
    pub maximum: Option<Timestamp>,
    pub request_id: String,
}

impl Live {
    /// The caller that a token stands for: the token and all above it live, one use spent where uses are counted.
    ///
    /// # Errors
    /// `Denied` for a token that is unknown, expired, revoked, or below one that is.
    pub fn authenticate(&self, token: &Secret<String>) -> Result<Identity> {
        let leases = Leases { barrier: &self.barrier };
        let key = leases.token_key(token.expose());
        let found = self.storage.reading(|snapshot| self.living_token(snapshot, &leases, &key))?;
        let (mut lease, depth) = found.ok_or_else(Error::permission_denied)?;
        if lease.token()?.num_uses > 0 {
            lease = self.storage.writing(|tx| self.spend_use(tx, &leases, &key))?;
        }
        let Lease { row, payload } = lease;
        let token = payload.token.ok_or_else(|| Error::internal("a token's row holds no token"))?;
        let acl = self.policies.acl(&self.barrier, &token.policies)?;
        let cubbyhole = cubbyholes::name(self, &row.key);
        Ok(Identity {
            row,
            renewable: payload.renewable,
            renewed: payload.renewed.map(Timestamp),
            token,
            acl,
            depth,
            cubbyhole,
        })
    }

    fn living_token(
        &self,
        snapshot: &dyn Snapshot,
        leases: &Leases<'_>,
        key: &LeaseKey,
    ) -> Result<Option<(Lease, usize)>> {
        let Some(row) = snapshot.lease_by_key(key)? else { return Ok(None) };
        if row.kind != LeaseKind::Token {
            return Ok(None);
        }
        leases.alive(snapshot, row, self.now())
    }

    /// Takes one use, in the transaction that checks the token again; the last use revokes it.
    fn spend_use(&self, tx: &mut dyn Tx, leases: &Leases<'_>, key: &LeaseKey) -> Result<Lease> {
        let (mut lease, _) = self.living_token(tx, leases, key)?.ok_or_else(Error::permission_denied)?;
        let record = lease.payload.token.as_mut().ok_or_else(|| Error::internal("a token's row holds no token"))?;
        record.num_uses = record.num_uses.checked_sub(1).ok_or_else(Error::permission_denied)?;
        let last = record.num_uses == 0;
        tx.lease_reseal(lease.row.id, &leases.reseal(&lease)?)?;
        if last {
            tx.lease_advance(lease.row.id, LeaseState::Active, LeaseState::Revoking, Some(self.now()), 0)?;
            self.bell.ring();
        }
        Ok(lease)
    }

    /// Stores a token as a pending lease; it authenticates once the pipeline has activated it.
    ///
    /// # Errors
    /// `Denied` when an ancestor has ended meanwhile, `BadRequest` for an id that is taken or a tree too deep.
    pub fn create_token(&self, new: NewToken) -> Result<(Auth, Issued)> {
        let now = self.now();
        let issued = self.storage.writing(|tx| self.insert_token(tx, &new, LeaseState::Pending, now))?;
        Ok((auth_of(&new, issued.1, now), Issued { row: issued.0 }))
    }

    /// Stores a token that is active at once: the root token, which no request carries.
    pub fn insert_active_token(&self, tx: &mut dyn Tx, new: &NewToken) -> Result<Auth> {
        let now = self.now();
        let (_, token) = self.insert_token(tx, new, LeaseState::Active, now)?;
        Ok(auth_of(new, token, now))
    }

    fn insert_token(
        &self,
        tx: &mut dyn Tx,
        new: &NewToken,
        state: LeaseState,
        now: Timestamp,
    ) -> Result<(i64, Secret<String>)> {
        let leases = Leases { barrier: &self.barrier };
        let depth = leases.ancestors_alive(tx, new.parent, now)?.ok_or_else(Error::permission_denied)?;
        if depth >= MAX_DEPTH {
            return Err(Error::bad_request(format!(
                "the token tree is {MAX_DEPTH} deep, which is the limit: use an orphan token"
            )));
        }
        let token = match &new.id {
            Some(id) => id.clone(),
            None => Secret::new(format!("{PREFIX}{}", random::time_ordered(now, TOKEN_LENGTH)?)),
        };
        let key = leases.token_key(token.expose());
        if tx.lease_by_key(&key)?.is_some() {
            return Err(Error::bad_request("cannot create a token with a duplicate ID"));
        }
        let token_mount = self.mount_at("auth/token/")?;
        let mount = token_mount.hash();
        let grants = Grants {
            parent: new.parent,
            mount,
            kind: LeaseKind::Token,
            issued: now,
            expires: new.expires,
            maximum: new.maximum,
        };
        let path = new.record.path.strip_prefix("auth/token/").unwrap_or(&new.record.path).to_owned();
        let node = Names { barrier: &self.barrier, mount }.ensure(tx, &path)?;
        let payload = Payload {
            path,
            suffix: String::new(),
            ttl: new.record.creation_ttl,
            renewable: new.renewable,
            renewed: None,
            request_id: new.request_id.clone(),
            last_error: None,
            secret: None,
            token: Some(new.record.clone()),
        };
        let due = if state == LeaseState::Pending { Some(now.plus(PENDING_MARGIN)) } else { new.expires };
        let mut row = grants.row(key, node, state, due, leases.seal(&grants, &key, &payload)?);
        row.accessor = Some(leases.accessor_key(&new.record.accessor));
        row.entity = leases.entity(&new.record.entity_id);
        // One that never ends is there to mend things, and must be to be had when all else is full.
        if new.expires.is_some() {
            let below = &payload.path;
            let (mount, entity) = (&token_mount, row.entity);
            self.admit(tx, &Admission { mount, below, role: None, role_hash: None, entity, is_outside: false })?;
        }
        Ok((tx.lease_insert(&row)?, token))
    }

    /// A token found by its accessor, dead or alive.
    ///
    /// # Errors
    /// `BadRequest` for an accessor that no token has, as the reference answers.
    pub fn token_by_accessor(&self, accessor: &str) -> Result<Lease> {
        let leases = Leases { barrier: &self.barrier };
        let row = self.storage.reading(|snapshot| snapshot.lease_by_accessor(&leases.accessor_key(accessor)))?;
        let lease = leases.open(row.ok_or_else(|| Error::denied("invalid accessor"))?)?;
        self.require_alive(&lease).map_err(|_| Error::denied("invalid accessor"))?;
        // What rows are found by is clear, and may have been edited; the seal says whose accessor it is.
        if lease.token()?.accessor != accessor {
            return Err(Error::internal("a token was found by the accessor of another: its row was changed"));
        }
        Ok(lease)
    }

    /// A token found by its id.
    ///
    /// # Errors
    /// `Denied` in the reference's words when there is none that lives.
    pub fn token_by_id(&self, token: &Secret<String>) -> Result<Lease> {
        let leases = Leases { barrier: &self.barrier };
        let key = leases.token_key(token.expose());
        let found = self.storage.reading(|snapshot| self.living_token(snapshot, &leases, &key))?;
        found.map(|(lease, _)| lease).ok_or_else(|| Error::denied("bad token"))
    }

    /// Revokes a token but not the tokens that it made: they stand alone from this commit on.
    pub fn revoke_alone(&self, id: i64) -> Result<()> {
        let now = self.now();
        self.storage.writing(|tx| {
            self.release_children(tx, id)?;
            tx.lease_advance(id, LeaseState::Active, LeaseState::Revoking, Some(now), 0)
        })?;
        self.bell.ring();
        Ok(())
    }

    /// A damaged child stays where it is, and so ends with its parent.
    fn release_children(&self, tx: &mut dyn Tx, parent: i64) -> Result<()> {
        let leases = Leases { barrier: &self.barrier };
        let mut after = 0;
        loop {
            let page = tx.lease_children(parent, after, BATCH)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for row in page.into_iter().filter(|row| row.kind == LeaseKind::Token && row.state == LeaseState::Active) {
                match leases.open(row) {
                    Ok(mut child) => {
                        child.row.parent = 0;
                        child.payload.token.iter_mut().for_each(|token| token.orphan = true);
                        tx.lease_set_parent(child.row.id, 0, &leases.reseal(&child)?)?;
                    }
                    Err(error) => log::error!("a token is damaged and ends with its parent: {}", error.for_log()),
                }
            }
        }
    }

    fn require_alive(&self, lease: &Lease) -> Result<()> {
        let leases = Leases { barrier: &self.barrier };
        let alive = self.storage.reading(|snapshot| {
            let ancestors = leases.ancestors_alive(snapshot, lease.row.parent, self.now())?;
            Ok(lease.is_live_at(self.now()) && ancestors.is_some())
        })?;
        if alive { Ok(()) } else { Err(Error::permission_denied()) }
    }

    /// The mount that cubbyholes are kept under.
    #[must_use]
    pub fn cubbyhole_mount(&self) -> Option<Arc<mounts::Mount>> {
        self.mounts().at("cubbyhole/").cloned()
    }
}

/// A fresh accessor.
pub fn new_accessor(now: Timestamp) -> Result<String> {
    random::time_ordered(now, ACCESSOR_LENGTH)
}

fn auth_of(new: &NewToken, token: Secret<String>, now: Timestamp) -> Auth {
    Auth {
        token,
        accessor: new.record.accessor.clone(),
        policies: new.record.policies.clone(),
        token_policies: new.record.policies.clone(),
        metadata: new.record.meta.clone(),
        ttl: new.expires.map_or(Duration::ZERO, |expires| now.until(expires)),
        renewable: new.renewable,
        entity_id: new.record.entity_id.clone(),
        token_type: "service",
        orphan: new.record.orphan,
        num_uses: new.record.num_uses,
    }
}
