//! What a database has to bring to be served: a row ([`Plugin`]) that describes it, and a connection ([`Database`]) that makes,
//! prolongs and ends users. Nothing here knows one database from another.
//!
//! Errors tell what is known of the other side: `BadRequest` is its clear no, after which nothing was done; `Denied` a login
//! that it refused; `Upstream` and `Busy` leave open whether it was done. No error holds a password or what a statement
//! was given.

use crate::base::{Error, Result, Secret, Timestamp};
use crate::logical::{Field, Map, wipe};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// One kind of database: a row of the engine's table.
pub struct Plugin {
    /// What `plugin_name` says, the published name first.
    pub names: &'static [&'static str],
    /// As people call it.
    pub title: &'static str,
    /// The fields of `config/{name}` that this kind takes, besides those that the engine itself reads.
    pub parameters: &'static [&'static str],
    pub credential_types: &'static [CredentialType],
    pub naming: Naming,
    /// Looks the parameters over without connecting. The answer is what their writer should be told.
    pub check: fn(&Parameters) -> Result<Vec<String>>,
    /// Looks over statements before they are stored, and the placeholders in them.
    pub check_statements: fn(&[String], &[&str]) -> Result<()>,
    /// Where the parameters lead, in words: host, port, database. Two configurations with one address mean one database.
    pub address: fn(&Parameters) -> Result<String>,
    /// A `connection_url` as it may be shown: a password that stands in it is starred.
    pub shown: fn(&str) -> String,
    /// Opens one connection as this user, by the deadline.
    pub connect: fn(&Parameters, &Login, Instant) -> Result<Box<dyn Database>>,
}

/// How users are named unless the connection's `username_template` says otherwise.
pub struct Naming {
    /// May use `.DisplayName`, `.RoleName`, and `.Random`: the random part, which ends in a checksum that only this server
    /// can make.
    pub template: &'static str,
    /// Characters of `.Random`.
    pub random: usize,
    /// The longest name that the database takes, in bytes.
    pub longest: usize,
}

/// What is handed out for a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    #[default]
    Password,
    RsaPrivateKey,
    ClientCertificate,
}

impl CredentialType {
    /// # Errors
    /// `BadRequest` naming the types that there are.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "" | "password" => Ok(Self::Password),
            "rsa_private_key" => Ok(Self::RsaPrivateKey),
            "client_certificate" => Ok(Self::ClientCertificate),
            _ => Err(Error::bad_request(format!(
                "unsupported credential_type {text:?}: it is password, rsa_private_key or client_certificate"
            ))),
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::RsaPrivateKey => "rsa_private_key",
            Self::ClientCertificate => "client_certificate",
        }
    }
}

/// Whom a connection signs in as.
#[derive(Clone, Default)]
pub struct Login {
    pub username: String,
    pub password: Secret<String>,
}

/// A connection's parameters as they were written, without its password. Some are secret (a private key, an address with a
/// password in it): they are wiped, and never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub Map);

impl Parameters {
    /// Empty where it was not given.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    #[must_use]
    pub fn flag(&self, name: &'static str) -> bool {
        self.parsed(&Field::flag(name, "")).and_then(|value| value.as_bool()).unwrap_or_default()
    }

    #[must_use]
    pub fn integer(&self, name: &'static str) -> Option<i64> {
        self.parsed(&Field::integer(name, ""))?.as_i64()
    }

    #[must_use]
    pub fn duration(&self, name: &'static str) -> Option<Duration> {
        self.parsed(&Field::seconds(name, ""))?.as_u64().map(Duration::from_secs)
    }

    /// They are kept as they came, since they are shown so: a number may be a text.
    fn parsed(&self, field: &Field) -> Option<Value> {
        field.parse(self.0.get(field.name)?).ok()
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

/// Begins the comments by which users are known.
pub const COMMENT: &str = "leasehold server ";

/// So much of a server's id tells it from others: 32 bits of chance.
const SHORTEST_SERVER: usize = 8;

/// The sign by which a user outside is known for one lease's: put on it in the step that makes it, so that no user is ever
/// taken for ours that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The server that made it.
    pub server: String,
    /// Random, of this lease alone; also the tag of the session that made the user.
    pub lease: String,
}

impl Mark {
    /// As a comment on the user.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("{COMMENT}{} lease {}", self.server, self.lease)
    }

    /// What such a comment says; none of other comments.
    #[must_use]
    pub fn of_comment(comment: &str) -> Option<Self> {
        let (server, lease) = comment.strip_prefix(COMMENT)?.split_once(" lease ")?;
        Some(Self { server: server.to_owned(), lease: lease.to_owned() })
    }

