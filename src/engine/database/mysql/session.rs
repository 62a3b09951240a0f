//! A signed-in session, and what the engine asks of it: making and listing users, changing passwords. Ending them is
//! `removal`'s.
//!
//! No server of this kind makes users in a transaction. What was begun and cannot be finished is taken back at once, or is
//! found by its mark when the lease is revoked.

use crate::base::{Error, Kind, Result, random};
use crate::engine::database::driver::{
    Database, Ended, ListedUser, NewPassword, NewUser, OldUser, RenewedUser, Wanted, unfinished,
};
use crate::engine::database::mysql::address::Address;
use crate::engine::database::mysql::wire::{Refusal, Row, Wire};
use crate::engine::database::mysql::{account, literal, mark, removal};
use crate::engine::database::statements::{Dialect, Values};
use crate::engine::database::stream::Trust;
use std::time::Instant;
use zeroize::Zeroizing;

/// Modes in which quotes and backslashes mean something else than statements are filled in for.
const OTHER_MODES: [&str; 8] =
    ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];

/// The host by which an account may come from anywhere.
const ANYWHERE: &str = "%";

pub struct Session {
    wire: Wire,
    target: String,
}

impl Session {
    /// # Errors
    /// `Denied` for a refused login, else what connecting says.
    pub fn open(address: &Address, trust: &Trust<'_>, deadline: Instant) -> Result<Self> {
        let mut session = Self { wire: Wire::open(address, trust, deadline)?, target: address.words() };
        let modes = session.single("SELECT @@SESSION.sql_mode", deadline)?.unwrap_or_default();
        let kept: Vec<&str> = modes.split(',').filter(|mode| !OTHER_MODES.contains(mode)).collect();
        // The values are put in on this understanding.
        session.run(&format!("SET SESSION sql_mode = '{}'", kept.join(",")), deadline)?;
        Ok(session)
    }

    /// Sends a statement and waits for its answer.
    fn ask(&mut self, statement: &str, deadline: Instant) -> Result<Result<Vec<Row>, Refusal>> {
        self.wire.run(statement, deadline).map_err(|error| unfinished(error, deadline))
    }

    /// Runs a statement; a refusal is an error by whether it may go well another time.
    pub(super) fn run(&mut self, statement: &str, deadline: Instant) -> Result<Vec<Row>> {
        self.ask(statement, deadline)?.map_err(refused)
    }

    /// Runs a statement whose refusals the caller tells apart.
    pub(super) fn try_run(&mut self, statement: &str, deadline: Instant) -> Result<Result<Vec<Row>, Refusal>> {
        match self.ask(statement, deadline)? {
            Err(refusal) if refusal.is_passing() => Err(refused(refusal)),
            outcome => Ok(outcome),
        }
    }

    /// The one value of an answer.
    pub(super) fn single(&mut self, statement: &str, deadline: Instant) -> Result<Option<String>> {
        Ok(self.column(statement, deadline)?.into_iter().next())
    }

    /// The first column of an answer, less what is NULL.
    pub(super) fn column(&mut self, statement: &str, deadline: Instant) -> Result<Vec<String>> {
        let rows = self.run(statement, deadline)?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// Where the accounts of this name may come from.
    pub(super) fn hosts(&mut self, username: &str, deadline: Instant) -> Result<Vec<String>> {
        let question = format!("SELECT Host FROM mysql.user WHERE User = {} ORDER BY Host", literal(username)?);
        self.column(&question, deadline)
            .map_err(|error| error.context("the connection's user has to be able to read mysql.user"))
    }

    /// Runs filled-in statements one after the other; an error says which of them it was.
    pub(super) fn run_all(
        &mut self,
        list: &str,
        statements: &[Zeroizing<String>],
        values: &Values<'_>,
        deadline: Instant,
    ) -> Result<()> {
        for (at, statement) in statements.iter().enumerate() {
            let outcome = self.ask(statement, deadline)?;
            outcome
                .map_err(|refusal| refused(refusal.veiled(values)).context(format!("{list}: statement {}", at + 1)))?;
        }
        Ok(())
    }

    fn make(
        &mut self,
        user: &NewUser<'_>,
        statements: &[Zeroizing<String>],
        values: &Values<'_>,
        deadline: Instant,
    ) -> Result<()> {
        if !self.hosts(user.username, deadline)?.is_empty() {
            let name = literal(user.username)?;
            return Err(Error::bad_request(format!("there is a user {name} already; it is left alone")));
        }
        let marker = mark::host(user.mark);
        // Nobody is told this password, and nobody comes from that host.
        let password = Zeroizing::new(format!("{}-aA1", random::base62(30)?));
        let account = account(user.username, &marker)?;
        self.run(&format!("CREATE USER {account} IDENTIFIED BY '{}'", *password), deadline)
            .map_err(|error| error.context("the account that marks the user"))?;
        self.run_all("creation_statements", statements, values, deadline)?;
        if self.hosts(user.username, deadline)?.iter().all(|host| *host == marker) {
            let name = literal(user.username)?;
            return Err(Error::bad_request(format!(
                "the creation_statements made no user {name}: write '{{{{name}}}}' for its name"
            )));
        }
        Ok(())
    }
}

impl Database for Session {
    fn target(&self) -> &str {
        &self.target
    }

