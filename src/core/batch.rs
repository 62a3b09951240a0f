//! Batch tokens: all that the server knows of one is in the token itself, sealed. Nothing is stored for it, so that nothing
//! can be revoked, renewed or counted; it ends at its time, or with its parent.
//!
//! Invariant: a batch token is good only while every token above it lives. Its leases hang at its parent and end no later than
//! it does.

use crate::barrier::Place;
use crate::base::{Error, Result, Secret, Timestamp};
use crate::core::authentication::{LivingToken, all_policies};
use crate::core::denial;
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::tokens::TokenRecord;
use crate::logical::{Auth, Map};
use crate::storage::{LeaseKey, LeaseKind, Snapshot};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a batch token begins with.
pub const PREFIX: &str = "hvb.";

/// It goes with every request in a header, and headers are limited.
const LONGEST: usize = 8 * 1024;

/// A batch token to be made; its limits are already applied.
pub struct NewBatchToken {
    /// The token that it ends with; none for an orphan.
    pub parent: Option<LeaseKey>,
    /// The mount that makes it, with which it ends, too.
    pub mount: Arc<Mount>,
    pub record: TokenRecord,
    pub expires: Timestamp,
}

/// What is sealed into a batch token. Names are short, since it goes with every request.
#[derive(Serialize, Deserialize)]
struct Inside {
    #[serde(rename = "p")]
    policies: Vec<String>,
    #[serde(rename = "d")]
    display_name: String,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    meta: Option<Map>,
    #[serde(rename = "e", default, skip_serializing_if = "String::is_empty")]
    entity_id: String,
    #[serde(rename = "u")]
    path: String,
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    role: String,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    bound_cidrs: Vec<String>,
    /// The key of the parent's row, and not its number, which a restored file may give to another token.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(rename = "b")]
    mount: String,
    #[serde(rename = "i")]
    issued: i64,
    #[serde(rename = "x")]
    expires: i64,
}

impl Live {
    /// Makes a batch token.
    ///
    /// # Errors
    /// `BadRequest` for one that is too long to be sent along with a request.
    pub fn make_batch_token(&self, new: NewBatchToken) -> Result<Auth> {
        let NewBatchToken { parent, mount, record, expires } = new;
        self.require_sane_clock()?;
        let entity = self.living_entity(&record.entity_id)?;
        let issued = self.now();
        let inside = Inside {
            policies: record.policies,
            display_name: record.display_name,
            meta: record.meta,
            entity_id: record.entity_id,
            path: record.path,
            role: record.role,
            bound_cidrs: record.bound_cidrs,
            parent: parent.map(hex::encode),
            mount: mount.uuid.clone(),
            issued: issued.0,
            expires: expires.0,
        };
        let bytes = Zeroizing::new(serde_json::to_vec(&inside).map_err(|_| Error::internal("a token is no JSON"))?);
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.barrier.seal(&PLACE, &bytes)?));
        if token.len() > LONGEST {
            return Err(Error::bad_request(format!(
                "the batch token would be {} bytes long, and {LONGEST} are the limit: give it fewer policies or less metadata",
                token.len()
            )));
        }
        Ok(Auth {
            token: Secret::new(token),
            accessor: String::new(),
            policies: all_policies(&inside.policies, entity.as_deref()),
            token_policies: inside.policies,
            identity_policies: entity.map(|entity| entity.policies.clone()).unwrap_or_default(),
            metadata: inside.meta,
            ttl: issued.until(expires),
            renewable: false,
            entity_id: inside.entity_id,
            token_type: "batch",
            orphan: parent.is_none(),
            num_uses: 0,
        })
    }

    /// The batch token, if it is one of ours, its time is not over, its mount is there and its parent lives.
    ///
    /// # Errors
    /// `Internal` when the store fails. One that was changed or made up is none of ours.
    pub(super) fn living_batch_token(
        &self,
        snapshot: &dyn Snapshot,
        token: &Secret<String>,
    ) -> Result<Option<LivingToken>> {
        let Some(inside) = self.opened(token).filter(|inside| self.now() < Timestamp(inside.expires)) else {
            return Ok(None);
        };
        if !self.mounts().active().any(|mount| mount.uuid == inside.mount) {
            return Ok(None);
        }
        let (leases_at, depth) = match (inside.parent.is_some(), inside.parent_key()) {
            (false, _) => (0, 0),
            (true, None) => return Ok(None),
            (true, Some(key)) => match self.living_parent(snapshot, &key)? {
                Some(parent) => parent,
                None => return Ok(None),
            },
        };
        Ok(Some(inside.living(leases_at, depth)))
    }

    /// Why one that was not found is none, as far as its holder may know.
    pub(super) fn denial_of_batch_token(&self, token: &Secret<String>) -> Result<Error> {
        let Some(inside) = self.opened(token) else { return Ok(Error::permission_denied()) };
        let (leases, parent) = (Leases { barrier: &self.barrier }, inside.parent_key());
        let (expires, parent) = (Timestamp(inside.expires), parent.as_ref());
        self.storage.reading(|snapshot| denial::of_batch_token(snapshot, &leases, expires, parent, self.now()))
    }

    fn opened(&self, token: &Secret<String>) -> Option<Inside> {
        let sealed = URL_SAFE_NO_PAD.decode(token.expose().strip_prefix(PREFIX)?).ok()?;
        serde_json::from_slice(&self.barrier.open(&PLACE, &sealed).ok()?).ok()
    }

    /// The row of the parent, and how deep a child of it lies.
    fn living_parent(&self, snapshot: &dyn Snapshot, key: &LeaseKey) -> Result<Option<(i64, usize)>> {
        let Some(row) = snapshot.lease_by_key(key)?.filter(|row| row.kind == LeaseKind::Token) else {
            return Ok(None);
        };
        let leases = Leases { barrier: &self.barrier };
        Ok(leases.alive(snapshot, row, self.now())?.map(|(parent, depth)| (parent.row.id, depth + 1)))
    }
}

impl Inside {
    fn parent_key(&self) -> Option<LeaseKey> {
        hex::decode(self.parent.as_ref()?).ok()?.try_into().ok()
    }

    fn living(self, leases_at: i64, depth: usize) -> LivingToken {
        let (issued, expires) = (Timestamp(self.issued), Timestamp(self.expires));
        let granted = issued.until(expires).as_millis().div_ceil(1000);
        LivingToken {
            row: None,
            leases_at,
            issued,
            expires: Some(expires),
            renewable: false,
            renewed: None,
            depth,
            token: TokenRecord {
                policies: self.policies,
                display_name: self.display_name,
                meta: self.meta,
                path: self.path,
                creation_ttl: u64::try_from(granted).unwrap_or(u64::MAX),
                orphan: self.parent.is_none(),
                entity_id: self.entity_id,
                role: self.role,
                bound_cidrs: self.bound_cidrs,
                ..TokenRecord::default()
            },
        }
    }
}

const PLACE: Place<'static> = Place { table: "tokens", column: "batch", row: PREFIX.as_bytes(), grants: &[] };
