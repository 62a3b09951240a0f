//! PostgreSQL: users are roles that can sign in. One is made in one transaction together with a comment that says whose it is.
//!
//! `address` and `conninfo` read where it is, `tls` and `wire` get there, `removal` ends a user with all that hangs on it.
//! Invariant: nothing is ever taken from a role whose comment is not the lease's own.

mod address;
mod conninfo;
mod removal;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

use crate::base::{Error, Result};
use crate::engine::database::driver::{CredentialType, Database, Login, Naming, Parameters, Plugin};
use crate::engine::database::statements::Dialect;
use address::Address;
use session::Session;
use std::time::Instant;

pub static PLUGIN: Plugin = Plugin {
    names: &["postgresql-database-plugin"],
    title: "PostgreSQL",
    parameters: &[
        "connection_url",
        "username",
        "max_open_connections",
        "max_idle_connections",
        "max_connection_lifetime",
        "username_template",
        "disable_escaping",
        "password_authentication",
        "tls_ca",
        "tls_certificate",
        "private_key",
        "owned_objects",
        "owned_objects_to",
        "self_managed",
    ],
    credential_types: &[CredentialType::Password],
    naming: Naming {
        template: "{{ printf \"v-%s-%s-%s-%s\" (.DisplayName | truncate 8) (.RoleName | truncate 8) (.Random) (unix_time) \
            | truncate 63 }}",
        random: 20,
        longest: 63,
    },
    check,
    check_statements: |statements, placeholders| Dialect::PostgreSql.check(statements, placeholders),
    address: |parameters| Ok(Address::parse(parameters, &anybody(parameters))?.words()),
    shown: conninfo::shown,
    connect,
};

fn check(parameters: &Parameters) -> Result<Vec<String>> {
    let address = Address::parse(parameters, &anybody(parameters))?;
    tls::configuration(parameters, &address)?;
    removal::Owned::of(parameters)?;
    session::authentication(parameters)?;
    let url = parameters.text("connection_url");
    if parameters.flag("self_managed") && !(url.contains("{{username}}") && url.contains("{{password}}")) {
        return Err(Error::bad_request("self_managed needs {{username}} and {{password}} in connection_url"));
    }
    if parameters.flag("self_managed") && !parameters.text("username").is_empty() {
        return Err(Error::bad_request("self_managed means that there is no username: give one of them"));
    }
    let mut warnings = Vec::new();
    if conninfo::literal_password(url).is_some() {
        warnings.push(
            "there is a password in connection_url: put {{username}} and {{password}} there and give the values as username \
             and password, so that the password can be rotated"
                .to_owned(),
        );
    }
    Ok(warnings)
}

fn connect(parameters: &Parameters, login: &Login, deadline: Instant) -> Result<Box<dyn Database>> {
    let address = Address::parse(parameters, login)?;
    Ok(Box::new(Session::open(parameters, address, deadline)?))
}

/// A login to try an address with that is not going to be used.
fn anybody(parameters: &Parameters) -> Login {
    let own = parameters.text("username");
    let username = if parameters.flag("self_managed") { "anybody" } else { own }.to_owned();
    Login { username, password: "unused".into() }
}

/// A name as SQL takes it, whatever is in it.
fn identifier(name: &str) -> Result<String> {
    if name.contains('\0') {
        return Err(Error::bad_request("a name with a NUL in it cannot be"));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A text as SQL takes it, whatever is in it and however the server is set.
fn literal(text: &str) -> String {
    format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
