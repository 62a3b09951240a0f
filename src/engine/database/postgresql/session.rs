//! A signed-in session, and what the engine asks of it: making, prolonging and listing roles, changing passwords. Ending them
//! is `removal`'s.
//!
//! What grants rights writes to the catalog's rows for the objects concerned; of two that do so at once one fails with "tuple
//! concurrently updated". It is tried again, and those who try again take turns by an advisory lock.

use crate::base::{Error, Kind, Result, Secret, Timestamp};
use crate::engine::database::driver::{
    COMMENT, Database, Ended, ListedUser, Mark, NewPassword, NewUser, OldUser, Parameters, RenewedUser, Wanted,
};
use crate::engine::database::postgresql::address::Address;
use crate::engine::database::postgresql::removal::{self, Owned};
use crate::engine::database::postgresql::wire::{APPLICATION, Wire};
use crate::engine::database::postgresql::{identifier, literal};
use crate::engine::database::statements::{Dialect, Values};
use std::time::{Duration, Instant};
use tokio_postgres::types::{ToSql, Type};

/// Begins a transaction that has the turn: the lock's number is the word "lease" in letters.
const TURN: &str = "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(465557414757)";

/// Tries where others change the same rows of the catalog.
const TRIES: u32 = 8;

/// So many characters of a password tell nothing of it, and may be an ordinary word.
const LONGEST_SHOWN_PART: usize = 3;

/// How the server gets to know passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    Password,
    /// It is given a verifier, and never the password itself.
    ScramSha256,
}

/// # Errors
/// `BadRequest` for a `password_authentication` that there is not.
pub fn authentication(parameters: &Parameters) -> Result<Authentication> {
    match parameters.text("password_authentication") {
        "" | "password" => Ok(Authentication::Password),
        "scram-sha-256" => Ok(Authentication::ScramSha256),
        other => Err(Error::bad_request(format!("password_authentication {other:?} is not password or scram-sha-256"))),
    }
}

pub struct Session {
    pub(super) wire: Wire,
    pub(super) parameters: Parameters,
    pub(super) address: Address,
    pub(super) owned: Owned,
    /// Signed in to another database than its own, or in the middle of something.
    pub(super) astray: bool,
    authentication: Authentication,
    target: String,
}

impl Session {
    /// # Errors
    /// `Denied` for a refused login, else what connecting says.
    pub fn open(parameters: &Parameters, address: Address, deadline: Instant) -> Result<Self> {
        let mut wire = Wire::open(parameters, &address, deadline)?;
        // The statements are filled in on this understanding.
        wire.execute("SET standard_conforming_strings TO on", deadline)?;
        let target = target(&mut wire, &address, deadline)?;
        Ok(Self {
            wire,
            parameters: parameters.clone(),
            owned: Owned::of(parameters)?,
            astray: false,
            authentication: authentication(parameters)?,
            address,
            target,
        })
    }

    /// One transaction, tried again where others were in the way: then we wait for our turn.
    pub(super) fn transaction(
        &mut self,
        deadline: Instant,
        mut work: impl FnMut(&mut Wire) -> Result<()>,
    ) -> Result<()> {
        let mut tries = 1;
        loop {
            self.astray = true;
            self.wire.execute(if tries == 1 { "BEGIN" } else { TURN }, deadline)?;
            let outcome = work(&mut self.wire).and_then(|()| self.wire.execute("COMMIT", deadline));
            if outcome.is_err() && self.wire.execute("ROLLBACK", deadline).is_err() {
                // Astray: nobody knows what became of it, and the connection is not used again.
                return outcome.map_err(Error::left_open);
            }
            self.astray = false;
            match outcome {
                Err(error) if tries < TRIES && is_in_the_way(&error) => {
                    tries += 1;
                    self.wire.pause(Duration::from_millis(u64::from(tries) * 20));
                }
                outcome => return outcome,
            }
        }
    }

    /// The comment on a role; none where there is no role, empty where there is no comment.
    pub(super) fn comment(&mut self, username: &str, deadline: Instant) -> Result<Option<String>> {
        comment(&mut self.wire, username, deadline)
    }

    /// What stands for `{{password}}`.
    fn password(&self, password: &Secret<String>) -> Secret<String> {
        match self.authentication {
            Authentication::Password => password.clone(),
            Authentication::ScramSha256 => {
                Secret::new(postgres_protocol::password::scram_sha_256(password.expose().as_bytes()))
            }
        }
    }

