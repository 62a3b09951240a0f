//! What a lease is doing, in sentences that people can act on: whether it lives, until when and why not longer; or why it is
//! dead, and what becomes of its credential.

use crate::base::{Doubt, Result, Timestamp, duration};
use crate::core::ancestry::{Above, Ancestry, End, moment, state_word};
use crate::core::causes::{Cause, Event};
use crate::core::holds;
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::named::identify;
use crate::logical::Map;
use crate::storage::{LeaseKind, LeaseState};
use serde_json::{Value, json};

/// One lease with what stands above it, at one moment.
struct Case<'a> {
    live: &'a Live,
    lease: &'a Lease,
    ancestry: &'a Ancestry,
    now: Timestamp,
    /// What ended it, where it was something else than its time.
    cause: Option<Cause>,
    /// How it is spoken of: "the lease", "the token".
    what: &'static str,
}

impl Live {
    /// # Errors
    /// `Internal` when the store fails.
    pub fn explain(&self, lease: &Lease) -> Result<Map> {
        let leases = Leases { barrier: &self.barrier };
        let (ancestry, cause) = self.storage.reading(|snapshot| {
            let cause = lease.row.cause.map(|_| self.cause_of(snapshot, lease));
            Ok((leases.ancestry(snapshot, &lease.row)?, cause))
        })?;
        let what = if lease.row.kind == LeaseKind::Token { "token" } else { "lease" };
        let case = Case { live: self, lease, ancestry: &ancestry, now: self.now(), cause, what };
        let mut shown = identify(self, lease);
        for (name, value) in case.facts() {
            shown.insert(name.to_owned(), value);
        }
        Ok(shown)
    }

    /// What an answer with a new lease warns of: that a token above it ends before it does.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn outlived(&self, row: i64) -> Result<Option<String>> {
        let leases = Leases { barrier: &self.barrier };
        self.storage.reading(|snapshot| {
            let Some(row) = snapshot.lease(row)?.filter(|row| row.kind == LeaseKind::Secret) else { return Ok(None) };
            let lease = leases.open(row)?;
            let ancestry = leases.ancestry(snapshot, &lease.row)?;
            let Some(End { at, with: Some(above) }) = ancestry.end_of(&lease) else { return Ok(None) };
            let left = duration::short(self.now().until(at).as_secs());
            let own = lease.row.expires.map_or(String::new(), |own| format!(", not at {}", own.rfc3339()));
            let whose = if above.is_parent { "the calling token" } else { "a token above the calling one" };
            Ok(Some(format!(
                "this lease ends in {left}, at {}{own}: {whose} ({:?}) ends then, and what is below it ends with it",
                at.rfc3339(),
                above.display_name,
            )))
        })
    }
}