    fn is_alive(&mut self, deadline: Instant) -> bool {
        self.wire.ping(deadline).is_ok()
    }

    fn create_user(&mut self, user: &NewUser<'_>, deadline: Instant) -> Result<()> {
        let expiration = expiration(user.expires);
        let values = [
            ("name", user.username),
            ("username", user.username),
            ("password", user.password.expose().as_str()),
            ("expiration", expiration.as_str()),
        ];
        let statements = filled("creation_statements", user.statements, &values)?;
        if statements.is_empty() {
            return Err(Error::bad_request("the role has no creation_statements"));
        }
        // Whoever ends this lease finds the session by its lock, should we be gone before it has answered.
        let lock = literal(&mark::lock(user.mark))?;
        if self.single(&format!("SELECT GET_LOCK({lock}, 0)"), deadline)?.as_deref() != Some("1") {
            return Err(Error::upstream("another session is making this very user").answered());
        }
        let made = self.make(user, &statements, &values, deadline);
        let made = match made {
            Err(error) if error.kind() != Kind::Upstream => Err(self.take_back(user, error, deadline)?),
            Err(error) => return Err(error),
            Ok(()) => Ok(()),
        };
        let released = self.run(&format!("DO RELEASE_LOCK({lock})"), deadline);
        released.map_err(Error::left_open)?;
        made
    }

    fn renew_user(&mut self, user: &RenewedUser<'_>, deadline: Instant) -> Result<()> {
        if !self.hosts(user.username, deadline)?.contains(&mark::host(user.mark)) {
            let name = literal(user.username)?;
            return Err(Error::bad_request(format!("there is no user {name} of this lease any more")));
        }
        // Accounts do not end by themselves: there is nothing to move unless a role says so.
        let expiration = expiration(user.expires);
        let values = [("name", user.username), ("username", user.username), ("expiration", expiration.as_str())];
        let statements = filled("renew_statements", user.statements, &values)?;
        self.run_all("renew_statements", &statements, &values, deadline)
    }

    fn delete_user(&mut self, user: &OldUser<'_>, deadline: Instant) -> Result<Ended> {
        removal::end(self, user, deadline)
    }

    fn change_password(&mut self, change: &NewPassword<'_>, deadline: Instant) -> Result<()> {
        let values =
            [("name", change.username), ("username", change.username), ("password", change.password.expose().as_str())];
        if !change.statements.is_empty() {
            let statements = filled("rotation_statements", change.statements, &values)?;
            return self.run_all("rotation_statements", &statements, &values, deadline);
        }
        let account = self.account_of(change.username, deadline)?;
        let statement =
            Zeroizing::new(format!("ALTER USER {account} IDENTIFIED BY {}", *secret(change.password.expose())?));
        self.run_all("rotation", &[statement], &values, deadline)
    }

    fn list_users(&mut self, wanted: &Wanted<'_>, deadline: Instant) -> Result<Vec<ListedUser>> {
        let (prefix, after) = (literal(wanted.prefix)?, literal(wanted.after)?);
        let which = format!(
            "WHERE User > {after} GROUP BY User \
             HAVING LEFT(User, CHAR_LENGTH({prefix})) = {prefix} OR marker IS NOT NULL ORDER BY User LIMIT {}",
            wanted.limit
        );
        self.listed(&which, deadline)
    }

    fn users_named(&mut self, names: &[String], deadline: Instant) -> Result<Vec<ListedUser>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names = names.iter().map(|name| literal(name)).collect::<Result<Vec<_>>>()?;
        self.listed(&format!("WHERE User IN ({}) GROUP BY User ORDER BY User", names.join(", ")), deadline)
    }
}

impl Session {
    /// A user for all accounts of one name. What marks the name is an account that nobody signs in by.
    fn listed(&mut self, which: &str, deadline: Instant) -> Result<Vec<ListedUser>> {
        let pattern = mark::PATTERN;
        let question = format!(
            "SELECT User, MAX(CASE WHEN Host REGEXP '{pattern}' THEN Host END) AS marker, \
             SUM(CASE WHEN Host REGEXP '{pattern}' THEN 0 ELSE 1 END) FROM mysql.user {which}"
        );
        let rows = self.run(&question, deadline)?;
        let user = |row: Row| {
            let mut values = row.into_iter();
            let (username, marker, others) = (values.next()??, values.next()?, values.next()?);
            let can_sign_in = others.is_some_and(|count| count != "0");
            let mark = marker.as_deref().and_then(mark::of_host);
            Some(ListedUser { username, mark, expires: None, can_sign_in })
        };
        Ok(rows.into_iter().filter_map(user).collect())
    }
}

