//! Tokens: leases that authenticate. A token is stored nowhere, only its keyed hash; what it may do is its policies'
//! business, how long it lives the tree's.

use crate::base::cidr::Cidr;
use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::core::authentication::{LivingToken, all_policies};
use crate::core::causes::Cause;
use crate::core::denial;
use crate::core::leases::{Grants, Leases, MAX_DEPTH, Payload};
use crate::core::live::Live;
use crate::core::mounts;
use crate::core::names::Names;
use crate::core::quotas::admission::Admission;
use crate::core::revocation::BATCH;
use crate::logical::{Auth, LoginView, Map};
use crate::storage::{LeaseKey, LeaseKind, LeaseState, Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a service token begins with.
pub const PREFIX: &str = "hvs.";

/// Characters after the prefix: 8 of time, 24 random (142 bits).
pub(super) const TOKEN_LENGTH: usize = 32;
const ACCESSOR_LENGTH: usize = 24;

/// The token's own part of its lease's payload.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// The token role that made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Blocks of addresses from which alone it is good; none are all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_cidrs: Vec<String>,
    /// What the auth method that made it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginView>,
}

impl TokenRecord {
    /// The role that made it, of the token method or of another; empty where none did.
    #[must_use]
    pub fn role_name(&self) -> &str {
        self.login.as_ref().map_or(&self.role, |login| &login.role)
    }

    /// Whether it is good for a client at this address.
    ///
    /// # Errors
    /// `Denied` where it is not.
    pub fn check_peer(&self, peer: Option<IpAddr>) -> Result<()> {
        if self.bound_cidrs.is_empty() {
            return Ok(());
        }
        let is_inside =
            |block: &String| peer.is_some_and(|peer| Cidr::parse(block).is_ok_and(|block| block.contains(peer)));
        if self.bound_cidrs.iter().any(is_inside) { Ok(()) } else { Err(denial::elsewhere()) }
    }
}

/// Everything about a token to be made; its limits are already applied.
#[derive(Clone)]
pub struct NewToken {
    /// A chosen id; else a random one is made.
    pub id: Option<Secret<String>>,
    pub parent: i64,
    /// The mount that makes it, and ends it when it is disabled.
    pub mount: Arc<mounts::Mount>,
    /// Where it hangs below that mount: what listing and revoking by prefix find it by.
    pub folder: String,
    pub record: TokenRecord,
    pub renewable: bool,
    pub expires: Option<Timestamp>,
    pub maximum: Option<Timestamp>,
    pub request_id: String,
}

/// A token that was decided on and is stored nowhere yet.
pub struct Draft {
    pub token: Secret<String>,
    pub key: LeaseKey,
    pub issued: Timestamp,
    pub new: NewToken,
}

impl Draft {
    /// The token as it is answered to the one who asked for it.
    #[must_use]
    pub fn auth(&self) -> Auth {
        let NewToken { record, expires, renewable, .. } = &self.new;
        Auth {
            token: self.token.clone(),
            accessor: record.accessor.clone(),
            policies: record.policies.clone(),
            token_policies: record.policies.clone(),
            identity_policies: Vec::new(),
            metadata: record.meta.clone(),
            ttl: expires.map_or(Duration::ZERO, |expires| self.issued.until(expires)),
            renewable: *renewable,
            entity_id: record.entity_id.clone(),
            token_type: "service",
            orphan: record.orphan,
            num_uses: record.num_uses,
        }
    }
}

impl Live {
    /// Decides on a token; nothing is stored yet. What would keep it from being stored later is told now.
    ///
    /// # Errors
    /// `Denied` when an ancestor has ended meanwhile, `BadRequest` for an id that is taken or a tree too deep.
    pub fn draft_token(&self, new: NewToken) -> Result<Draft> {
        let draft = self.named(new)?;
        self.storage.reading(|snapshot| self.check_draft(snapshot, &draft))?;
        Ok(draft)
    }

    /// A token as it is answered, with what its entity adds.
    ///
    /// # Errors
    /// `Denied` where its entity is gone or disabled.
    pub fn auth_of(&self, draft: &Draft) -> Result<Auth> {
        let entity = self.living_entity(&draft.new.record.entity_id)?;
        let mut auth = draft.auth();
        auth.identity_policies = entity.as_ref().map(|entity| entity.policies.clone()).unwrap_or_default();
        auth.policies = all_policies(&auth.token_policies, entity.as_deref());
        Ok(auth)
    }

    /// Stores a token that is active at once: the root token, which no request carries.
    pub fn insert_active_token(&self, tx: &mut dyn Tx, new: &NewToken) -> Result<Auth> {
        let draft = self.named(new.clone())?;
        self.insert_token(tx, &draft)?;
        Ok(draft.auth())
    }

