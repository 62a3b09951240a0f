//! Who a token stands for: found, judged alive with all above it, and one use spent where uses are counted.

use crate::base::{Error, Result, Secret, Timestamp};
use crate::core::cubbyholes;
use crate::core::denial;
use crate::core::identity::Resolved;
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::tokens::TokenRecord;
use crate::logical::Caller;
use crate::policy::Acl;
use crate::storage::{LeaseKey, LeaseKind, LeaseRow, LeaseState, Snapshot, Tx};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// An authenticated caller.
pub struct Identity {
    pub row: LeaseRow,
    pub renewable: bool,
    pub renewed: Option<Timestamp>,
    pub token: TokenRecord,
    pub acl: Arc<Acl>,
    /// Whom it belongs to.
    pub entity: Option<Arc<Resolved>>,
    /// The depth of the caller's own lease in the tree.
    pub depth: usize,
    /// This request is the token's last: it is dead already, and cleaned up after the answer.
    pub last_use: bool,
    cubbyhole: String,
}

/// How a token was presented.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented {
    /// The client's address.
    pub peer: Option<IpAddr>,
    pub uses: Uses,
    /// How long the request may still take.
    pub time_left: Duration,
}

/// What becomes of one use of a token that counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Uses {
    #[default]
    Spent,
    /// What is asked spends a wrapping token itself, with what it does.
    SpentUnlessWrapping,
    /// The token is only looked at.
    Kept,
}

impl Identity {
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            display_name: self.token.display_name.clone(),
            policies: self.policies(),
            entity_id: self.token.entity_id.clone(),
            token_name: self.cubbyhole.clone(),
            ..Caller::default()
        }
    }

    /// All its policies: the token's own and those that its entity adds.
    #[must_use]
    pub fn policies(&self) -> Vec<String> {
        all_policies(&self.token.policies, self.entity.as_deref())
    }

    /// Those that its entity and its groups add.
    #[must_use]
    pub fn identity_policies(&self) -> Vec<String> {
        self.entity.as_ref().map(|entity| entity.policies.clone()).unwrap_or_default()
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.token.policies.iter().any(|name| name == "root")
    }
}

impl Live {
    /// The caller that a token stands for: the token and all above it live, one use spent where uses are counted.
    ///
    /// # Errors
    /// `Denied` for a token that is unknown, expired, revoked, or below one that is, or not good for the client's address.
    pub fn authenticate(&self, token: &Secret<String>, presented: Presented) -> Result<Identity> {
        let leases = Leases { barrier: &self.barrier };
        let key = leases.token_key(token.expose());
        let (mut lease, depth) = self.storage.reading(|snapshot| {
            let found = self.living_token(snapshot, &leases, &key)?;
            found.map_or_else(|| Err(denial::of_token(snapshot, &leases, &key, self.now())?), Ok)
        })?;
        lease.token()?.check_peer(presented.peer)?;
        let is_kept = match presented.uses {
            Uses::Spent => false,
            Uses::SpentUnlessWrapping => lease.token()?.is_wrapping(),
            Uses::Kept => true,
        };
        let is_counted = lease.token()?.num_uses > 0 && !is_kept;
        if is_counted {
            lease = self.storage.writing(|tx| self.spend_use(tx, &leases, &key, presented.time_left))?;
        }
        let Lease { row, payload } = lease;
        let token = payload.token.ok_or_else(|| Error::internal("a token's row holds no token"))?;
        let entity = self.living_entity(&token.entity_id)?;
        let acl = self.acl(&all_policies(&token.policies, entity.as_deref()), entity.as_deref())?;
        let cubbyhole = cubbyholes::name(self, &row.key);
        Ok(Identity {
            row,
            renewable: payload.renewable,
            renewed: payload.renewed.map(Timestamp),
            last_use: is_counted && token.num_uses == 0,
            token,
            acl,
            entity,
            depth,
            cubbyhole,
        })
    }

    pub(super) fn living_token(
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

    /// Takes one use, in the transaction that checks the token again. The last use kills it; what it has is kept for the
    /// request that this is, and swept after it.
    fn spend_use(&self, tx: &mut dyn Tx, leases: &Leases<'_>, key: &LeaseKey, time_left: Duration) -> Result<Lease> {
        let (mut lease, _) = self.living_token(tx, leases, key)?.ok_or_else(Error::permission_denied)?;
        let record = lease.payload.token.as_mut().ok_or_else(|| Error::internal("a token's row holds no token"))?;
        record.num_uses = record.num_uses.checked_sub(1).ok_or_else(Error::permission_denied)?;
        let last = record.num_uses == 0;
        tx.lease_reseal(lease.row.id, &leases.reseal(&lease)?)?;
        if last {
            let due = Some(self.now().plus(time_left));
            tx.lease_advance(lease.row.id, LeaseState::Active, LeaseState::Revoking, due, 0)?;
            self.bell.ring_by(time_left);
        }
        Ok(lease)
    }
}

/// A token's policies and those that its entity adds.
#[must_use]
pub fn all_policies(own: &[String], entity: Option<&Resolved>) -> Vec<String> {
    let mut names = own.to_vec();
    names.extend(entity.into_iter().flat_map(|entity| entity.policies.iter().cloned()));
    names.sort_unstable();
    names.dedup();
    names
}
