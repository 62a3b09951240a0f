//! `connection_url` of PostgreSQL, made sense of: where to, as whom, with how much TLS. `conninfo` takes the text apart.
//!
//! The text is taken apart first and the connection's username and password are put in afterwards, so that no character of
//! a password can mean anything. Only with `disable_escaping` are they put into the text as they stand, for those who
//! escaped them by hand.

use crate::base::{Error, Result, Secret};
use crate::engine::database::driver::{Login, Parameters};
use crate::engine::database::postgresql::conninfo;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

const DEFAULT_PORT: u16 = 5432;

/// How much TLS is asked for, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Tcp(String),
    /// The folder that the socket is in.
    Unix(PathBuf),
}

/// Which of several hosts will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Any,
    Writable,
}

/// A parsed address.
#[derive(Clone)]
pub struct Address {
    pub hosts: Vec<(Host, u16)>,
    pub database: String,
    pub user: String,
    pub password: Secret<String>,
    pub ssl_mode: SslMode,
    /// Paths of files on this host.
    pub root_certificate: Option<String>,
    pub certificate: Option<String>,
    pub private_key: Option<String>,
    pub connect_timeout: Option<Duration>,
    /// Settings of the session, as the server takes them in `options`.
    pub options: String,
    pub wanted: Wanted,
}

impl Address {
    /// Reads a connection's `connection_url`, for whoever signs in.
    ///
    /// # Errors
    /// `BadRequest` saying which part is wrong; never what was put in for a placeholder.
    pub fn parse(parameters: &Parameters, login: &Login) -> Result<Self> {
        let url = parameters.text("connection_url");
        if url.trim().is_empty() {
            return Err(Error::bad_request("missing connection_url"));
        }
        let parsed = if parameters.flag("disable_escaping") {
            conninfo::settings(&filled(url, login)).and_then(|settings| Self::from_settings(settings, None))
        } else {
            conninfo::settings(url).and_then(|settings| Self::from_settings(settings, Some(login)))
        };
        parsed.map_err(|error| error.context("connection_url"))
    }

    /// Host, port and database, as people write them.
    #[must_use]
    pub fn words(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(place).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }

    fn from_settings(settings: Vec<(String, Zeroizing<String>)>, login: Option<&Login>) -> Result<Self> {
        let mut raw = Raw::default();
        for (key, value) in settings {
            match login {
                Some(login) => raw.take(&key, &filled(&value, login))?,
                None => raw.take(&key, &value)?,
            }
        }
        let user = raw.user.filter(|user| !user.is_empty());
        let user =
            user.ok_or_else(|| Error::bad_request("it names no user: put {{username}} into it, and give username"))?;
        Ok(Self {
            hosts: hosts(&raw.host, &raw.port)?,
            database: raw.database.filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone()),
            user,
            password: raw.password,
            ssl_mode: raw.ssl_mode.unwrap_or(SslMode::Prefer),
            root_certificate: raw.root_certificate,
            certificate: raw.certificate,
            private_key: raw.private_key,
            connect_timeout: raw.connect_timeout,
            options: raw.options.join(" "),
            wanted: raw.wanted.unwrap_or(Wanted::Any),
        })
    }
}

/// One host with its port, as people write it.
#[must_use]
pub fn place((host, port): &(Host, u16)) -> String {
    match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
        Host::Tcp(name) => format!("{name}:{port}"),
        Host::Unix(folder) => format!("{}:{port}", folder.display()),
    }
}

/// Puts the login in, in one pass: what was put in is not looked through again.
fn filled(text: &str, login: &Login) -> Zeroizing<String> {
    let (username, password) = (login.username.as_str(), login.password.expose().as_str());
    let values = [("{{username}}", username), ("{{name}}", username), ("{{password}}", password)];
    // Large enough at once: a text that grows leaves what it held in freed memory.
    let room = text.len() + text.matches("{{").count() * username.len().max(password.len());
    let mut filled = Zeroizing::new(String::with_capacity(room));
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = values.iter().find_map(|(name, value)| Some((*value, rest.strip_prefix(name)?)));
        let (value, after) = found.unwrap_or_else(|| rest.split_at(2));
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// What was said, before it is made sense of as a whole.
#[derive(Default)]
struct Raw {
    host: String,
    port: String,
    database: Option<String>,
    user: Option<String>,
    password: Secret<String>,
    ssl_mode: Option<SslMode>,
    root_certificate: Option<String>,
    certificate: Option<String>,
    private_key: Option<String>,
    connect_timeout: Option<Duration>,
    options: Vec<String>,
    wanted: Option<Wanted>,
}

/// What libpq knows and is of no consequence here.
const PASSED_OVER: [&str; 10] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "sslsni",
    "passfile",
];

