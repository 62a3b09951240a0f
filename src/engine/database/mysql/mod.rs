//! MySQL and MariaDB: a user is an account or several, one for each host that it may come from.
//!
//! `address` reads where the server is, `wire` and `proof` speak to it, `session` is what the engine asks of it, `mark` how a
//! lease's user is known, and `removal` ends it. Invariant: no account is ever touched whose name does not carry the
//! lease's mark.

mod address;
mod mark;
mod proof;
mod removal;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use crate::base::{Error, Result};
use crate::engine::database::driver::{CredentialType, Database, Login, Naming, Parameters, Plugin};
use crate::engine::database::statements::Dialect;
use crate::engine::database::stream::Trust;
use address::{Address, Place, Tls};
use session::Session;
use std::time::Instant;

pub static PLUGIN: Plugin = Plugin {
    names: &["mysql-database-plugin"],
    naming: Naming {
        template: "{{ printf \"v-%s-%s-%s-%s\" (.DisplayName | truncate 10) (.RoleName | truncate 10) (random 20) (unix_time) \
            | truncate 32 }}",
        random: 20,
        longest: 32,
    },
    ..COMMON
};

/// For servers that take shorter names.
pub static LEGACY: Plugin = Plugin {
    names: &["mysql-legacy-database-plugin", "mysql-rds-database-plugin", "mysql-aurora-database-plugin"],
    naming: Naming {
        template: "{{ printf \"v-%s-%s\" (.RoleName | truncate 4) (random 20) | truncate 16 }}",
        random: 9,
        longest: 16,
    },
    ..COMMON
};

const COMMON: Plugin = Plugin {
    names: &[],
    title: "MySQL and MariaDB",
    parameters: &[
        "connection_url",
        "username",
        "max_open_connections",
        "max_idle_connections",
        "max_connection_lifetime",
        "username_template",
        "disable_escaping",
        "tls_certificate_key",
        "tls_ca",
        "tls_server_name",
        "tls_skip_verify",
    ],
    credential_types: &[CredentialType::Password],
    naming: Naming { template: "", random: 0, longest: 0 },
    check,
    check_statements: |statements, placeholders| Dialect::MySql.check(statements, placeholders),
    address: |parameters| Ok(address(parameters, &Login::default())?.words()),
    shown: address::shown,
    connect,
};

fn check(parameters: &Parameters) -> Result<Vec<String>> {
    let address = address(parameters, &Login::default())?;
    trust(parameters, &address).configuration()?;
    let mut warnings = Vec::new();
    if address::holds_password(parameters.text("connection_url")) {
        warnings.push(
            "there is a password in connection_url: put {{username}} and {{password}} there and give the values as username \
             and password, so that the password can be rotated"
                .to_owned(),
        );
    }
    Ok(warnings)
}

fn connect(parameters: &Parameters, login: &Login, deadline: Instant) -> Result<Box<dyn Database>> {
    let address = address(parameters, login)?;
    Ok(Box::new(Session::open(&address, &trust(parameters, &address), deadline)?))
}

fn address(parameters: &Parameters, login: &Login) -> Result<Address> {
    let url = parameters.text("connection_url");
    if url.is_empty() {
        return Err(Error::bad_request("missing connection_url: {{username}}:{{password}}@tcp(127.0.0.1:3306)/"));
    }
    let mut address = Address::parse(url, login)?;
    let about_tls = ["tls_ca", "tls_certificate_key", "tls_server_name"];
    if about_tls.iter().any(|name| !parameters.text(name).is_empty()) || parameters.flag("tls_skip_verify") {
        if matches!(address.place, Place::Unix(_)) {
            return Err(Error::bad_request("there is no TLS on a socket of this machine: leave out tls_…"));
        }
        if matches!(address.tls, Tls::Off | Tls::Preferred) {
            address.tls = Tls::On;
        }
    }
    Ok(address)
}

fn trust<'p>(parameters: &'p Parameters, address: &Address) -> Trust<'p> {
    Trust {
        authority: parameters.text("tls_ca"),
        authority_field: "tls_ca",
        identity: parameters.text("tls_certificate_key"),
        identity_field: "tls_certificate_key",
        server_name: parameters.text("tls_server_name"),
        blind: parameters.flag("tls_skip_verify") || matches!(address.tls, Tls::SkipVerify | Tls::Preferred),
    }
}

/// A text as SQL takes it, whatever is in it.
fn literal(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::bad_request("a name with a NUL in it cannot be"));
    }
    Ok(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")))
}

/// An account as SQL takes it.
fn account(username: &str, host: &str) -> Result<String> {
    Ok(format!("{}@{}", literal(username)?, literal(host)?))
}
