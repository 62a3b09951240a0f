//! A configured connection: the record, whom it lets in, and the way to the database.
//!
//! A password that is being rotated is in the record twice, as it was and as it is to be: whichever works is used, so that no
//! crash locks anyone out. Invariant: the passwords leave this module only towards the database.

use crate::base::{Error, Kind, Result, Secret, random};
use crate::engine::database::driver::{Database, Login, Parameters, Plugin};
use crate::engine::database::{plugin, pool};
use crate::logical::{Ctx, Records};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Instant;

/// The record.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Connection {
    /// Random, from its making to its deletion: what is made anew under an old name is another connection.
    pub id: String,
    pub plugin_name: String,
    #[serde(default)]
    pub plugin_version: String,
    pub allowed_roles: Vec<String>,
    pub root_rotation_statements: Vec<String>,
    pub password_policy: String,
    pub verify_connection: bool,
    pub skip_static_role_import_rotation: bool,
    /// What the driver takes, and what it is shown as.
    pub parameters: Parameters,
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub password: Secret<String>,
    /// The password that a rotation is about to set, or has set and not yet confirmed.
    #[serde(default, serialize_with = "write_next", deserialize_with = "read_next")]
    pub next_password: Option<Secret<String>>,
    /// New with each writing: open connections belong to one.
    pub generation: String,
    /// What the database called itself when it was last asked; leases are tied to it.
    pub target: Option<String>,
    /// What it called itself under earlier configurations: leases may still be tied to that.
    #[serde(default)]
    pub former_targets: Vec<String>,
}

pub fn write_secret<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

pub fn read_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

pub fn write_next<S: Serializer>(secret: &Option<Secret<String>>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|secret| secret.expose()).serialize(to)
}

pub fn read_next<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|secret| secret.map(Secret::new))
}

/// Where a connection is kept.
#[must_use]
pub fn record(name: &str) -> String {
    format!("config/{name}")
}

impl Connection {
    /// # Errors
    /// `BadRequest` when there is no connection of this name.
    pub fn load(ctx: &Ctx, name: &str) -> Result<Self> {
        ctx.load(&record(name))?.ok_or_else(|| missing(name))
    }

    /// # Errors
    /// `Internal` when the record does not open.
    pub fn load_in(records: &dyn Records, name: &str) -> Result<Option<Self>> {
        crate::logical::ctx::load(records, &record(name))
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn store_in(&self, records: &mut dyn Records, name: &str) -> Result<()> {
        crate::logical::ctx::store(records, &record(name), self)
    }

    /// # Errors
    /// `BadRequest` when its plug-in is none of ours (any more).
    pub fn plugin(&self) -> Result<&'static Plugin> {
        plugin(&self.plugin_name)
    }

    #[must_use]
    pub fn username(&self) -> &str {
        self.parameters.text("username")
    }

    /// Has no user of its own: static roles sign in as themselves.
    #[must_use]
    pub fn is_self_managed(&self) -> bool {
        self.parameters.flag("self_managed")
    }

    /// Marks the record as written anew, so that no connection opened by an earlier writing is used for it.
    ///
    /// # Errors
    /// `Internal` when there is no randomness.
    pub fn renew_generation(&mut self) -> Result<()> {
        self.generation = random::base62(12)?;
        Ok(())
    }

    /// # Errors
    /// `BadRequest` when this connection's `allowed_roles` does not name the role.
    pub fn check_allowed(&self, name: &str, role: &str) -> Result<()> {
        if self.allowed_roles.iter().any(|allowed| matches(allowed, role)) {
            return Ok(());
        }
        Err(Error::bad_request(format!(
            "{role:?} is not an allowed role: it is not among the allowed_roles of the connection {name:?}"
        )))
    }

    /// All that this connection's leases may be tied to.
    pub fn all_targets(&self) -> impl Iterator<Item = &str> {
        self.former_targets.iter().chain(&self.target).map(String::as_str)
    }

