//! What engines store: sealed records at the nodes of their mount. A record's seal is bound to the mount and the whole path,
//! so that one put elsewhere in the file does not open.

use crate::barrier::{Barrier, Place};
use crate::base::{Clock, Error, Result, Timestamp};
use crate::core::live::Live;
use crate::core::names::Names;
use crate::core::sweeper::Bell;
use crate::core::{tasks, time};
use crate::logical::{Records, View, ctx};
use crate::storage::{Hash, Snapshot, Storage, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::sync::Arc;
use zeroize::Zeroizing;

/// One mount's records, for its engine.
pub struct MountRecords {
    pub storage: Arc<dyn Storage>,
    pub barrier: Arc<Barrier>,
    pub mount: Hash,
    /// Rung when work was scheduled: it may be due before the sweeper looks by itself.
    pub bell: Bell,
    pub clock: Arc<dyn Clock>,
}

impl View for MountRecords {
    fn read(&self, question: &mut dyn FnMut(&dyn Records) -> Result<()>) -> Result<()> {
        self.storage.read(&mut |snapshot| question(&Reading { snapshot, names: self.names() }))
    }

    fn write(&self, change: &mut dyn FnMut(&mut dyn Records) -> Result<()>) -> Result<()> {
        let scheduled = Cell::new(false);
        self.storage.write(&mut |tx| {
            let (names, clock) = (self.names(), Some(self.clock.as_ref()));
            change(&mut Writing { tx, names, scheduled: &scheduled, clock })
        })?;
        if scheduled.get() {
            self.bell.ring();
        }
        Ok(())
    }
}

impl MountRecords {
    /// The records of the mount whose rows carry this hash.
    #[must_use]
    pub fn of(live: &Live, mount: Hash) -> Self {
        Self {
            storage: live.storage.clone(),
            barrier: live.barrier.clone(),
            mount,
            bell: live.bell.clone(),
            clock: live.clock.clone(),
        }
    }

    /// The records of the mount at a path, for the server's own endpoints.
    ///
    /// # Errors
    /// `BadRequest` when no mount is there.
    pub fn at(live: &Live, path: &str) -> Result<Self> {
        Ok(Self::of(live, live.mount_at(path)?.hash()))
    }

    /// Reads one record as JSON.
    ///
    /// # Errors
    /// `Internal` when it does not open or parse.
    pub fn load<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        self.reading(|records| ctx::load(records, path))
    }

    /// Whether there is such a record, be it damaged.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn has(&self, path: &str) -> Result<bool> {
        self.reading(|records| records.has(path))
    }

    /// The names below a folder.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.reading(|records| records.list(folder))
    }

    /// Replaces one record by what `change` makes of it, in one transaction; what it is then. One that is damaged is replaced
    /// as if it were not there.
    ///
    /// # Errors
    /// The change's own; then the record stays as it was.
    pub fn change<T: Serialize + DeserializeOwned>(
        &self,
        path: &str,
        mut change: impl FnMut(Option<T>) -> Result<T>,
    ) -> Result<T> {
        let mut changed = None;
        self.write(&mut |records| {
            let before = ctx::load(records, path).unwrap_or_else(|error| {
                log::error!("a damaged record is replaced: {}", error.for_log());
                None
            });
            let after = change(before)?;
            ctx::store(records, path, &after)?;
            changed = Some(after);
            Ok(())
        })?;
        changed.ok_or_else(|| Error::internal("the store did not run the change"))
    }

    /// Deletes a record; whether there was one.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn remove(&self, path: &str) -> Result<bool> {
        let mut was_there = false;
        self.write(&mut |records| {
            was_there = records.delete(path)?;
            Ok(())
        })?;
        Ok(was_there)
    }

    fn reading<T>(&self, mut question: impl FnMut(&dyn Records) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.read(&mut |records| {
            answer = Some(question(records)?);
            Ok(())
        })?;
        answer.ok_or_else(|| Error::internal("the store did not run the question"))
    }

    fn names(&self) -> Names<'_> {
        Names { barrier: &self.barrier, mount: self.mount }
    }
}

/// A change to a mount's records inside a transaction that is the caller's.
///
/// # Errors
/// The change's own.
pub fn within(
    tx: &mut dyn Tx,
    barrier: &Barrier,
    mount: Hash,
    change: impl FnOnce(&mut dyn Records) -> Result<()>,
) -> Result<()> {
    // Whoever schedules work this way rings the bell itself.
    change(&mut Writing { tx, names: Names { barrier, mount }, scheduled: &Cell::new(false), clock: None })
}

struct Reading<'a> {
    snapshot: &'a dyn Snapshot,
    names: Names<'a>,
}

impl Records for Reading<'_> {
    fn get(&self, path: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        record(self.snapshot, &self.names, path)
    }

    fn has(&self, path: &str) -> Result<bool> {
        has(self.snapshot, &self.names, path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        list(self.snapshot, &self.names, folder)
    }

    fn put(&mut self, _path: &str, _value: &[u8]) -> Result<()> {
        Err(read_only())
    }

    fn delete(&mut self, _path: &str) -> Result<bool> {
        Err(read_only())
    }

    fn schedule(&mut self, _kind: &'static str, _name: &str, _due: Timestamp) -> Result<()> {
        Err(read_only())
    }

    fn unschedule(&mut self, _kind: &'static str, _name: &str) -> Result<bool> {
        Err(read_only())
    }
}

