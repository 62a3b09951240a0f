//! What is kept of quotas: a sealed record for each, below the system mount. They are read once, when the server is unsealed;
//! after that the table in memory changes with them.

use super::{Config, LeaseCount, Quota, RateLimit, Scope, Table};
use crate::base::{Error, Result};
use crate::core::live::Live;
use crate::core::mounts::{Mount, Resolved};
use crate::core::records::MountRecords;
use crate::logical::ctx::{load, store};
use crate::logical::{CanonicalPath, Records, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

const CONFIG: &str = "quotas/config";

/// The two kinds of quota, by the name that their paths have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    RateLimit,
    LeaseCount,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimit => "rate-limit",
            Self::LeaseCount => "lease-count",
        }
    }

    fn record(self, name: &str) -> String {
        format!("quotas/{}/{name}", self.name())
    }
}

impl Live {
    /// Reads all quotas. One that is damaged is reported and holds no more: what it was for cannot be told.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn load_quotas(&self) -> Result<()> {
        let mut table = Table::default();
        self.quota_records()?.read(&mut |records| {
            table = Table {
                config: load(records, CONFIG)?.unwrap_or_default(),
                rate_limits: load_all(records, Kind::RateLimit)?,
                lease_counts: load_all(records, Kind::LeaseCount)?,
            };
            table.rate_limits.iter_mut().for_each(|quota| quota.generation = next_generation());
            Ok(())
        })?;
        self.quotas.replace(table);
        Ok(())
    }

    /// # Errors
    /// `BadRequest` when another quota holds for the same.
    pub fn put_rate_limit(&self, mut quota: RateLimit) -> Result<()> {
        quota.generation = next_generation();
        self.change_quotas(|table, records| put(&mut table.rate_limits, &quota, Kind::RateLimit, records))
    }

    /// # Errors
    /// `BadRequest` when another quota holds for the same.
    pub fn put_lease_count(&self, quota: &LeaseCount) -> Result<()> {
        self.change_quotas(|table, records| put(&mut table.lease_counts, quota, Kind::LeaseCount, records))
    }

    /// Deletes a quota, if it is there.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn delete_quota(&self, kind: Kind, name: &str) -> Result<()> {
        self.change_quotas(|table, records| {
            match kind {
                Kind::RateLimit => table.rate_limits.retain(|quota| quota.name != name),
                Kind::LeaseCount => table.lease_counts.retain(|quota| quota.name != name),
            }
            records.delete(&kind.record(name)).map(drop)
        })
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn configure_quotas(&self, config: &Config) -> Result<()> {
        self.change_quotas(|table, records| {
            table.config = config.clone();
            store(records, CONFIG, config)
        })
    }

    /// What a quota with this path and role holds for.
    ///
    /// # Errors
    /// `BadRequest` for a path that is under no mount, a path and a role together, or a role where there is none.
    pub fn quota_scope(&self, kind: Kind, path: &str, role: &str) -> Result<Scope> {
        let path = CanonicalPath::from_text(path)?;
        if path.as_str().is_empty() {
            return match role {
                "" => Ok(Scope::default()),
                _ => Err(Error::bad_request("a quota for a role needs the path of the role's mount")),
            };
        }
        let mounts = self.mounts();
        let Resolved::Mount(mount, below) = mounts.resolve(&self.barrier, path.as_str()) else {
            return Err(Error::bad_request(format!("invalid mount path {:?}", path.as_str())));
        };
        let suffix = below.trim_end_matches('/').to_owned();
        if suffix.trim_end_matches('*').contains('*') {
            return Err(Error::bad_request("a star may stand at the end of a path alone"));
        }
        if !role.is_empty() {
            self.check_role(kind, &mount, &suffix)?;
        }
        Ok(Scope { mount: Some(mount.uuid.clone()), suffix, role: role.to_owned() })
    }

    fn check_role(&self, kind: Kind, mount: &Mount, suffix: &str) -> Result<()> {
        if !suffix.is_empty() {
            return Err(Error::bad_request(
                "a quota is for a path or for a role: with a role, path is the mount alone, without what follows it",
            ));
        }
        let makes_leases = self.engine(mount).is_ok_and(|engine| !engine.secrets.is_empty());
        match kind {
            Kind::RateLimit => Err(Error::bad_request(format!(
                "mount path {:?} does not support rate limits by role: name the role's path, as aws/creds/NAME",
                mount.path
            ))),
            Kind::LeaseCount if makes_leases || mount.kind == "token" => Ok(()),
            Kind::LeaseCount => {
                Err(Error::bad_request(format!("mount path {:?} has no roles that make leases", mount.path)))
            }
        }
    }

    fn change_quotas(&self, mut change: impl FnMut(&mut Table, &mut dyn Records) -> Result<()>) -> Result<()> {
        let _alone = self.quotas.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.quotas.table();
        let mut after = Table::clone(&before);
        self.quota_records()?.write(&mut |records| {
            after = Table::clone(&before);
            let mounts = self.mounts();
            after.rate_limits.retain(|quota| quota.scope.path(&mounts).is_some());
            after.lease_counts.retain(|quota| quota.scope.path(&mounts).is_some());
            change(&mut after, records)
        })?;
        self.quotas.replace(after);
        Ok(())
    }

    fn quota_records(&self) -> Result<MountRecords> {
        let mounts = self.mounts();
        let system = mounts.at("sys/").ok_or_else(|| Error::internal("there is no system mount"))?;
        Ok(MountRecords::of(self, system.hash()))
    }
}

/// Each change of a rate limit begins with full allowances.
fn next_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn load_all<Q: DeserializeOwned>(records: &dyn Records, kind: Kind) -> Result<Vec<Q>> {
    let mut quotas = Vec::new();
    for name in records.list(&format!("quotas/{}/", kind.name()))? {
        match load(records, &kind.record(&name)) {
            Ok(quota) => quotas.extend(quota),
            Err(error) => {
                log::error!("the {} quota {name:?} is damaged and holds no more: {}", kind.name(), error.for_log())
            }
        }
    }
    Ok(quotas)
}

fn put<Q: Quota + Clone + Serialize>(
    quotas: &mut Vec<Q>,
    quota: &Q,
    kind: Kind,
    records: &mut dyn Records,
) -> Result<()> {
    if let Some(same) = quotas.iter().find(|other| other.scope() == quota.scope() && other.name() != quota.name()) {
        return Err(Error::bad_request(format!(
            "quota rule with similar properties exists under the name {:?}",
            same.name()
        )));
    }
    quotas.retain(|other| other.name() != quota.name());
    quotas.push(quota.clone());
    store(records, &kind.record(quota.name()), quota)
}
