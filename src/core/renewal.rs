//! Leases by their id: found whatever path stands before it, judged alive, renewed up to their maximum.

use crate::base::failpoint::step;
use crate::base::{Error, Result, Timestamp};
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::prefixes::{token_row_key, token_row_name};
use crate::core::revocation::TRY_DEADLINE;
use crate::core::ttl;
use crate::logical::LeaseAnswer;
use crate::storage::{LeaseKind, LeaseRow};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A lease found by its id, and where it belongs.
pub struct Found {
    pub lease: Lease,
    pub mount: Arc<Mount>,
    /// Its id under the mount's present path.
    pub id: String,
}

impl Live {
    /// Finds a secret's lease by the last segment of its id, whatever path stands before it: a mount may have moved.
    ///
    /// # Errors
    /// `BadRequest` "invalid lease" where there is none that lives.
    pub fn find_lease(&self, id: &str) -> Result<Found> {
        let leases = Leases { barrier: &self.barrier };
        let suffix = id.trim_end_matches('/').rsplit('/').next().unwrap_or(id);
        let key = token_row_key(suffix).unwrap_or_else(|| leases.secret_key(suffix));
        let row = self.storage.reading(|snapshot| snapshot.lease_by_key(&key))?;
        self.found(row.ok_or_else(|| Error::bad_request("invalid lease"))?)
    }

    /// A row with all that belongs to it.
    ///
    /// # Errors
    /// `Internal` for a row that does not open, or whose mount is not there.
    pub fn found(&self, row: LeaseRow) -> Result<Found> {
        let lease = Leases { barrier: &self.barrier }.open(row)?;
        let mount = self.mount_of(&lease.row.mount)?;
        let name = match lease.row.kind {
            LeaseKind::Token => token_row_name(&lease.row.key),
            LeaseKind::Secret => lease.payload.suffix.clone(),
        };
        let id = format!("{}{}/{name}", mount.path, lease.payload.path);
        Ok(Found { lease, mount, id })
    }

    /// Whether a lease and all above it live, and its mount is not being disabled.
    pub fn is_alive(&self, lease: &Lease) -> Result<bool> {
        let leases = Leases { barrier: &self.barrier };
        let now = self.now();
        if !lease.is_live_at(now) || self.mount_of(&lease.row.mount)?.disabling {
            return Ok(false);
        }
        self.storage.reading(|snapshot| Ok(leases.ancestors_alive(snapshot, lease.row.parent, now)?.is_some()))
    }

    /// Renews a secret's lease; `increment` zero asks for the default.
    ///
    /// # Errors
    /// `BadRequest` where it is unknown, dead, not renewable or at its maximum.
    pub fn renew_lease(self: &Arc<Self>, id: &str, increment: Duration) -> Result<(LeaseAnswer, Option<String>)> {
        self.require_sane_clock()?;
        let found = self.find_lease(id)?;
        if !self.is_alive(&found.lease)? {
            return Err(Error::bad_request("lease expired"));
        }
        if found.lease.row.kind == LeaseKind::Token {
            return Err(Error::bad_request("tokens cannot be renewed through this endpoint: use auth/token/renew"));
        }
        let secret = found.lease.payload.secret.clone().filter(|_| found.lease.payload.renewable);
        let secret = secret.ok_or_else(|| Error::bad_request("lease is not renewable"))?;
        let view = self.lease_view(&found.lease, &secret, increment);
        let mut ctx = self.context(&found.mount, Instant::now() + TRY_DEADLINE);
        let kind = self.engine(&found.mount)?.secret(&secret.kind);
        let kind = kind.ok_or_else(|| Error::internal("a lease of a kind that its engine does not know"))?;
        let renewal = step!("renew.outside", (kind.renew)(&mut ctx, &view))?;
        let limits = self.limits(&found.mount).narrowed(renewal.ttl, renewal.max_ttl);
        let granted = step!("renew.store", self.extend(found.lease.row.id, increment, limits))?;
        let ttl = self.now().until(granted.expires);
        Ok((LeaseAnswer { id: found.id, ttl, renewable: true }, granted.warning))
    }

    /// Moves a lease's expiry, in the transaction that checks it and its ancestors again. The maximum counts from the issue.
    ///
    /// # Errors
    /// `BadRequest` where the lease has ended or is at its maximum.
    pub fn extend(&self, row: i64, increment: Duration, limits: ttl::Limits) -> Result<ttl::Granted> {
        self.require_sane_clock()?;
        let leases = Leases { barrier: &self.barrier };
        let now = self.now();
        let ended = || Error::bad_request("lease expired");
        let granted = self.storage.writing(|tx| {
            let row = tx.lease(row)?.ok_or_else(ended)?;
            let (mut lease, _) = leases.alive(tx, row, now)?.ok_or_else(ended)?;
            let limits = limits.ending(lease.payload.ends.map(Timestamp), lease.row.issued);
            let granted = ttl::grant(increment, limits, lease.row.issued, now);
            if granted.expires <= now {
                return Err(Error::bad_request("past the maximum TTL, cannot renew"));
            }
            lease.row.expires = Some(granted.expires);
            lease.row.maximum = Some(lease.row.issued.plus(limits.max));
            lease.payload.renewed = Some(now.0);
            let sealed = leases.reseal(&lease)?;
            tx.lease_renew(lease.row.id, lease.row.expires, lease.row.maximum, &sealed)?;
            Ok(granted)
        })?;
        self.bell.ring_by(now.until(granted.expires));
        Ok(granted)
    }
}
