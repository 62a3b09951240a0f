//! What can be changed in the store, in SQL. As for questions, every statement goes through an index.

use super::session::Session;
use super::snapshot::rows;
use crate::base::{Error, Result, Timestamp};
use crate::storage::{AnswerRow, Catalog, Hash, KeyRow, LeaseKind, LeaseState, NewLease, Snapshot, Tx, WorkRow};
use rusqlite::params;

/// Marks the page of active leases that `$range` selects by ?1; ?2 is the time, ?3 the page's size, ?4 the cause. 2 is
/// active, 3 revoking.
macro_rules! mark_leases {
    ($range:literal) => {
        concat!(
            "UPDATE leases SET state = 3, due = ?2, attempts = 0, cause = ?4 WHERE id IN \
             (SELECT id FROM leases WHERE ",
            $range,
            " AND state = 2 LIMIT ?3)"
        )
    };
}

/// What can go of a mount now: nodes with a record, and nodes without child or lease. Ordered from the deepest up: a child's
/// parent id is larger than its parent's parent id, so that the largest parent ids belong to leaves.
const PURGEABLE: &str = "
    SELECT id FROM nodes
    WHERE mount = ?1 AND parent >= 0
      AND (EXISTS (SELECT 1 FROM records WHERE records.node = nodes.id)
           OR (NOT EXISTS (SELECT 1 FROM nodes AS child WHERE child.parent = nodes.id)
               AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.node = nodes.id AND leases.node <> 0)))
    ORDER BY parent DESC, name DESC LIMIT ?2";

