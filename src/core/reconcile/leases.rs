//! The second direction: leases that live, and what has become of their credentials.

use super::report::{Drifted, Ghost};
use super::{Comparison, Cursor};
use crate::base::{Error, Result};
use crate::core::leases::{Lease, Leases};
use crate::logical::{Drift, LeaseView, Look, Remedy};
use crate::storage::{LeaseKind, LeaseRow};
use std::time::Duration;

/// Leases looked at together.
const PAGE: usize = 50;

impl Comparison<'_> {
    /// Compares a page of leases; where to go on, if there are more.
    pub(super) fn compare_leases(&mut self, after: i64) -> Result<Option<Cursor>> {
        let mount = self.mount.hash();
        let rows = self.live.storage.reading(|snapshot| snapshot.leases_of_mount(&mount, after, PAGE))?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
        let mut living: Vec<Lease> = rows.into_iter().filter_map(|row| self.living(row)).collect();
        living.retain(|lease| self.is_worth_asking(lease));
        let views: Vec<LeaseView> = living
            .iter()
            .filter_map(|lease| Some(self.live.lease_view(lease, lease.payload.secret.as_ref()?, Duration::ZERO)))
            .collect();
        if !views.is_empty() {
            self.report.leases += views.len();
            let looks = (self.engine.look)(&mut self.context(), &views)?;
            for (lease, look) in living.iter().zip(looks) {
                self.report_lease(lease, look)?;
            }
        }
        Ok(Some(Cursor::Leases { after: last }))
    }

    /// A lease whose credential must be outside now: one that is pending, or ending, is seen to already.
    fn living(&self, row: LeaseRow) -> Option<Lease> {
        let id = row.id;
        let lease = (Leases { barrier: &self.live.barrier }).open(row);
        let lease = lease.inspect_err(|error| log::error!("lease {id} is left out: {}", error.for_log())).ok()?;
        if lease.row.kind != LeaseKind::Secret || !lease.is_live_at(self.now()) {
            return None;
        }
        let kind = lease.payload.secret.as_ref()?.kind.as_str();
        let engine = self.live.engine(self.mount).ok()?;
        engine.secret(kind).filter(|kind| !kind.expires_only).map(|_| lease)
    }

    /// A target that is silent is asked by one call at a time, and at its time, for all its leases.
    fn is_worth_asking(&mut self, lease: &Lease) -> bool {
        let silence = self.live.targets.silence(&lease.row.lane()).filter(|silence| self.now() < silence.next);
        if let Some(silence) = &silence {
            self.report.not_reached(&silence.name, &silence.reason);
        }
        silence.is_none()
    }

    fn report_lease(&mut self, lease: &Lease, look: Look) -> Result<()> {
        match &look {
            Look::Unreachable { reason, is_silence: true, .. } => {
                self.live.heard_nothing(lease, &Error::upstream(reason.as_str()));
            }
            Look::There(_) | Look::Gone => self.live.heard(&lease.row.lane()),
            _ => {}
        }
        match look {
            Look::There(drift) if drift.is_empty() => {}
            Look::There(drift) => {
                if self.unchanged(&lease.row)?.is_some() {
                    self.report_drift(lease, &drift);
                }
            }
            Look::Gone if self.now() < lease.row.issued.plus(self.settle) => self.report.too_young += 1,
            Look::Gone => self.report_ghost(lease)?,
            Look::Elsewhere(why) => self.report_drift(lease, &[Drift { what: why, remedy: Remedy::ByHand }]),
            Look::Unreachable { place, reason, .. } => self.report.not_reached(&place, &reason),
        }
        Ok(())
    }

    fn report_ghost(&mut self, lease: &Lease) -> Result<()> {
        // It may have been ended, by rights, before it was looked for.
        if self.unchanged(&lease.row)?.is_none() {
            return Ok(());
        }
        let outcome = self.fix.map(|cause| self.end_ghost(lease, cause));
        let (subject, target) = names(lease);
        self.report.ghosts.push(Ghost { lease_id: self.live.id_of(lease), subject, target, outcome });
        Ok(())
    }

    fn report_drift(&mut self, lease: &Lease, drift: &[Drift]) {
        let lease_id = self.live.id_of(lease);
        for Drift { what, remedy } in drift {
            let (subject, target) = names(lease);
            let remedy = match remedy {
                Remedy::Renew if lease.payload.renewable => Some(format!("leasehold lease renew {lease_id}")),
                Remedy::Renew | Remedy::Revoke => Some(format!("leasehold lease revoke {lease_id}")),
                Remedy::ByHand => None,
            };
            let lease_id = lease_id.clone();
            self.report.drift.push(Drifted { lease_id, subject, target, what: what.clone(), remedy });
        }
    }
}

/// A lease's name outside, and where that is.
fn names(lease: &Lease) -> (String, String) {
    lease.payload.secret.as_ref().map(|secret| (secret.subject.clone(), secret.target.clone())).unwrap_or_default()
}
