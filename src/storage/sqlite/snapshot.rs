//! What can be asked of the store, in SQL. Every statement goes through an index; `tests/plans.rs` holds them to it.

use super::columns::{self, select_leases, select_nodes, select_work};
use super::session::Session;
use crate::base::{Result, Timestamp};
use crate::storage::{
    AnswerRow, Catalog, CatalogRow, Counted, Hash, KeyRow, Lane, LeaseIndex, LeaseKey, LeaseKind, LeaseRow, LeaseState,
    MountCount, NodeRow, RecordRow, Snapshot, WorkRow,
};
use rusqlite::params;

/// A page of leases in order of id, merged from the ranges of an index that is ordered by state first. `$range` is the
/// index's columns before the state; ?1 fills it, ?2 is the last id of the page before, ?3 the page's size.
macro_rules! lease_page {
    ($($range:literal),+) => {
        select_leases!(concat!(
            "WHERE id IN (", lease_page!(@merge $($range),+), " ORDER BY id LIMIT ?3) ORDER BY id"
        ))
    };
    (@merge $first:literal $(, $rest:literal)*) => {
        concat!(
            lease_page!(@state $first, "1"), " UNION ALL ", lease_page!(@state $first, "2"), " UNION ALL ",
            lease_page!(@state $first, "3"), " UNION ALL ", lease_page!(@state $first, "4"),
            $(" UNION ALL ", lease_page!(@merge $rest)),*
        )
    };
    (@state $range:literal, $state:literal) => {
        concat!("SELECT id FROM leases WHERE ", $range, " AND state = ", $state, " AND id > ?2")
    };
}

pub(super) const LEASE_CHILDREN: &str = lease_page!("parent = ?1 AND parent <> 0");
const COUNT_CHILDREN: &str =
    concat!("SELECT count(*) FROM (", lease_page!(@merge "parent = ?1 AND parent <> 0"), " LIMIT ?3)");
pub(super) const LEASES_AT: &str = lease_page!("node = ?1 AND node <> 0");
pub(super) const LEASES_OF_MOUNT: &str = lease_page!("mount = ?1 AND kind = 1", "mount = ?1 AND kind = 2");

