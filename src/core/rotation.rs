//! Data keys: how old the one that seals is, how much it has sealed, and when the next one takes over. Old keys stay in the keyring
//! for what they have sealed, and what lies in the store is sealed anew (see `reseal`).

use crate::barrier::{KeyStatus, Place};
use crate::base::{Error, Result};
use crate::core::{Live, reseal};
use crate::storage::{Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const CONFIG: &str = "rotation";
const COUNT: &str = "encryptions";

/// The published default and largest value: just under what NIST allows a cipher with shorter nonces than ours.
pub const MAX_OPERATIONS: u64 = 3_865_470_566;
pub const FEWEST_OPERATIONS: u64 = 1_000_000;
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// When a key is replaced by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub enabled: bool,
    pub max_operations: u64,
    /// In seconds; 0 for no limit of age.
    pub interval: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, max_operations: MAX_OPERATIONS, interval: 0 }
    }
}

impl Config {
    /// # Errors
    /// `BadRequest` for numbers out of range.
    pub fn check(&self) -> Result<()> {
        if !(FEWEST_OPERATIONS..=MAX_OPERATIONS).contains(&self.max_operations) {
            return Err(Error::bad_request(format!(
                "max_operations must be in the range [{FEWEST_OPERATIONS}, {MAX_OPERATIONS}]"
            )));
        }
        if self.interval > 0 && self.interval < SHORTEST_INTERVAL.as_secs() {
            return Err(Error::bad_request("interval must be greater or equal to 24h, or 0 for none"));
        }
        Ok(())
    }
}

impl Live {
    /// # Errors
    /// `Internal` when it is damaged, or the store fails.
    pub fn rotation_config(&self) -> Result<Config> {
        let Some(sealed) = self.storage.reading(|snapshot| snapshot.meta(CONFIG))? else {
            return Ok(Config::default());
        };
        let bytes = self.barrier.open(&PLACE, &sealed)?;
        serde_json::from_slice(&bytes).map_err(|_| Error::internal("the configuration of key rotation does not parse"))
    }

    /// # Errors
    /// `BadRequest` for numbers out of range; `Internal` when the store fails.
    pub fn configure_rotation(&self, config: &Config) -> Result<()> {
        config.check()?;
        let bytes = serde_json::to_vec(config)
            .map_err(|_| Error::internal("the configuration of key rotation cannot be written"))?;
        let sealed = self.barrier.seal(&PLACE, &bytes)?;
        self.storage.writing(|tx| tx.set_meta(CONFIG, &sealed))
    }

    #[must_use]
    pub fn key_status(&self) -> KeyStatus {
        self.barrier.status()
    }

    /// Makes the next data key, which seals from now on, and begins to seal anew what older ones have sealed.
    ///
    /// # Errors
    /// `Internal` when the store fails: then nothing has changed.
    pub fn rotate(self: &Arc<Self>) -> Result<()> {
        let _alone = self.changing_keys();
        let next = self.storage.writing(|tx| {
            reseal::begin(tx)?;
            self.barrier.next_key(tx, self.now())
        })?;
        self.barrier.install(next);
        log::info!("the data key was rotated: term {}", self.barrier.status().term);
        reseal::start(self)
    }

    /// Notes how much was sealed, and rotates where it is time to.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn tend_keys(self: &Arc<Self>) -> Result<()> {
        let status = self.key_status();
        self.storage.writing(|tx| store_count(tx, &status))?;
        let config = self.rotation_config()?;
        let age = status.installed.until(self.now());
        let is_old = config.interval > 0 && age >= Duration::from_secs(config.interval);
        if config.enabled && (is_old || status.sealed >= config.max_operations) {
            self.rotate()?;
        }
        Ok(())
    }

    /// Goes on counting where an earlier process has stopped.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn resume_count(&self) -> Result<()> {
        let stored = self.storage.reading(|snapshot| count(snapshot))?;
        if let Some((term, sealed)) = stored {
            self.barrier.resume_count(term, sealed);
        }
        Ok(())
    }
}

/// Notes how much was sealed.
///
/// # Errors
/// `Internal` when the store fails.
pub fn store_count(tx: &mut dyn Tx, status: &KeyStatus) -> Result<()> {
    tx.set_meta(COUNT, &[&status.term.to_be_bytes()[..], &status.sealed.to_be_bytes()].concat())
}

fn count(snapshot: &dyn Snapshot) -> Result<Option<(u32, u64)>> {
    let Some(stored) = snapshot.meta(COUNT)? else { return Ok(None) };
    let parts = stored.split_first_chunk().and_then(|(term, rest)| Some((*term, rest.try_into().ok()?)));
    Ok(parts.map(|(term, sealed)| (u32::from_be_bytes(term), u64::from_be_bytes(sealed))))
}

const PLACE: Place<'static> = Place { table: "meta", column: "value", row: CONFIG.as_bytes(), grants: &[] };
