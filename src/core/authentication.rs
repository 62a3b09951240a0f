//! Who a token stands for: found, judged alive with all above it, and one use spent where uses are counted.

use crate::base::{Error, Result, Secret, Timestamp};
use crate::core::denial;
use crate::core::identity::Resolved;
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::tokens::TokenRecord;
use crate::core::{batch, cubbyholes};
use crate::logical::Caller;
use crate::policy::Acl;
use crate::storage::{LeaseKey, LeaseKind, LeaseRow, LeaseState, Snapshot, Tx};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A token that lives, with all above it.
pub struct LivingToken {
    /// None for a batch token, of which nothing is stored.
    pub row: Option<LeaseRow>,
    /// The row that its leases hang at: its own, or of a batch token its parent's; 0 where it has none.
    pub leases_at: i64,
    pub issued: Timestamp,
    pub expires: Option<Timestamp>,
    pub renewable: bool,
    pub renewed: Option<Timestamp>,
    pub token: TokenRecord,
    /// How many tokens are above it.
    pub depth: usize,
}

/// An authenticated caller.
pub struct Identity {
    pub living: LivingToken,
    /// Tells the token from all others; of a service token it is its row's key.
    pub key: LeaseKey,
    pub acl: Arc<Acl>,
    /// Whom it belongs to.
    pub entity: Option<Arc<Resolved>>,
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

impl LivingToken {
    pub(super) fn of(lease: Lease, depth: usize) -> Result<Self> {
        let Lease { row, payload } = lease;
        Ok(Self {
            leases_at: row.id,
            issued: row.issued,
            expires: row.expires,
            renewable: payload.renewable,
            renewed: payload.renewed.map(Timestamp),
            token: payload.token.ok_or_else(|| Error::internal("a token's row holds no token"))?,
            depth,
            row: Some(row),
        })
    }

    /// The token's row, for what cannot be done to a batch token.
    ///
    /// # Errors
    /// `BadRequest` "batch tokens cannot be …".
    pub fn row_to_be(&self, what: &str) -> Result<&LeaseRow> {
        self.row.as_ref().ok_or_else(|| Error::bad_request(format!("batch tokens cannot be {what}")))
    }

    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.row.is_some() { "service" } else { "batch" }
    }
}

impl Identity {
    #[must_use]
    pub fn token(&self) -> &TokenRecord {
        &self.living.token
    }

    #[must_use]
    pub fn caller(&self) -> Caller {
        let token = self.token();
        Caller {
            display_name: token.display_name.clone(),
            policies: self.policies(),
            entity_id: token.entity_id.clone(),
            token_name: self.cubbyhole.clone(),
            ..Caller::default()
        }
    }

    /// All its policies: the token's own and those that its entity adds.
    #[must_use]
    pub fn policies(&self) -> Vec<String> {
        all_policies(&self.token().policies, self.entity.as_deref())
    }

    /// Those that its entity and its groups add.
    #[must_use]
    pub fn identity_policies(&self) -> Vec<String> {
        self.entity.as_ref().map(|entity| entity.policies.clone()).unwrap_or_default()
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.token().policies.iter().any(|name| name == "root")
    }
}

impl Live {
    /// The caller that a token stands for: the token and all above it live, one use spent where uses are counted.
    ///
    /// # Errors
    /// `Denied` for a token that is unknown, expired, revoked, or below one that is, or not good for the client's address.
    pub fn authenticate(&self, token: &Secret<String>, presented: Presented) -> Result<Identity> {
        let found = self.find_token(token)?;
        let mut living = found.map_or_else(|| Err(self.denial_of(token)?), Ok)?;
        living.token.check_peer(presented.peer)?;
        let is_kept = match presented.uses {
            Uses::Spent => false,
            Uses::SpentUnlessWrapping => living.token.is_wrapping(),
            Uses::Kept => true,
        };
        let is_counted = living.token.num_uses > 0 && !is_kept;
        if let Some(row) = living.row.as_ref().filter(|_| is_counted) {
            let leases = Leases { barrier: &self.barrier };
            let spent = self.storage.writing(|tx| self.spend_use(tx, &leases, &row.key, presented.time_left))?;
            living = LivingToken::of(spent, living.depth)?;
        }
        let entity = self.living_entity(&living.token.entity_id)?;
        Ok(Identity {
            key: Leases { barrier: &self.barrier }.token_key(token.expose()),
            acl: self.acl(&all_policies(&living.token.policies, entity.as_deref()), entity.as_deref())?,
            entity,
            last_use: is_counted && living.token.num_uses == 0,
            cubbyhole: living.row.as_ref().map(|row| cubbyholes::name(self, &row.key)).unwrap_or_default(),
            living,
        })
    }

    /// The token, if it is one and lives; it is looked at and not used.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn find_token(&self, token: &Secret<String>) -> Result<Option<LivingToken>> {
        if token.expose().starts_with(batch::PREFIX) {
            return self.storage.reading(|snapshot| self.living_batch_token(snapshot, token));
        }
        let leases = Leases { barrier: &self.barrier };
        let key = leases.token_key(token.expose());
        let found = self.storage.reading(|snapshot| self.living_token(snapshot, &leases, &key))?;
        found.map(|(lease, depth)| LivingToken::of(lease, depth)).transpose()
    }

    /// Why a token that was not found is none, as far as its holder may know.
    fn denial_of(&self, token: &Secret<String>) -> Result<Error> {
        if token.expose().starts_with(batch::PREFIX) {
            return self.denial_of_batch_token(token);
        }
        let leases = Leases { barrier: &self.barrier };
        let key = leases.token_key(token.expose());
        self.storage.reading(|snapshot| denial::of_token(snapshot, &leases, &key, self.now()))
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