impl Tx for Session<'_> {
    fn set_meta(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let sql =
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.run(sql, params![key, value]).map(|_| ())
    }

    fn delete_meta(&mut self, key: &str) -> Result<()> {
        self.run("DELETE FROM meta WHERE key = ?1", params![key]).map(|_| ())
    }

    fn put_key(&mut self, row: &KeyRow) -> Result<()> {
        let sql = "INSERT INTO keyring (term, created, wrapped) VALUES (?1, ?2, ?3)
                   ON CONFLICT (term) DO UPDATE SET created = excluded.created, wrapped = excluded.wrapped";
        self.run(sql, params![row.term, row.created, row.wrapped]).map(|_| ())
    }

    fn catalog_put(&mut self, catalog: Catalog, key: &Hash, sealed: &[u8]) -> Result<()> {
        macro_rules! put {
            ($table:literal) => {
                concat!(
                    "INSERT INTO ",
                    $table,
                    " (key, sealed) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed"
                )
            };
        }
        let sql = match catalog {
            Catalog::Mounts => put!("mounts"),
            Catalog::Policies => put!("policies"),
            Catalog::AuditDevices => put!("audit_devices"),
        };
        self.run(sql, params![key, sealed]).map(|_| ())
    }

    fn catalog_delete(&mut self, catalog: Catalog, key: &Hash) -> Result<bool> {
        let sql = match catalog {
            Catalog::Mounts => "DELETE FROM mounts WHERE key = ?1",
            Catalog::Policies => "DELETE FROM policies WHERE key = ?1",
            Catalog::AuditDevices => "DELETE FROM audit_devices WHERE key = ?1",
        };
        self.took_effect(sql, [key])
    }

    fn node_insert(&mut self, mount: &Hash, parent: i64, name: &Hash, sealed_name: &[u8]) -> Result<i64> {
        let sql = "INSERT INTO nodes (mount, parent, name, sealed_name) SELECT ?1, ?2, ?3, ?4
                   WHERE ?2 = 0 OR EXISTS (SELECT 1 FROM nodes WHERE id = ?2 AND mount = ?1)";
        let parameters = params![mount, parent, name, sealed_name];
        self.insert(sql, parameters)?.ok_or_else(|| Error::conflict("the name above is gone"))
    }

    fn node_delete_if_bare(&mut self, id: i64) -> Result<bool> {
        let sql = "DELETE FROM nodes WHERE id = ?1
                   AND NOT EXISTS (SELECT 1 FROM records WHERE records.node = ?1)
                   AND NOT EXISTS (SELECT 1 FROM nodes AS child WHERE child.parent = ?1)
                   AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.node = ?1 AND leases.node <> 0)";
        self.took_effect(sql, [id])
    }

    fn node_reseal(&mut self, id: i64, sealed_name: &[u8]) -> Result<bool> {
        self.took_effect("UPDATE nodes SET sealed_name = ?2 WHERE id = ?1", params![id, sealed_name])
    }

    fn record_put(&mut self, node: i64, sealed: &[u8], expires: Option<Timestamp>) -> Result<()> {
        let sql = "INSERT INTO records (node, sealed, expires) VALUES (?1, ?2, ?3)
                   ON CONFLICT (node) DO UPDATE SET sealed = excluded.sealed, expires = excluded.expires";
        self.run(sql, params![node, sealed, expires]).map(|_| ())
    }

    fn record_delete(&mut self, node: i64) -> Result<bool> {
        self.took_effect("DELETE FROM records WHERE node = ?1", [node])
    }

    fn purge_mount(&mut self, mount: &Hash, limit: usize) -> Result<usize> {
        let nodes: Vec<i64> = self.all(PURGEABLE, params![mount, rows(limit)], |row| row.get(0))?;
        let mut gone = 0;
        for node in nodes {
            if gone < limit && self.record_delete(node)? {
                gone += 1;
            }
            if gone < limit && self.node_delete_if_bare(node)? {
                gone += 1;
            }
        }
        let work = "DELETE FROM work WHERE id IN (SELECT id FROM work WHERE mount = ?1 LIMIT ?2)";
        gone += self.run(work, params![mount, rows(limit - gone)])?;
        Ok(gone)
    }

    fn lease_insert(&mut self, lease: &NewLease) -> Result<i64> {
        let sql = "INSERT INTO leases (key, parent, mount, node, kind, state, issued, expires, maximum, due, accessor,
                                       entity, role, subject, target, sealed)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
        let NewLease { key, parent, mount, node, kind, state, issued, expires, maximum, due, .. } = lease;
        let NewLease { accessor, entity, role, subject, target, sealed, .. } = lease;
        let parameters = params![
            key, parent, mount, node, kind, state, issued, expires, maximum, due, accessor, entity, role, subject,
            target, sealed
        ];
        self.insert(sql, parameters)?.ok_or_else(|| Error::internal("a lease was not inserted"))
    }

    fn lease_advance(
        &mut self,
        id: i64,
        from: LeaseState,
        to: LeaseState,
        due: Option<Timestamp>,
        attempts: u32,
    ) -> Result<bool> {
        let sql = "UPDATE leases SET state = ?3, due = ?4, attempts = ?5 WHERE id = ?1 AND state = ?2";
        self.took_effect(sql, params![id, from, to, due, attempts])
    }

    /// Only an active lease is renewed: moving the due time of one that is being revoked would put its revocation off.
    fn lease_renew(
        &mut self,
        id: i64,
        expires: Option<Timestamp>,
        maximum: Option<Timestamp>,
        sealed: &[u8],
    ) -> Result<bool> {
        let sql = "UPDATE leases SET expires = ?2, due = CASE state WHEN 2 THEN ?2 ELSE due END, maximum = ?3, sealed = ?4 \
                   WHERE id = ?1 AND state IN (1, 2)";
        self.took_effect(sql, params![id, expires, maximum, sealed])
    }

    fn lease_reseal(&mut self, id: i64, sealed: &[u8]) -> Result<bool> {
        self.took_effect("UPDATE leases SET sealed = ?2 WHERE id = ?1", params![id, sealed])
    }

    fn lease_set_parent(&mut self, id: i64, parent: i64, sealed: &[u8]) -> Result<bool> {
        let sql = "UPDATE leases SET parent = ?2, sealed = ?3 WHERE id = ?1 AND state = 2";
        self.took_effect(sql, params![id, parent, sealed])
    }

    fn lease_mark_children(
        &mut self,
        parent: i64,
        cause: Option<&Hash>,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize> {
        self.run(mark_leases!("parent = ?1 AND parent <> 0"), params![parent, now, rows(limit), cause])
    }

    fn lease_mark_mount(&mut self, mount: &Hash, cause: Option<&Hash>, now: Timestamp, limit: usize) -> Result<usize> {
        self.run(mark_leases!("mount = ?1 AND kind IN (1, 2)"), params![mount, now, rows(limit), cause])
    }

    fn lease_mark_node(&mut self, node: i64, cause: Option<&Hash>, now: Timestamp, limit: usize) -> Result<usize> {
        self.run(mark_leases!("node = ?1 AND node <> 0"), params![node, now, rows(limit), cause])
    }

    fn lease_set_cause(&mut self, id: i64, cause: &Hash) -> Result<bool> {
        self.took_effect("UPDATE leases SET cause = ?2 WHERE id = ?1", params![id, cause])
    }

    fn lease_name(&mut self, id: i64, subject: &Hash) -> Result<()> {
        let sql = "INSERT INTO subjects (subject, lease) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.run(sql, params![subject, id]).map(|_| ())
    }

    fn lease_delete(&mut self, id: i64) -> Result<bool> {
        self.took_effect("DELETE FROM leases WHERE id = ?1", [id])
    }

    fn lease_pending_due(&mut self, now: Timestamp, limit: usize) -> Result<usize> {
        let sql = "UPDATE leases SET due = ?1 WHERE id IN
                   (SELECT id FROM leases WHERE state = 1 AND (due IS NULL OR due > ?1) LIMIT ?2)";
        self.run(sql, params![now, rows(limit)])
    }

    fn lease_retry(
        &mut self,
        kind: LeaseKind,
        lane: &Hash,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<usize> {
        let sql = "UPDATE leases SET due = ?2 WHERE id IN
                   (SELECT id FROM leases WHERE kind = ?5 AND coalesce(target, mount) = ?1 AND due > ?2 AND due <= ?3
                    AND state IN (3, 4) LIMIT ?4)";
        self.run(sql, params![lane, now, until, rows(limit), kind])
    }

    fn lease_mark_irrevocable(&mut self, lane: &Hash, now: Timestamp, limit: usize) -> Result<usize> {
        let sql = "UPDATE leases SET state = 4 WHERE id IN
                   (SELECT id FROM leases WHERE kind = 2 AND coalesce(target, mount) = ?1 AND due <= ?2
                    AND state IN (2, 3) LIMIT ?3)";
        self.run(sql, params![lane, now, rows(limit)])
    }

    fn cause_insert(&mut self, key: &Hash, at: Timestamp, sealed: &[u8]) -> Result<()> {
        self.run("INSERT INTO causes (key, at, sealed) VALUES (?1, ?2, ?3)", params![key, at, sealed]).map(drop)
    }

    fn cause_reseal(&mut self, key: &Hash, sealed: &[u8]) -> Result<bool> {
        self.took_effect("UPDATE causes SET sealed = ?2 WHERE key = ?1", params![key, sealed])
    }

    fn causes_tidy(&mut self, before: Timestamp, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM causes WHERE key IN (SELECT key FROM causes WHERE at < ?1 ORDER BY at LIMIT ?2)";
        self.run(sql, params![before, rows(limit)])
    }

    fn ended_put(&mut self, subject: &Hash, at: Timestamp) -> Result<()> {
        self.run("INSERT OR REPLACE INTO ended (subject, at) VALUES (?1, ?2)", params![subject, at]).map(drop)
    }

    /// They are numbered as they came, so that the oldest have the smallest numbers.
    fn ended_tidy(&mut self, before: Timestamp, keep: usize, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM ended
                   WHERE id < (SELECT min(id) FROM ended) + ?3
                     AND (at < ?1 OR id <= (SELECT max(id) FROM ended) - ?2)";
        self.run(sql, params![before, rows(keep), rows(limit)])
    }

    fn answer_put(&mut self, answer: &AnswerRow) -> Result<()> {
        let sql = "INSERT INTO answers (key, lease, expires, sealed) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (key) DO UPDATE SET lease = excluded.lease, expires = excluded.expires,
                                                   sealed = excluded.sealed";
        self.run(sql, params![answer.key, answer.lease, answer.expires, answer.sealed]).map(|_| ())
    }

    fn answers_purge(&mut self, now: Timestamp, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE expires <= ?1 LIMIT ?2)";
        self.run(sql, params![now, rows(limit)])
    }

    fn work_insert(&mut self, kind: &str, due: Option<Timestamp>, sealed: &[u8]) -> Result<i64> {
        let sql = "INSERT INTO work (kind, due, sealed) VALUES (?1, ?2, ?3)";
        self.insert(sql, params![kind, due, sealed])?.ok_or_else(|| Error::internal("work was not inserted"))
    }

    fn work_put(&mut self, mount: &Hash, key: &Hash, kind: &str, due: Option<Timestamp>, sealed: &[u8]) -> Result<i64> {
        let update = "UPDATE work SET due = ?2, attempts = 0, sealed = ?3 WHERE key = ?1";
        if !self.took_effect(update, params![key, due, sealed])? {
            let sql = "INSERT INTO work (kind, mount, key, due, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
            self.run(sql, params![kind, mount, key, due, sealed])?;
        }
        let row = Snapshot::work_by_key(self, key)?;
        row.map(|row| row.id).ok_or_else(|| Error::internal("work was not inserted"))
    }

    fn work_update(&mut self, row: &WorkRow) -> Result<bool> {
        let sql = "UPDATE work SET kind = ?2, due = ?3, attempts = ?4, sealed = ?5 WHERE id = ?1";
        self.took_effect(sql, params![row.id, row.kind, row.due, row.attempts, row.sealed])
    }

    fn work_retry(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Result<usize> {
        let sql = "UPDATE work SET due = ?1 WHERE id IN (SELECT id FROM work WHERE due > ?1 AND due <= ?2 LIMIT ?3)";
        self.run(sql, params![now, until, rows(limit)])
    }

    fn work_delete(&mut self, id: i64) -> Result<bool> {
        self.took_effect("DELETE FROM work WHERE id = ?1", [id])
    }
}
