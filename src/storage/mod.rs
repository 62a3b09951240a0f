//! Where state is kept: the trait that every store implements, and the rows that cross it.
//!
//! A store moves opaque bytes and clear columns; it never sees a key, a name or a value. All that it is asked goes through
//! indexed, bounded operations, so that no cost grows with the number of leases. Nothing outside this folder knows SQLite.
//!
//! Invariant: a write that returned `Ok` is durable; one that returned `Err` left nothing behind.

#[cfg(test)]
pub mod conformance;
pub mod restored;
pub mod rows;
pub mod sqlite;

use crate::base::{Result, Timestamp};
use prometheus::proto::MetricFamily;
pub use rows::{
    AnswerRow, Catalog, CatalogRow, Counted, Hash, KeyRow, Lane, LeaseIndex, LeaseKey, LeaseKind, LeaseRow, LeaseState,
    MountCount, NewLease, NodeRow, RecordRow, WorkRow,
};

/// A store of all state. Shared by every thread.
pub trait Storage: Send + Sync {
    /// The name that `seal-status` shows: `sqlite`, `inmem`.
    fn kind(&self) -> &'static str;

    /// Runs `question` on one consistent snapshot.
    ///
    /// # Errors
    /// The question's own, or `Internal` when the store fails.
    fn read(&self, question: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()>;

    /// Runs `change` in one transaction and returns when it is durable. The change may run again (on a store that retries),
    /// does no I/O of its own, and re-validates what was read before. When it fails, nothing of it stays.
    ///
    /// # Errors
    /// The change's own, or `Internal` when the store fails (disk full, I/O error): then none of its group is acknowledged.
    fn write(&self, change: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()>;

    /// A copy of everything at one moment, made while others read and write; as a file that is gone when it is closed, and
    /// its length.
    ///
    /// # Errors
    /// `BadRequest` where there is nothing to come back to, or no room; `Internal` when the store fails.
    fn back_up(&self) -> Result<(std::fs::File, u64)>;

    /// What the store measures of itself.
    fn measures(&self) -> Vec<MetricFamily> {
        Vec::new()
    }
}

impl dyn Storage + '_ {
    /// [`Storage::read`] with an answer.
    ///
    /// # Errors
    /// As [`Storage::read`].
    pub fn reading<T>(&self, mut question: impl FnMut(&dyn Snapshot) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.read(&mut |snapshot| {
            answer = Some(question(snapshot)?);
            Ok(())
        })?;
        answer.ok_or_else(|| crate::base::Error::internal("the store did not run the question"))
    }

    /// [`Storage::write`] with an answer.
    ///
    /// # Errors
    /// As [`Storage::write`].
    pub fn writing<T>(&self, mut change: impl FnMut(&mut dyn Tx) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.write(&mut |tx| {
            answer = Some(change(tx)?);
            Ok(())
        })?;
        answer.ok_or_else(|| crate::base::Error::internal("the store did not run the change"))
    }
}

/// What can be asked. Every list is a page: `after` is the last id of the page before (0 to begin), `limit` its size.
pub trait Snapshot {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>>;
    fn keyring(&self) -> Result<Vec<KeyRow>>;

    /// All rows of a small table, in no order.
    fn catalog(&self, catalog: Catalog) -> Result<Vec<CatalogRow>>;
    fn catalog_row(&self, catalog: Catalog, key: &Hash) -> Result<Option<Vec<u8>>>;

