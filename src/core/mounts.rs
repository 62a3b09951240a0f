//! The mount table: which engine serves which path, with which limits. Rows are sealed under a keyed hash of their path, so
//! that a damaged row still closes its path: no shorter mount takes its place.

use crate::barrier::{Barrier, Place};
use crate::base::{Error, Result, random};
use crate::core::causes::Cause;
use crate::core::lockout::rules::Said;
use crate::logical::{Map, MountView, TokenType};
use crate::storage::{Catalog, Hash, Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Secret,
    Auth,
}

/// A mount as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mount {
    pub uuid: String,
    /// With a trailing slash; auth mounts begin with `auth/`.
    pub path: String,
    pub class: Class,
    /// The engine's name: `aws`, `kv`, `system`, `token`.
    pub kind: String,
    pub accessor: String,
    pub description: String,
    /// Seconds; 0: the system's.
    pub default_lease_ttl: u64,
    pub max_lease_ttl: u64,
    pub options: Map,
    pub listing_visibility: String,
    pub local: bool,
    pub seal_wrap: bool,
    /// Being disabled: off the table for everybody, its leases dead, their revocation going on.
    #[serde(default)]
    pub disabling: bool,
    /// Who had it disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_by: Option<Cause>,
    /// Of an auth method: when names are locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_lockout: Option<Said>,
    /// What tokens an auth method makes where its roles leave that open, or whatever these say.
    #[serde(default = "default_service", skip_serializing_if = "is_default_service")]
    pub token_type: TokenType,
    /// Settings that are kept and shown as given (headers, audit keys, …).
    #[serde(default)]
    pub extra: Map,
}

impl Mount {
    /// A new mount with a fresh uuid and accessor.
    pub fn new(path: &str, class: Class, kind: &str, description: &str) -> Result<Self> {
        Ok(Self {
            uuid: random::uuid(),
            path: path.to_owned(),
            class,
            kind: kind.to_owned(),
            accessor: format!("{kind}_{}", hex::encode(random::bytes::<4>()?)),
            description: description.to_owned(),
            default_lease_ttl: 0,
            max_lease_ttl: 0,
            options: Map::new(),
            listing_visibility: String::new(),
            local: false,
            seal_wrap: false,
            disabling: false,
            disabled_by: None,
            user_lockout: None,
            token_type: TokenType::DefaultService,
            extra: Map::new(),
        })
    }

    /// The uuid as the sixteen bytes that rows carry.
    #[must_use]
    pub fn hash(&self) -> Hash {
        uuid::Uuid::parse_str(&self.uuid).map(uuid::Uuid::into_bytes).unwrap_or_default()
    }

    /// A setting that is kept as given and is a list of texts.
    #[must_use]
    pub fn listed(&self, setting: &str) -> Vec<String> {
        let texts = self.extra.get(setting).and_then(serde_json::Value::as_array);
        texts.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// Belongs to the server itself: cannot be moved or disabled.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        matches!(self.kind.as_str(), "system" | "token" | "cubbyhole" | "identity")
    }

    #[must_use]
    pub fn view(&self, limits: super::ttl::Limits) -> MountView {
        MountView {
            uuid: self.uuid.clone(),
            path: self.path.clone(),
            default_lease_ttl: limits.default,
            max_lease_ttl: limits.max,
            options: self.options.clone(),
        }
    }

    /// The mount's limits within the system's.
    #[must_use]
    pub fn limits(&self, default: Duration, max: Duration) -> super::ttl::Limits {
        let or = |seconds: u64, other: Duration| if seconds == 0 { other } else { Duration::from_secs(seconds) };
        let max = or(self.max_lease_ttl, max);
        super::ttl::Limits { default: or(self.default_lease_ttl, default).min(max), max }
    }

    fn key(&self, barrier: &Barrier) -> Hash {
        if self.disabling {
            return barrier.hash("mount disabling", &[self.uuid.as_bytes()]);
        }
        path_key(barrier, &self.path)
    }
}

fn default_service() -> TokenType {
    TokenType::DefaultService
}

fn is_default_service(kind: &TokenType) -> bool {
    *kind == TokenType::DefaultService
}

fn path_key(barrier: &Barrier, path: &str) -> Hash {
    barrier.hash("mount path", &[path.as_bytes()])
}

/// All mounts of an unsealed server, replaced as a whole when one changes.
#[derive(Default, Clone)]
pub struct Table {
    /// By path, with its trailing slash.
    active: BTreeMap<String, Arc<Mount>>,
    disabling: Vec<Arc<Mount>>,
    /// Keys of rows that did not open.
    damaged: HashSet<Hash>,
}

