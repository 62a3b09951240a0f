//! A static role: a user that was there before, whose password this server changes by a rule and hands out.
//!
//! A new password is stored before the database is told, and takes the old one's place once the database said yes. What
//! comes in between leaves both in the record; the rotation is then done again with the same password. Invariant: one of the
//! stored passwords is the user's, from the first rotation on.

use crate::base::failpoint::step;
use crate::base::{Error, Kind, Result, Secret, Timestamp};
use crate::engine::database::connection::{Connection, for_caller, read_next, read_secret, write_next, write_secret};
use crate::engine::database::driver::{CredentialType, Login, NewPassword};
use crate::engine::database::role;
use crate::engine::database::schedule::Rotation;
use crate::engine::database::turn::Turn;
use crate::logical::{Ctx, Map, Next, Records, TaskKind};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a request that makes a role has for its first rotation, before the task does it.
pub const FIRST_ROTATION_PATIENCE: Duration = Duration::from_secs(120);

pub const TASK: TaskKind = TaskKind { kind: "rotate-static-role", run: run_due };

/// The record.
#[derive(Clone, Serialize, Deserialize)]
pub struct StaticRole {
    pub db_name: String,
    pub username: String,
    pub rotation_statements: Vec<String>,
    pub credential_type: CredentialType,
    pub credential_config: Map,
    pub rotation: Rotation,
    pub skip_import_rotation: bool,
    /// The user changes its password itself: the connection has no user of its own.
    pub self_managed: bool,
    /// Empty until it is known.
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub password: Secret<String>,
    /// The password that a rotation is about to set, or has set and not yet confirmed.
    #[serde(default, serialize_with = "write_next", deserialize_with = "read_next")]
    pub next_password: Option<Secret<String>>,
    /// Milliseconds since the epoch; none before the first rotation.
    pub last_rotation: Option<i64>,
    pub next_rotation: i64,
}

/// Where a static role is kept.
#[must_use]
pub fn record(name: &str) -> String {
    format!("static-roles/{name}")
}

impl StaticRole {
    /// # Errors
    /// `BadRequest` when there is no static role of this name.
    pub fn load(ctx: &Ctx, name: &str) -> Result<Self> {
        ctx.load(&record(name))?.ok_or_else(|| Error::bad_request(format!("unknown role: {name}")))
    }

    /// # Errors
    /// `Internal` when the record does not open.
    pub fn load_in(records: &dyn Records, name: &str) -> Result<Option<Self>> {
        crate::logical::ctx::load(records, &record(name))
    }

    /// Stores the role and when it is to be rotated next.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn store_in(&self, records: &mut dyn Records, name: &str) -> Result<()> {
        crate::logical::ctx::store(records, &record(name), self)?;
        records.schedule(TASK.kind, name, Timestamp(self.next_rotation))
    }

    /// Whether nobody knows its password, because it was made and the rotation that goes with that did not come to its end.
    #[must_use]
    pub fn awaits_first_rotation(&self) -> bool {
        self.last_rotation.is_none() && !self.skip_import_rotation
    }

    /// What a reader learns of the rule.
    #[must_use]
    pub fn rule(&self) -> Map {
        let mut shown = Map::new();
        match &self.rotation {
            Rotation::Period(seconds) => {
                shown.insert("rotation_period".into(), (*seconds).into());
            }
            Rotation::Schedule { expression, window } => {
                shown.insert("rotation_schedule".into(), expression.as_str().into());
                if *window > 0 {
                    shown.insert("rotation_window".into(), (*window).into());
                }
            }
        }
        if let Some(last) = self.last_rotation {
            shown.insert("last_vault_rotation".into(), Timestamp(last).rfc3339().into());
        }
        shown
    }
}

/// Changes a role's password now.
///
/// # Errors
/// Why it was not changed, or why nobody knows.
pub fn rotate(ctx: &mut Ctx, name: &str) -> Result<StaticRole> {
    let turn = Turn::take(ctx, "rotation", name)?;
    rotate_in(&turn, ctx, name)
}

fn rotate_in(_turn: &Turn, ctx: &mut Ctx, name: &str) -> Result<StaticRole> {
    let role = StaticRole::load(ctx, name)?;
    let connection = Connection::load(ctx, &role.db_name)?;
    connection.check_allowed(&role.db_name, name)?;
    let next = match &role.next_password {
        // Begun before, and perhaps still under way in the database: no other password than that one.
        Some(next) => next.clone(),
        None => {
            let policy = role::password_policy(&role.credential_config);
            let next = ctx.generate_password(if policy.is_empty() { &connection.password_policy } else { policy })?;
            step!("static-role.intent", change(ctx, name, None, |now, _| now.next_password = Some(next.clone())))?;
            next
        }
    };
    match step!("static-role.set", set(ctx, &role, &connection, &next)) {
        Ok(()) => step!("static-role.adopt", adopt(ctx, name, &next)),
        Err(error) if error.kind() == Kind::BadRequest && is_unchanged(ctx, &role, &connection) => {
            change(ctx, name, Some(&next), |now, _| now.next_password = None)?;
            Err(error.context("the password was not changed"))
        }
        Err(error) => Err(error.context("the rotation is begun and not confirmed; it will be tried again")),
    }
}

/// A clear no leaves the password as it was, if nothing was under way before; else the user is asked.
fn is_unchanged(ctx: &mut Ctx, role: &StaticRole, connection: &Connection) -> bool {
    role.next_password.is_none() || signs_in(ctx, role, connection, &role.password).unwrap_or(false)
}

