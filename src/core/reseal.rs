//! Sealing anew, with the newest data key, what older ones have sealed: after a rotation, in the background, a batch at a time. How
//! far it has come is stored with each batch, so that it goes on where it was cut off.
//!
//! What does not open is left as it is, for those who report it. Answers that may be asked for again are left out: they are gone
//! within minutes.

use crate::barrier::{Barrier, Place};
use crate::base::{Error, Result};
use crate::core::leases::Leases;
use crate::core::names::Names;
use crate::core::{Live, causes, records, tasks};
use crate::storage::{Catalog, Hash, Snapshot, Tx};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

const META_KEY: &str = "reseal";

/// Rows looked at in one transaction, and the pause after it, in which others write.
const ROWS: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// After the store failed.
const RETRY: Duration = Duration::from_secs(30);

/// The tables, in the order in which they are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    Catalogs,
    Nodes,
    Records,
    Leases,
    Work,
    Causes,
}

impl Stage {
    fn next(self) -> Option<Self> {
        match self {
            Self::Catalogs => Some(Self::Nodes),
            Self::Nodes => Some(Self::Records),
            Self::Records => Some(Self::Leases),
            Self::Leases => Some(Self::Work),
            Self::Work => Some(Self::Causes),
            Self::Causes => None,
        }
    }
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    stage: Stage,
    /// The last row that was looked at.
    after: i64,
    /// The same, where rows have no numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    after_key: String,
    resealed: u64,
}

/// Notes that everything is to be gone through; with the transaction that makes the new key.
///
/// # Errors
/// `Internal` when the store fails.
pub fn begin(tx: &mut dyn Tx) -> Result<()> {
    store(tx, &Progress { stage: Stage::Catalogs, after: 0, after_key: String::new(), resealed: 0 })
}

/// Whether there is anything left to seal anew.
///
/// # Errors
/// `Internal` when the store fails.
pub fn is_pending(snapshot: &dyn Snapshot) -> Result<bool> {
    Ok(snapshot.meta(META_KEY)?.is_some())
}

/// Goes on with what is left, in a thread of its own; nothing where nothing is left, or one is at it.
///
/// # Errors
/// `Internal` when the store fails, or the system gives no thread.
pub fn start(live: &Arc<Live>) -> Result<()> {
    if !live.storage.reading(|snapshot| is_pending(snapshot))? || live.resealing.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let weak = Arc::downgrade(live);
    let thread = thread::Builder::new().name("reseal".into()).spawn(move || run(&weak));
    thread.map(drop).map_err(|error| Error::internal("no thread to seal anew").caused_by(error))
}

fn run(live: &Weak<Live>) {
    loop {
        let Some(live) = live.upgrade() else { return };
        let pause = match step(&live) {
            Ok(true) => PAUSE,
            Ok(false) => {
                live.resealing.store(false, Ordering::SeqCst);
                // A rotation may have come in between, and have found this thread still at it.
                if live.storage.reading(|snapshot| is_pending(snapshot)).unwrap_or(false)
                    && !live.resealing.swap(true, Ordering::SeqCst)
                {
                    continue;
                }
                return;
            }
            Err(error) => {
                log::warn!("sealing anew broke off and goes on later: {}", error.for_log());
                RETRY
            }
        };
        drop(live);
        thread::sleep(pause);
    }
}

/// Does one batch; whether there is more.
fn step(live: &Live) -> Result<bool> {
    live.storage.writing(|tx| {
        let Some(stored) = tx.meta(META_KEY)? else { return Ok(false) };
        let mut progress: Progress = serde_json::from_slice(&stored)
            .map_err(|_| Error::internal("how far sealing anew has come does not parse"))?;
        let batch = Batch { barrier: &live.barrier, tx };
        if batch.run(&mut progress)? {
            store(tx, &progress)?;
            return Ok(true);
        }
        let Some(next) = progress.stage.next() else {
            tx.delete_meta(META_KEY)?;
            log::info!("all is sealed with the newest data key: {} values were sealed anew", progress.resealed);
            return Ok(false);
        };
        store(tx, &Progress { stage: next, after: 0, after_key: String::new(), ..progress })?;
        Ok(true)
    })
}

fn store(tx: &mut dyn Tx, progress: &Progress) -> Result<()> {
    let json = serde_json::to_vec(progress);
    tx.set_meta(META_KEY, &json.map_err(|_| Error::internal("how far sealing anew has come cannot be written"))?)
}

