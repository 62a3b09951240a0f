//! Ending a role: first it can sign in no more, then its sessions end, then what it may and what it owns goes, in every
//! database where it has anything, then the role. Each step may be repeated; what is in the way is named.
//!
//! What it owns is never dropped nor given away unless the connection says so (`owned_objects`). Given away to a role with
//! more rights, a function or a view of its making would run with those: so there is no default heir.

use crate::base::{Error, Kind, Result};
use crate::engine::database::driver::{Ended, Mark, OldUser, Parameters};
use crate::engine::database::postgresql::identifier;
use crate::engine::database::postgresql::session::{Session, run};
use crate::engine::database::postgresql::wire::Wire;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;

/// How long sessions may take to end once they were told to.
const SESSIONS_END: Duration = Duration::from_secs(10);

/// So many objects are named that are in the way.
const NAMED: usize = 10;

/// What becomes of what a role owns when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    /// It stays, and the role with it, without a login; an operator decides.
    Keep,
    Drop,
    /// It is given to this role.
    Reassign(String),
}

impl Owned {
    /// # Errors
    /// `BadRequest` for words that mean none.
    pub fn of(parameters: &Parameters) -> Result<Self> {
        let heir = parameters.text("owned_objects_to");
        match (parameters.text("owned_objects"), heir) {
            ("reassign", "") => {
                Err(Error::bad_request("owned_objects=reassign needs owned_objects_to, the name of a role"))
            }
            ("reassign", heir) => Ok(Self::Reassign(heir.to_owned())),
            (_, heir) if !heir.is_empty() => {
                Err(Error::bad_request("owned_objects_to goes with owned_objects=reassign"))
            }
            ("" | "keep", _) => Ok(Self::Keep),
            ("drop", _) => Ok(Self::Drop),
            (other, _) => Err(Error::bad_request(format!("owned_objects {other:?} is not keep, drop or reassign"))),
        }
    }
}

/// Ends a lease's role.
///
/// # Errors
/// What is in the way; the role may then be there still, but cannot sign in.
pub fn end(session: &mut Session, user: &OldUser<'_>, deadline: Instant) -> Result<Ended> {
    if let Some(mark) = user.mark.filter(|_| user.pending) {
        end_sessions(&mut session.wire, "application_name", &mark.session(), deadline)?;
    }
    let is_meant = |comment: &str| match user.mark {
        Some(mark) => comment == mark.comment(),
        None => Mark::of_comment(comment).is_none(),
    };
    match session.comment(user.username, deadline)? {
        None => return Ok(Ended::Gone),
        Some(comment) if !is_meant(&comment) => return Ok(Ended::Unmarked),
        Some(_) => {}
    }
    match end_marked(session, user, deadline) {
        // It was there before: another session, for the same lease, was quicker.
        Err(error)
            if error.kind() != Kind::Upstream && matches!(session.comment(user.username, deadline), Ok(None)) =>
        {
            log::debug!("a role was ended by another session: {}", error.for_log());
            Ok(Ended::Done)
        }
        outcome => outcome.map(|()| Ended::Done),
    }
}

fn end_marked(session: &mut Session, user: &OldUser<'_>, deadline: Instant) -> Result<()> {
    if user.statements.is_empty() {
        return remove(session, user.username, deadline);
    }
    let values = [("name", user.username), ("username", user.username)];
    session.transaction(deadline, |wire| run(wire, "revocation_statements", user.statements, &values, deadline))?;
    see_that_it_is_out(&mut session.wire, user.username, deadline)
}

/// Statements may have done anything: what counts is that nobody can sign in as the role any more.
fn see_that_it_is_out(wire: &mut Wire, username: &str, deadline: Instant) -> Result<()> {
    let question = "SELECT rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > pg_catalog.now()) \
                    FROM pg_catalog.pg_roles WHERE rolname = $1";
    let rows = wire.query(question, &[(&username, Type::TEXT)], deadline)?;
    match rows.first().and_then(|row| row.get::<_, Option<bool>>(0)) {
        Some(true) => Err(Error::bad_request(format!(
            "the revocation_statements ran, and the role {} can sign in as before",
            identifier(username)?
        ))),
        _ => Ok(()),
    }
}

fn remove(session: &mut Session, username: &str, deadline: Instant) -> Result<()> {
    let name = identifier(username)?;
    session.transaction(deadline, |wire| wire.execute(&format!("ALTER ROLE {name} NOLOGIN"), deadline))?;
    // With it whoever may make roles without being a superuser may also end their sessions and their rights. Whether it was
    // needed, and is missing, the steps to come say.
    match session.transaction(deadline, |wire| wire.execute(&format!("GRANT {name} TO CURRENT_USER"), deadline)) {
        Err(error) if error.kind() != Kind::BadRequest => return Err(error),
        _ => {}
    }
    end_sessions(&mut session.wire, "usename", username, deadline)
        .map_err(|error| error.context(format!("the role {name} can sign in no more, but its sessions go on")))?;
    let blocked = clear_databases(session, username, deadline)?;
    if !blocked.is_empty() {
        return Err(Error::conflict(format!(
            "the role {name} can sign in no more, but cannot be dropped: {}; drop or reassign what it owns, or set \
             owned_objects on the connection",
            blocked.join("; ")
        )));
    }
    let dropped = session.transaction(deadline, |wire| wire.execute(&format!("DROP ROLE IF EXISTS {name}"), deadline));
    dropped.map_err(|error| error.context(format!("the role {name} can sign in no more, but cannot be dropped")))
}

