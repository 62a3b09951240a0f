//! Quotas: how many leases may live, and how many requests may come, on the whole server, a mount, a path or a role. This
//! folder holds their definitions, finds the one that a request falls under, counts requests (`limiter`) and refuses leases
//! (`admission`). What is kept of them is the business of `stored`; the endpoints are under `sys/quotas`.
//!
//! Invariant: of all quotas of a kind that a request falls under, the most specific one counts, and no other: role before
//! path, path before mount, mount before the whole server.

pub mod admission;
pub mod limiter;
mod stored;
#[cfg(test)]
mod tests;

use crate::core::mounts::{Mount, Table as Mounts};
use limiter::Limiter;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
pub use stored::Kind;

/// Paths that no rate limit holds for, until the configuration says otherwise: what an operator needs when all else is shut.
const EXEMPT: [&str; 7] = [
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
];

/// What `sys/quotas/config` sets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    pub rate_limit_exempt_paths: Vec<String>,
    pub enable_rate_limit_audit_logging: bool,
    pub enable_rate_limit_response_headers: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rate_limit_exempt_paths: EXEMPT.map(str::to_owned).to_vec(),
            enable_rate_limit_audit_logging: false,
            enable_rate_limit_response_headers: false,
        }
    }
}

impl Config {
    /// Whether no rate limit holds for a path; a star at an exemption's end stands for anything.
    #[must_use]
    pub fn exempts(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.rate_limit_exempt_paths.iter().any(|exempt| match exempt.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == exempt.trim_matches('/'),
        })
    }
}

/// What a quota holds for. A mount is kept by its uuid, so that a quota moves with it and ends with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// None: the whole server.
    pub mount: Option<String>,
    /// The path below the mount; empty: all of it. A star at its end stands for anything.
    pub suffix: String,
    /// Empty: every role.
    pub role: String,
}

/// Where something happens: what scopes are held against.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub mount: &'a Mount,
    /// The path below the mount.
    pub below: &'a str,
    pub role: Option<&'a str>,
}

impl Scope {
    /// How specific this scope is where it holds for a place; none where it does not.
    fn fit(&self, place: &Place<'_>) -> Option<(u8, usize)> {
        let Some(mount) = &self.mount else { return Some((0, 0)) };
        if *mount != place.mount.uuid {
            return None;
        }
        if !self.role.is_empty() {
            return (place.role == Some(self.role.as_str())).then_some((4, 0));
        }
        let below = place.below.trim_end_matches('/');
        match self.suffix.strip_suffix('*') {
            Some(start) => below.starts_with(start).then_some((2, start.len())),
            None if self.suffix.is_empty() => Some((1, 0)),
            None => (below == self.suffix).then_some((3, 0)),
        }
    }

    /// The path as it is written and shown; none where the mount is gone.
    #[must_use]
    pub fn path(&self, mounts: &Mounts) -> Option<String> {
        let Some(uuid) = &self.mount else { return Some(String::new()) };
        let mount = mounts.active().find(|mount| mount.uuid == *uuid)?;
        Some(format!("{}{}", mount.path, self.suffix))
    }
}

/// Who shares a rate limit's allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Each client address has one of its own.
    #[default]
    Ip,
    /// All share one.
    None,
    /// Each entity has one; requests without an entity have one for each client address.
    EntityThenIp,
    /// Each entity has one; all requests without an entity share one.
    EntityThenNone,
}

/// Who shares a lease count's allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// All share one.
    #[default]
    None,
    /// Each role has one of its own.
    Role,
    /// Each entity has one of its own; callers without an entity share one.
    Entity,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    pub name: String,
    pub scope: Scope,
    pub inheritable: bool,
    /// Requests in each interval.
    pub rate: f64,
    pub interval: Duration,
    /// How long a client that reached the limit is refused altogether; zero: only until there is room again.
    pub block_interval: Duration,
    pub group_by: GroupBy,
    /// The rate of requests without an entity; zero: `rate`.
    pub secondary_rate: f64,
    /// Told anew with each change, so that a changed quota begins with full allowances.
    #[serde(skip)]
    pub generation: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseCount {
    pub name: String,
    pub scope: Scope,
    pub inheritable: bool,
    pub max_leases: u64,
    pub group_by: CountBy,
}

/// What both kinds have in common.
pub trait Quota {
    fn name(&self) -> &str;
    fn scope(&self) -> &Scope;
}

macro_rules! quota {
    ($($type:ty),+) => {
        $(
            impl Quota for $type {
                fn name(&self) -> &str {
                    &self.name
                }

                fn scope(&self) -> &Scope {
                    &self.scope
                }
            }
        )+
    };
}

quota!(RateLimit, LeaseCount);

/// All quotas as they are now, replaced as a whole when one changes.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub config: Config,
    pub rate_limits: Vec<RateLimit>,
    pub lease_counts: Vec<LeaseCount>,
}

/// The one that counts, of all that hold for a place.
pub fn most_specific<'q, Q: Quota>(quotas: &'q [Q], place: &Place<'_>) -> Option<&'q Q> {
    let fitting = quotas.iter().filter_map(|quota| Some((quota.scope().fit(place)?, quota)));
    fitting.max_by_key(|(fit, _)| *fit).map(|(_, quota)| quota)
}

#[derive(Default)]
pub struct Quotas {
    table: RwLock<Arc<Table>>,
    limiter: Limiter,
    /// Held while a quota changes, so that two changes do not overlook each other.
    changing: Mutex<()>,
}

impl Quotas {
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}