/// What libpq knows, and would be wrong to pass over.
const REFUSED: [&str; 10] = [
    "hostaddr",
    "channel_binding",
    "gssencmode",
    "require_auth",
    "service",
    "servicefile",
    "load_balance_hosts",
    "replication",
    "krbsrvname",
    "gsslib",
];

impl Raw {
    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        let text = || Some(value.to_owned());
        match key {
            "host" => self.host = value.to_owned(),
            "port" => self.port = value.to_owned(),
            "dbname" | "database" => self.database = text(),
            "user" => self.user = text(),
            "password" => self.password = value.into(),
            "sslmode" => self.ssl_mode = Some(ssl_mode(value)?),
            "sslrootcert" => self.root_certificate = text(),
            "sslcert" => self.certificate = text(),
            "sslkey" => self.private_key = text(),
            "options" => self.options.push(value.to_owned()),
            "target_session_attrs" => self.wanted = Some(wanted(value)?),
            "connect_timeout" => {
                let seconds: i64 = value.parse().map_err(|_| Error::bad_request("connect_timeout takes seconds"))?;
                self.connect_timeout = u64::try_from(seconds).ok().filter(|some| *some > 0).map(Duration::from_secs);
            }
            "channel_binding" | "gssencmode" if matches!(value, "disable" | "prefer") => {}
            known if PASSED_OVER.contains(&known) => {}
            known if REFUSED.contains(&known) || known.starts_with("ssl") => {
                return Err(Error::bad_request(format!("{known} (with this value) is not supported")));
            }
            setting => self.options.push(option(setting, value)?),
        }
        Ok(())
    }
}

/// Any other key is a setting of the session.
fn option(setting: &str, value: &str) -> Result<String> {
    if setting.is_empty() || !setting.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte)) {
        return Err(Error::bad_request(format!("{setting:?} is no parameter of a connection")));
    }
    let escaped = value.replace('\\', "\\\\").replace(' ', "\\ ");
    Ok(format!("-c {setting}={escaped}"))
}

fn ssl_mode(word: &str) -> Result<SslMode> {
    Ok(match word {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            return Err(Error::bad_request(format!(
                "sslmode {word:?} is not one of disable, allow, prefer, require, verify-ca, verify-full"
            )));
        }
    })
}

fn wanted(word: &str) -> Result<Wanted> {
    match word {
        "any" => Ok(Wanted::Any),
        "read-write" | "primary" => Ok(Wanted::Writable),
        _ => Err(Error::bad_request(format!(
            "target_session_attrs {word:?} will not do: users are made where one can write (any, read-write, primary)"
        ))),
    }
}

/// Hosts with their ports: as many ports as hosts, or one for all, or none.
fn hosts(names: &str, ports: &str) -> Result<Vec<(Host, u16)>> {
    let names: Vec<&str> = if names.is_empty() { vec!["localhost"] } else { names.split(',').collect() };
    let ports: Vec<&str> = if ports.is_empty() { Vec::new() } else { ports.split(',').collect() };
    if ports.len() > 1 && ports.len() != names.len() {
        return Err(Error::bad_request(format!("{} hosts but {} ports", names.len(), ports.len())));
    }
    let port = |at: usize| match ports.get(at).or_else(|| ports.first()).filter(|port| !port.is_empty()) {
        None => Ok(DEFAULT_PORT),
        Some(port) => port.parse().map_err(|_| Error::bad_request(format!("the port {port:?} is not a number"))),
    };
    let host = |(at, name): (usize, &&str)| match *name {
        "" => Err(Error::bad_request("an empty name among the hosts")),
        name if name.starts_with('/') => Ok((Host::Unix(PathBuf::from(name)), port(at)?)),
        name => Ok((Host::Tcp(name.to_owned()), port(at)?)),
    };
    names.iter().enumerate().map(host).collect()
}
