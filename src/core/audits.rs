//! Audit devices as they are stored: sealed definitions under a keyed hash of their path. The broker holds them open; this
//! file keeps the two alike.
//!
//! Invariant: every stored device is in the broker, one that does not open as one that refuses. So nothing that happens to a
//! row or a file turns auditing off unseen.

use crate::audit::{self, Broker, Definition};
use crate::barrier::{Barrier, Place};
use crate::base::{Error, Result};
use crate::core::Live;
use crate::storage::{Catalog, Hash, Snapshot};
use std::path::PathBuf;

/// What the broker calls a device whose row does not open, before its key in hexadecimal.
const DAMAGED: &str = "damaged-";

/// Opens all stored devices.
///
/// # Errors
/// `Internal` when the store fails. A damaged device is none: it is in the broker and refuses.
pub fn load(snapshot: &dyn Snapshot, barrier: &Barrier, broker: &Broker, allowed: &[PathBuf]) -> Result<()> {
    for row in snapshot.catalog(Catalog::AuditDevices)? {
        let definition = match open(barrier, &row.key, &row.sealed) {
            Ok(definition) => definition,
            Err(error) => {
                log::error!("a row of audit devices is damaged: {}", error.for_log());
                broker.add_damaged(&damaged_name(&row.key));
                continue;
            }
        };
        if let Err(error) = start(broker, &definition, allowed) {
            log::error!("audit device {} does not open: {}", definition.path, error.for_log());
            broker.add_damaged(&definition.path);
        }
    }
    Ok(())
}

fn start(broker: &Broker, definition: &Definition, allowed: &[PathBuf]) -> Result<()> {
    let device = audit::open(definition, allowed)?;
    let disclosure = audit::Disclosure::from_options(&definition.options)?;
    broker.add(&definition.path, device, &definition.salt, disclosure);
    Ok(())
}

/// Enables a device once it has taken its first line.
///
/// # Errors
/// `BadRequest` for a path that is in use, and for a device that is wrong or does not take a line.
pub fn enable(live: &Live, definition: &Definition) -> Result<()> {
    let in_use = || Error::bad_request("path already in use");
    if live.audit.list().contains(&definition.path) {
        return Err(in_use());
    }
    let device = audit::open(definition, &live.settings.audit_directories)?;
    let disclosure = audit::Disclosure::from_options(&definition.options)?;
    audit::probe(device.as_ref(), live.now())?;
    let key = key(&live.barrier, &definition.path);
    let bytes =
        serde_json::to_vec(definition).map_err(|_| Error::internal("an audit device cannot be written as JSON"))?;
    let bytes = zeroize::Zeroizing::new(bytes);
    live.storage.writing(|tx| {
        if tx.catalog_row(Catalog::AuditDevices, &key)?.is_some() {
            return Err(in_use());
        }
        tx.catalog_put(Catalog::AuditDevices, &key, &live.barrier.seal(&place(&key), &bytes)?)
    })?;
    live.audit.add(&definition.path, device, &definition.salt, disclosure);
    log::info!("enabled audit device {}", definition.path);
    Ok(())
}

/// Disables a device, a damaged one too; whether there was one.
///
/// # Errors
/// `Internal` when the store fails.
pub fn disable(live: &Live, path: &str) -> Result<bool> {
    let key = damaged_key(path).unwrap_or_else(|| key(&live.barrier, path));
    let existed = live.storage.writing(|tx| tx.catalog_delete(Catalog::AuditDevices, &key))?;
    if live.audit.remove(path) {
        log::warn!("disabled audit device {path}");
    }
    Ok(existed)
}

/// A device as it is listed: its definition, or only its name where the row is damaged.
pub enum Listed {
    Known(Definition),
    Damaged(String),
}

/// All devices.
///
/// # Errors
/// `Internal` when the store fails.
pub fn list(live: &Live) -> Result<Vec<Listed>> {
    let rows = live.storage.reading(|snapshot| snapshot.catalog(Catalog::AuditDevices))?;
    let listed = rows.iter().map(|row| match open(&live.barrier, &row.key, &row.sealed) {
        Ok(definition) => Listed::Known(definition),
        Err(_) => Listed::Damaged(damaged_name(&row.key)),
    });
    Ok(listed.collect())
}

fn open(barrier: &Barrier, key: &Hash, sealed: &[u8]) -> Result<Definition> {
    let bytes = barrier.open(&place(key), sealed)?;
    serde_json::from_slice(&bytes).map_err(|_| Error::internal("a row of audit devices does not parse"))
}

fn damaged_name(key: &Hash) -> String {
    format!("{DAMAGED}{}/", hex::encode(key))
}

fn damaged_key(path: &str) -> Option<Hash> {
    let digits = path.strip_prefix(DAMAGED)?.strip_suffix('/')?;
    hex::decode(digits).ok()?.try_into().ok()
}

fn key(barrier: &Barrier, path: &str) -> Hash {
    barrier.hash("audit device path", &[path.as_bytes()])
}

fn place(key: &Hash) -> Place<'_> {
    Place { table: Catalog::AuditDevices.table(), column: "sealed", row: key, grants: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_device_is_found_again_by_its_name() {
        let key = [0xab; 16];
        assert_eq!(damaged_key(&damaged_name(&key)), Some(key));
        assert_eq!(damaged_key("file/"), None);
        assert_eq!(damaged_key("damaged-by-water/"), None);
    }
}
