//! Entities, aliases and groups as they are stored.

use crate::base::{Result, Timestamp, random};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Somebody or something, however it signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    pub id: String,
    /// As it was written; it compares folded.
    pub name: String,
    pub metadata: BTreeMap<String, String>,
    pub policies: Vec<String>,
    /// Its tokens are refused for as long as this is set.
    pub disabled: bool,
    pub aliases: Vec<Alias>,
    /// Entities that were merged into this one.
    pub merged: Vec<String>,
    /// Milliseconds since the Unix epoch.
    pub created: i64,
    pub updated: i64,
}

impl Entity {
    /// A new entity without a name of its own choosing.
    ///
    /// # Errors
    /// `Internal` when the system gives no randomness.
    pub fn new(now: Timestamp) -> Result<Self> {
        Ok(Self {
            id: random::uuid(),
            name: format!("entity_{}", hex::encode(random::bytes::<4>()?)),
            metadata: BTreeMap::new(),
            policies: Vec::new(),
            disabled: false,
            aliases: Vec::new(),
            merged: Vec::new(),
            created: now.0,
            updated: now.0,
        })
    }

    #[must_use]
    pub fn alias_at(&self, accessor: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| alias.mount_accessor == accessor)
    }
}

/// An entity's name at one auth method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub id: String,
    pub mount_accessor: String,
    pub name: String,
    /// What the auth method says of it.
    pub metadata: BTreeMap<String, String>,
    /// What people say of it.
    pub custom_metadata: BTreeMap<String, String>,
    /// Entities that it belonged to before.
    pub merged_from: Vec<String>,
    pub created: i64,
    pub updated: i64,
}

impl Alias {
    #[must_use]
    pub fn new(accessor: &str, name: &str, now: Timestamp) -> Self {
        Self {
            id: random::uuid(),
            mount_accessor: accessor.to_owned(),
            name: name.to_owned(),
            metadata: BTreeMap::new(),
            custom_metadata: BTreeMap::new(),
            merged_from: Vec::new(),
            created: now.0,
            updated: now.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// Its members are written into it.
    Internal,
    /// Its members are those whose auth method says so when they sign in.
    External,
}

impl GroupKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub kind: GroupKind,
    pub metadata: BTreeMap<String, String>,
    pub policies: Vec<String>,
    pub member_entities: Vec<String>,
    pub member_groups: Vec<String>,
    /// Only external groups have one.
    pub alias: Option<GroupAlias>,
    pub created: i64,
    pub updated: i64,
    /// Counts the edits.
    pub modify_index: u64,
}

impl Group {
    /// A new internal group.
    ///
    /// # Errors
    /// `Internal` when the system gives no randomness.
    pub fn new(now: Timestamp) -> Result<Self> {
        Ok(Self {
            id: random::uuid(),
            name: format!("group_{}", hex::encode(random::bytes::<4>()?)),
            kind: GroupKind::Internal,
            metadata: BTreeMap::new(),
            policies: Vec::new(),
            member_entities: Vec::new(),
            member_groups: Vec::new(),
            alias: None,
            created: now.0,
            updated: now.0,
            modify_index: 0,
        })
    }
}

/// An external group's name at one auth method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAlias {
    pub id: String,
    pub mount_accessor: String,
    pub name: String,
    pub created: i64,
    pub updated: i64,
}
