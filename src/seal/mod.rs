//! How the root key is kept while the server is sealed: split into shares, so many of which people bring to put it together; or
//! wrapped by a seal that opens by itself, and then people hold shares of a recovery key, which shows that enough of them agree
//! and opens nothing.
//!
//! This folder holds the arithmetic, the seals and the stored configuration. Who is asked for shares, and how far along that is,
//! belongs to the core.

pub mod auto;
pub mod passphrase;
pub mod shamir;
pub mod source;
pub mod static_key;
pub mod transit;

#[cfg(test)]
mod tests;

use crate::base::{Error, Result};
use crate::storage::{Snapshot, Tx};
use serde::{Deserialize, Serialize};

/// Under which key the configuration lies in `meta`. It is read before anything can be unsealed, so it lies in clear.
const META_KEY: &str = "seal";

/// What keeps the root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Shamir,
    Static,
    Passphrase,
    Transit,
}

impl Kind {
    /// As configurations and `sys/seal-status` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shamir => "shamir",
            Self::Static => "static",
            Self::Passphrase => "passphrase",
            Self::Transit => "transit",
        }
    }

    /// Whether it opens by itself.
    #[must_use]
    pub fn is_auto(self) -> bool {
        self != Self::Shamir
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
    fn is_shamir(&self) -> bool {
        !self.is_auto()
    }
}

/// Into how many shares a key is split, and how many of them put it together: the root key, or where a seal opens by itself the
/// recovery key (with no shares where there is none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealConfig {
    #[serde(rename = "type", default, skip_serializing_if = "Kind::is_shamir")]
    pub kind: Kind,
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
        Ok(Self { kind: Kind::Shamir, shares, threshold })
    }

    /// Of a seal of this kind, with a recovery key in so many shares.
    ///
    /// # Errors
    /// `BadRequest` for numbers that cannot be.
    pub fn of(kind: Kind, shares: u64, threshold: u64) -> Result<Self> {
        if kind.is_auto() && shares == 0 && threshold == 0 {
            return Ok(Self { kind, shares: 0, threshold: 0 });
        }
        Ok(Self { kind, ..Self::new(shares, threshold)? })
    }

    /// The stored configuration; none before the store is initialised.
    ///
    /// # Errors
    /// `Internal` when what is stored is no configuration.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let Some(stored) = snapshot.meta(META_KEY)? else { return Ok(None) };
        let damaged = || Error::internal("the stored seal configuration is damaged");
        let Self { kind, shares, threshold } =
            serde_json::from_slice(&stored).map_err(|error| damaged().caused_by(error))?;
        let checked = Self::of(kind, shares.into(), threshold.into()).map_err(|error| damaged().caused_by(error))?;
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