    /// Names the session in the server's own lists.
    fn call_session(&mut self, name: &str, deadline: Instant) -> Result<()> {
        self.wire.execute(&format!("SET application_name TO {}", literal(name)), deadline)
    }
}

impl Database for Session {
    fn target(&self) -> &str {
        &self.target
    }

    fn is_alive(&mut self, deadline: Instant) -> bool {
        !self.astray && self.wire.execute("", deadline).is_ok()
    }

    fn create_user(&mut self, user: &NewUser<'_>, deadline: Instant) -> Result<()> {
        if user.statements.iter().all(|statement| statement.trim().is_empty()) {
            return Err(Error::bad_request("the role has no creation_statements"));
        }
        let password = self.password(user.password);
        let expiration = expiration(user.expires);
        let values = [
            ("name", user.username),
            ("username", user.username),
            ("password", password.expose().as_str()),
            ("expiration", expiration.as_str()),
        ];
        let name = identifier(user.username)?;
        let comment = literal(&user.mark.comment());
        // Whoever ends this lease finds the session by its name, should we be gone before it has answered.
        self.call_session(&user.mark.session(), deadline)?;
        let made = self.transaction(deadline, |wire| {
            if self::comment(wire, user.username, deadline)?.is_some() {
                return Err(Error::bad_request(format!("there is a role {name} already; it is left alone")));
            }
            run(wire, "creation_statements", user.statements, &values, deadline)?;
            if self::comment(wire, user.username, deadline)?.is_none() {
                return Err(Error::bad_request(format!(
                    "the creation_statements made no role {name}: write \"{{{{name}}}}\", in double quotes, for its name"
                )));
            }
            wire.execute(&format!("COMMENT ON ROLE {name} IS {comment}"), deadline)
        });
        if made.as_ref().is_err_and(|error| error.kind() != Kind::BadRequest) {
            return made;
        }
        self.call_session(APPLICATION, deadline)?;
        made
    }

    fn renew_user(&mut self, user: &RenewedUser<'_>, deadline: Instant) -> Result<()> {
        let name = identifier(user.username)?;
        match self.comment(user.username, deadline)? {
            Some(comment) if comment == user.mark.comment() => {}
            Some(_) => return Err(Error::conflict(format!("the role {name} is not this lease's, and is left alone"))),
            None => return Err(Error::bad_request(format!("there is no role {name} any more"))),
        }
        let default = ["ALTER ROLE \"{{name}}\" VALID UNTIL '{{expiration}}'".to_owned()];
        let statements = if user.statements.is_empty() { &default[..] } else { user.statements };
        let expiration = expiration(user.expires);
        let values = [("name", user.username), ("username", user.username), ("expiration", expiration.as_str())];
        self.transaction(deadline, |wire| run(wire, "renew_statements", statements, &values, deadline))
    }

    fn delete_user(&mut self, user: &OldUser<'_>, deadline: Instant) -> Result<Ended> {
        removal::end(self, user, deadline)
    }

    fn change_password(&mut self, change: &NewPassword<'_>, deadline: Instant) -> Result<()> {
        if self.comment(change.username, deadline)?.is_none() {
            return Err(Error::bad_request(format!("there is no role {}", identifier(change.username)?)));
        }
        let default = ["ALTER ROLE \"{{name}}\" WITH PASSWORD '{{password}}'".to_owned()];
        let statements = if change.statements.is_empty() { &default[..] } else { change.statements };
        let password = self.password(change.password);
        let values =
            [("name", change.username), ("username", change.username), ("password", password.expose().as_str())];
        self.transaction(deadline, |wire| run(wire, "rotation_statements", statements, &values, deadline))
    }

    fn list_users(&mut self, wanted: &Wanted<'_>, deadline: Instant) -> Result<Vec<ListedUser>> {
        let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
        let which = "WHERE rolname > $1 AND (pg_catalog.left(rolname::text, pg_catalog.length($2)) = $2 \
                     OR pg_catalog.left(pg_catalog.shobj_description(oid, 'pg_authid'), pg_catalog.length($3)) = $3) \
                     ORDER BY rolname LIMIT $4";
        let parameters: [(&(dyn ToSql + Sync), Type); 4] =
            [(&wanted.after, Type::NAME), (&wanted.prefix, Type::TEXT), (&COMMENT, Type::TEXT), (&limit, Type::INT8)];
        self.listed(which, &parameters, deadline)
    }

