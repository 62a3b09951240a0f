//! The server's configuration: files and directories of HCL or JSON, merged into one plain value.
//!
//! Owns the names of the keys, their defaults and what is said about those that mean nothing here. Opens no socket and no
//! certificate: that is for those who are given the value. Invariant: a key is obeyed, warned about or refused, and never
//! dropped in silence; what would make the server less safe when ignored is refused.

mod keys;
mod listener;
mod network;
pub mod seals;
mod section;
#[cfg(test)]
mod tests;
mod watching;

use crate::base::hcl::{self, Position};
pub use crate::base::logging::Format as LogFormat;
use crate::base::logging::Rotation;
use crate::base::{Error, Result};
pub use network::{Address, Forwarded, JsonLimits, ProxyBehavior, ProxyProtocol, UnixSocket};
use section::Notes;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything a server is told at its start. Paths are as written: relative ones count from the working directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `storage "sqlite" { path = "…" }` or `storage "inmem" {}`, also spelt `backend`.
    pub storage: Option<Storage>,
    pub listeners: Vec<ListenerConfig>,
    /// `seal "…" { … }`: what keeps the root key; without one, people's shares do.
    pub seals: Vec<seals::Seal>,
    pub default_lease_ttl: Duration,
    pub max_lease_ttl: Duration,
    /// The address under which clients reach this server.
    pub api_addr: Option<String>,
    pub cluster_name: Option<String>,
    pub log_level: log::LevelFilter,
    pub log_format: LogFormat,
    /// `log_file` with its rotation; none: standard error alone.
    pub log_file: Option<Rotation>,
    /// `log_requests_level`: how loudly completed requests are told; none: at `debug`.
    pub log_requests_level: Option<log::Level>,
    pub telemetry: Telemetry,
    pub pid_file: Option<PathBuf>,
    /// The directories below which file audit devices may write, and nowhere else; without one there are no such devices.
    /// Key: `audit_directory = "…"`, which may be repeated, or `audit_directories = ["…", …]`.
    pub audit_directories: Vec<PathBuf>,
    /// Whether a value that holds a slash counts as none in the templates of policies.
    pub deny_slash_in_templated_paths: bool,
    /// `user_lockout "userpass" { … }`, by the kind of auth method; `all` is every kind.
    pub user_lockout: BTreeMap<String, UserLockout>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    Sqlite { path: PathBuf },
    InMemory,
}

/// `listener "tcp" { … }` or `listener "unix" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    pub address: Address,
    /// Nothing when `tls_disable` is set.
    pub tls: Option<TlsConfig>,
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Nothing: `X-Forwarded-For` says nothing.
    pub forwarded: Option<Forwarded>,
    /// In bytes.
    pub max_request_size: u64,
    pub max_request_duration: Duration,
    pub max_connections: usize,
    pub max_in_flight_requests: usize,
    pub json: JsonLimits,
    pub http_read_header_timeout: Duration,
    pub http_read_timeout: Duration,
    pub http_write_timeout: Option<Duration>,
    pub http_idle_timeout: Duration,
    /// `telemetry { unauthenticated_metrics_access = true }`.
    pub unauthenticated_metrics_access: bool,
    /// `inflight_requests_logging { unauthenticated_in_flight_requests_access = true }`.
    pub unauthenticated_in_flight_requests_access: bool,
}

/// `telemetry { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Zero: metrics are not given in Prometheus' format.
    pub prometheus_retention_time: Duration,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { prometheus_retention_time: Duration::from_secs(24 * 3600) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Empty where the server makes its own.
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    /// `tls_auto`: the server makes an authority and a certificate of its own.
    pub auto: bool,
    /// Where it keeps them; beside the storage where nothing is said.
    pub auto_dir: Option<PathBuf>,
    pub min_version: TlsVersion,
    pub max_version: TlsVersion,
    /// By their names; all that there are where none is named.
    pub cipher_suites: Vec<String>,
    pub client_certificates: ClientCertificates,
    /// Client certificates are checked against these authorities.
    pub client_ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsVersion {
    #[default]
    Tls12,
    Tls13,
}

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// `tls_disable_client_certs`.
    NotAsked,
    /// The default: one may be shown.
    Optional,
    /// `tls_require_and_verify_client_cert`.
    Required,
}