/// Where a path leads.
pub enum Resolved<'p> {
    /// The mount and the path below it.
    Mount(Arc<Mount>, &'p str),
    Damaged,
    Nowhere,
}

impl Table {
    pub fn load(snapshot: &dyn Snapshot, barrier: &Barrier) -> Result<Self> {
        let mut table = Self::default();
        for row in snapshot.catalog(Catalog::Mounts)? {
            match open(barrier, &row.key, &row.sealed) {
                Ok(mount) if mount.disabling => table.disabling.push(Arc::new(mount)),
                Ok(mount) => drop(table.active.insert(mount.path.clone(), Arc::new(mount))),
                Err(error) => {
                    log::error!("a mount is damaged and answers 500 until it is repaired: {}", error.for_log());
                    table.damaged.insert(row.key);
                }
            }
        }
        Ok(table)
    }

    /// The longest mount that the path lies under. `folder` paths (`aws`, for `aws/`) count as the mount itself.
    #[must_use]
    pub fn resolve<'p>(&self, barrier: &Barrier, path: &'p str) -> Resolved<'p> {
        let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at + 1).collect();
        ends.reverse();
        for end in ends {
            let prefix = &path[..end];
            if let Some(mount) = self.active.get(prefix) {
                return Resolved::Mount(mount.clone(), &path[end..]);
            }
            if !self.damaged.is_empty() && self.damaged.contains(&path_key(barrier, prefix)) {
                return Resolved::Damaged;
            }
        }
        let folder = format!("{path}/");
        match self.active.get(&folder) {
            Some(mount) => Resolved::Mount(mount.clone(), ""),
            None if self.damaged.contains(&path_key(barrier, &folder)) => Resolved::Damaged,
            None => Resolved::Nowhere,
        }
    }

    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Arc<Mount>> {
        self.active.get(path)
    }

    /// By what rows carry; those being disabled too.
    #[must_use]
    pub fn by_hash(&self, hash: &Hash) -> Option<&Arc<Mount>> {
        self.active.values().chain(&self.disabling).find(|mount| mount.hash() == *hash)
    }

    pub fn active(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.active.values()
    }

    pub fn disabling(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.disabling.iter()
    }

    /// Whether a new mount may stand at `path`: neither on, above nor below another one.
    ///
    /// # Errors
    /// `BadRequest` naming the mount in the way.
    pub fn check_free(&self, barrier: &Barrier, path: &str) -> Result<()> {
        if let Some(other) =
            self.active.keys().find(|other| path.starts_with(other.as_str()) || other.starts_with(path))
        {
            return Err(Error::bad_request(format!("path is already in use at {other}")));
        }
        if self.damaged.contains(&path_key(barrier, path)) {
            return Err(Error::bad_request(format!(
                "path is already in use at {path} (by a mount whose row is damaged)"
            )));
        }
        Ok(())
    }
}

/// Stores a mount under the key of its present path and state; `before` is the mount as it was, whose row goes if the key
/// changed.
pub fn store(tx: &mut dyn Tx, barrier: &Barrier, mount: &Mount, before: Option<&Mount>) -> Result<()> {
    let key = mount.key(barrier);
    if let Some(old) = before.map(|before| before.key(barrier)).filter(|old| *old != key) {
        tx.catalog_delete(Catalog::Mounts, &old)?;
    }
    let bytes = serde_json::to_vec(mount).map_err(|_| Error::internal("a mount cannot be written as JSON"))?;
    tx.catalog_put(Catalog::Mounts, &key, &barrier.seal(&place(&key), &bytes)?)
}

/// Whether a row stands at a path, be it damaged.
pub fn is_taken(snapshot: &dyn Snapshot, barrier: &Barrier, path: &str) -> Result<bool> {
    Ok(snapshot.catalog_row(Catalog::Mounts, &path_key(barrier, path))?.is_some())
}

pub fn delete(tx: &mut dyn Tx, barrier: &Barrier, mount: &Mount) -> Result<()> {
    tx.catalog_delete(Catalog::Mounts, &mount.key(barrier)).map(drop)
}

fn open(barrier: &Barrier, key: &Hash, sealed: &[u8]) -> Result<Mount> {
    let bytes = barrier.open(&place(key), sealed)?;
    serde_json::from_slice(&bytes).map_err(|_| Error::internal("a row of mounts does not parse"))
}

fn place(key: &Hash) -> Place<'_> {
    Place { table: Catalog::Mounts.table(), column: "sealed", row: key, grants: &[] }
}
