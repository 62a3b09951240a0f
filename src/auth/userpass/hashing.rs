//! Passwords: kept as hashes that are slow to guess, made and checked a few at a time.
//!
//! Invariants: a check costs the work of one Argon2id hash whether there is a user or not; all hashes that are being made hold
//! at most [`AT_ONCE`] times [`MEMORY`] (76 MiB), however many log in; a password or a hash is in no message and no log.

use crate::base::{Error, Result, Secret, random};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// What one hash fills, in KiB: 19 MiB, gone through twice. OWASP's recommendation for a server.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const LENGTH: usize = 32;

/// How many hashes are made at once, where there are as many processors.
const AT_ONCE: usize = 4;

/// How many may wait for their turn; who comes then is sent away. Well above what AT_ONCE work off in [`PATIENCE`] would be a
/// queue that nobody gets to the end of.
const WAITING: usize = 256;
const PATIENCE: Duration = Duration::from_secs(30);

/// The costliest bcrypt hash that is taken: checking it takes about a second.
/// Bytes of a password that bcrypt reads.
const BCRYPT_READS: usize = 72;
const BCRYPT_COST: u32 = 14;

/// A password as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Password {
    /// Salt and hash in hexadecimal; memory in KiB.
    Argon2id { memory: u32, passes: u32, lanes: u32, salt: String, hash: String },
    /// Made elsewhere; stands until the first log-in.
    Bcrypt { hash: String },
}

impl Password {
    /// # Errors
    /// `Busy` when too many are being hashed.
    pub fn new(password: &Secret<String>, deadline: Instant) -> Result<Self> {
        let salt = random::bytes::<16>()?;
        let _turn = TURNS.take(deadline)?;
        let hash = argon2id(password, &salt, MEMORY, PASSES, LANES)?;
        let (salt, hash) = (hex::encode(salt), hex::encode(hash));
        Ok(Self::Argon2id { memory: MEMORY, passes: PASSES, lanes: LANES, salt, hash })
    }

    /// # Errors
    /// `BadRequest` for what is no bcrypt hash, and for one that would take too long to check.
    pub fn of_bcrypt(hash: &str) -> Result<Self> {
        let hash = hash.trim();
        let wrong =
            |_| Error::bad_request("password_hash is not a bcrypt hash: it looks like $2b$10$… and has 60 characters");
        let parts: bcrypt::HashParts = hash.parse().map_err(wrong)?;
        if parts.get_cost() > BCRYPT_COST {
            return Err(Error::bad_request(format!(
                "password_hash has a cost of {}: more than {BCRYPT_COST} would make every log-in wait",
                parts.get_cost()
            )));
        }
        Ok(Self::Bcrypt { hash: hash.to_owned() })
    }

    /// Whether it is kept the way that passwords are kept now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        matches!(self, Self::Argon2id { memory: MEMORY, passes: PASSES, lanes: LANES, .. })
    }

    /// Whether a password that this found right is right to its last byte: bcrypt reads no more than 72, and what a person
    /// mistyped behind them must not become the password.
    #[must_use]
    pub fn proves_all_of(&self, password: &Secret<String>) -> bool {
        match self {
            Self::Argon2id { .. } => true,
            Self::Bcrypt { .. } => password.expose().len() < BCRYPT_READS,
        }
    }

    fn is(&self, password: &Secret<String>) -> Result<bool> {
        match self {
            Self::Argon2id { memory, passes, lanes, salt, hash } => {
                let damaged = |_| Error::internal("a stored password's hash does not parse");
                let (salt, hash) = (hex::decode(salt).map_err(damaged)?, hex::decode(hash).map_err(damaged)?);
                let made = argon2id(password, &salt, *memory, *passes, *lanes)?;
                Ok(made.ct_eq(&hash).into())
            }
            Self::Bcrypt { hash } => bcrypt::verify(password.expose(), hash)
                .map_err(|_| Error::internal("a stored password's hash does not parse")),
        }
    }
}

/// Whether this is the password that is kept. Where none is kept the same work is done, and it is not.
///
/// # Errors
/// `Busy` when too many are being checked.
pub fn is_right(kept: Option<&Password>, given: &Secret<String>, deadline: Instant) -> Result<bool> {
    let _turn = TURNS.take(deadline)?;
    match kept {
        Some(kept) => kept.is(given),
        None => argon2id(given, b"nobody has this.", MEMORY, PASSES, LANES).map(|_| false),
    }
}

