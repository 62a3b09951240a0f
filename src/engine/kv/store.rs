//! How a mount of version 2 keeps its keys and their values: a key's metadata is one record, the value of each version one
//! more. All of it is below one folder whose name no request can name, so that the values of version 1 that a mount may
//! still hold can have any name at all.
//!
//! Invariant: a value's record is there exactly as long as its version is known and not destroyed, for both change in one
//! transaction.

use super::config::Config;
use super::key::Key;
use super::upgrade;
use crate::base::{Error, Result, Timestamp};
use crate::logical::ctx::{load, store};
use crate::logical::{Input, Map, Records, wipe};
use zeroize::Zeroizing;

/// No path holds a control character: see `CanonicalPath`.
pub const FOLDER: &str = "\u{1}/";

const CONFIG: &str = "\u{1}/config";

/// A value out of the store, wiped when it is dropped.
#[derive(Default)]
pub struct Value(pub Map);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

/// The path of a key to be read; one that ends in a slash is a folder, and no key.
///
/// # Errors
/// `NotFound` without a word.
pub fn read_path(input: &Input) -> Result<String> {
    input.text("path").filter(|path| !path.ends_with('/')).ok_or_else(|| Error::not_found(""))
}

/// The path of a key to be written.
///
/// # Errors
/// `BadRequest` for a folder.
pub fn write_path(input: &Input) -> Result<String> {
    let path = input.required("path")?;
    if path.ends_with('/') {
        return Err(Error::bad_request("cannot write to a path ending in '/'"));
    }
    Ok(path)
}

/// The mount's settings. Every handler begins with them, and so finds out whether the mount can serve at all.
///
/// # Errors
/// `BadRequest` while the mount is being upgraded.
pub fn config(records: &(impl Records + ?Sized)) -> Result<Config> {
    if upgrade::is_under_way(records)? {
        return Err(upgrade::unavailable());
    }
    Ok(load(records, CONFIG)?.unwrap_or_default())
}

/// # Errors
/// `Internal` when the store fails.
pub fn put_config(records: &mut (impl Records + ?Sized), config: &Config) -> Result<()> {
    store(records, CONFIG, config)
}

/// # Errors
/// `Internal` when the record does not open.
pub fn key(records: &(impl Records + ?Sized), path: &str) -> Result<Option<Key>> {
    load(records, &key_record(path))
}

/// # Errors
/// `Internal` when the store fails.
pub fn has_key(records: &(impl Records + ?Sized), path: &str) -> Result<bool> {
    records.has(&key_record(path))
}

/// # Errors
/// `Internal` when the store fails.
pub fn put_key(records: &mut (impl Records + ?Sized), path: &str, key: &Key) -> Result<()> {
    store(records, &key_record(path), key)
}

/// Deletes a key with all its values. One that is damaged goes, too, so that its name can be used again; what its values were
/// kept under is lost with it, and they stay where nothing reaches them.
///
/// # Errors
/// `Internal` when the store fails.
pub fn delete_key(records: &mut (impl Records + ?Sized), path: &str) -> Result<()> {
    match key(records, path) {
        Ok(Some(key)) => key.versions.keys().try_for_each(|number| delete_value(records, &key, *number))?,
        Ok(None) => {}
        Err(error) => log::error!("a damaged key is deleted without its values: {}", error.for_log()),
    }
    records.delete(&key_record(path)).map(drop)
}

/// The names below a folder (empty, or ending in a slash).
///
/// # Errors
/// `Internal` when the store fails.
pub fn names(records: &(impl Records + ?Sized), folder: &str) -> Result<Vec<String>> {
    records.list(&key_record(folder))
}

/// The value of a version.
///
/// # Errors
/// `Internal` when it is not there or does not open.
pub fn value(records: &(impl Records + ?Sized), key: &Key, number: u64) -> Result<Value> {
    load(records, &value_record(key, number))?
        .map(Value)
        .ok_or_else(|| Error::internal("the value of a version is missing in the store"))
}

/// Makes a value the next version of a key, and lets go of the versions that are now too many.
///
/// # Errors
/// `Internal` when the store fails.
pub fn append(
    records: &mut (impl Records + ?Sized),
    (path, key): (&str, &mut Key),
    value: &[u8],
    config: &Config,
    now: Timestamp,
) -> Result<()> {
    for number in key.add(config, now) {
        delete_value(records, key, number)?;
    }
    records.put(&value_record(key, key.current), value)?;
    put_key(records, path, key)
}

/// # Errors
/// `Internal` when the store fails.
pub fn delete_value(records: &mut (impl Records + ?Sized), key: &Key, number: u64) -> Result<()> {
    records.delete(&value_record(key, number)).map(drop)
}

/// A value as it is kept.
///
/// # Errors
/// `Internal`: it came from JSON.
pub fn bytes(value: &Map) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = serde_json::to_vec(value).map(Zeroizing::new);
    bytes.map_err(|_| Error::internal("a value cannot be written as JSON"))
}

fn key_record(path: &str) -> String {
    format!("{FOLDER}keys/{path}")
}

fn value_record(key: &Key, number: u64) -> String {
    format!("{FOLDER}values/{}.{number}", key.id)
}
