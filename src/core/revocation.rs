//! Ending leases. Revoking commits one row, and from that commit the whole subtree is dead; ending what is outside goes on
//! in the background, is retried for as long as it takes, and never holds up a request.

use crate::base::{Error, Result, Timestamp, random};
use crate::core::issue::Issuer;
use crate::core::leases::{Lease, Leases, SecretRecord};
use crate::core::live::Live;
use crate::core::mounts::{Mount, Resolved, Table};
use crate::core::names::Names;
use crate::core::{records::MountRecords, ttl};
use crate::logical::{Caller, Ctx, LeaseAnswer, LeaseView, Revoked};
use crate::storage::{LeaseKind, LeaseRow, LeaseState, Tx};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one try may take.
pub const TRY_DEADLINE: Duration = Duration::from_secs(30);

/// How long a claimed lease is left to its worker before the sweeper takes it up again.
pub const CLAIM: Duration = TRY_DEADLINE.saturating_mul(2);

/// After so many failed tries a lease counts as irrevocable: listed, and tried slowly.
const QUICK_TRIES: u32 = 6;
const SLOW_RETRY: Duration = Duration::from_secs(15 * 60);

/// Rows read at a time.
pub const BATCH: usize = 1000;

/// Rows marked or deleted in one transaction: a few milliseconds, for as long as that holds up everybody's writes.
pub const ROWS_A_CHANGE: usize = 200;

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
        let lease = leases.open(row.ok_or_else(|| Error::bad_request("invalid lease"))?)?;
        let mount = self.mount_of(&lease.row.mount)?;
        let id = format!("{}{}/{}", mount.path, lease.payload.path, suffix);
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
        let found = self.find_lease(id)?;
        if !self.is_alive(&found.lease)? {
            return Err(Error::bad_request("lease expired"));
        }
        let secret = found.lease.payload.secret.clone().filter(|_| found.lease.payload.renewable);
        let secret = secret.ok_or_else(|| Error::bad_request("lease is not renewable"))?;
        let view = self.lease_view(&found.lease, &secret, increment);
        let mut ctx = self.context(&found.mount, Instant::now() + TRY_DEADLINE);
        let kind = self.engine(&found.mount)?.secret(&secret.kind);
        let renewal = (kind.ok_or_else(|| Error::internal("a lease of a kind that its engine does not know"))?.renew)(
            &mut ctx, &view,
        )?;
        let limits = self.limits(&found.mount).narrowed(renewal.ttl, renewal.max_ttl);
        let granted = self.extend(found.lease.row.id, increment, limits)?;
        let ttl = self.now().until(granted.expires);
        Ok((LeaseAnswer { id: found.id, ttl, renewable: true }, granted.warning))
    }

    /// Moves a lease's expiry, in the transaction that checks it and its ancestors again. The maximum counts from the issue.
    ///
    /// # Errors
    /// `BadRequest` where the lease has ended or is at its maximum.
    pub fn extend(&self, row: i64, increment: Duration, limits: ttl::Limits) -> Result<ttl::Granted> {
        let leases = Leases { barrier: &self.barrier };
        let now = self.now();
        let ended = || Error::bad_request("lease expired");
        let granted = self.storage.writing(|tx| {
            let row = tx.lease(row)?.ok_or_else(ended)?;
            let (mut lease, _) = leases.alive(tx, row, now)?.ok_or_else(ended)?;
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

    /// Revokes one row: dead from this commit on, and all below it. Ending it outside is left to the sweeper.
    pub fn revoke_row(&self, id: i64) -> Result<()> {
        let now = self.now();
        self.storage.writing(|tx| {
            let Some(row) = tx.lease(id)? else { return Ok(()) };
            let from = row.state;
            if from == LeaseState::Pending {
                return Ok(());
            }
            let to = if from == LeaseState::Active { LeaseState::Revoking } else { from };
            tx.lease_advance(id, from, to, Some(now), if from == LeaseState::Active { 0 } else { row.attempts })?;
            Ok(())
        })?;
        self.bell.ring();
        Ok(())
    }

    /// Revokes one row and waits until it is ended outside too.
    ///
    /// # Errors
    /// The engine's, when ending it fails; it stays listed and is tried again.
    pub fn revoke_row_now(self: &Arc<Self>, id: i64) -> Result<()> {
        let now = self.now();
        let claimed = self.storage.writing(|tx| {
            let Some(row) = tx.lease(id)?.filter(|row| row.state != LeaseState::Pending) else { return Ok(None) };
            let to = if row.state == LeaseState::Active { LeaseState::Revoking } else { row.state };
            let due = match row.kind {
                LeaseKind::Secret => now.plus(CLAIM),
                LeaseKind::Token => now,
            };
            tx.lease_advance(id, row.state, to, Some(due), row.attempts)?;
            Ok(Some(row.kind))
        })?;
        match claimed {
            Some(LeaseKind::Secret) => self.end_outside(id),
            Some(LeaseKind::Token) => {
                self.bell.ring();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Marks every lease under a prefix (mounts above it count as under it) as revoking; how many there were.
    pub fn revoke_prefix(&self, prefix: &str) -> Result<usize> {
        let mut marked = 0;
        for (mount, node) in self.under(prefix)? {
            marked += self.mark_below(&mount, node)?;
        }
        self.bell.ring();
        Ok(marked)
    }

    /// The row ids of every lease under a prefix that is not gone yet, a page at a time.
    pub fn leases_under(&self, prefix: &str) -> Result<Vec<i64>> {
        let mut rows = Vec::new();
        for (mount, node) in self.under(prefix)? {
            self.collect(&mount, node, &mut rows)?;
        }
        Ok(rows)
    }

    /// What lies directly under a prefix: last segments of leases, and folders with a slash.
    pub fn list_leases(&self, prefix: &str) -> Result<Vec<String>> {
        let folder = format!("{}/", prefix.trim_matches('/'));
        let mounts = self.mounts();
        let mut keys: Vec<String> = match mounts.resolve(&self.barrier, &folder) {
            Resolved::Mount(mount, below) => self.list_at(&mount, below)?,
            _ => self.list_mounts(&mounts, folder.trim_start_matches('/'))?,
        };
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The next segments of mounts above which a prefix lies, where they have leases.
    fn list_mounts(&self, mounts: &Table, folder: &str) -> Result<Vec<String>> {
        self.storage.reading(|snapshot| {
            let mut keys = Vec::new();
            for mount in mounts.active() {
                let Some((name, _)) = mount.path.strip_prefix(folder).and_then(|rest| rest.split_once('/')) else {
                    continue;
                };
                if !snapshot.leases_of_mount(&mount.hash(), 0, 1)?.is_empty() {
                    keys.push(format!("{name}/"));
                }
            }
            Ok(keys)
        })
    }

    fn list_at(&self, mount: &Mount, below: &str) -> Result<Vec<String>> {
        let leases = Leases { barrier: &self.barrier };
        let names = Names { barrier: &self.barrier, mount: mount.hash() };
        self.storage.reading(|snapshot| {
            let Some(node) = names.find(snapshot, below)? else { return Ok(Vec::new()) };
            let mut keys = Vec::new();
            for (name, row) in names.children(snapshot, node)? {
                if row.has_leases || (row.has_children && holds_leases(snapshot, &names, row.id)?) {
                    keys.push(format!("{name}/"));
                }
            }
            let mut after = 0;
            loop {
                let page = snapshot.leases_at(node, after, BATCH)?;
                let Some(last) = page.last() else { return Ok(keys) };
                after = last.id;
                for row in page {
                    let key = row.key;
                    match leases.open(row) {
                        Ok(lease) if lease.row.kind == LeaseKind::Token => keys.push(token_row_name(&key)),
                        Ok(lease) => keys.push(lease.payload.suffix),
                        Err(error) => log::error!("a lease is damaged and left out: {}", error.for_log()),
                    }
                }
            }
        })
    }

    /// The mounts and nodes that a prefix covers.
    fn under(&self, prefix: &str) -> Result<Vec<(Arc<Mount>, i64)>> {
        let folder = format!("{}/", prefix.trim_matches('/'));
        let mounts = self.mounts();
        let covered: Vec<_> =
            mounts.active().filter(|mount| mount.path.starts_with(&folder)).map(|mount| (mount.clone(), 0)).collect();
        if !covered.is_empty() {
            return Ok(covered);
        }
        let Resolved::Mount(mount, below) = mounts.resolve(&self.barrier, &folder) else { return Ok(Vec::new()) };
        let names = Names { barrier: &self.barrier, mount: mount.hash() };
        let node = self.storage.reading(|snapshot| names.find(snapshot, below))?;
        Ok(node.map(|node| (mount.clone(), node)).into_iter().collect())
    }

    fn mark_below(&self, mount: &Mount, node: i64) -> Result<usize> {
        let now = self.now();
        let mut total = 0;
        if node == 0 {
            return self.mark_mount(mount);
        }
        loop {
            let marked = self.storage.writing(|tx| tx.lease_mark_node(node, now, ROWS_A_CHANGE))?;
            total += marked;
            if marked < ROWS_A_CHANGE {
                break;
            }
        }
        for child in self.child_nodes(mount, node)? {
            total += self.mark_below(mount, child)?;
        }
        Ok(total)
    }

    /// Marks all leases of a mount, a batch a transaction; how many there were.
    pub fn mark_mount(&self, mount: &Mount) -> Result<usize> {
        let mut total = 0;
        loop {
            let marked = self.storage.writing(|tx| tx.lease_mark_mount(&mount.hash(), self.now(), ROWS_A_CHANGE))?;
            total += marked;
            if marked < ROWS_A_CHANGE {
                return Ok(total);
            }
        }
    }

    fn collect(&self, mount: &Mount, node: i64, rows: &mut Vec<i64>) -> Result<()> {
        let mut after = 0;
        loop {
            let page = self.storage.reading(|snapshot| {
                if node == 0 {
                    snapshot.leases_of_mount(&mount.hash(), after, BATCH)
                } else {
                    snapshot.leases_at(node, after, BATCH)
                }
            })?;
            let Some(last) = page.last() else { break };
            after = last.id;
            rows.extend(page.iter().map(|row| row.id));
        }
        if node == 0 {
            return Ok(());
        }
        self.child_nodes(mount, node)?.into_iter().try_for_each(|child| self.collect(mount, child, rows))
    }

    fn child_nodes(&self, mount: &Mount, node: i64) -> Result<Vec<i64>> {
        let mut children = Vec::new();
        let mut after = 0;
        loop {
            let page = self.storage.reading(|snapshot| snapshot.node_children(&mount.hash(), node, after, BATCH))?;
            let Some(last) = page.last() else { return Ok(children) };
            after = last.id;
            children.extend(page.iter().map(|row| row.id));
        }
    }

    /// Ends a claimed lease outside and deletes its row; on failure stores when and why to try again.
    ///
    /// # Errors
    /// Why it could not be ended.
    pub fn end_outside(self: &Arc<Self>, id: i64) -> Result<()> {
        let Some(row) = self.storage.reading(|snapshot| snapshot.lease(id))? else { return Ok(()) };
        let leases = Leases { barrier: &self.barrier };
        let opened = leases.open(row.clone()).and_then(|lease| {
            let outcome = self.try_revoke(&lease)?;
            Ok((lease, outcome))
        });
        match opened {
            Ok((lease, (outcome, settle))) => {
                let settled = self.now() >= lease.row.issued.plus(settle);
                if lease.row.state == LeaseState::Pending && outcome == Revoked::Gone && !settled {
                    // The create may still land: look again when it no longer can.
                    return self.look_again(&lease.row, lease.row.issued.plus(settle));
                }
                self.storage.writing(|tx| self.delete_lease(tx, &lease.row))?;
                log::info!("lease of {} ended: {outcome:?}", lease.payload.path);
                Ok(())
            }
            Err(error) => {
                self.put_off(&row, &error)?;
                Err(error)
            }
        }
    }

    fn try_revoke(self: &Arc<Self>, lease: &Lease) -> Result<(Revoked, Duration)> {
        let mount = self.mount_of(&lease.row.mount)?;
        let secret = lease.payload.secret.as_ref().ok_or_else(|| Error::internal("a lease without a secret"))?;
        let kind = self.engine(&mount)?.secret(&secret.kind);
        let kind = kind.ok_or_else(|| Error::internal("a lease of a kind that its engine does not know"))?;
        let view = self.lease_view(lease, secret, Duration::ZERO);
        let mut ctx = self.context(&mount, Instant::now() + TRY_DEADLINE);
        Ok(((kind.revoke)(&mut ctx, &view)?, kind.settle))
    }

    fn look_again(&self, row: &LeaseRow, at: Timestamp) -> Result<()> {
        self.storage.writing(|tx| tx.lease_advance(row.id, row.state, row.state, Some(at), row.attempts)).map(drop)
    }

    /// Stores the next attempt, with back-off and jitter, and why this one failed.
    fn put_off(&self, row: &LeaseRow, reason: &Error) -> Result<()> {
        let attempts = row.attempts.saturating_add(1);
        let slow = attempts >= QUICK_TRIES;
        let state = if slow && row.state != LeaseState::Pending { LeaseState::Irrevocable } else { row.state };
        let pause = if slow { SLOW_RETRY } else { Duration::from_secs(1 << attempts) };
        let jitter = pause.mul_f64(f64::from(random::bytes::<1>()?[0]) / 1024.0);
        log::warn!(
            "a lease could not be revoked (attempt {attempts}): {}; next try in {} s",
            reason.for_log(),
            pause.as_secs()
        );
        let leases = Leases { barrier: &self.barrier };
        self.storage.writing(|tx| {
            tx.lease_advance(row.id, row.state, state, Some(self.now().plus(pause + jitter)), attempts)?;
            // A row that does not open keeps its damage for somebody to look at.
            if let Some(Ok(mut lease)) = tx.lease(row.id)?.map(|row| leases.open(row)) {
                lease.payload.last_error = Some(reason.message().to_owned());
                tx.lease_reseal(row.id, &leases.reseal(&lease)?)?;
            }
            Ok(())
        })
    }

    /// Deletes a lease's row and the names above it that nothing else needs.
    pub fn delete_lease(&self, tx: &mut dyn Tx, row: &LeaseRow) -> Result<()> {
        tx.lease_delete(row.id)?;
        Names { barrier: &self.barrier, mount: row.mount }.prune(tx, row.node)
    }

    fn lease_view(&self, lease: &Lease, secret: &SecretRecord, increment: Duration) -> LeaseView {
        LeaseView {
            id: lease.payload.suffix.clone(),
            path: lease.payload.path.clone(),
            role: secret.role.clone(),
            revocation: secret.revocation.clone(),
            issued: lease.row.issued,
            expires: lease.row.expires,
            pending: lease.row.state == LeaseState::Pending,
            increment,
        }
    }

    /// The context in which an engine works without a caller.
    fn context(self: &Arc<Self>, mount: &Mount, deadline: Instant) -> Ctx {
        self.context_for(mount, Caller::default(), None, deadline)
    }

    /// The context in which an engine works.
    #[must_use]
    pub fn context_for(
        self: &Arc<Self>,
        mount: &Mount,
        caller: Caller,
        issuer: Option<Issuer>,
        deadline: Instant,
    ) -> Ctx {
        let view = MountRecords { storage: self.storage.clone(), barrier: self.barrier.clone(), mount: mount.hash() };
        let issuer = issuer.map(|issuer| Arc::new(issuer) as Arc<dyn crate::logical::Issue>);
        Ctx::new(
            mount.view(self.limits(mount)),
            caller,
            self.clock.clone(),
            self.cluster_id.clone(),
            Arc::new(view),
            issuer,
            deadline,
        )
    }
}

fn holds_leases(snapshot: &dyn crate::storage::Snapshot, names: &Names<'_>, node: i64) -> Result<bool> {
    let mut after = 0;
    loop {
        let page = snapshot.node_children(&names.mount, node, after, 100)?;
        let Some(last) = page.last() else { return Ok(false) };
        after = last.id;
        for row in page {
            if row.has_leases || (row.has_children && holds_leases(snapshot, names, row.id)?) {
                return Ok(true);
            }
        }
    }
}

/// A token's lease is listed under a name that is not the token: its row's key.
fn token_row_name(key: &[u8; 24]) -> String {
    format!("h{}", hex::encode(key))
}

fn token_row_key(name: &str) -> Option<[u8; 24]> {
    hex::decode(name.strip_prefix('h')?).ok()?.try_into().ok()
}
