//! Putting right what was found: a ghost's lease ends as any other; an orphan is given a lease that is dead from the start, and
//! is ended by that, so that whatever happens in between it is not lost again.

use super::Comparison;
use super::report::Outcome;
use crate::base::{Error, Result, Timestamp};
use crate::core::causes::{Cause, Prepared};
use crate::core::errand::Errand;
use crate::core::leases::{Grants, Lease, Leases, Payload, SecretRecord, new_suffix};
use crate::core::names::Names;
use crate::logical::{Intent, Seen};
use crate::storage::{LeaseKind, LeaseState, Tx};
use std::time::Instant;

/// Where the leases of orphans are filed, below their mount.
const FOLDER: &str = "reconciled";

impl Comparison<'_> {
    pub(super) fn end_ghost(&self, lease: &Lease, cause: &Cause) -> Outcome {
        self.end(lease.row.id, self.live.id_of(lease), cause)
    }

    pub(super) fn end_orphan(&self, place: &str, seen: &Seen, cause: &Cause) -> Result<Outcome> {
        let intent = (self.engine.owed)(&mut self.context(), place, seen)?;
        let now = self.now();
        let payload = payload(format!("{FOLDER}/{place}"), new_suffix(now)?, &intent, cause);
        let id = format!("{}{}/{}", self.mount.path, payload.path, payload.suffix);
        let begun_here = Cause { lease_id: id.clone(), ..cause.clone() };
        let Some(row) = self.insert(&payload, &intent, seen, &self.live.prepare_cause(&begun_here)?, now)? else {
            return Ok(Outcome::LeftAlone);
        };
        log::warn!("{:?} at {place:?} had no lease, and is ended by the lease {id}", seen.name);
        Ok(self.end(row, id, cause))
    }

    /// Ends a lease while somebody waits, as long as there is time for that.
    fn end(&self, row: i64, lease_id: String, cause: &Cause) -> Outcome {
        let ended = if Instant::now() < self.until {
            Errand::new(self.live, cause.clone()).end(row)
        } else {
            self.live.revoke_row(row, cause).and(Err(Error::busy("there was no time for it yet")))
        };
        match ended {
            Ok(()) => Outcome::Ended,
            Err(error) => Outcome::Ending { lease_id, reason: error.message().to_owned() },
        }
    }

    /// Commits the lease of an orphan, due at once; none where a lease accounts for it by now.
    fn insert(
        &self,
        payload: &Payload,
        intent: &Intent,
        seen: &Seen,
        cause: &Prepared,
        now: Timestamp,
    ) -> Result<Option<i64>> {
        let leases = Leases { barrier: &self.live.barrier };
        let mount = self.mount.hash();
        let grants =
            Grants { parent: 0, mount, kind: LeaseKind::Secret, issued: now, expires: Some(now), maximum: Some(now) };
        let key = leases.secret_key(&payload.suffix);
        let sealed = leases.seal(&grants, &key, payload)?;
        let inserted = self.live.storage.writing(|tx: &mut dyn Tx| {
            if self.live.accounts_for(&*tx, self.engine, seen)? {
                return Ok(None);
            }
            let node = Names { barrier: &self.live.barrier, mount }.ensure(tx, &payload.path)?;
            let mut row = grants.row(key, node, LeaseState::Revoking, Some(now), sealed.clone());
            row.subject = Some(leases.index("lease subject", &mount, &intent.subject));
            row.target = leases.target(&intent.target);
            let row = tx.lease_insert(&row)?;
            cause.put_on(tx, row)?;
            Ok(Some(row))
        })?;
        self.live.bell.ring();
        Ok(inserted)
    }
}

fn payload(path: String, suffix: String, intent: &Intent, cause: &Cause) -> Payload {
    Payload {
        path,
        suffix,
        ttl: 0,
        renewable: false,
        renewed: None,
        request_id: cause.request_id.clone(),
        // What has its name by then may be somebody else's: that is left alone, and the lease goes.
        refused: true,
        last_error: None,
        ends: None,
        secret: Some(SecretRecord {
            kind: intent.kind.to_owned(),
            role: intent.role.clone(),
            subject: intent.subject.clone(),
            subjects: Vec::new(),
            target: intent.target.clone(),
            revocation: intent.revocation.clone(),
        }),
        token: None,
    }
}
