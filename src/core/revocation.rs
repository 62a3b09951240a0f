//! Ending leases. Revoking commits one row, and from that commit the whole subtree is dead; ending what is outside goes on
//! in the background, is retried for as long as it takes, and never holds up a request.

use crate::base::failpoint::step;
use crate::base::{Error, Result, Timestamp, random};
use crate::core::causes::{Cause, Outcome};
use crate::core::issue::Issuer;
use crate::core::leases::{Lease, Leases, SecretRecord};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::names::Names;
use crate::core::records::MountRecords;
use crate::core::services::MountServices;
use crate::logical::{Backing, Caller, Ctx, LeaseView, Revoked};
use crate::storage::{Hash, LeaseKind, LeaseRow, LeaseState, Tx};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one try may take.
pub const TRY_DEADLINE: Duration = Duration::from_secs(30);

/// How long a claimed lease is left to its worker before the sweeper takes it up again.
pub const CLAIM: Duration = TRY_DEADLINE.saturating_mul(2);

/// After so many failed tries a lease counts as irrevocable: listed, and tried slowly.
const QUICK_TRIES: u32 = 6;
const SLOW_RETRY: Duration = Duration::from_secs(15 * 60);

/// No dead row waits longer than this for its next try, the jitter included.
const LONGEST_WAIT: Duration = SLOW_RETRY.saturating_mul(2);

/// Rows read at a time.
pub const BATCH: usize = 1000;

/// Rows marked or deleted in one transaction: a few milliseconds, for as long as that holds up everybody's writes.
pub const ROWS_A_CHANGE: usize = 200;

impl Live {
    /// Revokes one row: dead from this commit on, and all below it. Ending it outside is left to the sweeper.
    pub fn revoke_row(&self, id: i64, cause: &Cause) -> Result<()> {
        let now = self.now();
        self.storage.writing(|tx| self.mark_row(tx, id, cause, |_| now))?;
        self.bell.ring();
        Ok(())
    }

    /// Marks one row, due as `due` says; none for one that is gone or still being made.
    pub(super) fn mark_row(
        &self,
        tx: &mut dyn Tx,
        id: i64,
        cause: &Cause,
        due: impl Fn(&LeaseRow) -> Timestamp,
    ) -> Result<Option<LeaseRow>> {
        let Some(mut row) = tx.lease(id)?.filter(|row| row.state != LeaseState::Pending) else { return Ok(None) };
        let from = row.state;
        if from == LeaseState::Active {
            self.prepare_cause_at(cause, &row)?.put_on(tx, id)?;
            row.state = LeaseState::Revoking;
        }
        tx.lease_advance(id, from, row.state, Some(due(&row)), row.attempts)?;
        Ok(Some(row))
    }

