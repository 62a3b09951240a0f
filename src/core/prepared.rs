//! The last step before an answer is sent: one transaction brings to life all that the answer speaks of. Nothing of it lives
//! before the audit devices have taken the answer, and an answer that is not sent leaves nothing alive.

use crate::base::failpoint::failpoint;
use crate::base::{Error, Result, Timestamp};
use crate::core::answers::Keeping;
use crate::core::identity::login::{self, Presented};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::records;
use crate::core::tokens::Draft;
use crate::core::wrapping::Wrapping;
use crate::logical::{Along, Issued, Records};
use crate::storage::{LeaseRow, LeaseState, Tx};
use std::sync::Arc;

/// What an answer speaks of and does not live yet.
#[derive(Default)]
pub struct Prepared {
    /// A pending lease, whose credential exists outside.
    pub lease: Option<Issued>,
    /// The answer with that lease, where it may be asked for again.
    pub answer: Option<Keeping>,
    /// A token, stored nowhere so far.
    pub token: Option<Draft>,
    /// What is new of the alias by which somebody signed in.
    pub noted: Option<Presented>,
    /// What the auth method that the token is from writes with it.
    pub along: Option<(Arc<Mount>, Along)>,
    /// The token that wraps the answer, and what it wraps.
    pub wrapping: Option<Wrapping>,
}

impl Prepared {
    fn is_empty(&self) -> bool {
        self.lease.is_none()
            && self.token.is_none()
            && self.noted.is_none()
            && self.along.is_none()
            && self.wrapping.is_none()
    }
}

impl Live {
    /// Brings everything to life at once, or nothing.
    ///
    /// # Errors
    /// `Denied` when an ancestor ended meanwhile or the lease is no longer pending: the lease is then revoked.
    pub fn activate(&self, prepared: &Prepared) -> Result<()> {
        if prepared.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let activated = self.storage.writing(|tx| {
            let (mut ends, mut target) = (Vec::new(), None);
            if let Some(issued) = prepared.lease {
                let row = self.activate_lease(tx, issued, now)?;
                ends.extend(row.expires);
                target = row.target;
                if let Some(keeping) = &prepared.answer {
                    self.insert_answer(tx, keeping, issued.row, now)?;
                }
            }
            if let Some(draft) = &prepared.token {
                ends.extend(self.insert_token(tx, draft)?.expires);
            }
            if let Some(presented) = &prepared.noted {
                self.change_identities_in(tx, |records| login::entity_of(records, presented, now).map(drop))?;
            }
            if let Some((mount, along)) = &prepared.along {
                let change = |records: &mut dyn Records| (along.change)(records, along.with.expose(), now);
                records::within(tx, &self.barrier, mount.hash(), change)?;
            }
            if let Some(wrapping) = &prepared.wrapping {
                ends.extend(self.insert_wrapping(tx, wrapping)?.expires);
            }
            Ok((ends, target))
        });
        failpoint!("issue.activate");
        if prepared.noted.is_some() {
            self.identities_changed();
        }
        match activated {
            Ok((ends, target)) => {
                // One of them may be the next to fall due.
                ends.into_iter().min().into_iter().for_each(|end| self.bell.ring_by(now.until(end)));
                // What has just made a credential can end others.
                target.into_iter().for_each(|target| self.heard(&target));
                Ok(())
            }
            Err(error) => {
                self.abandon(prepared);
                Err(error)
            }
        }
    }

    fn activate_lease(&self, tx: &mut dyn Tx, issued: Issued, now: Timestamp) -> Result<LeaseRow> {
        let leases = Leases { barrier: &self.barrier };
        let row = tx.lease(issued.row)?.ok_or_else(Error::permission_denied)?;
        let lives = leases.ancestors_alive(tx, row.parent, now)?.is_some() && !self.mount_of(&row.mount)?.disabling;
        if !lives || !tx.lease_advance(row.id, LeaseState::Pending, LeaseState::Active, row.expires, 0)? {
            return Err(Error::permission_denied());
        }
        Ok(row)
    }

    /// The answer will not be sent: what exists outside already is revoked. The rest was never stored.
    pub fn abandon(&self, prepared: &Prepared) {
        prepared.lease.into_iter().for_each(|issued| self.discard(issued));
    }
}