impl Session {
    /// Takes back what a failed creation made: first what the role's own statements take back, then the accounts. The error
    /// for the caller.
    fn take_back(&mut self, user: &NewUser<'_>, failure: Error, deadline: Instant) -> Result<Error> {
        let values = [("name", user.username), ("username", user.username)];
        let rolled_back = filled("rollback_statements", user.rollback, &values).and_then(|statements| {
            // Where the name was taken before there is nothing of ours to take back.
            let ours = self.hosts(user.username, deadline)?.contains(&mark::host(user.mark));
            if ours { self.run_all("rollback_statements", &statements, &values, deadline) } else { Ok(()) }
        });
        let taken = removal::take_back(self, user.username, user.mark, deadline);
        taken.map_err(|error| error.context("what was made of a user could not be taken back").left_open())?;
        match rolled_back {
            Ok(()) => Ok(failure),
            Err(error) if error.kind() == Kind::Upstream => Err(error),
            // The first failure is the one to mend; that something else is left is told with it.
            Err(error) => {
                let message = format!("{}; and then {}", failure.message(), error.message());
                Ok(failure.reworded(message))
            }
        }
    }

    /// Which account of this name a password is for: our own if it is we, the one from anywhere, or the only one.
    fn account_of(&mut self, username: &str, deadline: Instant) -> Result<String> {
        let own = self.single("SELECT CURRENT_USER()", deadline)?.unwrap_or_default();
        if let Some((name, host)) = own.rsplit_once('@').filter(|(name, _)| *name == username) {
            return account(name, host);
        }
        let hosts = self.hosts(username, deadline)?;
        let name = literal(username)?;
        match hosts.as_slice() {
            [] => Err(Error::bad_request(format!("there is no user {name}"))),
            [host] => account(username, host),
            hosts if hosts.iter().any(|host| host == ANYWHERE) => account(username, ANYWHERE),
            hosts => Err(Error::bad_request(format!(
                "there are several accounts of {name} ({}): say in rotation_statements which one is meant",
                hosts.join(", ")
            ))),
        }
    }
}

fn filled(list: &str, statements: &[String], values: &Values<'_>) -> Result<Vec<Zeroizing<String>>> {
    Dialect::MySql.fill(statements, values).map_err(|error| error.context(list))
}

/// A secret as SQL takes it.
fn secret(text: &str) -> Result<Zeroizing<String>> {
    let mut filled = Dialect::MySql.fill(&["'{{secret}}'".to_owned()], &[("secret", text)])?;
    filled.pop().ok_or_else(|| Error::internal("a secret was not written out"))
}

fn expiration(moment: crate::base::Timestamp) -> String {
    let text = moment.rfc3339();
    text.split('.').next().unwrap_or_default().replace('T', " ")
}

impl Refusal {
    /// Whether the same may go well another time.
    fn is_passing(&self) -> bool {
        // Out of disk or memory; in each other's way; killed; not agreed to by the other nodes.
        const PASSING: [u16; 9] = [1021, 1037, 1038, 1041, 1205, 1213, 1317, 1927, 3100];
        self.concerns_everybody() || PASSING.contains(&self.code)
    }

    /// Whether it goes no better for anybody just now.
    fn concerns_everybody(&self) -> bool {
        // Full; being shut down; read-only; no node to write to.
        const FOR_ALL: [u16; 7] = [1040, 1047, 1053, 1203, 1226, 1290, 1836];
        FOR_ALL.contains(&self.code)
    }

    /// The server's messages quote what they stumble over; that may be a password, or a part of one.
    fn veiled(mut self, values: &Values<'_>) -> Self {
        const SYNTAX: u16 = 1064;
        if self.code == SYNTAX {
            self.message = self.message.split('\'').next().unwrap_or_default().trim_end().to_owned() + " …";
        }
        if let Some((_, password)) = values.iter().find(|(name, password)| *name == "password" && !password.is_empty())
        {
            self.message = self.message.replace(password, "*****");
        }
        self
    }
}

fn refused(refusal: Refusal) -> Error {
    let message =
        format!("{} (error {}, SQLSTATE {})", refusal.message, refusal.code, refusal.state).replace('\n', " ");
    match (refusal.is_passing(), refusal.concerns_everybody()) {
        (true, true) => Error::upstream(message),
        (true, false) => Error::upstream(message).answered(),
        (false, _) => Error::bad_request(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_silence_unless_it_concerns_everybody() {
        for (code, kind, is_silence) in [
            (1040, Kind::Upstream, true),
            (1053, Kind::Upstream, true),
            (1205, Kind::Upstream, false),
            (1213, Kind::Upstream, false),
            (1064, Kind::BadRequest, false),
            (1227, Kind::BadRequest, false),
        ] {
            let error = refused(Refusal { code, state: "HY000".to_owned(), message: "no".to_owned() });
            assert_eq!((error.kind(), error.is_silence()), (kind, is_silence), "{code}");
        }
    }

    #[test]
    fn a_statement_that_takes_too_long_is_no_silence_of_a_server_that_had_answered() {
        let now = Instant::now();
        let late = unfinished(Error::upstream("the database did not answer in time"), now);
        assert!(!late.is_silence() && late.kind() == Kind::Upstream);
        assert!(unfinished(Error::upstream("closed"), now + std::time::Duration::from_secs(60)).is_silence());
    }
}
