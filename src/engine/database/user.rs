//! The secret kind: a user in a database for one lease, from nothing to nothing.
//!
//! A lease carries all that ending its user needs beside the connection's own login: the statements, the name of the
//! connection, and which database that was. Invariant: nothing is taken from a user that does not carry the lease's mark.

use crate::base::{Error, Result, random};
use crate::engine::database::connection::Connection;
use crate::engine::database::driver::{Ended, Mark, NewUser, OldUser, RenewedUser};
use crate::engine::database::role::Role;
use crate::engine::database::{retired, username};
use crate::logical::{Created, Ctx, Intent, LeaseView, Renewal, Response, Revoked, SecretKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

pub const KIND: SecretKind = SecretKind {
    kind: "database_user",
    // Nothing can land late: revoking a lease whose creation was never confirmed ends the session that may still be at it,
    // and looks only then.
    settle: Duration::ZERO,
    expires_only: false,
    renew,
    revoke,
};

/// A user outlives its lease in the database by this much, so that it never ends before.
pub const GRACE: Duration = Duration::from_secs(5);

/// What a lease holds to end its user by.
#[derive(Debug, Serialize, Deserialize)]
pub struct Owed {
    pub connection: String,
    pub connection_id: String,
    /// Which database it was, in its own words.
    pub target: String,
    pub username: String,
    /// None for a user that was found without one and is known by its name alone.
    pub mark: Option<Mark>,
    pub revocation_statements: Vec<String>,
}

/// Makes a user for a role, under a lease.
///
/// # Errors
/// The database's; the lease's revocation then finds what was made until then.
pub fn issue(ctx: &mut Ctx, role_name: &str) -> Result<Response> {
    let role = Role::load(ctx, role_name)?;
    let connection = Connection::load(ctx, &role.db_name)?;
    connection.check_allowed(&role.db_name, role_name)?;
    let plugin = connection.plugin()?;
    let target = connection.known_target(ctx, &role.db_name)?;
    let policy = if role.password_policy().is_empty() { &connection.password_policy } else { role.password_policy() };
    let password = ctx.generate_password(policy)?;
    let username = username::choose(ctx, &plugin.naming, connection.parameters.text("username_template"), role_name)?;
    let mark = Mark { server: ctx.server_id.clone(), lease: random::base62(20)? };
    let owed = Owed {
        connection: role.db_name.clone(),
        connection_id: connection.id.clone(),
        target: target.clone(),
        username: username.clone(),
        mark: Some(mark.clone()),
        revocation_statements: role.revocation_statements.clone(),
    };
    let revocation = owed.to_value()?;
    let (ttl, max_ttl) = role.limits();
    let intent = Intent {
        kind: KIND.kind,
        role: role_name.to_owned(),
        subject: username.clone(),
        target: retired::lease_target(&connection.id, &target),
        revocation,
        ttl,
        max_ttl,
        renewable: true,
    };
    let place = connection.place(ctx);
    ctx.issue(&intent, |outside| {
        let expires = outside.ends().plus(GRACE);
        place.with(&connection, &role.db_name, outside.deadline(), |database, deadline| {
            see_target(database.target(), &owed)?;
            let user = NewUser {
                username: &username,
                password: &password,
                expires,
                statements: &role.creation_statements,
                rollback: &role.rollback_statements,
                mark: &mark,
            };
            database.create_user(&user, deadline)
        })?;
        let data = json!({ "username": username, "password": password.expose() });
        Ok(Created { data: data.as_object().cloned().unwrap_or_default(), ..Created::default() })
    })
}

fn renew(ctx: &mut Ctx, lease: &LeaseView) -> Result<Renewal> {
    let owed = Owed::of(&lease.revocation)?;
    let mark = owed.mark.as_ref().ok_or_else(|| Error::bad_request("lease is not renewable"))?;
    let role = Role::load(ctx, &lease.role)?;
    let (ttl, max_ttl) = role.limits();
    let longest = max_ttl.map_or(ctx.mount.max_lease_ttl, |longest| longest.min(ctx.mount.max_lease_ttl));
    let asked = if lease.increment.is_zero() { ttl.unwrap_or(ctx.mount.default_lease_ttl) } else { lease.increment };
    // As the core will grant it: the database is told first, so that the user never ends before its lease.
    let expires = ctx.now().plus(asked).min(lease.issued.plus(longest));
    let expires = lease.ends.map_or(expires, |ends| expires.min(ends));
    if expires > ctx.now() {
        let connection = owed.connection(ctx)?;
        connection.with(ctx, &owed.connection, |database, deadline| {
            see_target(database.target(), &owed)?;
            let user = RenewedUser {
                username: &owed.username,
                expires: expires.plus(GRACE),
                statements: &role.renew_statements,
                mark,
            };
            database.renew_user(&user, deadline)
        })?;
    }
    Ok(Renewal { ttl, max_ttl })
}

fn revoke(ctx: &mut Ctx, lease: &LeaseView) -> Result<Revoked> {
    let owed = Owed::of(&lease.revocation)?;
    let connection = owed.connection(ctx)?;
    let ended = connection.with(ctx, &owed.connection, |database, deadline| {
        see_target(database.target(), &owed)?;
        let user = OldUser {
            username: &owed.username,
            statements: &owed.revocation_statements,
            mark: owed.mark.as_ref(),
            pending: lease.pending,
        };
        database.delete_user(&user, deadline)
    })?;
    match ended {
        Ended::Done => Ok(Revoked::Done),
        Ended::Gone => Ok(Revoked::Gone),
        // The name was taken before: this lease's user never came to be.
        Ended::Unmarked if lease.pending => Ok(Revoked::Gone),
        Ended::Unmarked => Err(Error::conflict(format!(
            "the user {:?} does not carry the mark of this lease and is left alone",
            owed.username
        ))),
    }
}

impl Owed {
    /// # Errors
    /// `Internal` when this is not what such a lease holds.
    pub fn of(revocation: &Value) -> Result<Self> {
        Self::deserialize(revocation).map_err(|_| Error::internal("the lease does not say which user it is about"))
    }

    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|_| Error::internal("a revocation cannot be written"))
    }

    /// The connection by which the user is reached.
    ///
    /// # Errors
    /// `BadRequest` when there is none any more.
    pub fn connection(&self, ctx: &Ctx) -> Result<Connection> {
        retired::find(ctx, &self.connection, &self.connection_id, &self.target)
    }
}

/// # Errors
/// `Conflict` "target changed" where this is not the database that the lease's user is in.
pub fn see_target(found: &str, owed: &Owed) -> Result<()> {
    if found == owed.target {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "target changed: the user {:?} is in {}, and the connection {:?} leads to {found}",
        owed.username, owed.target, owed.connection
    )))
}
