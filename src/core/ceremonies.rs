//! What enough holders of keys may do together: make other keys, or a root token. Each is begun, goes on with one share after another
//! under a nonce that says which attempt is meant, and ends with the last one or by being cancelled.
//!
//! Everything of an attempt is in memory and ends with sealing. Invariant: a share that was given for one purpose counts for no
//! other, and an attempt does nothing before its quorum is complete and right.

use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::core::quorum::Quorum;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// From then on anybody may cancel an attempt: whoever began it is not coming back.
const ABANDONED: Duration = Duration::from_secs(600);

/// The attempts that are under way, one of each kind at most.
#[derive(Default)]
pub struct Ceremonies {
    rekey: Mutex<Option<Rekey>>,
    rekey_recovery: Mutex<Option<Rekey>>,
    root: Mutex<Option<RootToken>>,
}

/// Which keys are made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// What opens the store.
    Unseal,
    /// What shows that enough people agree, where a seal opens by itself.
    Recovery,
}

/// What every attempt has.
pub struct Attempt {
    pub nonce: String,
    pub started: Timestamp,
    pub quorum: Quorum,
}

/// New keys.
pub struct Rekey {
    pub attempt: Attempt,
    pub shares: u8,
    pub threshold: u8,
    /// The new keys count only when they have been given once.
    pub verify: bool,
    /// They are made, and wait for that.
    pub made: Option<Made>,
}

/// New keys that are not in force yet.
pub struct Made {
    pub attempt: Attempt,
    pub key: Secret<[u8; 32]>,
}

/// A new root token.
pub struct RootToken {
    pub attempt: Attempt,
    pub otp: Secret<String>,
}

impl Ceremonies {
    pub fn rekey(&self, target: Target) -> MutexGuard<'_, Option<Rekey>> {
        let of = match target {
            Target::Unseal => &self.rekey,
            Target::Recovery => &self.rekey_recovery,
        };
        of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn root(&self) -> MutexGuard<'_, Option<RootToken>> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { nonce: random::uuid(), started: now, quorum: Quorum::default() }
    }

    /// # Errors
    /// `BadRequest` when another attempt is meant.
    pub fn check_nonce(&self, nonce: &str, what: &str) -> Result<()> {
        if nonce == self.nonce {
            return Ok(());
        }
        Err(Error::bad_request(format!(
            "incorrect nonce supplied; nonce for this {what} operation is {:?}",
            self.nonce
        )))
    }

    /// Takes a share, which counts once.
    ///
    /// # Errors
    /// `BadRequest` for what is no share, or was given before.
    pub fn add(&mut self, share: Secret<Vec<u8>>, threshold: u8, what: &str) -> Result<Option<Secret<[u8; 32]>>> {
        if self.quorum.has(&share) {
            return Err(Error::bad_request(format!(
                "given key has already been provided during this {what} operation"
            )));
        }
        self.quorum.add(share, threshold)
    }

    /// Whether it may be cancelled by somebody who shows this nonce, or sudo, now.
    ///
    /// # Errors
    /// `BadRequest` saying what would do.
    pub fn check_cancel(&self, nonce: &str, sudo: bool, now: Timestamp) -> Result<()> {
        if sudo || nonce == self.nonce || self.started.until(now) >= ABANDONED {
            return Ok(());
        }
        let left = ABANDONED.saturating_sub(self.started.until(now)).as_secs();
        Err(Error::bad_request(format!(
            "an attempt is cancelled by its nonce, by a token with sudo, or by anybody ten minutes after its start (in {left} s)"
        )))
    }
}