    /// Whether this, as it was read outside, is that lease's. Some databases keep letters in one case, or only the beginning
    /// of what names the server.
    #[must_use]
    pub fn is(&self, of_lease: &Self) -> bool {
        self.lease.eq_ignore_ascii_case(&of_lease.lease) && self.is_of(&of_lease.server)
    }

    /// Whether this, as it was read outside, is of that server's making.
    #[must_use]
    pub fn is_of(&self, server: &str) -> bool {
        let beginning = server.get(..self.server.len());
        self.server.len() >= SHORTEST_SERVER && beginning.is_some_and(|text| text.eq_ignore_ascii_case(&self.server))
    }

    /// As the name of the session that makes the user.
    #[must_use]
    pub fn session(&self) -> String {
        format!("leasehold-{}", self.lease)
    }
}

/// A user to make.
pub struct NewUser<'a> {
    pub username: &'a str,
    pub password: &'a Secret<String>,
    /// When it is to stop working by itself, where the database can do that.
    pub expires: Timestamp,
    pub statements: &'a [String],
    /// What takes back all else that these made, where the database does not do so by itself.
    pub rollback: &'a [String],
    pub mark: &'a Mark,
}

/// A user whose life goes on.
pub struct RenewedUser<'a> {
    pub username: &'a str,
    pub expires: Timestamp,
    /// Empty: the driver's own.
    pub statements: &'a [String],
    pub mark: &'a Mark,
}

/// A user to end.
pub struct OldUser<'a> {
    pub username: &'a str,
    /// Empty: the driver's own.
    pub statements: &'a [String],
    /// None: it is known by its name alone, and carries no mark of any lease.
    pub mark: Option<&'a Mark>,
    /// It may still be being made: sessions tagged with its lease are to be ended before anything is said of it.
    pub pending: bool,
}

/// What was found of a user that was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// No user of this name was there.
    Gone,
    /// A user of this name is there, without the lease's mark; it was left alone.
    Unmarked,
}

/// A password to set for a user that is not under a lease: a static role's, or the connection's own.
pub struct NewPassword<'a> {
    pub username: &'a str,
    pub password: &'a Secret<String>,
    /// Empty: the driver's own.
    pub statements: &'a [String],
}

/// A user that is there, for comparing what is outside with what is leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    pub username: String,
    /// Of those that the engine made.
    pub mark: Option<Mark>,
    /// When it stops working by itself, where it does.
    pub expires: Option<Timestamp>,
    /// Whether anybody can sign in as it, as far as the database says.
    pub can_sign_in: bool,
}

/// Which users are to be listed, in the order of their names: those whose names begin so, and those that carry any lease's mark.
pub struct Wanted<'a> {
    pub prefix: &'a str,
    /// Only those behind this name.
    pub after: &'a str,
    pub limit: usize,
}

/// What a statement's failure says of the server, on a connection that had worked: that one statement takes longer than there is
/// time is no silence.
#[must_use]
pub fn unfinished(error: Error, deadline: Instant) -> Error {
    if error.is_silence() && Instant::now() >= deadline {
        return error.context("a statement was not done in time").answered();
    }
    error
}

/// One connection. Each call ends by its deadline; after an error of kind `Upstream` the connection is not used again.
pub trait Database: Send {
    /// What leases are tied to: stable words for this very database (`postgresql 7301…/app`), or its address where it has
    /// nothing better to say.
    fn target(&self) -> &str;

    /// Whether it still answers.
    fn is_alive(&mut self, deadline: Instant) -> bool;

    /// Makes the user with its mark, all or nothing. A user of that name that is already there is a `BadRequest`, and left
    /// alone.
    fn create_user(&mut self, user: &NewUser<'_>, deadline: Instant) -> Result<()>;

    /// Moves the time at which the user stops working by itself.
    fn renew_user(&mut self, user: &RenewedUser<'_>, deadline: Instant) -> Result<()>;

    /// Ends the user's sessions and the user. Must be able to run again after any crash. Where it is not sure that the user is
    /// gone or can never sign in again, that is an error, which names what is in the way.
    fn delete_user(&mut self, user: &OldUser<'_>, deadline: Instant) -> Result<Ended>;

    fn change_password(&mut self, change: &NewPassword<'_>, deadline: Instant) -> Result<()>;

    /// A page of users.
    fn list_users(&mut self, wanted: &Wanted<'_>, deadline: Instant) -> Result<Vec<ListedUser>>;

    /// Those of these users that are there.
    fn users_named(&mut self, names: &[String], deadline: Instant) -> Result<Vec<ListedUser>>;
}
