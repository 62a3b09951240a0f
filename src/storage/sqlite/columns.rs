//! How the trait's rows become columns and come back.

use crate::base::Timestamp;
use crate::storage::{AnswerRow, LeaseKind, LeaseRow, LeaseState, NodeRow, RecordRow, WorkRow};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};

impl ToSql for Timestamp {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

macro_rules! numbered {
    ($($type:ty),+) => {
        $(
            impl ToSql for $type {
                fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
                    Ok((*self as i64).into())
                }
            }

            impl FromSql for $type {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    let number = i64::column_result(value)?;
                    Self::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))
                }
            }
        )+
    };
}

numbered!(LeaseKind, LeaseState);

/// A query of whole leases; [`lease`] reads its rows.
macro_rules! select_leases {
    ($rest:expr) => {
        concat!(
            "SELECT id, key, parent, mount, node, kind, state, issued, expires, maximum, due, attempts, accessor, entity, \
             role, subject, target, cause, sealed FROM leases ",
            $rest
        )
    };
}

/// A query of whole nodes; [`node`] reads its rows.
macro_rules! select_nodes {
    ($rest:expr) => {
        concat!(
            "SELECT id, mount, parent, name, sealed_name, \
             EXISTS (SELECT 1 FROM records WHERE records.node = nodes.id), \
             EXISTS (SELECT 1 FROM nodes AS child WHERE child.parent = nodes.id), \
             EXISTS (SELECT 1 FROM leases WHERE leases.node = nodes.id AND leases.node <> 0) FROM nodes ",
            $rest
        )
    };
}

/// A query of whole work rows; [`work`] reads its rows.
macro_rules! select_work {
    ($rest:expr) => {
        concat!("SELECT id, kind, mount, key, due, attempts, sealed FROM work ", $rest)
    };
}

pub(super) use {select_leases, select_nodes, select_work};

pub(super) fn lease(row: &Row<'_>) -> Result<LeaseRow> {
    Ok(LeaseRow {
        id: row.get(0)?,
        key: row.get(1)?,
        parent: row.get(2)?,
        mount: row.get(3)?,
        node: row.get(4)?,
        kind: row.get(5)?,
        state: row.get(6)?,
        issued: row.get(7)?,
        expires: row.get(8)?,
        maximum: row.get(9)?,
        due: row.get(10)?,
        attempts: row.get(11)?,
        accessor: row.get(12)?,
        entity: row.get(13)?,
        role: row.get(14)?,
        subject: row.get(15)?,
        target: row.get(16)?,
        cause: row.get(17)?,
        sealed: row.get(18)?,
    })
}

pub(super) fn node(row: &Row<'_>) -> Result<NodeRow> {
    Ok(NodeRow {
        id: row.get(0)?,
        mount: row.get(1)?,
        parent: row.get(2)?,
        name: row.get(3)?,
        sealed_name: row.get(4)?,
        has_record: row.get(5)?,
        has_children: row.get(6)?,
        has_leases: row.get(7)?,
    })
}

pub(super) fn record(row: &Row<'_>) -> Result<RecordRow> {
    Ok(RecordRow { sealed: row.get(0)?, expires: row.get(1)? })
}

pub(super) fn answer(row: &Row<'_>) -> Result<AnswerRow> {
    Ok(AnswerRow { key: row.get(0)?, lease: row.get(1)?, expires: row.get(2)?, sealed: row.get(3)? })
}

pub(super) fn work(row: &Row<'_>) -> Result<WorkRow> {
    Ok(WorkRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        mount: row.get(2)?,
        key: row.get(3)?,
        due: row.get(4)?,
        attempts: row.get(5)?,
        sealed: row.get(6)?,
    })
}
