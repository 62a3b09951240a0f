//! Ending a user: first it can sign in no more, then its accounts go, then its sessions, and last what marked its name. Each
//! step may be repeated; what is in the way is named.

use crate::base::{Error, Kind, Result};
use crate::engine::database::driver::{Ended, Mark, OldUser};
use crate::engine::database::mysql::session::Session;
use crate::engine::database::mysql::{account, literal, mark};
use crate::engine::database::statements::Dialect;
use std::thread;
use std::time::{Duration, Instant};

/// How long sessions may take to end once they were told to.
const SESSIONS_END: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

const NO_SUCH_THREAD: u16 = 1094;
const KILL_DENIED: u16 = 1095;
const MORE_RIGHTS_NEEDED: u16 = 1227;

/// Ends a lease's user.
///
/// # Errors
/// What is in the way; the user may then be there still, but cannot sign in.
pub fn end(session: &mut Session, user: &OldUser<'_>, deadline: Instant) -> Result<Ended> {
    if let Some(mark) = user.mark.filter(|_| user.pending) {
        end_maker(session, mark, deadline)?;
    }
    let marker = user.mark.map(mark::host);
    let mut hosts = session.hosts(user.username, deadline)?;
    let is_meant = match &marker {
        Some(marker) => hosts.contains(marker),
        None => hosts.iter().all(|host| mark::of_host(host).is_none()),
    };
    if hosts.is_empty() || !is_meant {
        return Ok(if hosts.is_empty() { Ended::Gone } else { Ended::Unmarked });
    }
    hosts.retain(|host| Some(host) != marker.as_ref());
    match end_meant(session, user, &hosts, marker.as_deref(), deadline) {
        // It was there before: another session, for the same lease, was quicker.
        Err(error)
            if error.kind() != Kind::Upstream
                && matches!(session.hosts(user.username, deadline), Ok(hosts) if hosts.is_empty()) =>
        {
            log::debug!("a user was ended by another session: {}", error.for_log());
            Ok(Ended::Done)
        }
        outcome => outcome.map(|()| Ended::Done),
    }
}

fn end_meant(
    session: &mut Session,
    user: &OldUser<'_>,
    hosts: &[String],
    marker: Option<&str>,
    deadline: Instant,
) -> Result<()> {
    if user.statements.is_empty() {
        drop_accounts(session, user.username, hosts, deadline)?;
    } else {
        let values = [("name", user.username), ("username", user.username)];
        let statements = Dialect::MySql.fill(user.statements, &values);
        let statements = statements.map_err(|error| error.context("revocation_statements"))?;
        session.run_all("revocation_statements", &statements, &values, deadline)?;
        see_that_it_is_out(session, user.username, marker, deadline)?;
    }
    end_sessions(session, user.username, deadline)?;
    match marker {
        Some(marker) => session.run(&format!("DROP USER {}", account(user.username, marker)?), deadline).map(drop),
        None => Ok(()),
    }
}

/// Takes back what was made of a user that is not going to be, if any of it is ours.
///
/// # Errors
/// What is in the way.
pub fn take_back(session: &mut Session, username: &str, mark: &Mark, deadline: Instant) -> Result<()> {
    let marker = mark::host(mark);
    let hosts = session.hosts(username, deadline)?;
    if !hosts.contains(&marker) {
        return Ok(());
    }
    let others: Vec<String> = hosts.into_iter().filter(|host| *host != marker).collect();
    drop_accounts(session, username, &others, deadline)?;
    session.run(&format!("DROP USER {}", account(username, &marker)?), deadline).map(drop)
}

fn drop_accounts(session: &mut Session, username: &str, hosts: &[String], deadline: Instant) -> Result<()> {
    for host in hosts {
        let account = account(username, host)?;
        // Older servers have no locks; whether the account goes is what counts.
        let locked = session.try_run(&format!("ALTER USER {account} ACCOUNT LOCK"), deadline)?.is_ok();
        let dropped = session.run(&format!("DROP USER {account}"), deadline);
        if let Err(error) = dropped {
            if !session.hosts(username, deadline)?.contains(host) {
                continue;
            }
            let state = if locked { "can sign in no more, but" } else { "can still sign in, and" };
            return Err(error.context(format!("the user {account} {state} cannot be dropped")));
        }
    }
    Ok(())
}