impl Snapshot for Session<'_> {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.one("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
    }

    fn keyring(&self) -> Result<Vec<KeyRow>> {
        self.all("SELECT term, created, wrapped FROM keyring ORDER BY term", [], |row| {
            Ok(KeyRow { term: row.get(0)?, created: row.get(1)?, wrapped: row.get(2)? })
        })
    }

    fn catalog(&self, catalog: Catalog) -> Result<Vec<CatalogRow>> {
        let sql = match catalog {
            Catalog::Mounts => "SELECT key, sealed FROM mounts",
            Catalog::Policies => "SELECT key, sealed FROM policies",
            Catalog::AuditDevices => "SELECT key, sealed FROM audit_devices",
        };
        self.all(sql, [], |row| Ok(CatalogRow { key: row.get(0)?, sealed: row.get(1)? }))
    }

    fn catalog_row(&self, catalog: Catalog, key: &Hash) -> Result<Option<Vec<u8>>> {
        let sql = match catalog {
            Catalog::Mounts => "SELECT sealed FROM mounts WHERE key = ?1",
            Catalog::Policies => "SELECT sealed FROM policies WHERE key = ?1",
            Catalog::AuditDevices => "SELECT sealed FROM audit_devices WHERE key = ?1",
        };
        self.one(sql, [key], |row| row.get(0))
    }

    fn node(&self, mount: &Hash, parent: i64, name: &Hash) -> Result<Option<i64>> {
        let sql = "SELECT id FROM nodes WHERE mount = ?1 AND parent = ?2 AND name = ?3";
        self.one(sql, params![mount, parent, name], |row| row.get(0))
    }

    fn node_row(&self, id: i64) -> Result<Option<NodeRow>> {
        self.one(select_nodes!("WHERE id = ?1"), [id], columns::node)
    }

    fn node_children(&self, mount: &Hash, parent: i64, after: i64, limit: usize) -> Result<Vec<NodeRow>> {
        let sql = select_nodes!("WHERE parent = ?2 AND mount = ?1 AND id > ?3 ORDER BY id LIMIT ?4");
        self.all(sql, params![mount, parent, after, rows(limit)], columns::node)
    }

    fn record(&self, node: i64) -> Result<Option<RecordRow>> {
        self.one("SELECT sealed, expires FROM records WHERE node = ?1", [node], columns::record)
    }

    fn nodes(&self, after: i64, limit: usize) -> Result<Vec<NodeRow>> {
        self.all(select_nodes!("WHERE id > ?1 ORDER BY id LIMIT ?2"), params![after, rows(limit)], columns::node)
    }

    fn records(&self, after: i64, limit: usize) -> Result<Vec<(i64, RecordRow)>> {
        let sql = "SELECT sealed, expires, node FROM records WHERE node > ?1 ORDER BY node LIMIT ?2";
        self.all(sql, params![after, rows(limit)], |row| Ok((row.get(2)?, columns::record(row)?)))
    }

    fn leases(&self, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        self.all(select_leases!("WHERE id > ?1 ORDER BY id LIMIT ?2"), params![after, rows(limit)], columns::lease)
    }

    fn causes(&self, after: &Hash, limit: usize) -> Result<Vec<CatalogRow>> {
        let sql = "SELECT key, sealed FROM causes WHERE key > ?1 ORDER BY key LIMIT ?2";
        let row = |row: &rusqlite::Row<'_>| Ok(CatalogRow { key: row.get(0)?, sealed: row.get(1)? });
        self.all(sql, params![after, rows(limit)], row)
    }

    fn lease(&self, id: i64) -> Result<Option<LeaseRow>> {
        self.one(select_leases!("WHERE id = ?1"), [id], columns::lease)
    }

    fn lease_by_key(&self, key: &LeaseKey) -> Result<Option<LeaseRow>> {
        self.one(select_leases!("WHERE key = ?1"), [key], columns::lease)
    }

    fn lease_by_accessor(&self, accessor: &LeaseKey) -> Result<Option<LeaseRow>> {
        self.one(select_leases!("WHERE accessor = ?1"), [accessor], columns::lease)
    }

    fn lease_children(&self, parent: i64, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        self.all(LEASE_CHILDREN, params![parent, after, rows(limit)], columns::lease)
    }

    fn lease_children_count(&self, parent: i64, after: i64, at_most: usize) -> Result<usize> {
        let count: Option<i64> = self.one(COUNT_CHILDREN, params![parent, after, rows(at_most)], |row| row.get(0))?;
        Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default())
    }

    fn leases_at(&self, node: i64, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        self.all(LEASES_AT, params![node, after, rows(limit)], columns::lease)
    }

    fn leases_of_mount(&self, mount: &Hash, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        self.all(LEASES_OF_MOUNT, params![mount, after, rows(limit)], columns::lease)
    }

    fn leases_in_state(
        &self,
        mount: &Hash,
        kind: LeaseKind,
        state: LeaseState,
        after: i64,
        limit: usize,
    ) -> Result<Vec<LeaseRow>> {
        let sql = select_leases!("WHERE mount = ?1 AND kind = ?2 AND state = ?3 AND id > ?4 ORDER BY id LIMIT ?5");
        self.all(sql, params![mount, kind, state, after, rows(limit)], columns::lease)
    }

    fn leases_by(&self, index: LeaseIndex, value: &Hash, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        let sql = match index {
            LeaseIndex::Role => select_leases!("WHERE role = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
            LeaseIndex::Subject => select_leases!("WHERE subject = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
            LeaseIndex::Entity => select_leases!("WHERE entity = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
            LeaseIndex::Target => select_leases!("WHERE target = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
        };
        self.all(sql, params![value, after, rows(limit)], columns::lease)
    }

    fn leases_of_kind(&self, kind: LeaseKind, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        let sql = select_leases!("WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        self.all(sql, params![kind, after, rows(limit)], columns::lease)
    }

    fn leases_named(&self, subject: &Hash, after: i64, limit: usize) -> Result<Vec<LeaseRow>> {
        let sql = select_leases!(
            "WHERE id IN (SELECT lease FROM subjects WHERE subject = ?1 AND lease > ?2 ORDER BY lease LIMIT ?3) ORDER BY id"
        );
        self.all(sql, params![subject, after, rows(limit)], columns::lease)
    }

    fn lease_count(&self, of: &Counted) -> Result<u64> {
        let all = "SELECT sum(count) FROM counts WHERE scope = 1";
        let one = "SELECT count FROM counts WHERE scope = ?1 AND key = ?2 AND part = ?3";
        let entity = |entity: &Option<Hash>| entity.map(Vec::from).unwrap_or_default();
        let (scope, key, part) = match of {
            Counted::All => {
                let sum: Option<Option<i64>> = self.one(all, [], |row| row.get(0))?;
                return Ok(sum.flatten().unwrap_or_default().unsigned_abs());
            }
            Counted::Mount(mount) => (1, mount.to_vec(), Vec::new()),
            Counted::Role(role) => (2, role.to_vec(), Vec::new()),
            Counted::Node(node) => (3, node.to_string().into_bytes(), Vec::new()),
            Counted::Entity(id) => (4, Vec::new(), entity(id)),
            Counted::EntityAt(mount, id) => (5, mount.to_vec(), entity(id)),
        };
        let count: Option<i64> = self.one(one, params![scope, key, part], |row| row.get(0))?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    fn answer(&self, key: &Hash) -> Result<Option<AnswerRow>> {
        self.one("SELECT key, lease, expires, sealed FROM answers WHERE key = ?1", [key], columns::answer)
    }

    /// One seek in the index for each line, whatever its length.
    fn lanes(&self, kind: LeaseKind) -> Result<Vec<Lane>> {
        let sql = "SELECT coalesce(target, mount), due FROM leases
                   WHERE kind = ?1 AND coalesce(target, mount) > ?2 AND due IS NOT NULL
                   ORDER BY coalesce(target, mount), due LIMIT 1";
        let mut lanes: Vec<Lane> = Vec::new();
        loop {
            // Every hash is larger than nothing.
            let after = lanes.last().map_or(&[][..], |lane| &lane.id);
            let next = self.one(sql, params![kind, after], |row| Ok(Lane { id: row.get(0)?, due: row.get(1)? }))?;
            let Some(next) = next else { return Ok(lanes) };
            lanes.push(next);
        }
    }

    fn leases_due(&self, kind: LeaseKind, lane: &Hash, now: Timestamp, limit: usize) -> Result<Vec<LeaseRow>> {
        let sql =
            select_leases!("WHERE kind = ?1 AND coalesce(target, mount) = ?2 AND due <= ?3 ORDER BY due LIMIT ?4");
        self.all(sql, params![kind, lane, now, rows(limit)], columns::lease)
    }

    fn leases_due_dead(&self, kind: LeaseKind, lane: &Hash, now: Timestamp, limit: usize) -> Result<Vec<LeaseRow>> {
        let sql = select_leases!(
            "WHERE kind = ?1 AND coalesce(target, mount) = ?2 AND due <= ?3 AND state IN (3, 4) ORDER BY due LIMIT ?4"
        );
        self.all(sql, params![kind, lane, now, rows(limit)], columns::lease)
    }

    fn cause(&self, key: &Hash) -> Result<Option<Vec<u8>>> {
        self.one("SELECT sealed FROM causes WHERE key = ?1", [key], |row| row.get(0))
    }

    fn ended(&self, subject: &Hash) -> Result<Option<Timestamp>> {
        self.one("SELECT at FROM ended WHERE subject = ?1", [subject], |row| row.get(0))
    }

    fn next_answer_expiry(&self) -> Result<Option<Timestamp>> {
        self.one("SELECT min(expires) FROM answers", [], |row| row.get(0)).map(Option::flatten)
    }

    fn lease_counts(&self) -> Result<Vec<MountCount>> {
        let sql = "SELECT key, CAST(substr(part, 1, 1) AS INTEGER), CAST(substr(part, 3) AS INTEGER), count
                   FROM counts WHERE scope = 6 AND count > 0";
        self.all(sql, [], |row| {
            let count: i64 = row.get(3)?;
            Ok(MountCount { mount: row.get(0)?, kind: row.get(1)?, state: row.get(2)?, count: count.unsigned_abs() })
        })
    }

    fn dying_counts(&self) -> Result<Vec<(Hash, u64)>> {
        self.all("SELECT key, count FROM counts WHERE scope = 7", [], |row| {
            let count: i64 = row.get(1)?;
            Ok((row.get(0)?, count.unsigned_abs()))
        })
    }

    fn expired_in_lane(&self, lane: &Hash, now: Timestamp, at_most: usize) -> Result<usize> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM leases WHERE kind = 2 AND coalesce(target, mount) = ?1
                   AND due <= ?2 AND state IN (1, 2) LIMIT ?3)";
        let count: Option<i64> = self.one(sql, params![lane, now, rows(at_most)], |row| row.get(0))?;
        Ok(usize::try_from(count.unwrap_or_default()).unwrap_or(usize::MAX))
    }

    fn work(&self, id: i64) -> Result<Option<WorkRow>> {
        self.one(select_work!("WHERE id = ?1"), [id], columns::work)
    }

    fn work_by_key(&self, key: &Hash) -> Result<Option<WorkRow>> {
        self.one(select_work!("WHERE key = ?1"), [key], columns::work)
    }

    fn work_all(&self, after: i64, limit: usize) -> Result<Vec<WorkRow>> {
        self.all(select_work!("WHERE id > ?1 ORDER BY id LIMIT ?2"), params![after, rows(limit)], columns::work)
    }

    fn work_due(&self, now: Timestamp, limit: usize) -> Result<Vec<WorkRow>> {
        self.all(select_work!("WHERE due <= ?1 ORDER BY due LIMIT ?2"), params![now, rows(limit)], columns::work)
    }

    fn next_chore(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT min(due) FROM work WHERE due IS NOT NULL";
        let work: Option<Timestamp> = self.one(sql, [], |row| row.get(0)).map(Option::flatten)?;
        Ok(work.into_iter().chain(self.next_answer_expiry()?).min())
    }
}

/// A page's size as SQLite takes it.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