struct Batch<'b> {
    barrier: &'b Barrier,
    tx: &'b mut dyn Tx,
}

impl Batch<'_> {
    /// Whether the stage may have more.
    fn run(self, progress: &mut Progress) -> Result<bool> {
        match progress.stage {
            Stage::Catalogs => self.catalogs(progress),
            Stage::Nodes => self.nodes(progress),
            Stage::Records => self.records(progress),
            Stage::Leases => self.leases(progress),
            Stage::Work => self.work(progress),
            Stage::Causes => self.causes(progress),
        }
    }

    /// Small tables, gone through in one.
    fn catalogs(self, progress: &mut Progress) -> Result<bool> {
        for catalog in [Catalog::Mounts, Catalog::Policies, Catalog::AuditDevices] {
            for row in self.tx.catalog(catalog)? {
                let place = Place { table: catalog.table(), column: "sealed", row: &row.key, grants: &[] };
                if let Some(sealed) = anew(self.barrier, &place, &row.sealed)? {
                    self.tx.catalog_put(catalog, &row.key, &sealed)?;
                    progress.resealed += 1;
                }
            }
        }
        Ok(false)
    }

    fn nodes(self, progress: &mut Progress) -> Result<bool> {
        let rows = self.tx.nodes(progress.after, ROWS)?;
        for row in &rows {
            progress.after = row.id;
            if self.barrier.is_outdated(&row.sealed_name)
                && let Ok(sealed) = (Names { barrier: self.barrier, mount: row.mount }).reseal(row)
            {
                self.tx.node_reseal(row.id, &sealed)?;
                progress.resealed += 1;
            }
        }
        Ok(rows.len() == ROWS)
    }

    fn records(self, progress: &mut Progress) -> Result<bool> {
        let rows = self.tx.records(progress.after, ROWS)?;
        for (node, row) in &rows {
            progress.after = *node;
            if self.barrier.is_outdated(&row.sealed)
                && let Ok(sealed) = records::reseal(&*self.tx, self.barrier, *node, &row.sealed)
            {
                self.tx.record_put(*node, &sealed, row.expires)?;
                progress.resealed += 1;
            }
        }
        Ok(rows.len() == ROWS)
    }

    fn leases(self, progress: &mut Progress) -> Result<bool> {
        let rows = self.tx.leases(progress.after, ROWS)?;
        let full = rows.len() == ROWS;
        let leases = Leases { barrier: self.barrier };
        for row in rows {
            progress.after = row.id;
            if self.barrier.is_outdated(&row.sealed)
                && let Ok(lease) = leases.open(row)
            {
                self.tx.lease_reseal(lease.row.id, &leases.reseal(&lease)?)?;
                progress.resealed += 1;
            }
        }
        Ok(full)
    }

    fn work(self, progress: &mut Progress) -> Result<bool> {
        let rows = self.tx.work_all(progress.after, ROWS)?;
        let full = rows.len() == ROWS;
        for mut row in rows {
            progress.after = row.id;
            if self.barrier.is_outdated(&row.sealed)
                && let Ok(sealed) = tasks::reseal(self.barrier, &row)
            {
                row.sealed = sealed;
                self.tx.work_update(&row)?;
                progress.resealed += 1;
            }
        }
        Ok(full)
    }

    fn causes(self, progress: &mut Progress) -> Result<bool> {
        let after: Hash = hex::decode(&progress.after_key).ok().and_then(|key| key.try_into().ok()).unwrap_or_default();
        let rows = self.tx.causes(&after, ROWS)?;
        for row in &rows {
            progress.after_key = hex::encode(row.key);
            if let Some(sealed) = anew(self.barrier, &causes::place(&row.key), &row.sealed)? {
                self.tx.cause_reseal(&row.key, &sealed)?;
                progress.resealed += 1;
            }
        }
        Ok(rows.len() == ROWS)
    }
}

/// What was sealed for a place, with the newest key; none where it is already, or does not open.
fn anew(barrier: &Barrier, place: &Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    if !barrier.is_outdated(sealed) {
        return Ok(None);
    }
    match barrier.open(place, sealed) {
        Ok(opened) => barrier.seal(place, &opened).map(Some),
        Err(_) => Ok(None),
    }
}
