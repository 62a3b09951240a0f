//! Keeps what a run was given alive: renews its token and its leases, and fetches a fresh credential before one ends.
//!
//! When what is due, [`Cycle`] says; this asks the server and tells whether the command's values have changed. Invariants: one
//! path is read once for all its fields; a replacement that is tried again is the same request to the server, by its
//! idempotency key, so that a lost answer makes no second credential.

use super::session::Session;
use super::wishes::Wishes;
use crate::base::{clock, random};
use crate::cli::cycle::{Cycle, Moment, Step};
use crate::cli::secret::{self, Found, Lease, Reference};
use crate::cli::{Client, Failure, console};
use serde_json::{Value, json};
use std::time::Duration;

pub struct Keeper {
    /// Speaks with the token in use, the parent of the run's.
    parent: Client,
    pub wishes: Wishes,
    pub session: Session,
    /// Sessions whose tokens have reached their maximum: what hangs on them may still be in use until they end.
    earlier: Vec<Session>,
    kept: Vec<Kept>,
}

/// One path, and what it answered last.
struct Kept {
    path: String,
    found: Found,
    lease: Option<(Lease, Cycle)>,
    /// The key of the replacement that is under way.
    key: Option<String>,
}

impl Keeper {
    /// Makes the run's token and reads everything under it. When something is missing, nothing is left behind.
    ///
    /// # Errors
    /// What could not be had.
    pub fn open(parent: Client, wishes: Wishes) -> Result<Self, Failure> {
        let session = Session::open(&parent, &wishes)?;
        let kept = wishes.paths().into_iter().map(|path| Kept::read(&session.client, path)).collect::<Result<_, _>>();
        match kept {
            Ok(kept) => Ok(Self { parent: parent.without_retries(), wishes, session, earlier: Vec::new(), kept }),
            Err(failure) => {
                let _ = session.close();
                Err(failure)
            }
        }
    }

    /// What a path answered last, with the moment when its credential ends.
    #[must_use]
    pub fn found(&self, reference: &Reference) -> Option<(&Found, Option<Duration>)> {
        let kept = self.kept.iter().find(|kept| kept.path == reference.path)?;
        let left = kept.lease.as_ref().map(|(_, cycle)| cycle.ends().saturating_sub(clock::since_boot()));
        Some((&kept.found, left))
    }

    /// Each path with the length of its lease.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Option<Duration>)> {
        self.kept.iter().map(|kept| (kept.path.as_str(), kept.lease.as_ref().map(|(lease, _)| lease.duration)))
    }

    /// When there will be something to do.
    #[must_use]
    pub fn next(&self) -> Moment {
        let leases = self.kept.iter().filter_map(|kept| kept.lease.as_ref()).map(|(_, cycle)| cycle.next());
        leases.fold(self.session.cycle.next(), Moment::min)
    }

    /// Does what is due, and tells whether a credential was replaced.
    pub fn tend(&mut self) -> bool {
        self.tend_session();
        let mut is_changed = false;
        let mut is_doubtful = false;
        for kept in &mut self.kept {
            let outcome = kept.tend(&self.session.client);
            is_changed |= outcome == Outcome::Replaced;
            is_doubtful |= outcome == Outcome::Forbidden;
        }
        if is_doubtful {
            self.doubt_session();
        }
        is_changed
    }

    fn tend_session(&mut self) {
        let now = clock::since_boot();
        match self.session.cycle.due(now) {
            None => {}
            Some(Step::Replace) => self.replace_session(),
            Some(Step::Renew) => match self.session.renew() {
                Ok(granted) => self.session.cycle.renewed(clock::since_boot(), granted, random::fraction()),
                Err(failure) if is_refusal(&failure) => {
                    complain("the run's token cannot be renewed any more", &failure);
                    self.replace_session();
                }
                Err(failure) => {
                    complain("the run's token could not be renewed", &failure);
                    self.session.cycle.failed(clock::since_boot(), random::fraction());
                }
            },
        }
    }

    /// Something was forbidden that was allowed before: either a policy has changed, or the token is dead.
    fn doubt_session(&mut self) {
        match self.session.renew() {
            Ok(granted) => self.session.cycle.renewed(clock::since_boot(), granted, random::fraction()),
            Err(failure) if is_refusal(&failure) => self.replace_session(),
            Err(_) => {}
        }
    }

    /// A new token for the run; what hangs on the one before is fetched anew.
    fn replace_session(&mut self) {
        match Session::open(&self.parent, &self.wishes) {
            Ok(fresh) => {
                let now = clock::since_boot();
                self.kept.iter_mut().filter_map(|kept| kept.lease.as_mut()).for_each(|(_, cycle)| cycle.lost(now));
                self.earlier.retain(|session| session.cycle.ends() > now);
                self.earlier.push(std::mem::replace(&mut self.session, fresh));
            }
            Err(failure) => {
                complain("no new token for the run", &failure);
                self.session.cycle.lost(clock::since_boot());
                self.session.cycle.failed(clock::since_boot(), random::fraction());
            }
        }
    }

    /// Ends the run's token and everything below it.
    pub fn close(self) {
        let now = clock::since_boot();
        for session in self.earlier.iter().filter(|session| session.cycle.ends() > now) {
            let _ = session.close();
        }
        if let Err(failure) = self.session.close().or_else(|_| self.session.close()) {
            complain("the run's token could not be revoked; it ends by itself", &failure);
        }
    }
}