    /// Gives a token its id.
    fn named(&self, new: NewToken) -> Result<Draft> {
        let issued = self.now();
        let token = match &new.id {
            Some(id) => id.clone(),
            None => Secret::new(format!("{PREFIX}{}", random::time_ordered(issued, TOKEN_LENGTH)?)),
        };
        let key = Leases { barrier: &self.barrier }.token_key(token.expose());
        Ok(Draft { token, key, issued, new })
    }

    fn check_draft(&self, snapshot: &dyn Snapshot, draft: &Draft) -> Result<()> {
        if draft.new.expires.is_some() {
            self.require_sane_clock()?;
        }
        let leases = Leases { barrier: &self.barrier };
        let depth = leases.ancestors_alive(snapshot, draft.new.parent, self.now())?;
        if depth.ok_or_else(Error::permission_denied)? >= MAX_DEPTH {
            return Err(Error::bad_request(format!(
                "the token tree is {MAX_DEPTH} deep, which is the limit: use an orphan token"
            )));
        }
        if snapshot.lease_by_key(&draft.key)?.is_some() {
            return Err(Error::bad_request("cannot create a token with a duplicate ID"));
        }
        let NewToken { mount, folder: below, record, expires, .. } = &draft.new;
        // One that never ends is there to mend things, and must be to be had when all else is full.
        if expires.is_some() {
            let role = Some(record.role_name()).filter(|role| !role.is_empty());
            let (role_hash, entity) = (leases.role(mount, record.role_name()), leases.entity(&record.entity_id));
            self.admit(snapshot, &Admission { mount, below, role, role_hash, entity, is_outside: false })?;
        }
        Ok(())
    }

    /// Stores a token, which authenticates from this commit on, if all above it still lives.
    pub(super) fn insert_token<'d>(&self, tx: &mut dyn Tx, draft: &'d Draft) -> Result<&'d NewToken> {
        self.check_draft(tx, draft)?;
        let leases = Leases { barrier: &self.barrier };
        let new = &draft.new;
        let mount = new.mount.hash();
        let grants = Grants {
            parent: new.parent,
            mount,
            kind: LeaseKind::Token,
            issued: draft.issued,
            expires: new.expires,
            maximum: new.maximum,
        };
        let node = Names { barrier: &self.barrier, mount }.ensure(tx, &new.folder)?;
        let payload = Payload {
            path: new.folder.clone(),
            suffix: String::new(),
            ttl: new.record.creation_ttl,
            renewable: new.renewable,
            renewed: None,
            request_id: new.request_id.clone(),
            refused: false,
            last_error: None,
            ends: None,
            secret: None,
            token: Some(new.record.clone()),
        };
        let sealed = leases.seal(&grants, &draft.key, &payload)?;
        let mut row = grants.row(draft.key, node, LeaseState::Active, new.expires, sealed);
        row.accessor = Some(leases.accessor_key(&new.record.accessor));
        row.role = leases.role(&new.mount, new.record.role_name());
        row.entity = leases.entity(&new.record.entity_id);
        tx.lease_insert(&row)?;
        Ok(new)
    }

    /// A token found by its accessor.
    ///
    /// # Errors
    /// `Denied` for an accessor that no token has that lives, as the reference answers.
    pub fn token_by_accessor(&self, accessor: &str) -> Result<LivingToken> {
        let leases = Leases { barrier: &self.barrier };
        let found = self.storage.reading(|snapshot| {
            let Some(row) = snapshot.lease_by_accessor(&leases.accessor_key(accessor))? else { return Ok(None) };
            leases.alive(snapshot, row, self.now())
        })?;
        let (lease, depth) = found.ok_or_else(|| Error::denied("invalid accessor"))?;
        // What rows are found by is clear, and may have been edited; the seal says whose accessor it is.
        if lease.token()?.accessor != accessor {
            return Err(Error::internal("a token was found by the accessor of another: its row was changed"));
        }
        LivingToken::of(lease, depth)
    }

    /// A token found by its id.
    ///
    /// # Errors
    /// `Denied` in the reference's words when there is none that lives.
    pub fn token_by_id(&self, token: &Secret<String>) -> Result<LivingToken> {
        self.find_token(token)?.ok_or_else(|| Error::denied("bad token"))
    }

    /// Revokes a token but not the tokens that it made: they stand alone from this commit on.
    pub fn revoke_alone(&self, id: i64, cause: &Cause) -> Result<()> {
        let now = self.now();
        self.storage.writing(|tx| {
            self.release_children(tx, id)?;
            self.mark_row(tx, id, cause, |_| now)
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
