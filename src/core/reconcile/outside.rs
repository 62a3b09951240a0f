//! The first direction: what is outside and has no lease.

use super::report::{Orphan, Unknown};
use super::{Comparison, Cursor};
use crate::base::{Kind, Result, Timestamp};
use crate::core::leases::Leases;
use crate::logical::{Claim, Seen};

/// What is known of something that no lease accounts for.
enum Finding {
    Orphan(&'static str),
    Unknown(&'static str),
    /// Its lease ended so lately that it may only be seen still.
    TooYoung,
    Others,
}

impl Comparison<'_> {
    /// Compares a page of what is at the first place from `place` on; where to go on.
    pub(super) fn compare_outside(&mut self, place: &str, after: &str) -> Result<Cursor> {
        let mut ctx = self.context();
        let places = (self.engine.places)(&mut ctx)?;
        let Some(at) = places.iter().position(|name| name.as_str() >= place) else {
            return Ok(Cursor::Leases { after: 0 });
        };
        let next_place = places.get(at + 1).cloned();
        let current = &places[at];
        // Another has come in its place: from its beginning.
        let after = if current == place { after } else { "" };
        let compared = (self.engine.list)(&mut ctx, current, after).and_then(|page| {
            self.report.outside += page.found.len();
            self.compare_page(current, page.found)?;
            Ok(page.next)
        });
        let next = match compared {
            Err(error) if error.kind() != Kind::Internal => {
                self.report.not_reached(current, error.message());
                None
            }
            compared => compared?,
        };
        Ok(match (next, next_place) {
            (Some(after), _) => Cursor::Outside { place: current.clone(), after },
            (None, Some(place)) => Cursor::Outside { place, after: String::new() },
            (None, None) => Cursor::Leases { after: 0 },
        })
    }

    fn compare_page(&mut self, place: &str, found: Vec<Seen>) -> Result<()> {
        let mut names = Vec::new();
        for seen in found {
            match seen.claim {
                Claim::Others => self.report.of_others += 1,
                _ if self.has_lease(&seen)? => {}
                _ => names.push(seen.name),
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        // A lease that ended while the page was read has taken its credential along by now.
        let again = (self.engine.named)(&mut self.context(), place, &names)?;
        for seen in again {
            if !self.has_lease(&seen)? {
                self.report_on(place, seen)?;
            }
        }
        Ok(())
    }

    fn report_on(&mut self, place: &str, seen: Seen) -> Result<()> {
        match self.judge(&seen)? {
            Finding::Orphan(proof) => {
                let outcome = match self.fix {
                    Some(cause) => Some(self.end_orphan(place, &seen, cause)?),
                    None => None,
                };
                self.report.orphans.push(Orphan { subject: seen.name, place: place.to_owned(), proof, outcome });
            }
            Finding::Unknown(why) => {
                self.report.unknown.push(Unknown { subject: seen.name, place: place.to_owned(), why });
            }
            Finding::TooYoung => self.report.too_young += 1,
            Finding::Others => self.report.of_others += 1,
        }
        Ok(())
    }

    fn judge(&self, seen: &Seen) -> Result<Finding> {
        let ended = self.ended(&seen.name)?;
        if ended.is_some_and(|ended| self.now() < ended.plus(self.settle)) {
            return Ok(Finding::TooYoung);
        }
        // Whoever took the name after the lease had ended is somebody else.
        let is_older = |ended: Timestamp| seen.created.is_none_or(|created| created <= ended);
        Ok(match seen.claim {
            Claim::Others => Finding::Others,
            Claim::Marked => Finding::Orphan("it carries this server's mark"),
            Claim::Named => Finding::Orphan("its name holds this server's checksum"),
            Claim::Alike { is_unique: true } if ended.is_some_and(is_older) => {
                Finding::Orphan("a lease of this server had its name")
            }
            Claim::Alike { is_unique: false } if ended.is_some() => {
                Finding::Unknown("a lease had its name, but names are made more than once by the username_template")
            }
            Claim::Alike { .. } | Claim::Unread => {
                Finding::Unknown("its name begins as this mount's do, and nothing else tells")
            }
        })
    }

    /// When the last lease of this name ended, on any mount that makes credentials, as far back as that is kept.
    fn ended(&self, name: &str) -> Result<Option<Timestamp>> {
        let leases = Leases { barrier: &self.live.barrier };
        let mounts = self.live.mounts();
        let hashes: Vec<_> = mounts
            .active()
            .chain(mounts.disabling())
            .map(|mount| leases.index("lease subject", &mount.hash(), name))
            .collect();
        self.live.storage.reading(|snapshot| {
            let mut last = None;
            for hash in &hashes {
                last = last.max(snapshot.ended(hash)?);
            }
            Ok(last)
        })
    }
}
