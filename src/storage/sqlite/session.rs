//! One connection inside one transaction, as the storage traits see it, and how SQLite's errors become ours.
//!
//! Invariant: after a statement failed for a reason of the store's own (disk full, I/O), no further statement runs in the
//! session. SQLite may have rolled the transaction back by then, and what ran next would be committed by itself.

use crate::base::{Error, Result};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Params, Row};
use std::cell::Cell;

pub(super) struct Session<'a> {
    connection: &'a Connection,
    broken: Cell<bool>,
}

impl<'a> Session<'a> {
    pub(super) fn on(connection: &'a Connection) -> Self {
        Self { connection, broken: Cell::new(false) }
    }

    /// Whether the store failed in this session, even if the closure that was told so went on.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// The first row, or none.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.statement(sql)?.query_row(parameters, map).optional().map_err(|error| self.failed(&error))
    }

    /// All rows. One that cannot be read (a damaged column) is reported and left out, so that it takes no other along.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        map: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(parameters).map_err(|error| self.failed(&error))?;
        let mut answer = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            match map(row) {
                Ok(value) => answer.push(value),
                Err(error) => log::error!("a damaged row is left out: {error}"),
            }
        }
        Ok(answer)
    }

    /// Runs a statement that returns nothing; tells how many rows it changed.
    pub(super) fn run(&self, sql: &str, parameters: impl Params) -> Result<usize> {
        self.statement(sql)?.execute(parameters).map_err(|error| self.failed(&error))
    }

    /// Whether a statement about at most one row found it.
    pub(super) fn took_effect(&self, sql: &str, parameters: impl Params) -> Result<bool> {
        Ok(self.run(sql, parameters)? > 0)
    }

    /// Inserts one row and tells its id; none when the statement's own condition kept it out.
    pub(super) fn insert(&self, sql: &str, parameters: impl Params) -> Result<Option<i64>> {
        let inserted = self.run(sql, parameters)? > 0;
        Ok(inserted.then(|| self.connection.last_insert_rowid()))
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'a>> {
        if self.broken.get() {
            return Err(Error::internal("the storage failed earlier in this transaction"));
        }
        #[cfg(test)]
        record(sql);
        self.connection.prepare_cached(sql).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        // A violated constraint and a column that cannot be read undo their own statement and nothing else.
        let harmless = error.sqlite_error_code().is_none_or(|code| code == ErrorCode::ConstraintViolation);
        let transaction_lost = self.connection.is_autocommit();
        self.broken.set(self.broken.get() || !harmless || transaction_lost);
        store_error(error)
    }
}

/// Runs one of the few statements that frame a transaction.
pub(super) fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// SQLite's words name tables and columns but never a value, and still go to the log alone.
pub(super) fn store_error(error: &rusqlite::Error) -> Error {
    let public = match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => {
            Error::conflict("there is such a row already, or what it belongs to is gone")
        }
        Some(ErrorCode::DiskFull) => Error::internal("the storage is full"),
        Some(ErrorCode::DatabaseCorrupt) => Error::internal("the storage is damaged"),
        _ => Error::internal("the storage failed"),
    };
    public.caused_by(error.to_string())
}

#[cfg(test)]
thread_local! {
    static RECORDED: std::cell::RefCell<std::collections::BTreeSet<String>> = const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

#[cfg(test)]
fn record(sql: &str) {
    RECORDED.with_borrow_mut(|recorded| recorded.insert(sql.to_owned()));
}

/// The statements that this thread's sessions run in `work`.
#[cfg(test)]
pub(super) fn recorded(work: impl FnOnce()) -> std::collections::BTreeSet<String> {
    RECORDED.take();
    work();
    RECORDED.take()
}