    fn users_named(&mut self, names: &[String], deadline: Instant) -> Result<Vec<ListedUser>> {
        self.listed("WHERE rolname = ANY ($1)", &[(&names, Type::NAME_ARRAY)], deadline)
    }
}

impl Session {
    fn listed(
        &mut self,
        which: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        deadline: Instant,
    ) -> Result<Vec<ListedUser>> {
        let question = format!(
            "SELECT rolname::text, coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), ''), rolcanlogin, \
             CASE WHEN pg_catalog.isfinite(rolvaliduntil) THEN (extract(epoch FROM rolvaliduntil) * 1000)::bigint END \
             FROM pg_catalog.pg_roles {which}"
        );
        let rows = self.wire.query(&question, parameters, deadline)?;
        let user = |row: &tokio_postgres::Row| ListedUser {
            username: row.get(0),
            mark: Mark::of_comment(row.get(1)),
            can_sign_in: row.get(2),
            expires: row.get::<_, Option<i64>>(3).map(Timestamp),
        };
        Ok(rows.iter().map(user).collect())
    }
}

/// Runs statements one after the other; an error says which of them it was.
pub(super) fn run(
    wire: &mut Wire,
    list: &str,
    statements: &[String],
    values: &Values<'_>,
    deadline: Instant,
) -> Result<()> {
    let filled = Dialect::PostgreSql.fill(statements, values).map_err(|error| error.context(list))?;
    for (at, statement) in filled.iter().enumerate() {
        let run = wire.execute(statement, deadline);
        run.map_err(|error| veiled(error, values).context(format!("{list}: statement {}", at + 1)))?;
    }
    Ok(())
}

/// The server's messages quote what they stumble over; that may be a password, or a part of one.
fn veiled(error: Error, values: &Values<'_>) -> Error {
    let Some((_, password)) = values.iter().find(|(name, _)| *name == "password") else { return error };
    let hidden = error.message().replace(password, "*****");
    let mut parts: Vec<String> = hidden.split('"').map(str::to_owned).collect();
    for part in parts.iter_mut().skip(1).step_by(2) {
        if part.len() >= LONGEST_SHOWN_PART && password.contains(part.as_str()) {
            *part = "*****".to_owned();
        }
    }
    error.reworded(parts.join("\""))
}

/// A moment as `VALID UNTIL` takes it, in whole seconds, rounded up.
fn expiration(moment: Timestamp) -> String {
    let text = Timestamp::from_seconds(moment.0.div_euclid(1000) + i64::from(moment.0.rem_euclid(1000) > 0)).rfc3339();
    text.replace('T', " ").replace(".000Z", "+0000")
}

fn comment(wire: &mut Wire, username: &str, deadline: Instant) -> Result<Option<String>> {
    let rows = wire.query(
        "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), '') FROM pg_catalog.pg_roles WHERE rolname = $1",
        &[(&username, Type::TEXT)],
        deadline,
    )?;
    Ok(rows.first().map(|row| row.get(0)))
}

fn is_in_the_way(error: &Error) -> bool {
    let message = error.message();
    ["SQLSTATE 40001", "SQLSTATE 40P01"].iter().any(|code| message.contains(code))
        || message.contains("tuple concurrently")
}

/// What the database calls itself: the identity of its cluster, which its replicas share, and its name. Where that cannot be
/// asked, its address.
fn target(wire: &mut Wire, address: &Address, deadline: Instant) -> Result<String> {
    let question =
        "SELECT system_identifier::text, pg_catalog.current_database()::text FROM pg_catalog.pg_control_system()";
    match wire.query(question, &[], deadline) {
        Ok(rows) => {
            let row = rows.first().ok_or_else(|| Error::upstream("the database does not say what it is"))?;
            Ok(format!("postgresql {}/{}", row.get::<_, String>(0), row.get::<_, String>(1)))
        }
        Err(error) if error.kind() == Kind::BadRequest => Ok(format!("postgresql {}", address.words())),
        Err(error) => Err(error),
    }
}