/// The new password is the user's: it takes the old one's place.
fn adopt(ctx: &mut Ctx, name: &str, next: &Secret<String>) -> Result<StaticRole> {
    change(ctx, name, Some(next), |now, moment| {
        now.password = next.clone();
        now.next_password = None;
        now.last_rotation = Some(moment.0);
        if let Ok(due) = now.rotation.next(moment) {
            now.next_rotation = due.0;
        }
    })
}

/// Changes the record, if its begun rotation is still the one that is meant.
fn change(
    ctx: &mut Ctx,
    name: &str,
    begun: Option<&Secret<String>>,
    mut change: impl FnMut(&mut StaticRole, Timestamp),
) -> Result<StaticRole> {
    let moment = ctx.now();
    ctx.write(|records| {
        let now = StaticRole::load_in(records, name)?.filter(|now| now.next_password.as_ref() == begun);
        let mut now = now.ok_or_else(|| Error::conflict(format!("the static role {name:?} was changed meanwhile")))?;
        let due = now.next_rotation;
        change(&mut now, moment);
        crate::logical::ctx::store(records, &record(name), &now)?;
        if now.next_rotation != due {
            records.schedule(TASK.kind, name, Timestamp(now.next_rotation))?;
        }
        Ok(now)
    })
}

/// Sets the password in the database: as the connection's user, or as the user itself.
fn set(ctx: &mut Ctx, role: &StaticRole, connection: &Connection, next: &Secret<String>) -> Result<()> {
    let change = NewPassword { username: &role.username, password: next, statements: &role.rotation_statements };
    if !role.self_managed {
        return connection.with(ctx, &role.db_name, |database, deadline| database.change_password(&change, deadline));
    }
    let deadline = ctx.outside().deadline();
    let plugin = connection.plugin()?;
    let sign_in = |password: &Secret<String>| {
        let login = Login { username: role.username.clone(), password: password.clone() };
        (plugin.connect)(&connection.parameters, &login, deadline)
    };
    let outcome = match sign_in(&role.password) {
        // An earlier try set it already.
        Err(error) if error.kind() == Kind::Denied && role.next_password.is_some() => sign_in(next).map(drop),
        Err(error) => Err(error),
        Ok(mut database) => database.change_password(&change, deadline),
    };
    outcome.map_err(|error| for_caller(error, &role.db_name))
}

/// Whether the database lets the role's user in with this password.
///
/// # Errors
/// What connecting says, when it says nothing of the password.
fn signs_in(ctx: &mut Ctx, role: &StaticRole, connection: &Connection, password: &Secret<String>) -> Result<bool> {
    let deadline = ctx.outside().deadline();
    let login = Login { username: role.username.clone(), password: password.clone() };
    match (connection.plugin()?.connect)(&connection.parameters, &login, deadline) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == Kind::Denied => Ok(false),
        Err(error) => Err(error),
    }
}

/// The role with the password that works: where a rotation was begun and not confirmed, the database is asked.
///
/// # Errors
/// `Upstream` when neither is known to work.
pub fn current(ctx: &mut Ctx, name: &str) -> Result<StaticRole> {
    let mut role = StaticRole::load(ctx, name)?;
    while let Some(next) = role.next_password.clone() {
        let connection = Connection::load(ctx, &role.db_name)?;
        // In this order: where the old one no longer works, the new one does already, also while it is just being set.
        if !role.password.is_empty() && signs_in(ctx, &role, &connection, &role.password)? {
            return Ok(role);
        }
        if signs_in(ctx, &role, &connection, &next)? {
            // Whoever rotates it just now says so as well.
            return adopt(ctx, name, &next).or_else(|_| StaticRole::load(ctx, name));
        }
        let now = StaticRole::load(ctx, name)?;
        if now.next_password.as_ref() == Some(&next) {
            return Err(Error::upstream(format!(
                "a rotation of {name:?} was begun and is not confirmed, and the database takes neither password"
            )));
        }
        role = now;
    }
    Ok(role)
}

/// Has first rotations that a crash cut off made at once.
///
/// # Errors
/// `Internal` when the store fails.
pub fn recover(ctx: &mut Ctx) -> Result<()> {
    let now = ctx.now();
    for name in ctx.list("static-roles/")? {
        // One that does not open is reported when it is used.
        if ctx
            .load::<StaticRole>(&record(&name))
            .is_ok_and(|role| role.is_some_and(|role| role.awaits_first_rotation()))
        {
            ctx.write(|records| records.schedule(TASK.kind, &name, now))?;
        }
    }
    Ok(())
}

fn run_due(ctx: &mut Ctx, name: &str) -> Result<Next> {
    let turn = Turn::take(ctx, "rotation", name)?;
    let Some(role) = ctx.load::<StaticRole>(&record(name))? else { return Ok(Next::Done) };
    let (due, now) = (Timestamp(role.next_rotation), ctx.now());
    let is_first = role.awaits_first_rotation();
    if now < due && !is_first {
        return Ok(Next::At(due));
    }
    if role.rotation.is_missed(due, now) && !is_first {
        let due = role.rotation.next(now)?;
        log::warn!("the rotation of a static role was missed, its window has closed; it waits for the next time");
        ctx.write(|records| {
            let Some(mut now) = StaticRole::load_in(records, name)? else { return Ok(()) };
            now.next_rotation = due.0;
            now.store_in(records, name)
        })?;
        return Ok(Next::At(due));
    }
    Ok(Next::At(Timestamp(rotate_in(&turn, ctx, name)?.next_rotation)))
}
