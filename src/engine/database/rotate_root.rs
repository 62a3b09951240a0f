//! `rotate-root/{name}`: a new password for a connection's own user, known to this server alone.
//!
//! The new password is stored before the database is told, and takes the old one's place once the database said yes. What
//! comes in between leaves both in the record, of which one works; the rotation is then finished with the same password, so
//! that nothing that is still under way can set another. Invariant: one of the stored passwords works at every moment.

use crate::base::failpoint::step;
use crate::base::{Error, Kind, Result, Secret};
use crate::engine::database::connection::Connection;
use crate::engine::database::driver::{Database, NewPassword};
use crate::engine::database::pool;
use crate::engine::database::turn::Turn;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "rotate-root/{name}",
    fields: &[Field::text("name", "Name of the connection.")],
    actions: &[Action::new(Operation::Update, rotate, "Replace the password of the connection's own user.")],
    exists: None,
    summary: "Replace the password of a connection's own user.",
    help: "Makes a new password for the user of config/NAME, sets it in the database and stores it, so that it is known to \
        this server alone: it cannot be read back. The address must have {{password}} in it.\n\n\
        A rotation that was interrupted is finished after the next unseal, or by the next call.",
    flags: ORDINARY,
};

fn rotate(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let _turn = Turn::take(ctx, "rotate-root", &name)?;
    let connection = Connection::load(ctx, &name)?;
    if connection.username().is_empty() {
        return Err(Error::bad_request("unable to rotate root credentials: no username in configuration"));
    }
    let has_url = connection.plugin()?.parameters.contains(&"connection_url");
    if has_url && !connection.parameters.text("connection_url").contains("{{password}}") {
        return Err(Error::bad_request(
            "unable to rotate root credentials: connection_url does not have {{password}} in it, so that a new password \
             would not be used",
        ));
    }
    let next = match &connection.next_password {
        // Begun before, and perhaps still under way in the database: no other password than that one.
        Some(next) => next.clone(),
        None => {
            let next = ctx.generate_password(&connection.password_policy)?;
            let intend = |now: &mut Connection| now.next_password = Some(next.clone());
            step!("rotate-root.intent", change(ctx, &name, &connection, intend))?;
            next
        }
    };
    finish(ctx, &name, &next)?;
    Ok(Response::empty())
}

/// Finishes what a crash interrupted.
///
/// # Errors
/// The first of the databases'; what is left stays noted.
pub fn recover(ctx: &mut Ctx) -> Result<()> {
    let mut outcome = Ok(());
    for name in ctx.list("config/")? {
        let _turn = Turn::take(ctx, "rotate-root", &name)?;
        let Ok(connection) = Connection::load(ctx, &name) else { continue };
        if let Some(next) = connection.next_password {
            outcome = outcome.and(finish(ctx, &name, &next));
        }
    }
    outcome
}

/// Sets the password that is stored as the next one, and has it take the other's place.
fn finish(ctx: &mut Ctx, name: &str, next: &Secret<String>) -> Result<()> {
    let connection = Connection::load(ctx, name)?;
    let statements = &connection.root_rotation_statements;
    let new = NewPassword { username: connection.username(), password: next, statements };
    let set = |database: &mut dyn Database, deadline| database.change_password(&new, deadline);
    match step!("rotate-root.set", connection.with(ctx, name, set)) {
        Ok(()) => {}
        // A clear no: the old one stays.
        Err(error) if error.kind() == Kind::BadRequest && connection.old_password_works(ctx) => {
            change(ctx, name, &connection, |now| now.next_password = None)?;
            return Err(error.context("unable to rotate root credentials, the password stays as it was"));
        }
        Err(error) => return Err(error.context("the rotation is begun and not confirmed; it will be finished")),
    }
    let adopt = |now: &mut Connection| {
        now.password = next.clone();
        now.next_password = None;
    };
    step!("rotate-root.adopt", change(ctx, name, &connection, adopt))?;
    // What is open was opened with the old one.
    pool::close(&ctx.mount.uuid, &connection.id);
    Ok(())
}

/// Changes the record, unless it was written by somebody else since it was read.
fn change(ctx: &mut Ctx, name: &str, read: &Connection, mut change: impl FnMut(&mut Connection)) -> Result<()> {
    ctx.write(|records| {
        let now = Connection::load_in(records, name)?.filter(|now| now.generation == read.generation);
        let mut now = now.ok_or_else(|| Error::conflict(format!("the connection {name:?} was changed meanwhile")))?;
        change(&mut now);
        now.store_in(records, name)
    })
}
