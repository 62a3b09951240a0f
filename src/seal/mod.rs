//! How the root key is kept from the server until people bring it: split into shares, so many of which put it together.
//!
//! This folder holds the arithmetic and the configuration. Who is asked for shares, and how far along that is, belongs to the
//! core.

pub mod shamir;

#[cfg(test)]
mod tests;

use crate::base::{Error, Result};
use crate::storage::{Snapshot, Tx};
use serde::{Deserialize, Serialize};

/// Under which key the configuration lies in `meta`. It is read before anything can be unsealed, so it lies in clear.
const META_KEY: &str = "seal";

/// Into how many shares the root key is split, and how many of them put it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealConfig {
    pub shares: u8,
    pub threshold: u8,
}

impl SealConfig {
    /// # Errors
    /// `BadRequest` for numbers that cannot be or that protect nothing.
    pub fn new(shares: u64, threshold: u64) -> Result<Self> {
        if shares == 0 {
            return Err(Error::bad_request("the number of shares must be at least one"));
        }
        if threshold == 0 {
            return Err(Error::bad_request("the threshold must be at least one"));
        }
        let (Ok(shares), Ok(threshold)) = (u8::try_from(shares), u8::try_from(threshold)) else {
            return Err(Error::bad_request("shares and threshold must not be larger than 255"));
        };
        if threshold > shares {
            return Err(Error::bad_request("the threshold must not be larger than the number of shares"));
        }
        if threshold == 1 && shares > 1 {
            return Err(Error::bad_request("with more than one share the threshold must be larger than one"));
        }
        Ok(Self { shares, threshold })
    }

    /// The stored configuration; none before the store is initialised.
    ///
    /// # Errors
    /// `Internal` when what is stored is no configuration.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let Some(stored) = snapshot.meta(META_KEY)? else { return Ok(None) };
        let damaged = || Error::internal("the stored seal configuration is damaged");
        let Self { shares, threshold } = serde_json::from_slice(&stored).map_err(|error| damaged().caused_by(error))?;
        let checked = Self::new(shares.into(), threshold.into()).map_err(|error| damaged().caused_by(error))?;
        Ok(Some(checked))
    }

    /// # Errors
    /// Those of the store.
    pub fn store(&self, tx: &mut dyn Tx) -> Result<()> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Error::internal("the seal configuration cannot be written").caused_by(error))?;
        tx.set_meta(META_KEY, &json)
    }
}