    /// Which database this is; it is asked if it never was.
    ///
    /// # Errors
    /// What connecting says.
    pub fn known_target(&self, ctx: &mut Ctx, name: &str) -> Result<String> {
        if self.is_self_managed() {
            return Err(Error::bad_request(format!("the connection {name:?} is self_managed: it cannot make users")));
        }
        if let Some(target) = &self.target {
            return Ok(target.clone());
        }
        let target = self.with(ctx, name, |database, _| Ok(database.target().to_owned()))?;
        ctx.write(|records| {
            // If it was written anew meanwhile, what was learnt may be of another database.
            if let Some(mut now) = Self::load_in(records, name)?.filter(|now| now.generation == self.generation) {
                now.target = Some(target.clone());
                now.store_in(records, name)?;
            }
            Ok(())
        })?;
        Ok(target)
    }

    /// Where the open connections are kept.
    #[must_use]
    pub fn place(&self, ctx: &Ctx) -> Place {
        Place { mount: ctx.mount.uuid.clone() }
    }

    /// Does some work on a connection to the database, as its own user.
    ///
    /// # Errors
    /// What connecting or the work says; a refused login is `BadRequest`.
    pub fn with<T>(
        &self,
        ctx: &mut Ctx,
        name: &str,
        work: impl FnOnce(&mut dyn Database, Instant) -> Result<T>,
    ) -> Result<T> {
        let place = self.place(ctx);
        let deadline = ctx.outside().deadline();
        place.with(self, name, deadline, work)
    }

    /// Opens one connection of its own, outside the pool, with whichever password works.
    ///
    /// # Errors
    /// `Denied` when the database refuses the login, else what connecting says.
    pub fn open(&self, deadline: Instant) -> Result<Box<dyn Database>> {
        let plugin = self.plugin()?;
        let with = |password: &Secret<String>| {
            let login = Login { username: self.username().to_owned(), password: password.clone() };
            (plugin.connect)(&self.parameters, &login, deadline)
        };
        match (with(&self.password), &self.next_password) {
            (Err(refused), Some(next)) if refused.kind() == Kind::Denied => {
                with(next).map_err(|error| error.context("neither the password nor the one of a begun rotation works"))
            }
            (outcome, _) => outcome,
        }
    }

    /// Whether the database still lets us in with the password that a begun rotation is to replace.
    #[must_use]
    pub fn old_password_works(&self, ctx: &mut Ctx) -> bool {
        let deadline = ctx.outside().deadline();
        Self { next_password: None, ..self.clone() }.open(deadline).is_ok()
    }
}

/// A mount's pools, for work inside an issue.
pub struct Place {
    mount: String,
}

impl Place {
    /// See [`Connection::with`].
    ///
    /// # Errors
    /// What connecting or the work says.
    pub fn with<T>(
        &self,
        connection: &Connection,
        name: &str,
        deadline: Instant,
        work: impl FnOnce(&mut dyn Database, Instant) -> Result<T>,
    ) -> Result<T> {
        let limits = pool::Limits::new(
            connection.parameters.integer("max_open_connections"),
            connection.parameters.integer("max_idle_connections"),
            connection.parameters.duration("max_connection_lifetime"),
        );
        let pool = pool::of(&self.mount, &connection.id, &connection.generation, limits);
        let outcome = pool.with(deadline, || connection.open(deadline), |database| work(database, deadline));
        outcome.map_err(|error| for_caller(error, name))
    }
}

/// The refusal where there is no such connection.
#[must_use]
pub fn missing(name: &str) -> Error {
    Error::bad_request(format!("failed to find entry for connection with name: {name:?}"))
}

/// What the database denies us says nothing of the caller's own rights: it must not look as if it did.
#[must_use]
pub fn for_caller(error: Error, name: &str) -> Error {
    let error = error.context(format!("connection {name:?}"));
    match error.kind() {
        Kind::Denied => Error::bad_request(error.message().to_owned()),
        _ => error,
    }
}

/// Whether a name is meant: itself, or with a `*` at either end.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => rest.strip_suffix('*').is_some_and(|inner| name.contains(inner)),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => pattern == name,
    }
}
