//! Leases as they are looked up and listed by state: the published shape, and beyond it what becomes of those that have ended.

use crate::base::Result;
use crate::core::ancestry::{moment, state_word};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::renewal::Found;
use crate::core::revocation::BATCH;
use crate::logical::Map;
use crate::storage::{Hash, LeaseKind, LeaseState};
use serde_json::Value;

impl Live {
    /// What a look-up of a lease shows.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn describe(&self, found: &Found) -> Result<Map> {
        let (lease, now) = (&found.lease, self.now());
        let leases = Leases { barrier: &self.barrier };
        let above = self.storage.reading(|snapshot| leases.ancestors_alive(snapshot, lease.row.parent, now))?;
        let lives = above.is_some() && lease.is_live_at(now) && !found.mount.disabling;
        let mut data = Map::new();
        let mut show = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
        show("id", found.id.as_str().into());
        show("issue_time", moment(Some(lease.row.issued)));
        show("expire_time", moment(lease.row.expires));
        show("last_renewal", moment(lease.payload.renewed.map(crate::base::Timestamp)));
        show("renewable", (lives && lease.payload.renewable).into());
        show("ttl", if lives { lease.seconds_left(now) } else { 0 }.into());
        show(
            "state",
            if found.mount.disabling && lease.row.state == LeaseState::Active {
                "mount disabled".into()
            } else {
                state_word(lease, above.is_some(), now).into()
            },
        );
        if lease.row.state != LeaseState::Active {
            show("attempts", lease.row.attempts.into());
            show("next_attempt", moment(lease.row.due));
        }
        if let Some(error) = &lease.payload.last_error {
            show("last_error", error.as_str().into());
        }
        if let Some(silence) = self.targets.silence(&lease.row.lane()).filter(|_| !lives) {
            show("target_silent_since", silence.since.rfc3339().into());
            show("target_next_try", silence.next.rfc3339().into());
            show("target_error", silence.reason.into());
        }
        let kind = lease.payload.secret.as_ref().map(|secret| secret.kind.as_str());
        if kind.and_then(|kind| self.engine(&found.mount).ok()?.secret(kind)).is_some_and(|kind| kind.expires_only) {
            show("revocation", "expires only".into());
        }
        Ok(data)
    }

    /// Shows every lease of a secret in this state to `look`, a page at a time, for as long as it says so; whether it saw all.
    /// What does not open is reported and left out.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn each_in_state(&self, state: LeaseState, mut look: impl FnMut(Found) -> bool) -> Result<bool> {
        let mounts = self.mounts();
        for mount in mounts.active().chain(mounts.disabling()) {
            let mut after = 0;
            loop {
                let page = self.storage.reading(|snapshot| {
                    snapshot.leases_in_state(&mount.hash(), LeaseKind::Secret, state, after, BATCH)
                })?;
                let Some(last) = page.last() else { break };
                after = last.id;
                for row in page {
                    let found = match self.found(row) {
                        Ok(found) => found,
                        Err(error) => {
                            log::error!("a lease is damaged and left out: {}", error.for_log());
                            continue;
                        }
                    };
                    if !look(found) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// How many leases are due at a target, counted up to `most`.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn due_at(&self, target: &Hash, most: usize) -> Result<usize> {
        let now = self.now();
        self.storage.reading(|snapshot| Ok(snapshot.leases_due(LeaseKind::Secret, target, now, most)?.len()))
    }
}
