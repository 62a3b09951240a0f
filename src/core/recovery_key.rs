//! The recovery key of a server whose seal opens by itself: its shares show that enough people agree, and open nothing. Of the key
//! itself only a keyed hash is stored.

use crate::barrier::Barrier;
use crate::base::{Error, Result, Secret};
use crate::storage::{Snapshot, Tx};
use subtle::ConstantTimeEq;

const META_KEY: &str = "recovery_key";

/// The one before, for as long as the answer with the new shares is on its way.
const PREVIOUS: &str = "previous_recovery_key";

/// # Errors
/// Those of the store.
pub fn store(tx: &mut dyn Tx, barrier: &Barrier, key: &Secret<[u8; 32]>) -> Result<()> {
    tx.set_meta(META_KEY, &hash(barrier, key))
}

/// Stores another one; the one before still counts until it is forgotten.
///
/// # Errors
/// Those of the store.
pub fn replace(tx: &mut dyn Tx, barrier: &Barrier, key: &Secret<[u8; 32]>) -> Result<()> {
    if let Some(previous) = tx.meta(META_KEY)? {
        tx.set_meta(PREVIOUS, &previous)?;
    }
    store(tx, barrier, key)
}

/// # Errors
/// Those of the store.
pub fn has_previous(snapshot: &dyn Snapshot) -> Result<bool> {
    Ok(snapshot.meta(PREVIOUS)?.is_some())
}

/// # Errors
/// Those of the store.
pub fn forget_previous(tx: &mut dyn Tx) -> Result<()> {
    tx.delete_meta(PREVIOUS)
}

/// # Errors
/// Those of the store.
pub fn delete(tx: &mut dyn Tx) -> Result<()> {
    tx.delete_meta(META_KEY)
}

/// # Errors
/// `BadRequest` when it is another key, or there is none.
pub fn check(snapshot: &dyn Snapshot, barrier: &Barrier, key: &Secret<[u8; 32]>) -> Result<()> {
    let stored = snapshot.meta(META_KEY)?.ok_or_else(|| {
        Error::bad_request("this server has no recovery key: it was initialised without recovery shares")
    })?;
    let given = hash(barrier, key);
    let same = |stored: &[u8]| bool::from(given[..].ct_eq(stored));
    if same(&stored) || snapshot.meta(PREVIOUS)?.is_some_and(|previous| same(&previous)) {
        return Ok(());
    }
    Err(Error::bad_request("the keys given do not make the recovery key"))
}

fn hash(barrier: &Barrier, key: &Secret<[u8; 32]>) -> [u8; 32] {
    barrier.hash32("recovery key", &[key.expose()])
}
