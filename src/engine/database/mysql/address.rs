//! `connection_url` as MySQL has it: `user:password@tcp(host:port)/database?parameter=value`, where user and password are
//! usually `{{username}}` and `{{password}}`.
//!
//! The text is taken apart before anything is put in, so that no password, whatever is in it, can lead elsewhere.

use crate::base::{Error, Result, Secret};
use crate::engine::database::driver::Login;

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 3306;

/// Parameters that other clients know and that change nothing here.
const WITHOUT_EFFECT: [&str; 19] = [
    "allowAllFiles",
    "allowFallbackToPlaintext",
    "allowNativePasswords",
    "charset",
    "checkConnLiveness",
    "clientFoundRows",
    "collation",
    "columnsWithAlias",
    "compress",
    "connectionAttributes",
    "interpolateParams",
    "loc",
    "maxAllowedPacket",
    "multiStatements",
    "parseTime",
    "readTimeout",
    "rejectReadOnly",
    "timeout",
    "writeTimeout",
];

/// Where a server is, how to get there, and as whom.
pub struct Address {
    pub place: Place,
    pub database: String,
    pub tls: Tls,
    /// The password may be sent as it is to servers that ask for that; still only where nobody can listen.
    pub cleartext: bool,
    pub login: Login,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Tcp { host: String, port: u16 },
    Unix(String),
}

/// The parameter `tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Off,
    On,
    /// Where the server offers it, whoever the server is.
    Preferred,
    SkipVerify,
}

impl Address {
    /// Reads a `connection_url`, and puts the login into it.
    ///
    /// # Errors
    /// `BadRequest` for what cannot be understood; the message holds nothing of user or password.
    pub fn parse(url: &str, login: &Login) -> Result<Self> {
        let (before, after) = url.rsplit_once('/').ok_or_else(|| {
            wrong("there is no / before the name of the database: {{username}}:{{password}}@tcp(127.0.0.1:3306)/")
        })?;
        let (who, place) = before.rsplit_once('@').unwrap_or(("", before));
        let (username, password) = who.split_once(':').unwrap_or((who, ""));
        let (database, parameters) = after.split_once('?').unwrap_or((after, ""));
        let mut address = Self {
            place: Place::parse(place)?,
            database: database.to_owned(),
            tls: Tls::Off,
            cleartext: false,
            login: Login {
                username: username.replace("{{username}}", &login.username),
                password: Secret::new(password.replace("{{password}}", login.password.expose())),
            },
        };
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            address.take(name, value)?;
        }
        Ok(address)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "tls" => {
                self.tls = match value {
                    "" | "false" | "0" => Tls::Off,
                    "true" | "1" | "custom" => Tls::On,
                    "skip-verify" => Tls::SkipVerify,
                    "preferred" => Tls::Preferred,
                    _ => return Err(wrong("tls is true, false, skip-verify or preferred")),
                }
            }
            "allowCleartextPasswords" => self.cleartext = matches!(value, "true" | "1"),
            _ if WITHOUT_EFFECT.contains(&name) => {}
            _ => return Err(wrong(&format!("the parameter {name:?} is not understood"))),
        }
        Ok(())
    }

    /// What leases are tied to: users belong to the server as a whole, not to one of its databases.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.place {
            Place::Tcp { host, port } => format!("mysql {host}:{port}"),
            Place::Unix(path) => format!("mysql {path}"),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        let (protocol, address) = match text.split_once('(') {
            Some((protocol, rest)) => {
                let address =
                    rest.strip_suffix(')').ok_or_else(|| wrong("the ( of the address is not closed by a )"))?;
                (protocol, address)
            }
            None => (text, ""),
        };
        match protocol {
            "" | "tcp" | "tcp4" | "tcp6" => Self::tcp(address),
            "unix" if address.starts_with('/') => Ok(Self::Unix(address.to_owned())),
            "unix" => Err(wrong("unix needs the path of a socket: unix(/run/mysqld/mysqld.sock)")),
            _ => Err(wrong("the address is neither tcp(host:port) nor unix(/path)")),
        }
    }

    fn tcp(address: &str) -> Result<Self> {
        let (host, port) = match address.rsplit_once(':') {
            // An address of IPv6 has colons of its own, and brackets around them where a port follows.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                let port = port.parse().map_err(|_| wrong("the port is no number between 1 and 65535"))?;
                (host, port)
            }
            _ => (address, DEFAULT_PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
        let host = if host.is_empty() { DEFAULT_HOST.to_owned() } else { host };
        Ok(Self::Tcp { host, port })
    }
}

/// Whether there is a password in it where a placeholder ought to be.
#[must_use]
pub fn holds_password(url: &str) -> bool {
    password_range(url).is_some()
}

/// The text as it may be shown.
#[must_use]
pub fn shown(url: &str) -> String {
    match password_range(url) {
        Some(range) => format!("{}*****{}", &url[..range.start], &url[range.end..]),
        None => url.to_owned(),
    }
}

fn password_range(url: &str) -> Option<std::ops::Range<usize>> {
    let before = url.rsplit_once('/').map_or(url, |(before, _)| before);
    let (who, _) = before.rsplit_once('@')?;
    let start = who.find(':')? + 1;
    let password = &who[start..];
    (!password.is_empty() && password != "{{password}}").then_some(start..who.len())
}

fn wrong(what: &str) -> Error {
    Error::bad_request(format!("connection_url: {what}"))
}