/// After how many wrong passwords a name is locked, and for how long; zero leaves it as it is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserLockout {
    pub threshold: u32,
    pub duration: Duration,
    pub counter_reset: Duration,
    pub disabled: Option<bool>,
}

const DEFAULT_TTL: Duration = Duration::from_secs(768 * 3600);

impl Default for Config {
    fn default() -> Self {
        Self {
            storage: None,
            listeners: Vec::new(),
            seals: Vec::new(),
            default_lease_ttl: DEFAULT_TTL,
            max_lease_ttl: DEFAULT_TTL,
            api_addr: None,
            cluster_name: None,
            log_level: log::LevelFilter::Info,
            log_format: LogFormat::Standard,
            log_file: None,
            log_requests_level: None,
            telemetry: Telemetry::default(),
            pid_file: None,
            audit_directories: Vec::new(),
            deny_slash_in_templated_paths: true,
            user_lockout: BTreeMap::new(),
        }
    }
}

impl ListenerConfig {
    /// A listener without TLS and otherwise as by default: the development server's.
    ///
    /// # Errors
    /// `Internal`: the defaults do not go together.
    pub fn plain(address: &str) -> Result<Self> {
        listener::plain(address).map_err(Error::internal)
    }
}

impl Config {
    /// The storage, which every server but a development one must be told.
    ///
    /// # Errors
    /// `BadRequest` saying what to write.
    pub fn required_storage(&self) -> Result<&Storage> {
        self.storage.as_ref().ok_or_else(|| {
            Error::bad_request("no storage is configured: write storage \"sqlite\" { path = \"data.db\" }")
        })
    }

    fn check(&self) -> Result<()> {
        if self.default_lease_ttl > self.max_lease_ttl {
            return Err(Error::bad_request("default_lease_ttl is larger than max_lease_ttl"));
        }
        seals::check(&self.seals)
    }
}

/// Something in a file that is not obeyed, or not as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub file: PathBuf,
    pub position: Position,
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file.display(), self.position, self.message)
    }
}

/// Reads files, and directories with all their `*.hcl` and `*.json` in the order of their names, into one configuration. Of
/// a key that stands in several files the last counts; listeners and audit directories add up.
///
/// # Errors
/// `BadRequest` naming the file and, inside it, line and column.
pub fn load(paths: &[PathBuf]) -> Result<(Config, Vec<Warning>)> {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    for file in files(paths)? {
        let text = text_of(&file)?;
        warnings.extend(merge(&mut config, &file, &text).map_err(|error| error.context(file.display()))?);
    }
    watching::finish(&mut config);
    config.check()?;
    Ok((config, warnings))
}

fn merge(config: &mut Config, file: &Path, text: &str) -> Result<Vec<Warning>> {
    let mut notes = Notes::new(file);
    keys::SERVER.read(config, &hcl::parse(text)?.items, &mut notes)?;
    Ok(notes.warnings)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_in(path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn files_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| cannot_read(directory, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "hcl" || extension == "json") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::bad_request(format!("{}: no *.hcl or *.json file in this directory", directory.display())));
    }
    files.sort();
    Ok(files)
}

/// A file's text; no more of it than the parser would take, so that a device or a huge file does no harm.
fn text_of(file: &Path) -> Result<String> {
    let limit = u64::try_from(hcl::MAX_TEXT).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(limit).read_to_string(&mut text))
        .map_err(|error| cannot_read(file, &error))?;
    Ok(text)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    Error::bad_request(format!("{}: cannot be read: {error}", path.display()))
}
