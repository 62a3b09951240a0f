//! Leases by the path that made them: listed, gathered and revoked below a prefix, in pages, so that a prefix costs what it
//! names and never one long transaction.

use crate::base::Result;
use crate::core::causes::{Cause, Prepared};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::{Mount, Resolved, Table};
use crate::core::names::Names;
use crate::core::revocation::BATCH;
use crate::storage::{LeaseKey, LeaseKind, Snapshot};
use std::sync::Arc;

impl Live {
    /// Marks every lease under a prefix (mounts above it count as under it) as revoking; how many there were.
    pub fn revoke_prefix(&self, prefix: &str, cause: Cause) -> Result<usize> {
        let cause = self.prepare_cause(&cause.at(prefix))?;
        let mut marked = 0;
        for (mount, node) in self.under(prefix)? {
            marked += self.mark_below(&mount, node, &cause)?;
        }
        self.bell.ring();
        Ok(marked)
    }

    /// The row ids of every lease under a prefix that is not gone yet, a page at a time.
    pub fn leases_under(&self, prefix: &str) -> Result<Vec<i64>> {
        let mut rows = Vec::new();
        for (mount, node) in self.under(prefix)? {
            self.collect(&mount, node, &mut rows)?;
        }
        Ok(rows)
    }

    /// What lies directly under a prefix: last segments of leases, and folders with a slash.
    pub fn list_leases(&self, prefix: &str) -> Result<Vec<String>> {
        let folder = format!("{}/", prefix.trim_matches('/'));
        let mounts = self.mounts();
        let mut keys: Vec<String> = match mounts.resolve(&self.barrier, &folder) {
            Resolved::Mount(mount, below) => self.list_at(&mount, below)?,
            _ => self.list_mounts(&mounts, folder.trim_start_matches('/'))?,
        };
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The next segments of mounts above which a prefix lies, where they have leases.
    fn list_mounts(&self, mounts: &Table, folder: &str) -> Result<Vec<String>> {
        self.storage.reading(|snapshot| {
            let mut keys = Vec::new();
            for mount in mounts.active() {
                let Some((name, _)) = mount.path.strip_prefix(folder).and_then(|rest| rest.split_once('/')) else {
                    continue;
                };
                if !snapshot.leases_of_mount(&mount.hash(), 0, 1)?.is_empty() {
                    keys.push(format!("{name}/"));
                }
            }
            Ok(keys)
        })
    }

    fn list_at(&self, mount: &Mount, below: &str) -> Result<Vec<String>> {
        let leases = Leases { barrier: &self.barrier };
        let names = Names { barrier: &self.barrier, mount: mount.hash() };
        self.storage.reading(|snapshot| {
            let Some(node) = names.find(snapshot, below)? else { return Ok(Vec::new()) };
            let mut keys = Vec::new();
            for (name, row) in names.children(snapshot, node)? {
                if row.has_leases || (row.has_children && holds_leases(snapshot, &names, row.id)?) {
                    keys.push(format!("{name}/"));
                }
            }
            let mut after = 0;
            loop {
                let page = snapshot.leases_at(node, after, BATCH)?;
                let Some(last) = page.last() else { return Ok(keys) };
                after = last.id;
                for row in page {
                    let key = row.key;
                    match leases.open(row) {
                        Ok(lease) if lease.row.kind == LeaseKind::Token => keys.push(token_row_name(&key)),
                        Ok(lease) => keys.push(lease.payload.suffix),
                        Err(error) => log::error!("a lease is damaged and left out: {}", error.for_log()),
                    }
                }
            }
        })
    }

    /// The mounts and nodes that a prefix covers.
    pub(super) fn under(&self, prefix: &str) -> Result<Vec<(Arc<Mount>, i64)>> {
        let folder = format!("{}/", prefix.trim_matches('/'));
        let mounts = self.mounts();
        let covered: Vec<_> =
            mounts.active().filter(|mount| mount.path.starts_with(&folder)).map(|mount| (mount.clone(), 0)).collect();
        if !covered.is_empty() {
            return Ok(covered);
        }
        let Resolved::Mount(mount, below) = mounts.resolve(&self.barrier, &folder) else { return Ok(Vec::new()) };
        let names = Names { barrier: &self.barrier, mount: mount.hash() };
        let node = self.storage.reading(|snapshot| names.find(snapshot, below))?;
        Ok(node.map(|node| (mount.clone(), node)).into_iter().collect())
    }

    fn mark_below(&self, mount: &Mount, node: i64, cause: &Prepared) -> Result<usize> {
        if node == 0 {
            return self.mark_mount(mount, cause);
        }
        let mut total = self.mark(cause, |tx, key, now, limit| tx.lease_mark_node(node, Some(key), now, limit))?;
        for child in self.child_nodes(mount, node)? {
            total += self.mark_below(mount, child, cause)?;
        }
        Ok(total)
    }

    /// Marks all leases of a mount, a batch a transaction; how many there were.
    pub fn mark_mount(&self, mount: &Mount, cause: &Prepared) -> Result<usize> {
        let mount = mount.hash();
        self.mark(cause, |tx, key, now, limit| tx.lease_mark_mount(&mount, Some(key), now, limit))
    }

    fn collect(&self, mount: &Mount, node: i64, rows: &mut Vec<i64>) -> Result<()> {
        let mut after = 0;
        loop {
            let page = self.storage.reading(|snapshot| {
                if node == 0 {
                    snapshot.leases_of_mount(&mount.hash(), after, BATCH)
                } else {
                    snapshot.leases_at(node, after, BATCH)
                }
            })?;
            let Some(last) = page.last() else { break };
            after = last.id;
            rows.extend(page.iter().map(|row| row.id));
        }
        if node == 0 {
            return Ok(());
        }
        self.child_nodes(mount, node)?.into_iter().try_for_each(|child| self.collect(mount, child, rows))
    }

    pub(super) fn child_nodes(&self, mount: &Mount, node: i64) -> Result<Vec<i64>> {
        let mut children = Vec::new();
        let mut after = 0;
        loop {
            let page = self.storage.reading(|snapshot| snapshot.node_children(&mount.hash(), node, after, BATCH))?;
            let Some(last) = page.last() else { return Ok(children) };
            after = last.id;
            children.extend(page.iter().map(|row| row.id));
        }
    }
}

fn holds_leases(snapshot: &dyn Snapshot, names: &Names<'_>, node: i64) -> Result<bool> {
    let mut after = 0;
    loop {
        let page = snapshot.node_children(&names.mount, node, after, 100)?;
        let Some(last) = page.last() else { return Ok(false) };
        after = last.id;
        for row in page {
            if row.has_leases || (row.has_children && holds_leases(snapshot, names, row.id)?) {
                return Ok(true);
            }
        }
    }
}

/// A token's lease is listed under a name that is not the token: its row's key.
#[must_use]
pub fn token_row_name(key: &LeaseKey) -> String {
    format!("h{}", hex::encode(key))
}

/// The key that such a name stands for.
#[must_use]
pub fn token_row_key(name: &str) -> Option<LeaseKey> {
    hex::decode(name.strip_prefix('h')?).ok()?.try_into().ok()
}
