//! The database engine: users in databases under leases, and the passwords of users that were there before, rotated.
//!
//! The files follow the URLs: `config`, `reset`, `reload`, `rotate_root`, `roles`, `creds`, `static_roles`, `static_creds`,
//! `rotate_role`. Below them: `connection` (the record and the way to the database), `retired` (deleted connections that
//! leases still need), `pool`, `role`, `user` (the secret, from issue to end), `username`,
//! `statements` (values put into SQL), `static_role` and `schedule`; `reconcile` lists what is there. A kind
//! of database is one folder with a `Plugin` in it, and one row in `PLUGINS`; what it brings is said in `driver`.
//!
//! Invariant: no user is made before its lease is committed, and none is touched that does not carry its lease's mark.

mod config;
mod connection;
mod creds;
pub mod driver;
mod mysql;
mod pool;
mod postgresql;
mod reconcile;
mod redis;
mod reload;
mod reset;
mod retired;
mod role;
mod roles;
mod rotate_role;
mod rotate_root;
mod schedule;
pub mod statements;
mod static_creds;
mod static_role;
mod static_roles;
mod stream;
#[cfg(test)]
mod tests;
mod turn;
mod user;
pub mod username;

use crate::base::{Error, Result};
use crate::logical::{Ctx, Engine};
use driver::Plugin;

/// The kinds of databases.
static PLUGINS: &[&Plugin] = &[&postgresql::PLUGIN, &mysql::PLUGIN, &mysql::LEGACY, &redis::PLUGIN];

pub static ENGINE: Engine = Engine {
    name: "database",
    summary: "Users in databases, made on demand and ended with their leases.",
    help: "The database engine hands out logins to databases. An operator gives it a login of its own (config/NAME) and says \
        in roles what a user is made by; whoever may read creds/ROLE gets a user that nobody else has, under a lease. When \
        the lease ends the user's sessions end and the user goes.\n\n\
        For users that are in the database already there are static roles: their passwords change by a rule, and \
        static-creds/ROLE hands out the present one.",
    routes: &[
        &config::LIST,
        &config::ROUTE,
        &reset::ROUTE,
        &reload::ROUTE,
        &rotate_root::ROUTE,
        &roles::LIST,
        &roles::ROUTE,
        &creds::ROUTE,
        &static_roles::LIST,
        &static_roles::ROUTE,
        &static_creds::ROUTE,
        &rotate_role::ROUTE,
    ],
    secrets: &[user::KIND],
    recover: Some(recover),
    tasks: &[retired::TASK, static_role::TASK],
    reconciling: Some(&reconcile::RECONCILING),
    ..Engine::BLANK
};

/// The names of all kinds, aliases included.
#[must_use]
pub fn names() -> Vec<&'static str> {
    PLUGINS.iter().flat_map(|plugin| plugin.names.iter().copied()).collect()
}

/// The kind of database that a `plugin_name` means.
///
fn recover(ctx: &mut Ctx) -> Result<()> {
    static_role::recover(ctx)?;
    rotate_root::recover(ctx)
}

/// # Errors
/// `BadRequest` naming those that there are.
fn plugin(name: &str) -> Result<&'static Plugin> {
    let found = PLUGINS.iter().find(|plugin| plugin.names.contains(&name));
    found.copied().ok_or_else(|| {
        let known: Vec<_> = PLUGINS.iter().filter_map(|plugin| plugin.names.first().copied()).collect();
        Error::bad_request(format!("unknown plugin_name {name:?}: there is {}", known.join(", ")))
    })
}
