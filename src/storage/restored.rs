//! The note in a store that it is not what it was: restored from a backup, or copied from elsewhere. The store itself makes it
//! when it is opened (only it sees files); whoever acts outside on what is stored reads it, and takes it away when an operator
//! says that this store is the one.

use super::{Snapshot, Tx};
use crate::base::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

const META_KEY: &str = "restored";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When it was noticed: what is older was there before.
    pub at: Timestamp,
    /// How it was noticed.
    pub reason: String,
}

impl Restored {
    /// # Errors
    /// `Internal` when the note is damaged, or the store fails.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let Some(stored) = snapshot.meta(META_KEY)? else { return Ok(None) };
        serde_json::from_slice(&stored).map(Some).map_err(|_| Error::internal("the note of a restore is damaged"))
    }

    /// # Errors
    /// Those of the store.
    pub fn store(&self, tx: &mut dyn Tx) -> Result<()> {
        let json = serde_json::to_vec(self).map_err(|_| Error::internal("the note of a restore cannot be written"))?;
        tx.set_meta(META_KEY, &json)
    }

    /// # Errors
    /// Those of the store.
    pub fn delete(tx: &mut dyn Tx) -> Result<()> {
        tx.delete_meta(META_KEY)
    }
}