struct Writing<'a> {
    tx: &'a mut dyn Tx,
    names: Names<'a>,
    scheduled: &'a Cell<bool>,
    /// By which work is scheduled, where that is not known to be right.
    clock: Option<&'a dyn Clock>,
}

impl Records for Writing<'_> {
    fn get(&self, path: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        record(&*self.tx, &self.names, path)
    }

    fn has(&self, path: &str) -> Result<bool> {
        has(&*self.tx, &self.names, path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        list(&*self.tx, &self.names, folder)
    }

    fn put(&mut self, path: &str, value: &[u8]) -> Result<()> {
        put(self.tx, &self.names, path, value)
    }

    fn delete(&mut self, path: &str) -> Result<bool> {
        if is_folder(path) {
            return Ok(false);
        }
        let Some(node) = self.names.find(&*self.tx, path)? else { return Ok(false) };
        let deleted = self.tx.record_delete(node)?;
        self.names.prune(self.tx, node)?;
        Ok(deleted)
    }

    fn schedule(&mut self, kind: &'static str, name: &str, due: Timestamp) -> Result<()> {
        time::require_sane(self.clock.and_then(Clock::doubt))?;
        self.scheduled.set(true);
        tasks::schedule(self.tx, &self.names, kind, name, due)
    }

    fn unschedule(&mut self, kind: &'static str, name: &str) -> Result<bool> {
        tasks::unschedule(self.tx, &self.names, kind, name)
    }
}

/// Seals and stores one record.
pub fn put(tx: &mut dyn Tx, names: &Names<'_>, path: &str, value: &[u8]) -> Result<()> {
    let node = names.ensure(tx, path)?;
    if node == 0 || is_folder(path) {
        return Err(Error::internal("a record needs a name that is no folder's"));
    }
    let identity = identity(names, path);
    let sealed = names.barrier.seal(&place(&identity), value)?;
    tx.record_put(node, &sealed, None)
}

/// A name that ends in a slash is a folder's: nothing is stored under it, and what stands beside the folder is not meant.
fn is_folder(path: &str) -> bool {
    path.ends_with('/')
}

/// Reads and opens one record.
pub fn record(snapshot: &dyn Snapshot, names: &Names<'_>, path: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
    if is_folder(path) {
        return Ok(None);
    }
    let Some(node) = names.find(snapshot, path)? else { return Ok(None) };
    let Some(row) = snapshot.record(node)? else { return Ok(None) };
    names.barrier.open(&place(&identity(names, path)), &row.sealed).map(Some)
}

/// A record sealed with the newest key.
pub fn reseal(snapshot: &dyn Snapshot, barrier: &Barrier, node: i64, sealed: &[u8]) -> Result<Vec<u8>> {
    let row = snapshot.node_row(node)?.ok_or_else(|| Error::internal("a record hangs at no node"))?;
    let names = Names { barrier, mount: row.mount };
    let identity = identity(&names, &names.path_of(snapshot, node)?);
    barrier.seal(&place(&identity), &barrier.open(&place(&identity), sealed)?)
}

fn has(snapshot: &dyn Snapshot, names: &Names<'_>, path: &str) -> Result<bool> {
    if is_folder(path) {
        return Ok(false);
    }
    let Some(node) = names.find(snapshot, path)? else { return Ok(false) };
    Ok(snapshot.record(node)?.is_some())
}

fn list(snapshot: &dyn Snapshot, names: &Names<'_>, folder: &str) -> Result<Vec<String>> {
    let Some(node) = names.find(snapshot, folder)? else { return Ok(Vec::new()) };
    let mut keys = Vec::new();
    for (name, row) in names.children(snapshot, node)? {
        if row.has_children && holds_records(snapshot, names, row.id)? {
            keys.push(format!("{name}/"));
        }
        if row.has_record {
            keys.push(name);
        }
    }
    keys.sort_unstable();
    Ok(keys)
}

/// Whether any record lies below a node: leases hang at the same tree, and a folder that holds leases alone is no folder of
/// the engine's. Looks at the first records it finds, so a full folder costs one step a level.
fn holds_records(snapshot: &dyn Snapshot, names: &Names<'_>, node: i64) -> Result<bool> {
    let mut after = 0;
    loop {
        let page = snapshot.node_children(&names.mount, node, after, 100)?;
        let Some(last) = page.last() else { return Ok(false) };
        after = last.id;
        for row in page {
            if row.has_record || (row.has_children && holds_records(snapshot, names, row.id)?) {
                return Ok(true);
            }
        }
    }
}

/// Deletes what is left under a folder, up to `limit` records; whether anything may be left.
pub fn delete_below(tx: &mut dyn Tx, names: &Names<'_>, node: i64, limit: &mut usize) -> Result<()> {
    loop {
        let page = tx.node_children(&names.mount, node, 0, *limit)?;
        if page.is_empty() || *limit == 0 {
            break;
        }
        for row in page {
            delete_below(tx, names, row.id, limit)?;
            if *limit == 0 {
                return Ok(());
            }
            *limit -= 1;
            tx.record_delete(row.id)?;
            if !tx.node_delete_if_bare(row.id)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn identity(names: &Names<'_>, path: &str) -> Hash {
    names.barrier.hash("record path", &[&names.mount, path.trim_matches('/').as_bytes()])
}

fn place(identity: &Hash) -> Place<'_> {
    Place { table: "records", column: "sealed", row: identity, grants: &[] }
}

fn read_only() -> Error {
    Error::internal("a snapshot takes no changes")
}
