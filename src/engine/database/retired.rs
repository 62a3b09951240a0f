//! Connections that were deleted: kept out of sight, with their login, until no lease needs them.
//!
//! Owns how a lease finds the connection that it is to be ended by. Invariant: no connection goes while a lease needs it, not
//! even one that was being issued while the connection was deleted.

use crate::base::{Result, Timestamp};
use crate::engine::database::connection::{self, Connection, missing};
use crate::engine::database::pool;
use crate::logical::{Ctx, Next, TaskKind, Which};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub const TASK: TaskKind = TaskKind { kind: "forget-connection", run: forget };

/// How often it is looked whether the last lease has ended.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Longer than any request takes that may have been using the connection.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// The record.
#[derive(Serialize, Deserialize)]
struct Retired {
    connection: Connection,
    /// Milliseconds since the epoch.
    deleted: i64,
    /// What was being issued when it was deleted has been ended too.
    #[serde(default)]
    swept: bool,
}

/// Where a deleted connection is kept; below `retired/` also the name of its task.
fn record(task: &str) -> String {
    format!("retired/{task}")
}

/// What a lease's target is filed under: which database that was, and by which connection. Two connections to one database
/// are told apart, so that one can be taken away without the other's leases.
#[must_use]
pub fn lease_target(connection_id: &str, target: &str) -> String {
    format!("{target} by {connection_id}")
}

/// How many leases need this connection.
///
/// # Errors
/// `Internal` when the store fails.
pub fn leases(ctx: &Ctx, connection: &Connection) -> Result<u64> {
    connection.all_targets().map(|target| ctx.count_leases(&Which::Target(&lease_target(&connection.id, target)))).sum()
}

/// Ends the leases of a connection.
fn end_leases(ctx: &mut Ctx, connection: &Connection) -> Result<()> {
    for target in connection.all_targets() {
        ctx.end_leases(&Which::Target(&lease_target(&connection.id, target)))?;
    }
    Ok(())
}

/// Deletes a connection. Its leases are ended, and until they are it is kept for them.
///
/// # Errors
/// `Internal` when the store fails.
pub fn retire(ctx: &mut Ctx, name: &str, connection: &Connection) -> Result<()> {
    let now = ctx.now();
    let task = format!("{name}/{}", connection.id);
    let retired = Retired { connection: connection.clone(), deleted: now.0, swept: false };
    ctx.write(|records| {
        crate::logical::ctx::store(records, &record(&task), &retired)?;
        records.delete(&connection::record(name))?;
        records.schedule(TASK.kind, &task, now)
    })?;
    end_leases(ctx, connection)
}

/// The connection by which a lease is ended: its own, be it deleted, else one of that name that leads to the same database.
///
/// # Errors
/// `BadRequest` when there is none.
pub fn find(ctx: &Ctx, name: &str, id: &str, target: &str) -> Result<Connection> {
    let (configured, retired) = ctx.read(|records| {
        let retired: Option<Retired> = crate::logical::ctx::load(records, &record(&format!("{name}/{id}")))?;
        Ok((Connection::load_in(records, name)?, retired))
    })?;
    let leads_there = |connection: &Connection| connection.target.as_deref().is_none_or(|known| known == target);
    match (configured, retired) {
        (Some(connection), _) if connection.id == id => Ok(connection),
        (_, Some(retired)) => Ok(retired.connection),
        (Some(connection), None) if leads_there(&connection) => Ok(connection),
        _ => Err(missing(name)),
    }
}

/// Ends what is left of the leases, twice: at once, should the deletion have been cut off, and when no request can be using
/// the connection any more. Then it waits for the last to go.
fn forget(ctx: &mut Ctx, task: &str) -> Result<Next> {
    let Some(mut retired) = ctx.load::<Retired>(&record(task))? else { return Ok(Next::Done) };
    let kept_until = Timestamp(retired.deleted).plus(KEPT);
    if !retired.swept {
        end_leases(ctx, &retired.connection)?;
        if ctx.now() < kept_until {
            return Ok(Next::At(kept_until));
        }
        retired.swept = true;
        ctx.store(&record(task), &retired)?;
    }
    if leases(ctx, &retired.connection)? > 0 {
        return Ok(Next::At(ctx.now().plus(LOOK_EVERY)));
    }
    ctx.delete(&record(task))?;
    pool::close(&ctx.mount.uuid, &retired.connection.id);
    Ok(Next::Done)
}
