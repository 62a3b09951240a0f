//! Answers that a client may ask for again. Who reads credentials with an idempotency key, and loses the answer on the way,
//! sends the same request once more and gets the same credentials, not a second set that nobody uses.
//!
//! An answer is kept sealed, for ten minutes at most, and no longer than its lease and all above it live. It is bound to the
//! token that asked, and every repetition is authenticated, authorised and put on record like any request.
//!
//! Invariant: for one token and key there is at most one living lease that was answered. The answer is stored in the
//! transaction that activates its lease, or neither happens.

use crate::barrier::Place;
use crate::base::{Error, Result, Timestamp};
use crate::core::ancestry::Ancestry;
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::revocation::ROWS_A_CHANGE;
use crate::logical::{Body, LeaseAnswer, Map, Operation, Request, Response, envelope, wipe};
use crate::storage::{AnswerRow, Hash, LeaseKey, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long an answer is kept at most.
const KEPT: Duration = Duration::from_secs(600);

/// How long a repetition waits for the request that it repeats, and how many may wait at once: each holds a thread.
const PATIENCE: Duration = Duration::from_secs(10);
const WAITING: usize = 32;

/// Left of a request's time when it stops waiting, so that it is still answered.
const MARGIN: Duration = Duration::from_secs(1);

/// The keys whose first request is under way.
#[derive(Default)]
pub struct Answers {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    flying: HashSet<Hash>,
    waiting: usize,
}

/// The right to be the one request of its key that is under way.
pub struct Claim {
    answers: Arc<Answers>,
    key: Hash,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.answers.state.lock().unwrap_or_else(PoisonError::into_inner).flying.remove(&self.key);
        self.answers.landed.notify_all();
    }
}

impl Answers {
    /// Waits until nobody else is under way with this key, or until the patience ends.
    fn claim(self: &Arc<Self>, key: Hash, until: Instant) -> Option<Claim> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.flying.contains(&key) {
            if state.waiting >= WAITING {
                return None;
            }
            state.waiting += 1;
            let left = until.saturating_duration_since(Instant::now());
            let waited = self.landed.wait_timeout_while(state, left, |state| state.flying.contains(&key));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        state.flying.insert(key).then(|| Claim { answers: self.clone(), key })
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }
}

/// Where a request with a key stands.
pub enum Turn {
    /// It was answered before.
    Again(Box<Response>),
    First(Claim),
}

/// An answer to be stored when its lease is activated. Holds its claim until then.
pub struct Keeping {
    claim: Claim,
    sealed_later: Zeroizing<Vec<u8>>,
}

/// The sealed part of an answer.
#[derive(Serialize, Deserialize)]
struct Record {
    /// What was asked, in a keyed hash.
    asked: [u8; 32],
    request_id: String,
    envelope: Map,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.envelope.values_mut().for_each(wipe);
    }
}

impl Live {
    /// Finds out whether a request with an idempotency key was answered before; waits for the one that is under way.
    ///
    /// # Errors
    /// `Conflict` when that one takes too long, `Mismatch` when the key was used for something else.
    pub fn turn(&self, token: &LeaseKey, request: &Request, key: &str) -> Result<Turn> {
        let key = self.barrier.hash("idempotency key", &[token, key.as_bytes()]);
        let latest = request.deadline.checked_sub(MARGIN).unwrap_or(request.deadline);
        let until = latest.min(Instant::now() + PATIENCE);
        let claim = self.answers.claim(key, until).ok_or_else(|| {
            Error::conflict(
                "a request with this Idempotency-Key is still being served: send this one again in a moment, it then gets the \
                 same answer",
            )
        })?;
        match self.kept(&key)? {
            Some((record, _)) if record.asked != self.asked(request) => Err(Error::mismatch(
                "this Idempotency-Key was used for another request: the key of a repetition goes with the same path and \
                 parameters, and a new request needs a new key",
            )),
            Some((record, lease)) => self.replay(record, &lease).map(|response| Turn::Again(Box::new(response))),
            None => Ok(Turn::First(claim)),
        }
    }