    /// The child of `parent` (0: the mount's top) with this name.
    fn node(&self, mount: &Hash, parent: i64, name: &Hash) -> Result<Option<i64>>;
    fn node_row(&self, id: i64) -> Result<Option<NodeRow>>;
    /// Children ordered by id.
    fn node_children(&self, mount: &Hash, parent: i64, after: i64, limit: usize) -> Result<Vec<NodeRow>>;
    fn record(&self, node: i64) -> Result<Option<RecordRow>>;
    /// Nodes of every mount in order of id, and records in order of their node's: for going through all of them, in pages.
    fn nodes(&self, after: i64, limit: usize) -> Result<Vec<NodeRow>>;
    fn records(&self, after: i64, limit: usize) -> Result<Vec<(i64, RecordRow)>>;
    /// Leases of every kind and mount in order of id: for going through all of them, in pages.
    fn leases(&self, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    /// The stories of what ended leases, in order of their keys: for going through all of them, in pages.
    fn causes(&self, after: &Hash, limit: usize) -> Result<Vec<CatalogRow>>;

    fn lease(&self, id: i64) -> Result<Option<LeaseRow>>;
    fn lease_by_key(&self, key: &LeaseKey) -> Result<Option<LeaseRow>>;
    fn lease_by_accessor(&self, accessor: &LeaseKey) -> Result<Option<LeaseRow>>;
    fn lease_children(&self, parent: i64, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    /// How many children there are after this one, counted up to `at_most`.
    fn lease_children_count(&self, parent: i64, after: i64, at_most: usize) -> Result<usize>;
    /// Leases that hang at exactly this node.
    fn leases_at(&self, node: i64, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    fn leases_of_mount(&self, mount: &Hash, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    /// Leases of a mount that are of this kind and in this state.
    fn leases_in_state(
        &self,
        mount: &Hash,
        kind: LeaseKind,
        state: LeaseState,
        after: i64,
        limit: usize,
    ) -> Result<Vec<LeaseRow>>;
    /// Leases that carry this hash in the column of the index.
    fn leases_by(&self, index: LeaseIndex, value: &Hash, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    fn leases_of_kind(&self, kind: LeaseKind, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    /// Leases that have this further outside name, in order of id.
    fn leases_named(&self, subject: &Hash, after: i64, limit: usize) -> Result<Vec<LeaseRow>>;
    /// A look at what the store counts with every change; it costs the same however many there are.
    fn lease_count(&self, of: &Counted) -> Result<u64>;
    /// The lines that leases of this kind wait in, each with its earliest `due`, come or not.
    fn lanes(&self, kind: LeaseKind) -> Result<Vec<Lane>>;
    /// Rows of one line whose `due` has come, earliest first.
    fn leases_due(&self, kind: LeaseKind, lane: &Hash, now: Timestamp, limit: usize) -> Result<Vec<LeaseRow>>;
    /// Of these, the ones that were revoked: not those that only their time has ended, nor pending ones.
    fn leases_due_dead(&self, kind: LeaseKind, lane: &Hash, now: Timestamp, limit: usize) -> Result<Vec<LeaseRow>>;
    /// The sealed story of what ended leases.
    fn cause(&self, key: &Hash) -> Result<Option<Vec<u8>>>;
    /// When the last lease with this outside name ended, as far back as that is kept.
    fn ended(&self, subject: &Hash) -> Result<Option<Timestamp>>;
    /// Rows (every state counts until the row is gone) by mount, kind and state; as [`Snapshot::lease_count`], a look.
    fn lease_counts(&self) -> Result<Vec<MountCount>>;
    /// Leases of secrets that are dead and not ended outside yet, by their lane; a look, too.
    fn dying_counts(&self) -> Result<Vec<(Hash, u64)>>;
    /// Leases of secrets in a lane that are due and that nobody has begun to end, counted up to `at_most`.
    fn expired_in_lane(&self, lane: &Hash, now: Timestamp, at_most: usize) -> Result<usize>;

    fn answer(&self, key: &Hash) -> Result<Option<AnswerRow>>;
    fn next_answer_expiry(&self) -> Result<Option<Timestamp>>;

    fn work(&self, id: i64) -> Result<Option<WorkRow>>;
    fn work_by_key(&self, key: &Hash) -> Result<Option<WorkRow>>;
    fn work_all(&self, after: i64, limit: usize) -> Result<Vec<WorkRow>>;
    fn work_due(&self, now: Timestamp, limit: usize) -> Result<Vec<WorkRow>>;
    /// The earliest `due` of any work row, or expiry of an answer.
    fn next_chore(&self) -> Result<Option<Timestamp>>;
}

/// What can be changed, in one transaction. It sees its own changes.
pub trait Tx: Snapshot {
    fn set_meta(&mut self, key: &str, value: &[u8]) -> Result<()>;
    fn delete_meta(&mut self, key: &str) -> Result<()>;
    fn put_key(&mut self, row: &KeyRow) -> Result<()>;

    fn catalog_put(&mut self, catalog: Catalog, key: &Hash, sealed: &[u8]) -> Result<()>;
    /// Whether there was such a row.
    fn catalog_delete(&mut self, catalog: Catalog, key: &Hash) -> Result<bool>;

    fn node_insert(&mut self, mount: &Hash, parent: i64, name: &Hash, sealed_name: &[u8]) -> Result<i64>;
    /// Deletes the node if nothing hangs at it any more (no child, record or lease); says whether it did.
    fn node_delete_if_bare(&mut self, id: i64) -> Result<bool>;
    /// Replaces the sealed name alone.
    fn node_reseal(&mut self, id: i64, sealed_name: &[u8]) -> Result<bool>;
    fn record_put(&mut self, node: i64, sealed: &[u8], expires: Option<Timestamp>) -> Result<()>;
    fn record_delete(&mut self, node: i64) -> Result<bool>;
    /// Deletes up to `limit` records and bare nodes of a mount, leaves first, and its work; returns how many rows went. Nodes that leases
    /// still hang at stay.
    fn purge_mount(&mut self, mount: &Hash, limit: usize) -> Result<usize>;

    /// Returns the new row's id. Ids are never used twice.
    fn lease_insert(&mut self, lease: &NewLease) -> Result<i64>;
    /// Compare-and-set on the state, with the next due time and the number of attempts; says whether it took effect.
    fn lease_advance(
        &mut self,
        id: i64,
        from: LeaseState,
        to: LeaseState,
        due: Option<Timestamp>,
        attempts: u32,
    ) -> Result<bool>;
    /// Moves the expiry of an active lease (and `due` with it) or of a pending one (whose `due` stays its deadline), and
    /// replaces the sealed payload, which is bound to the clear columns.
    fn lease_renew(
        &mut self,
        id: i64,
        expires: Option<Timestamp>,
        maximum: Option<Timestamp>,
        sealed: &[u8],
    ) -> Result<bool>;
    /// Replaces the sealed payload alone (a use count, the last error).
    fn lease_reseal(&mut self, id: i64, sealed: &[u8]) -> Result<bool>;
    /// Hangs an active lease under another parent (0: none), with the payload sealed for it; says whether it took effect.
    fn lease_set_parent(&mut self, id: i64, parent: i64, sealed: &[u8]) -> Result<bool>;
    /// Marks up to `limit` active children of `parent` as revoking, for this cause if any, and due at `now`; returns how many.
    fn lease_mark_children(&mut self, parent: i64, cause: Option<&Hash>, now: Timestamp, limit: usize)
    -> Result<usize>;
    /// Marks up to `limit` active leases of a mount as revoking, for this cause if any, and due at `now`; returns how many.
    fn lease_mark_mount(&mut self, mount: &Hash, cause: Option<&Hash>, now: Timestamp, limit: usize) -> Result<usize>;
    /// Marks up to `limit` active leases at a node as revoking, for this cause if any, and due at `now`; returns how many.
    fn lease_mark_node(&mut self, node: i64, cause: Option<&Hash>, now: Timestamp, limit: usize) -> Result<usize>;
    /// Notes what ended a lease.
    fn lease_set_cause(&mut self, id: i64, cause: &Hash) -> Result<bool>;
    /// Gives a lease a further outside name to be found by.
    fn lease_name(&mut self, id: i64, subject: &Hash) -> Result<()>;
    fn lease_delete(&mut self, id: i64) -> Result<bool>;
    /// Makes every pending row that was left by an earlier process due at `now` (after a crash nobody is creating for them).
    fn lease_pending_due(&mut self, now: Timestamp, limit: usize) -> Result<usize>;
    /// Makes up to `limit` dead leases of a line that are due after `now` and by `until` due at `now`: what an earlier process
    /// had claimed, or what waits for its next try; returns how many.
    fn lease_retry(
        &mut self,
        kind: LeaseKind,
        lane: &Hash,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<usize>;
    /// Counts up to `limit` due secrets of a line (less those that are pending) as irrevocable; returns how many.
    fn lease_mark_irrevocable(&mut self, lane: &Hash, now: Timestamp, limit: usize) -> Result<usize>;

    fn cause_insert(&mut self, key: &Hash, at: Timestamp, sealed: &[u8]) -> Result<()>;
    /// Replaces the sealed story alone.
    fn cause_reseal(&mut self, key: &Hash, sealed: &[u8]) -> Result<bool>;
    /// Deletes up to `limit` causes from before that time; returns how many.
    fn causes_tidy(&mut self, before: Timestamp, limit: usize) -> Result<usize>;
    /// Keeps the hash of an outside name whose lease has ended.
    fn ended_put(&mut self, subject: &Hash, at: Timestamp) -> Result<()>;
    /// Deletes the oldest of these hashes, up to `limit`: those from before that time, and those that are not among the newest
    /// `keep`; returns how many.
    fn ended_tidy(&mut self, before: Timestamp, keep: usize, limit: usize) -> Result<usize>;

    /// Keeps an answer until its lease is no longer active; what had its key before is replaced.
    fn answer_put(&mut self, answer: &AnswerRow) -> Result<()>;
    /// Deletes up to `limit` answers that have expired by `now`; returns how many.
    fn answers_purge(&mut self, now: Timestamp, limit: usize) -> Result<usize>;

    fn work_insert(&mut self, kind: &str, due: Option<Timestamp>, sealed: &[u8]) -> Result<i64>;
    /// Inserts a mount's work, or gives the one of that key a new due time and payload and no attempts; returns its id.
    fn work_put(&mut self, mount: &Hash, key: &Hash, kind: &str, due: Option<Timestamp>, sealed: &[u8]) -> Result<i64>;
    fn work_update(&mut self, row: &WorkRow) -> Result<bool>;
    /// Makes up to `limit` of the work that is due after `now` and by `until` due at `now`; returns how much.
    fn work_retry(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Result<usize>;
    fn work_delete(&mut self, id: i64) -> Result<bool>;
}
