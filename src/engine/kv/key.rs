//! What is known of a key: its settings, and of each of its versions all but the value. The values are records of their own,
//! so that this one stays small however large they are.
//!
//! Invariant: versions below `oldest` are gone, and no version is above `current`; numbers are never used again.

use super::config::Config;
use crate::base::{Result, Timestamp, random};
use crate::logical::Map;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many versions are kept where neither the mount nor the key says.
const VERSIONS: u64 = 10;

#[derive(Serialize, Deserialize)]
pub struct Key {
    /// What its values are kept under: another one when a key of the same name is made anew.
    pub id: String,
    pub created: i64,
    pub updated: i64,
    pub current: u64,
    pub oldest: u64,
    /// 0: as many as the mount says.
    #[serde(default)]
    pub max_versions: u64,
    #[serde(default)]
    pub cas_required: bool,
    /// Seconds; 0: as the mount says.
    #[serde(default)]
    pub delete_version_after: u64,
    #[serde(default)]
    pub custom_metadata: Map,
    pub versions: BTreeMap<u64, Version>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Version {
    pub created: i64,
    /// When it was deleted, or will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub destroyed: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Key {
    /// A key without versions.
    ///
    /// # Errors
    /// `Internal` when the system gives no randomness.
    pub fn new(now: Timestamp) -> Result<Self> {
        Ok(Self {
            id: random::base62(22)?,
            created: now.0,
            updated: now.0,
            current: 0,
            oldest: 0,
            max_versions: 0,
            cas_required: false,
            delete_version_after: 0,
            custom_metadata: Map::new(),
            versions: BTreeMap::new(),
        })
    }

    /// Adds a version and forgets those that are more than are kept; answers the numbers of the forgotten.
    pub fn add(&mut self, config: &Config, now: Timestamp) -> Vec<u64> {
        self.current += 1;
        self.updated = now.0;
        let deletion = self.deletion(config, now);
        self.versions.insert(self.current, Version { created: now.0, deletion, destroyed: false });
        let kept = match self.max_versions.max(config.max_versions) {
            0 => VERSIONS,
            kept => kept,
        };
        if self.current - self.oldest >= kept {
            self.oldest = self.current - kept + 1;
        }
        let later = self.versions.split_off(&self.oldest);
        std::mem::replace(&mut self.versions, later).into_keys().collect()
    }

    /// When a version that begins now is to be deleted: after the shorter of the two times that mount and key set.
    #[must_use]
    pub fn deletion(&self, config: &Config, now: Timestamp) -> Option<i64> {
        let mount = u64::try_from(config.delete_version_after).ok()?;
        let after = [mount, self.delete_version_after].into_iter().filter(|seconds| *seconds > 0).min()?;
        Some(now.plus(Duration::from_secs(after)).0)
    }

    /// The version of this number, the current one for 0.
    #[must_use]
    pub fn version(&self, number: u64) -> Option<(u64, Version)> {
        let number = if number == 0 { self.current } else { number };
        self.versions.get(&number).map(|version| (number, *version))
    }

    /// The whole of what is known.
    #[must_use]
    pub fn describe(&self) -> Map {
        let versions: Map =
            self.versions.iter().map(|(number, version)| (number.to_string(), version.times())).collect();
        members(json!({
            "cas_required": self.cas_required,
            "created_time": Timestamp(self.created).rfc3339(),
            "current_version": self.current,
            "custom_metadata": self.custom(),
            "delete_version_after": crate::base::duration::long(self.delete_version_after),
            "max_versions": self.max_versions,
            "oldest_version": self.oldest,
            "updated_time": Timestamp(self.updated).rfc3339(),
            "versions": versions,
        }))
    }

    /// What is known of one version, with the key's own metadata: the answer to a write, and beside a value that is read.
    #[must_use]
    pub fn describe_version(&self, number: u64, version: Version) -> Map {
        let mut described = members(version.times());
        described.insert("custom_metadata".to_owned(), self.custom());
        described.insert("version".to_owned(), Value::from(number));
        described
    }

    fn custom(&self) -> Value {
        if self.custom_metadata.is_empty() { Value::Null } else { Value::Object(self.custom_metadata.clone()) }
    }
}

impl Version {
    /// Its value cannot be read (any more, or until it is undeleted).
    #[must_use]
    pub fn is_gone(self, now: Timestamp) -> bool {
        self.destroyed || self.deletion.is_some_and(|deletion| deletion <= now.0)
    }

    fn times(self) -> Value {
        json!({
            "created_time": Timestamp(self.created).rfc3339(),
            "deletion_time": self.deletion.map(|deletion| Timestamp(deletion).rfc3339()).unwrap_or_default(),
            "destroyed": self.destroyed,
        })
    }
}

fn members(value: Value) -> Map {
    if let Value::Object(members) = value { members } else { Map::new() }
}