    /// Notes an answer, to be stored with its lease. One that is not of the usual form is not kept.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn keep(&self, claim: Claim, request: &Request, response: &Response) -> Result<Option<Keeping>> {
        let Body::Data(data) = &response.body else { return Ok(None) };
        let envelope = envelope::write(&request.id, response, Value::Object(data.clone()));
        let record = Record { asked: self.asked(request), request_id: request.id.clone(), envelope };
        let bytes = serde_json::to_vec(&record).map(Zeroizing::new);
        let sealed_later = bytes.map_err(|_| Error::internal("an answer cannot be written as JSON"))?;
        Ok(Some(Keeping { claim, sealed_later }))
    }

    /// Stores an answer, in the transaction that activates its lease.
    pub(super) fn insert_answer(&self, tx: &mut dyn Tx, keeping: &Keeping, row: i64, now: Timestamp) -> Result<()> {
        let leases = Leases { barrier: &self.barrier };
        let row = tx.lease(row)?.ok_or_else(Error::permission_denied)?;
        let lease = leases.open(row)?;
        let ancestry: Ancestry = leases.ancestry(&*tx, &lease.row)?;
        let longest = now.plus(KEPT);
        let expires = ancestry.end_of(&lease).map_or(longest, |end| end.at.min(longest));
        let (key, lease) = (keeping.claim.key, lease.row.id);
        let sealed = at_place(&key, lease, expires, |place| self.barrier.seal(place, &keeping.sealed_later))?;
        tx.answer_put(&AnswerRow { key, lease, expires, sealed })
    }

    /// The answer of a key, while its lease and all above it live.
    fn kept(&self, key: &Hash) -> Result<Option<(Record, Lease)>> {
        let leases = Leases { barrier: &self.barrier };
        let now = self.now();
        self.storage.reading(|snapshot| {
            let Some(row) = snapshot.answer(key)?.filter(|row| now < row.expires) else { return Ok(None) };
            let Some(lease) = snapshot.lease(row.lease)? else { return Ok(None) };
            let Some((lease, _)) = leases.alive(snapshot, lease, now)? else { return Ok(None) };
            if self.mount_of(&lease.row.mount)?.disabling {
                return Ok(None);
            }
            let bytes = at_place(key, row.lease, row.expires, |place| self.barrier.open(place, &row.sealed))?;
            let record = serde_json::from_slice(&bytes);
            Ok(Some((record.map_err(|_| Error::internal("a row of answers does not parse"))?, lease)))
        })
    }

    /// The same answer, less the time that has passed.
    fn replay(&self, mut record: Record, lease: &Lease) -> Result<Response> {
        let mut response = envelope::read(std::mem::take(&mut record.envelope))?;
        response.request_id = None;
        let ttl = lease.row.expires.map_or(Duration::ZERO, |expires| self.now().until(expires));
        response.lease = response.lease.map(|answered| LeaseAnswer { ttl, ..answered });
        response.replay_of = Some(std::mem::take(&mut record.request_id));
        Ok(response)
    }

    /// What a request asks for, so that another can be told from it.
    fn asked(&self, request: &Request) -> [u8; 32] {
        let reads = [u8::from(request.operation == Operation::Read)];
        let mut data = Zeroizing::new(String::new());
        canonical_members(&request.data, &mut data);
        self.barrier.hash32("idempotent request", &[&reads, request.path.as_str().as_bytes(), data.as_bytes()])
    }
}

/// Deletes answers that have expired, a batch at a time.
///
/// # Errors
/// `Internal` when the store fails.
pub fn clear(live: &Live) -> Result<()> {
    let now = live.now();
    if live.storage.reading(|snapshot| snapshot.next_answer_expiry())?.is_none_or(|next| now < next) {
        return Ok(());
    }
    while live.storage.writing(|tx| tx.answers_purge(now, ROWS_A_CHANGE))? == ROWS_A_CHANGE {}
    Ok(())
}

/// Writes a value with the members of all objects sorted: parameters have no order.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => canonical_members(members, text),
        Value::Array(items) => {
            text.push('[');
            items.iter().for_each(|item| canonical(item, text));
            text.push(']');
        }
        leaf => {
            text.push_str(&leaf.to_string());
            text.push(',');
        }
    }
}

fn canonical_members(members: &Map, text: &mut String) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| name.as_str());
    text.push('{');
    for (name, member) in members {
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        canonical(member, text);
    }
    text.push('}');
}

/// Runs `work` with the place that an answer's seal is bound to.
fn at_place<T>(key: &Hash, lease: i64, expires: Timestamp, work: impl FnOnce(&Place<'_>) -> T) -> T {
    let (lease, expires) = (lease.to_be_bytes(), expires.0.to_be_bytes());
    work(&Place { table: "answers", column: "sealed", row: key, grants: &[&lease, &expires] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(value: &Value) -> String {
        let mut text = String::new();
        canonical(value, &mut text);
        text
    }

    #[test]
    fn parameters_have_no_order_and_different_ones_are_told_apart() {
        assert_eq!(
            written(&json!({ "a": 1, "b": { "c": 2, "d": 3 } })),
            written(&json!({ "b": { "d": 3, "c": 2 }, "a": 1 }))
        );
        let different =
            [json!([1, [2]]), json!([[1, 2]]), json!([[1], 2]), json!(["1", 2]), json!({ "1": 2 }), json!([])];
        for (at, one) in different.iter().enumerate() {
            for other in &different[at + 1..] {
                assert_ne!(written(one), written(other));
            }
        }
    }
}