/// What tending one path led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unchanged,
    Replaced,
    Forbidden,
}

impl Kept {
    fn read(client: &Client, path: String) -> Result<Self, Failure> {
        let key = random::base62(24)?;
        let found = secret::read(client, &path, Some(&key))?;
        let lease = found.lease().map(|lease| (lease.clone(), begin(&lease)));
        Ok(Self { path, found, lease, key: None })
    }

    fn tend(&mut self, client: &Client) -> Outcome {
        let now = clock::since_boot();
        match self.lease.as_ref().and_then(|(_, cycle)| cycle.due(now)) {
            None => Outcome::Unchanged,
            Some(Step::Renew) => self.renew(client),
            Some(Step::Replace) => self.replace(client),
        }
    }

    fn renew(&mut self, client: &Client) -> Outcome {
        let Some((lease, cycle)) = &mut self.lease else { return Outcome::Unchanged };
        let body = json!({ "lease_id": lease.id, "increment": cycle.increment().as_secs() });
        let answer = client.write("sys/leases/renew", body);
        let now = clock::since_boot();
        match answer {
            Ok(answer) => {
                let granted =
                    answer.as_ref().and_then(|answer| answer.member("lease_duration")).and_then(Value::as_u64);
                cycle.renewed(now, Duration::from_secs(granted.unwrap_or_default()), random::fraction());
                Outcome::Unchanged
            }
            Err(failure) if is_refusal(&failure) => {
                complain(&format!("{} cannot be renewed any more; a fresh one follows", self.path), &failure);
                cycle.refused(now);
                if failure.status == Some(403) { Outcome::Forbidden } else { Outcome::Unchanged }
            }
            Err(failure) => {
                if cycle.failures() == 0 {
                    complain(&format!("{} could not be renewed; trying again", self.path), &failure);
                }
                cycle.failed(now, random::fraction());
                Outcome::Unchanged
            }
        }
    }

    fn replace(&mut self, client: &Client) -> Outcome {
        let key = match self.key.take().map_or_else(|| random::base62(24), Ok) {
            Ok(key) => key,
            Err(_) => return Outcome::Unchanged,
        };
        match secret::read(client, &self.path, Some(&key)) {
            Ok(found) => {
                self.lease = found.lease().map(|lease| (lease.clone(), begin(&lease)));
                self.found = found;
                Outcome::Replaced
            }
            Err(failure) => {
                if let Some((_, cycle)) = &mut self.lease {
                    if cycle.failures() == 0 {
                        complain(&format!("no fresh {}; trying again", self.path), &failure);
                    }
                    cycle.failed(clock::since_boot(), random::fraction());
                }
                // A key is bound to the token, and what was refused with it is refused again.
                self.key = (!is_refusal(&failure)).then_some(key);
                if failure.status == Some(403) { Outcome::Forbidden } else { Outcome::Unchanged }
            }
        }
    }
}

fn begin(lease: &Lease) -> Cycle {
    Cycle::begin(clock::since_boot(), lease.duration, lease.renewable, random::fraction())
}

/// The server understood and said no; everything else may be better the next time.
fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.status, Some(400 | 403 | 404))
}

fn complain(what: &str, failure: &Failure) {
    let reason = failure.message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    console::complain(format!("leasehold: {what}: {reason}"));
}
