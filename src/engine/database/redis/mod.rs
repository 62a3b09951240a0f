//! Redis and Valkey: users are access control lists that the server keeps in memory, and in a file where it is told to.
//!
//! `rules` reads what a role's users may, `wire` speaks to the server, `session` is what the engine asks of it. Invariant: no
//! user is ever touched that does not carry the lease's mark.

mod rules;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use crate::base::{Error, Result};
use crate::engine::database::driver::{CredentialType, Database, Login, Naming, Parameters, Plugin};
use crate::engine::database::stream::{Stream, Trust};
use session::{Persistence, Session};
use std::time::Instant;
use wire::Wire;

pub static PLUGIN: Plugin = Plugin {
    names: &["redis-database-plugin", "valkey-database-plugin"],
    title: "Redis and Valkey",
    parameters: &[
        "host",
        "port",
        "username",
        "tls",
        "insecure_tls",
        "ca_cert",
        "persistence_mode",
        "username_template",
        "max_open_connections",
        "max_idle_connections",
        "max_connection_lifetime",
    ],
    credential_types: &[CredentialType::Password],
    naming: Naming {
        template: "{{ printf \"V_%s_%s_%s_%s\" (.DisplayName | uppercase | replace \" \" \"-\" | truncate 64) \
            (.RoleName | uppercase | replace \" \" \"-\" | truncate 64) .Random (unix_time) | truncate 192 }}",
        random: 20,
        longest: 256,
    },
    check,
    check_statements: rules::check,
    address: |parameters| Ok(Address::of(parameters)?.words()),
    shown: str::to_owned,
    connect,
};

const DEFAULT_PORT: u16 = 6379;

struct Address {
    host: String,
    port: u16,
}

impl Address {
    fn of(parameters: &Parameters) -> Result<Self> {
        let host = parameters.text("host").trim_start_matches('[').trim_end_matches(']').to_lowercase();
        if host.is_empty() {
            return Err(Error::bad_request("missing host"));
        }
        if host.contains(['/', '@', ' ']) {
            return Err(Error::bad_request(
                "host is a name or an address alone: the port is given as port, TLS by tls=true",
            ));
        }
        let port = match parameters.integer("port") {
            None if parameters.text("port").is_empty() => DEFAULT_PORT,
            port => port
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port > 0)
                .ok_or_else(|| Error::bad_request("port is a number between 1 and 65535"))?,
        };
        Ok(Self { host, port })
    }

    fn words(&self) -> String {
        format!("redis {}:{}", self.host, self.port)
    }
}

fn check(parameters: &Parameters) -> Result<Vec<String>> {
    Address::of(parameters)?;
    if parameters.text("username").is_empty() {
        return Err(Error::bad_request("missing username; the user that every server has is called default"));
    }
    Persistence::of(parameters)?;
    trust(parameters).configuration()?;
    let mut warnings = Vec::new();
    if !parameters.flag("tls") && (parameters.flag("insecure_tls") || !parameters.text("ca_cert").is_empty()) {
        warnings.push("ca_cert and insecure_tls have no effect without tls=true".to_owned());
    }
    Ok(warnings)
}

fn connect(parameters: &Parameters, login: &Login, deadline: Instant) -> Result<Box<dyn Database>> {
    let address = Address::of(parameters)?;
    let mut stream = Stream::tcp(&address.host, address.port, deadline)?;
    if parameters.flag("tls") {
        stream.secure(trust(parameters).configuration()?, &address.host, deadline)?;
    }
    let persistence = Persistence::of(parameters)?;
    let mut session = Session::sign_in(Wire::over(stream), login, address.words(), persistence, deadline)?;
    // Others are signed in to see whether their passwords work.
    if login.username == parameters.text("username") {
        session.set_up(deadline)?;
    }
    Ok(Box::new(session))
}

fn trust(parameters: &Parameters) -> Trust<'_> {
    Trust {
        authority: parameters.text("ca_cert"),
        authority_field: "ca_cert",
        blind: parameters.flag("insecure_tls"),
        ..Trust::default()
    }
}
