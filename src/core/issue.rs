//! Issuing: the intent is committed as a pending lease before the outside world is touched, and becomes active in the last
//! transaction before the answer is sent.

use crate::base::{Error, Kind, Result, Timestamp};
use crate::core::leases::{Grants, Leases, Payload, SecretRecord, new_suffix};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::names::Names;
use crate::core::quotas::admission::Admission;
use crate::core::ttl::{self, Limits};
use crate::logical::{Created, Intent, Issue, Issued, LeaseAnswer};
use crate::storage::{LeaseKind, LeaseState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Added to the request's deadline before the sweeper may take a pending row for lost.
const PENDING_MARGIN: Duration = Duration::from_secs(30);

/// Issues leases for one request.
pub struct Issuer {
    pub live: Arc<Live>,
    pub mount: Arc<Mount>,
    /// The row that the lease hangs at: the calling token's, or of a batch token its parent's.
    pub parent: i64,
    /// The end of the batch token that asks.
    pub ends: Option<Timestamp>,
    /// The caller's; empty where it has none.
    pub entity_id: String,
    /// The path below the mount.
    pub path: String,
    pub request_id: String,
    pub deadline: Instant,
}

impl Issue for Issuer {
    fn begin(&self, intent: &Intent) -> Result<(Issued, LeaseAnswer)> {
        self.live.require_sane_clock()?;
        let now = self.live.now();
        let limits = self.limits(intent.ttl, intent.max_ttl);
        let limits = limits.ending(self.ends, now);
        let granted = ttl::grant(Duration::ZERO, limits, now, now);
        let suffix = new_suffix(now)?;
        let payload = Payload {
            path: self.path.clone(),
            suffix: suffix.clone(),
            ttl: limits.default.as_secs(),
            renewable: intent.renewable,
            renewed: None,
            request_id: self.request_id.clone(),
            refused: false,
            last_error: None,
            ends: self.ends.map(|ends| ends.0),
            secret: Some(SecretRecord {
                kind: intent.kind.to_owned(),
                role: intent.role.clone(),
                subject: intent.subject.clone(),
                subjects: Vec::new(),
                target: intent.target.clone(),
                revocation: intent.revocation.clone(),
            }),
            token: None,
        };
        let grants = Grants {
            parent: self.parent,
            mount: self.mount.hash(),
            kind: LeaseKind::Secret,
            issued: now,
            expires: Some(granted.expires),
            maximum: Some(now.plus(limits.max)),
        };
        let row = self.insert(&payload, &grants, now)?;
        // If nobody comes back to this row, the sweeper must know when to look.
        self.live.bell.ring_by(self.time_left() + PENDING_MARGIN);
        let id = format!("{}{}/{suffix}", self.mount.path, self.path);
        Ok((Issued { row }, LeaseAnswer { id, ttl: now.until(granted.expires), renewable: intent.renewable }))
    }

    fn abandon(&self, issued: Issued, reason: &Error) {
        // Where the other side gave a clear answer, nothing is in flight any more and the row is an ordinary one to end.
        let refused = !matches!(reason.kind(), Kind::Upstream | Kind::Busy | Kind::Internal);
        let state = if refused { LeaseState::Revoking } else { LeaseState::Pending };
        let leases = Leases { barrier: &self.live.barrier };
        let outcome = self.live.storage.writing(|tx| {
            let row = tx.lease(issued.row)?;
            if let Some(row) = row.clone().filter(|row| refused && row.state == LeaseState::Pending) {
                let mut lease = leases.open(row)?;
                lease.payload.refused = true;
                tx.lease_reseal(issued.row, &leases.reseal(&lease)?)?;
            }
            tx.lease_advance(issued.row, LeaseState::Pending, state, Some(self.live.now()), 0)?;
            Ok(row)
        });
        match outcome {
            Ok(Some(row)) if reason.is_silence() && row.target.is_some() => {
                // One that does not open is reported when it is to be ended.
                leases.open(row).into_iter().for_each(|lease| self.live.heard_nothing(&lease, reason));
            }
            Ok(_) => {}
            Err(error) => {
                log::error!("a lease whose creation failed stays pending until its deadline: {}", error.for_log());
            }
        }
        self.live.bell.ring();
    }

    fn refine(&self, issued: Issued, learnt: &Created) -> Result<LeaseAnswer> {
        let leases = Leases { barrier: &self.live.barrier };
        self.live.storage.writing(|tx| {
            let row = tx.lease(issued.row)?.filter(|row| row.state == LeaseState::Pending).ok_or_else(lost)?;
            let mut lease = leases.open(row)?;
            if let Some(secret) = &mut lease.payload.secret {
                learnt.revocation.iter().for_each(|revocation| secret.revocation = revocation.clone());
                secret.subjects.clone_from(&learnt.subjects);
            }
            for subject in &learnt.subjects {
                tx.lease_name(issued.row, &leases.index("lease subject", &lease.row.mount, subject))?;
            }
            if let Some(ttl) = learnt.ttl {
                let end = lease.row.issued.plus(ttl);
                lease.row.expires = Some(lease.row.expires.map_or(end, |expires| expires.min(end)));
            }
            let sealed = leases.reseal(&lease)?;
            tx.lease_renew(issued.row, lease.row.expires, lease.row.maximum, &sealed)?;
            let ttl = lease.row.expires.map_or(Duration::ZERO, |expires| lease.row.issued.until(expires));
            let id = format!("{}{}/{}", self.mount.path, self.path, lease.payload.suffix);
            Ok(LeaseAnswer { id, ttl, renewable: lease.payload.renewable })
        })
    }

    fn warning(&self, issued: Issued) -> Option<String> {
        self.live.outlived(issued.row).unwrap_or_else(|error| {
            log::error!("it cannot be told when a new lease really ends: {}", error.for_log());
            None
        })
    }
}

impl Issuer {
    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn limits(&self, ttl: Option<Duration>, max: Option<Duration>) -> Limits {
        self.live.limits(&self.mount).narrowed(ttl, max)
    }

    fn insert(&self, payload: &Payload, grants: &Grants, now: Timestamp) -> Result<i64> {
        let leases = Leases { barrier: &self.live.barrier };
        let key = leases.secret_key(&payload.suffix);
        let sealed = leases.seal(grants, &key, payload)?;
        let due = now.plus(self.time_left()).plus(PENDING_MARGIN);
        let secret = payload.secret.as_ref().ok_or_else(|| Error::internal("an intent without a secret"))?;
        self.live.storage.writing(|tx| {
            leases.ancestors_alive(tx, self.parent, now)?.ok_or_else(Error::permission_denied)?;
            let node = Names { barrier: &self.live.barrier, mount: grants.mount }.ensure(tx, &self.path)?;
            let mut row = grants.row(key, node, LeaseState::Pending, Some(due), sealed.clone());
            row.role = Some(leases.index("lease role", &grants.mount, &secret.role));
            row.subject = Some(leases.index("lease subject", &grants.mount, &secret.subject));
            row.target = leases.target(&secret.target);
            row.entity = leases.entity(&self.entity_id);
            self.live.admit(
                tx,
                &Admission {
                    mount: &self.mount,
                    below: &self.path,
                    role: Some(&secret.role),
                    role_hash: row.role,
                    entity: row.entity,
                    is_outside: true,
                },
            )?;
            tx.lease_insert(&row)
        })
    }
}

impl Live {
    /// The answer will not be sent: what was issued for it is revoked.
    pub fn discard(&self, issued: Issued) {
        let due = self
            .storage
            .writing(|tx| tx.lease_advance(issued.row, LeaseState::Pending, LeaseState::Revoking, Some(self.now()), 0));
        if let Err(error) = due {
            log::error!("an unanswered lease stays pending until its deadline: {}", error.for_log());
        }
        self.bell.ring();
    }
}

fn lost() -> Error {
    Error::denied("the lease was ended while it was being made")
}