/// Statements may have done anything: what counts is that nobody can sign in as the user any more.
fn see_that_it_is_out(session: &mut Session, username: &str, marker: Option<&str>, deadline: Instant) -> Result<()> {
    for host in session.hosts(username, deadline)?.iter().filter(|host| Some(host.as_str()) != marker) {
        let account = account(username, host)?;
        let shown = session.single(&format!("SHOW CREATE USER {account}"), deadline)?.unwrap_or_default();
        if !shown.contains("ACCOUNT LOCK") {
            return Err(Error::bad_request(format!(
                "the revocation_statements ran, and the user {account} can sign in as before"
            )));
        }
    }
    Ok(())
}

/// Ends the session that may still be making this lease's user.
fn end_maker(session: &mut Session, mark: &Mark, deadline: Instant) -> Result<()> {
    let question = format!("SELECT IS_USED_LOCK({})", literal(&mark::lock(mark))?);
    until_none(session, deadline, |session| session.column(&question, deadline))
}

/// Ends the user's sessions, and sees them gone.
fn end_sessions(session: &mut Session, username: &str, deadline: Instant) -> Result<()> {
    if !sees_sessions(session, deadline)? {
        return Err(Error::conflict(format!(
            "the user {} can sign in no more, but whether its sessions have ended cannot be seen: grant PROCESS to the \
             connection's user",
            literal(username)?
        )));
    }
    let question = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = {}", literal(username)?);
    until_none(session, deadline, |session| session.column(&question, deadline))
        .map_err(|error| error.context(format!("the user {username:?} can sign in no more, but its sessions go on")))
}

/// Without the privilege PROCESS a session sees no others.
fn sees_sessions(session: &mut Session, deadline: Instant) -> Result<bool> {
    let mut grants = session.column("SHOW GRANTS", deadline)?;
    // What a role gives is shown with the role; servers differ in how it is asked for.
    if let Some(role) =
        session.try_run("SELECT CURRENT_ROLE()", deadline)?.ok().and_then(|rows| rows.into_iter().flatten().next()?)
    {
        for question in
            [format!("SHOW GRANTS FOR CURRENT_USER() USING {role}"), "SHOW GRANTS FOR CURRENT_ROLE".to_owned()]
        {
            let rows = session.try_run(&question, deadline)?.unwrap_or_default();
            grants.extend(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()));
        }
    }
    Ok(grants.iter().any(|grant| {
        let rights = grant.split(" ON *.*").next().filter(|rights| rights.len() < grant.len()).unwrap_or_default();
        let rights = rights.strip_prefix("GRANT ").unwrap_or_default();
        rights.split(',').any(|right| matches!(right.trim(), "PROCESS" | "ALL PRIVILEGES" | "SUPER"))
    }))
}

/// Ends the sessions that the question finds until it finds none.
fn until_none(
    session: &mut Session,
    deadline: Instant,
    mut question: impl FnMut(&mut Session) -> Result<Vec<String>>,
) -> Result<()> {
    let until = deadline.min(Instant::now() + SESSIONS_END);
    loop {
        let open = question(session)?;
        if open.is_empty() {
            return Ok(());
        }
        for id in &open {
            kill(session, id, deadline)?;
        }
        if Instant::now() >= until {
            return Err(Error::upstream(format!("{} sessions do not end", open.len())).answered());
        }
        thread::sleep(PAUSE);
    }
}

fn kill(session: &mut Session, id: &str, deadline: Instant) -> Result<()> {
    let id: u64 =
        id.parse().map_err(|_| Error::upstream("the server's list of sessions is not understood").answered())?;
    let Err(refusal) = session.try_run(&format!("KILL CONNECTION {id}"), deadline)? else { return Ok(()) };
    match refusal.code {
        NO_SUCH_THREAD => Ok(()),
        // Where the provider keeps that right to itself there is a procedure in its place.
        KILL_DENIED | MORE_RIGHTS_NEEDED
            if session.try_run(&format!("CALL mysql.rds_kill({id})"), deadline)?.is_ok() =>
        {
            Ok(())
        }
        _ => Err(Error::conflict(format!(
            "{} (error {}): grant CONNECTION_ADMIN (MariaDB: CONNECTION ADMIN) to the connection's user",
            refusal.message, refusal.code
        ))),
    }
}
