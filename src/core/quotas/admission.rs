//! Refuses leases that are too many: asked inside the transaction that inserts a lease, so that no number of requests at
//! once gets past a limit. Counting is a look at one row, whatever there is.
//!
//! Every lease counts until its row is gone: pending, active, revoking and irrevocable ones alike. So a loop that takes and
//! drops credentials faster than they can be ended is stopped, too.

use super::{CountBy, LeaseCount, Place, Scope, most_specific};
use crate::barrier::Barrier;
use crate::base::{Error, Result};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::names::Names;
use crate::storage::{Counted, Hash, Snapshot};

/// How many leases may live on a mount that makes credentials outside, where no lease-count quota on that mount says
/// otherwise. A client that asks in a loop is stopped here long before it has filled a database with users.
pub const BUILT_IN: u64 = 10_000;

/// A lease that is about to be inserted.
pub struct Admission<'a> {
    pub mount: &'a Mount,
    /// The path below the mount that makes it.
    pub below: &'a str,
    pub role: Option<&'a str>,
    /// As on the lease's row.
    pub role_hash: Option<Hash>,
    pub entity: Option<Hash>,
    /// Stands for a credential outside.
    pub is_outside: bool,
}

impl Live {
    /// Whether there is room for one more lease.
    ///
    /// # Errors
    /// `Busy`, naming the quota, how many there are, and what can be done.
    pub fn admit(&self, snapshot: &dyn Snapshot, lease: &Admission<'_>) -> Result<()> {
        let table = self.quotas.table();
        let place = Place { mount: lease.mount, below: lease.below, role: lease.role };
        if let Some(quota) = most_specific(&table.lease_counts, &place) {
            let count = counted(snapshot, &self.barrier, quota, lease)?;
            if count >= quota.max_leases {
                let raise = format!("raise max_leases of sys/quotas/lease-count/{}", quota.name);
                return Err(refused(lease, &quota_in_words(quota, lease.mount), quota.max_leases, count, &raise));
            }
        }
        if !lease.is_outside || table.lease_counts.iter().any(|quota| is_of_mount(quota, lease.mount)) {
            return Ok(());
        }
        let count = snapshot.lease_count(&Counted::Mount(lease.mount.hash()))?;
        if count >= BUILT_IN {
            let mount = &lease.mount.path;
            let raise = format!("write a larger max_leases for path={mount} to sys/quotas/lease-count/NAME");
            return Err(refused(lease, &format!("the built-in limit for {mount}"), BUILT_IN, count, &raise));
        }
        Ok(())
    }

    /// How many leases a quota counts now; none where each role or entity is counted by itself.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn counter(&self, quota: &LeaseCount) -> Result<Option<u64>> {
        let mounts = self.mounts();
        let mount = match &quota.scope.mount {
            None => return self.storage.reading(|snapshot| snapshot.lease_count(&Counted::All)).map(Some),
            Some(uuid) => mounts.active().find(|mount| mount.uuid == *uuid),
        };
        let Some(mount) = mount.filter(|_| quota.group_by == CountBy::None) else { return Ok(None) };
        let role_hash = Leases { barrier: &self.barrier }.role(mount, &quota.scope.role);
        let lease = Admission { mount, below: "", role: None, role_hash, entity: None, is_outside: false };
        self.storage.reading(|snapshot| counted(snapshot, &self.barrier, quota, &lease)).map(Some)
    }
}

/// A quota on exactly this mount takes the place of the built-in limit.
fn is_of_mount(quota: &LeaseCount, mount: &Mount) -> bool {
    quota.scope == Scope { mount: Some(mount.uuid.clone()), ..Scope::default() }
}

/// How many there are of what the quota counts, where this lease belongs.
fn counted(snapshot: &dyn Snapshot, barrier: &Barrier, quota: &LeaseCount, lease: &Admission<'_>) -> Result<u64> {
    let mount = lease.mount.hash();
    let role = || lease.role_hash.map_or(Ok(0), |role| snapshot.lease_count(&Counted::Role(role)));
    match (quota.group_by, &quota.scope) {
        (CountBy::Role, _) => role(),
        (CountBy::Entity, Scope { mount: None, .. }) => snapshot.lease_count(&Counted::Entity(lease.entity)),
        (CountBy::Entity, _) => snapshot.lease_count(&Counted::EntityAt(mount, lease.entity)),
        (CountBy::None, Scope { mount: None, .. }) => snapshot.lease_count(&Counted::All),
        (CountBy::None, scope) if !scope.role.is_empty() => role(),
        (CountBy::None, scope) if scope.suffix.is_empty() => snapshot.lease_count(&Counted::Mount(mount)),
        (CountBy::None, scope) => counted_at(snapshot, &Names { barrier, mount }, &scope.suffix),
    }
}

/// Counts the leases of a path, or of all paths that begin like it: a look at each path, not at each lease.
fn counted_at(snapshot: &dyn Snapshot, names: &Names<'_>, suffix: &str) -> Result<u64> {
    let Some(start) = suffix.strip_suffix('*') else {
        return names.find(snapshot, suffix)?.map_or(Ok(0), |node| snapshot.lease_count(&Counted::Node(node)));
    };
    let (folder, begin) = start.rsplit_once('/').unwrap_or(("", start));
    let Some(node) = names.find(snapshot, folder)? else { return Ok(0) };
    let children = names.children(snapshot, node)?;
    let fitting = children.into_iter().filter(|(name, _)| name.starts_with(begin));
    fitting.map(|(_, row)| counted_below(snapshot, names, row.id)).sum()
}

fn counted_below(snapshot: &dyn Snapshot, names: &Names<'_>, node: i64) -> Result<u64> {
    let mut count = snapshot.lease_count(&Counted::Node(node))?;
    let mut after = 0;
    loop {
        let page = snapshot.node_children(&names.mount, node, after, 1000)?;
        let Some(last) = page.last() else { return Ok(count) };
        after = last.id;
        for row in page {
            count += counted_below(snapshot, names, row.id)?;
        }
    }
}

fn quota_in_words(quota: &LeaseCount, mount: &Mount) -> String {
    let each = match quota.group_by {
        CountBy::None => "",
        CountBy::Role => " for each role",
        CountBy::Entity => " for each entity",
    };
    let of = match &quota.scope {
        Scope { mount: None, .. } => "the whole server".to_owned(),
        Scope { role, .. } if !role.is_empty() => format!("the role {role:?} of {}", mount.path),
        Scope { suffix, .. } => format!("{}{suffix}", mount.path),
    };
    format!("the quota {:?} for {of}{each}", quota.name)
}

fn refused(lease: &Admission<'_>, quota: &str, allowed: u64, count: u64, raise: &str) -> Error {
    let path = format!("{}{}", lease.mount.path, lease.below);
    Error::busy(format!(
        "request path {path:?}: lease count quota exceeded: {quota} allows {allowed} live leases, and there are {count}, \
         those that are still being ended included: revoke what nobody uses, or {raise}"
    ))
}