fn argon2id(password: &Secret<String>, salt: &[u8], memory: u32, passes: u32, lanes: u32) -> Result<[u8; LENGTH]> {
    let failed = |_| Error::internal("a password cannot be hashed");
    let parameters = Params::new(memory, passes, lanes, Some(LENGTH)).map_err(failed)?;
    let mut hash = [0; LENGTH];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    argon2.hash_password_into(password.expose().as_bytes(), salt, &mut hash).map_err(failed)?;
    Ok(hash)
}

static TURNS: Turns = Turns { counts: Mutex::new(Counts { busy: 0, waiting: 0 }), free: Condvar::new() };

/// Who may hash now.
struct Turns {
    counts: Mutex<Counts>,
    free: Condvar,
}

struct Counts {
    busy: usize,
    waiting: usize,
}

/// A turn, until it is dropped.
struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for a turn, but not for ever.
    fn take(&self, deadline: Instant) -> Result<Turn<'_>> {
        let mut counts = self.lock();
        if counts.waiting >= WAITING {
            return Err(busy());
        }
        let deadline = deadline.min(Instant::now() + PATIENCE);
        counts.waiting += 1;
        while counts.busy >= at_once() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                counts.waiting -= 1;
                return Err(busy());
            }
            counts = self.free.wait_timeout(counts, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        counts.waiting -= 1;
        counts.busy += 1;
        Ok(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().busy -= 1;
        self.0.free.notify_one();
    }
}

fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(AT_ONCE)
}

fn busy() -> Error {
    Error::busy("too many passwords are being checked: try again in a moment")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_password_is_known_again_and_no_other_is() -> Result<()> {
        let kept = Password::new(&"correct horse".into(), soon())?;
        assert!(kept.is_current());
        assert!(is_right(Some(&kept), &"correct horse".into(), soon())?);
        assert!(!is_right(Some(&kept), &"correct horse ".into(), soon())?);
        assert!(!is_right(None, &"correct horse".into(), soon())?);
        let text = serde_json::to_string(&kept).unwrap_or_default();
        assert!(text.contains("argon2id") && !text.contains("horse"));
        assert!(kept != Password::new(&"correct horse".into(), soon())?, "two have different salts");
        Ok(())
    }

    #[test]
    fn a_bcrypt_hash_is_checked_and_one_that_is_none_or_too_costly_is_refused() -> Result<()> {
        let hash = bcrypt::hash("s3cret", 4).unwrap_or_default();
        let kept = Password::of_bcrypt(&hash)?;
        assert!(is_right(Some(&kept), &"s3cret".into(), soon())? && !is_right(Some(&kept), &"other".into(), soon())?);
        assert!(!kept.is_current());
        for wrong in ["", "s3cret", &hash[..59], &hash.replace("$04$", "$15$"), &hash.replace("$2b$", "$1$")] {
            assert!(Password::of_bcrypt(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn no_more_than_a_few_hash_at_once_and_each_gets_a_turn() {
        let turns = Turns { counts: Mutex::new(Counts { busy: 0, waiting: 0 }), free: Condvar::new() };
        let (busy, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let turn = turns.take(soon());
                    most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    busy.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(usize::from(turn.is_ok()), Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.load(Ordering::SeqCst), 32);
        assert!(most.load(Ordering::SeqCst) <= AT_ONCE);
    }

    #[test]
    fn who_finds_no_turn_before_the_deadline_is_told_to_come_again() -> Result<()> {
        let turns = Turns { counts: Mutex::new(Counts { busy: 0, waiting: 0 }), free: Condvar::new() };
        let taken = (0..at_once()).map(|_| turns.take(soon())).collect::<Result<Vec<_>>>()?;
        let refused = turns.take(Instant::now()).err();
        assert_eq!(refused.map(|error| error.kind()), Some(crate::base::Kind::Busy));
        drop(taken);
        assert!(turns.take(Instant::now() + Duration::from_secs(1)).is_ok());
        Ok(())
    }
}