/// Ends sessions and sees them gone. `column` is one of the server's list of sessions.
fn end_sessions(wire: &mut Wire, column: &str, value: &str, deadline: Instant) -> Result<()> {
    let until = deadline.min(Instant::now() + SESSIONS_END);
    let statement = format!(
        "SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
         WHERE {column} = $1 AND pid <> pg_catalog.pg_backend_pid()"
    );
    loop {
        let open = wire.query(&statement, &[(&value, Type::TEXT)], deadline)?;
        if open.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Error::upstream(format!("{} sessions do not end", open.len())).answered());
        }
        wire.pause(Duration::from_millis(20));
    }
}

/// Takes the role's rights in every database, and what it owns as the connection says; what is left, in words.
fn clear_databases(session: &mut Session, username: &str, deadline: Instant) -> Result<Vec<String>> {
    let home = session.address.database.clone();
    let mut blocked = Vec::new();
    for database in concerned(&mut session.wire, username, deadline)? {
        let visit = if database == home { Ok(()) } else { session.go_to(&database, deadline) };
        match visit.and_then(|()| clear(session, username, deadline)) {
            Ok(left) if left.is_empty() => {}
            Ok(left) => blocked.push(format!("in the database {database:?} it owns {}", left.join(", "))),
            Err(error) => blocked.push(format!("the database {database:?}: {error}")),
        }
        if session.address.database != home {
            session.go_to(&home, deadline)?;
        }
    }
    Ok(blocked)
}

/// The databases in which the role has or owns anything, our own first, which also stands for what no database holds.
fn concerned(wire: &mut Wire, username: &str, deadline: Instant) -> Result<Vec<String>> {
    let rows = wire.query(
        "SELECT DISTINCT coalesce(b.datname, pg_catalog.current_database())::text, \
                coalesce(b.datname, pg_catalog.current_database()) <> pg_catalog.current_database() \
         FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid \
         LEFT JOIN pg_catalog.pg_database b ON b.oid = d.dbid \
         WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.rolname = $1 ORDER BY 2, 1",
        &[(&username, Type::TEXT)],
        deadline,
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// In the database that the session is in: what the role owns and what it may. What stays, because it is to be kept.
fn clear(session: &mut Session, username: &str, deadline: Instant) -> Result<Vec<String>> {
    let name = identifier(username)?;
    let owned = session.owned.clone();
    if owned == Owned::Keep {
        let left = owned_objects(&mut session.wire, username, deadline)?;
        if !left.is_empty() {
            return Ok(left);
        }
    }
    session.transaction(deadline, |wire| {
        if let Owned::Reassign(heir) = &owned {
            wire.execute(&format!("REASSIGN OWNED BY {name} TO {}", identifier(heir)?), deadline)?;
        }
        wire.execute(&format!("DROP OWNED BY {name}"), deadline)
    })?;
    Ok(Vec::new())
}

/// What the role owns here, by kind and name. Its default rights and the like mean nothing without it, and do not count.
fn owned_objects(wire: &mut Wire, username: &str, deadline: Instant) -> Result<Vec<String>> {
    let rows = wire.query(
        "SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) \
         FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid \
         WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.rolname = $1 AND d.deptype = 'o' \
         AND d.classid NOT IN ('pg_catalog.pg_default_acl'::pg_catalog.regclass, \
                               'pg_catalog.pg_user_mapping'::pg_catalog.regclass) \
         AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) \
         ORDER BY 1",
        &[(&username, Type::TEXT)],
        deadline,
    )?;
    let more = (rows.len() > NAMED).then(|| format!("and {} more", rows.len() - NAMED));
    Ok(rows.iter().take(NAMED).map(|row| row.get(0)).chain(more).collect())
}

impl Session {
    /// Signs in to another database of the server in place of this one, so that there is one connection all the time.
    fn go_to(&mut self, database: &str, deadline: Instant) -> Result<()> {
        let mut address = self.address.clone();
        address.database = database.to_owned();
        self.astray = true;
        self.wire.close();
        self.wire = Wire::open(&self.parameters, &address, deadline)?;
        self.wire.execute("SET standard_conforming_strings TO on", deadline)?;
        self.address = address;
        self.astray = false;
        Ok(())
    }
}