impl Case<'_> {
    fn facts(&self) -> Vec<(&'static str, Value)> {
        let Lease { row, payload } = self.lease;
        let end = self.ancestry.end_of(self.lease);
        let ended_outside = matches!(row.state, LeaseState::Revoking | LeaseState::Irrevocable);
        let mut facts = vec![
            ("state", state_word(self.lease, self.above_lives(), self.now).into()),
            ("alive", self.lives().into()),
            ("why", self.sentences(end.as_ref()).into()),
            ("would_end", self.would_end().into()),
            ("issue_time", moment(Some(row.issued))),
            ("expire_time", moment(row.expires)),
            ("effective_expire_time", moment(end.as_ref().map(|end| end.at))),
            ("request_id", payload.request_id.as_str().into()),
        ];
        if let Some(with) = end.as_ref().and_then(|end| end.with.as_ref()) {
            facts.push(("ends_with", with.shown(true)));
        }
        if row.state != LeaseState::Active {
            facts.push(("attempts", row.attempts.into()));
            facts.push(("last_error", payload.last_error.as_deref().map_or(Value::Null, Value::from)));
        }
        if let Some(cause) = &self.cause {
            facts.push(("cause", json!(cause)));
        }
        if ended_outside {
            facts.push(("next_attempt", moment(row.due)));
        }
        facts
    }

    fn above_lives(&self) -> bool {
        !self.ancestry.is_broken && self.ancestry.dead(self.now).is_none()
    }

    fn is_disabling(&self) -> bool {
        self.live.mount_of(&self.lease.row.mount).is_ok_and(|mount| mount.disabling)
    }

    fn lives(&self) -> bool {
        self.above_lives() && self.lease.is_live_at(self.now) && !self.is_disabling()
    }

    fn sentences(&self, end: Option<&End>) -> Vec<String> {
        match self.lease.row.state {
            LeaseState::Pending => self.while_pending(),
            LeaseState::Active if self.lives() => self.while_living(end),
            LeaseState::Active => {
                let doubt = self.live.clock.doubt();
                vec![self.death(), doubt.map_or_else(|| self.not_yet_taken_up(), |doubt| self.held(doubt))]
            }
            LeaseState::Revoking | LeaseState::Irrevocable => {
                let restored = self
                    .live
                    .restored()
                    .filter(|restored| self.lease.row.kind == LeaseKind::Secret && self.lease.row.issued < restored.at);
                let held = restored.map(|restored| format!("The credential is not ended: {}.", holds::told(&restored)));
                self.while_ending().into_iter().chain(held).collect()
            }
        }
    }

    fn while_living(&self, end: Option<&End>) -> Vec<String> {
        let what = self.what;
        let mut said = vec![match end {
            None => format!("The {what} lives, and does not end by itself."),
            Some(End { at, with: None }) => format!("The {what} lives until {}.", self.at(*at)),
            Some(End { at, with: Some(above) }) => {
                let own = self.lease.row.expires;
                let own = own.map_or(String::new(), |own| format!("; its own end would be {}", own.rfc3339()));
                format!("The {what} lives until {}, when {} ends{own}.", self.at(*at), above.in_words())
            }
        }];
        if let Some(maximum) = self.lease.row.maximum.filter(|_| self.lease.payload.renewable) {
            said.push(format!("Renewing moves its own end to {} at most.", maximum.rfc3339()));
        }
        said
    }

    fn while_pending(&self) -> Vec<String> {
        let due = self.lease.row.due;
        let request = &self.lease.payload.request_id;
        match due.filter(|due| self.now < *due) {
            Some(due) if self.lease.row.attempts == 0 => vec![
                format!("The {} is being made by the request {request}, and was answered to nobody yet.", self.what),
                format!(
                    "If that request is not done by {}, it counts as lost, and what it made is ended.",
                    self.at(due)
                ),
            ],
            due => {
                let mut said = vec![format!(
                    "The request {request} did not finish: nobody was given what it made, and it is being ended."
                )];
                said.extend(self.tries(due));
                said
            }
        }
    }

    fn while_ending(&self) -> Vec<String> {
        let mut said = vec![self.death()];
        if self.lease.row.kind == LeaseKind::Token {
            said.push("What is left of it, and what hangs below it, is being cleared away.".to_owned());
            return said;
        }
        if self.lease.row.state == LeaseState::Irrevocable {
            said.push("Its credential could not be ended in several tries, and may go on working.".to_owned());
        } else {
            said.push("Its credential is being ended.".to_owned());
        }
        said.extend(self.tries(self.lease.row.due));
        said
    }

    /// Why it is dead, as far as can be told.
    fn death(&self) -> String {
        let what = self.what;
        let expired = |at: Timestamp| format!("its time was over at {}", at.rfc3339());
        let above = self.ancestry.dead(self.now).map(|dead| {
            let named = self.ancestry.seen().find(|above| Some(&above.accessor) == accessor(dead));
            let named = named.as_ref().map_or_else(|| "a token above it".to_owned(), Above::in_words);
            match dead.row.expires.filter(|end| *end <= self.now) {
                Some(end) => format!("{named} above it expired at {}", end.rfc3339()),
                None => format!("{named} above it was revoked"),
            }
        });
        let own = self.lease.row.expires.filter(|end| *end <= self.now).map(expired);
        let why = self
            .caused()
            .or(above)
            .or(own)
            .or_else(|| self.is_disabling().then(|| "its mount is being disabled".to_owned()))
            .or_else(|| self.ancestry.is_broken.then(|| "a token above it has ended and is gone".to_owned()))
            .unwrap_or_else(|| "it was revoked".to_owned());
        format!("The {what} is dead: {why}.")
    }

    /// What is noted of its end, in words: `revoked-by-role aws/support, by the request 4b… of the token with accessor 0V…`.
    fn caused(&self) -> Option<String> {
        let cause = self.cause.as_ref().filter(|cause| cause.event != Event::Unknown)?;
        let mut told = format!("it ended by {}", cause.event.word());
        let own = self.live.id_of(self.lease);
        let begun = Some(&cause.lease_id).filter(|id| !id.is_empty() && **id != own);
        for (before, value) in
            [(" ", Some(&cause.scope)), (" of ", begun), (", by the request ", Some(&cause.request_id))]
        {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                told.push_str(&format!("{before}{value}"));
            }
        }
        if !cause.by.is_empty() {
            told.push_str(&format!(" of the token with accessor {}", cause.by));
        }
        Some(told)
    }

    fn not_yet_taken_up(&self) -> String {
        match self.lease.row.kind {
            LeaseKind::Token => "It is cleared away in the background.".to_owned(),
            LeaseKind::Secret => "Its credential is about to be ended in the background.".to_owned(),
        }
    }

    fn held(&self, doubt: Doubt) -> String {
        format!(
            "The {} is not ended until the clock is set right or accepted (operator clock accept): {doubt}.",
            if self.lease.row.kind == LeaseKind::Token { "rest of it" } else { "credential" }
        )
    }

    fn tries(&self, due: Option<Timestamp>) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(error) = &self.lease.payload.last_error {
            said.push(format!("It failed {}, at last by: {error}.", times(self.lease.row.attempts)));
        }
        if let Some(silence) = self.live.targets.silence(&self.lease.row.lane()) {
            said.push(format!(
                "Its target is silent since {}, was asked {}, and is asked again {}; all leases there wait for that.",
                silence.since.rfc3339(),
                times(silence.tries),
                self.at(silence.next),
            ));
            return said;
        }
        match due {
            Some(due) if self.now < due => said.push(format!("The next try is due {}.", self.at(due))),
            _ => said.push("It is tried now.".to_owned()),
        }
        said
    }

    /// What would end a lease that lives, besides its time.
    fn would_end(&self) -> Vec<String> {
        if !self.lives() {
            return Vec::new();
        }
        let own = match (self.live.lease_id(self.lease), accessor(self.lease)) {
            (Some(id), _) => format!("lease revoke {id}"),
            (None, Some(accessor)) => format!("token revoke -accessor {accessor}"),
            (None, None) => String::new(),
        };
        let above = self.ancestry.seen().map(|above| format!("token revoke -accessor {}", above.accessor));
        std::iter::once(own).filter(|own| !own.is_empty()).chain(above).collect()
    }

    /// A moment, and how far away it is.
    fn at(&self, moment: Timestamp) -> String {
        let left = self.now.until(moment).as_secs();
        if left == 0 { moment.rfc3339() } else { format!("{} (in {})", moment.rfc3339(), duration::short(left)) }
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn accessor(lease: &Lease) -> Option<&String> {
    lease.payload.token.as_ref().map(|token| &token.accessor)
}

/// Who made a lease: the request, the token and those above it.
///
/// # Errors
/// `Internal` when the store fails.
pub fn provenance(live: &Live, lease: &Lease) -> Result<Map> {
    let leases = Leases { barrier: &live.barrier };
    let ancestry = live.storage.reading(|snapshot| leases.ancestry(snapshot, &lease.row))?;
    let above_lives = !ancestry.is_broken && ancestry.dead(live.now()).is_none();
    let token = ancestry.above.first().and_then(|parent| parent.payload.token.as_ref());
    let mut shown = identify(live, lease);
    for (name, value) in [
        ("state", Value::from(state_word(lease, above_lives, live.now()))),
        ("issue_time", moment(Some(lease.row.issued))),
        ("expire_time", moment(lease.row.expires)),
        ("effective_expire_time", moment(ancestry.end_of(lease).map(|end| end.at))),
        ("request_id", lease.payload.request_id.as_str().into()),
        ("token", ancestry.seen().next().map_or(Value::Null, |parent| parent.shown(true))),
        ("entity_id", token.map_or(Value::Null, |token| token.entity_id.as_str().into())),
        ("above", ancestry.seen().skip(1).map(|above| above.shown(true)).collect::<Vec<_>>().into()),
    ] {
        shown.insert(name.to_owned(), value);
    }
    if let Some(secret) = lease.payload.secret.as_ref().filter(|secret| !secret.subjects.is_empty()) {
        shown.insert("subjects".to_owned(), json!(secret.subjects));
    }
    Ok(shown)
}