    /// Ends a claimed lease outside and deletes its row; on failure stores when and why to try again.
    ///
    /// # Errors
    /// Why it could not be ended.
    pub fn end_outside(self: &Arc<Self>, id: i64) -> Result<()> {
        let Some(row) = self.storage.reading(|snapshot| snapshot.lease(id))? else { return Ok(()) };
        self.check_not_held(&row)?;
        let leases = Leases { barrier: &self.barrier };
        let opened = leases.open(row.clone()).and_then(|lease| {
            let outcome = step!("revoke.outside", self.try_revoke(&lease));
            self.learn(&lease, outcome.as_ref().map(|(outcome, _)| *outcome));
            Ok((lease, outcome?))
        });
        match opened {
            Ok((lease, (outcome, settle))) => {
                let settled = self.now() >= lease.row.issued.plus(settle);
                if lease.row.state == LeaseState::Pending && outcome == Revoked::Gone && !settled {
                    // The create may still land: look again when it no longer can.
                    return self.look_again(&lease.row, lease.row.issued.plus(settle));
                }
                // First, so that a crash in between tells it twice and not never.
                let ended = [(lease, Outcome::Outside(outcome))];
                self.tell_ended(&ended);
                step!("revoke.forget", self.storage.writing(|tx| self.delete_lease(tx, &ended[0].0.row)))
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

    /// Notes what a try of a revocation tells of its target.
    fn learn(&self, lease: &Lease, outcome: Result<Revoked, &Error>) {
        let target = lease.row.lane();
        match outcome {
            // Nobody was asked.
            Ok(Revoked::ExpiresOnly) => {}
            Err(error) if error.is_silence() => self.heard_nothing(lease, error),
            Ok(Revoked::Done | Revoked::Gone) | Err(_) => self.heard(&target),
        }
    }

    /// A target answered: if it was silent, all that waits for it is tried at once.
    pub(super) fn heard(&self, target: &Hash) {
        if self.targets.answered(target) {
            log::info!("a target answers again; what waits for it is tried now");
            if let Err(error) = self.retry(target) {
                log::error!("what waits for a target is tried by its own time: {}", error.for_log());
            }
            self.bell.ring();
        }
    }

    /// A target did not answer. After some tries all that is due there counts as irrevocable, as its own tries would show.
    pub(super) fn heard_nothing(&self, lease: &Lease, reason: &Error) {
        let target = &lease.row.lane();
        let name = self.target_name(lease);
        let tries = self.targets.unanswered(target, &name, reason, self.now());
        if matches!(tries, Ok(1)) {
            log::warn!("{name} is silent, and its leases wait until it answers: {}", reason.for_log());
        }
        let noted = tries.and_then(|tries| match tries {
            QUICK_TRIES.. => self.in_batches(|tx| tx.lease_mark_irrevocable(target, self.now(), ROWS_A_CHANGE)),
            _ => Ok(()),
        });
        if let Err(error) = noted {
            log::error!("a silent target's leases are tried each by its own time: {}", error.for_log());
        }
    }

    fn target_name(&self, lease: &Lease) -> String {
        let named = lease.payload.secret.as_ref().map(|secret| secret.target.as_str()).filter(|name| !name.is_empty());
        let mount =
            || self.mount_of(&lease.row.mount).map_or_else(|_| "a mount".to_owned(), |mount| mount.path.clone());
        named.map_or_else(mount, str::to_owned)
    }

    /// Makes all that waits for its next try due, at every target.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn retry_all(&self) -> Result<()> {
        let lanes = self.storage.reading(|snapshot| snapshot.lanes(LeaseKind::Secret))?;
        lanes.iter().try_for_each(|lane| self.retry(&lane.id))
    }

    /// Makes all that waits for a target due.
    pub(super) fn retry(&self, target: &Hash) -> Result<()> {
        let now = self.now();
        self.in_batches(|tx| tx.lease_retry(LeaseKind::Secret, target, now, now.plus(LONGEST_WAIT), ROWS_A_CHANGE))
    }

    /// Changes rows a batch a transaction, until there are no more.
    pub(super) fn in_batches(&self, mut change: impl FnMut(&mut dyn Tx) -> Result<usize>) -> Result<()> {
        while self.storage.writing(&mut change)? == ROWS_A_CHANGE {}
        Ok(())
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

    /// Deletes a lease's row and the names above it that nothing else needs; that there was one with its outside name is kept
    /// for a while.
    pub fn delete_lease(&self, tx: &mut dyn Tx, row: &LeaseRow) -> Result<()> {
        tx.lease_delete(row.id)?;
        if let Some(subject) = &row.subject {
            tx.ended_put(subject, self.now())?;
        }
        Names { barrier: &self.barrier, mount: row.mount }.prune(tx, row.node)
    }

    pub(super) fn lease_view(&self, lease: &Lease, secret: &SecretRecord, increment: Duration) -> LeaseView {
        LeaseView {
            id: lease.payload.suffix.clone(),
            path: lease.payload.path.clone(),
            role: secret.role.clone(),
            subject: secret.subject.clone(),
            subjects: secret.subjects.clone(),
            revocation: secret.revocation.clone(),
            issued: lease.row.issued,
            expires: lease.row.expires,
            ends: lease.payload.ends.map(Timestamp),
            pending: lease.row.state == LeaseState::Pending || lease.payload.refused,
            increment,
        }
    }

    /// The context in which an engine works without a caller.
    pub(super) fn context(self: &Arc<Self>, mount: &Mount, deadline: Instant) -> Ctx {
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
        let view = MountRecords::of(self, mount.hash());
        let services = MountServices { live: self.clone(), mount: mount.hash() };
        let issuer = issuer.map(|issuer| Arc::new(issuer) as Arc<dyn crate::logical::Issue>);
        Ctx::new(
            mount.view(self.limits(mount)),
            caller,
            self.clock.clone(),
            self.cluster_id.clone(),
            Backing { view: Arc::new(view), issue: issuer, services: Arc::new(services) },
            deadline,
        )
    }
}
