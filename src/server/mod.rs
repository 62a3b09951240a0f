//! A running server, put together from its configuration: storage, core, listeners, signals. The only place where all
//! layers meet.

pub mod check;
pub mod dev;
mod listeners;
pub mod logging;
pub mod notify;
pub mod process;
pub mod restore;
mod sanitized;
pub mod seals;
mod tls_auto;

use crate::base::{Error, Result, SystemClock};
use crate::config::{self, Config, Storage as StorageConfig};
use crate::core::lockout::rules as lockout;
use crate::core::{Core, Registry, Settings};
use crate::http::Server;
use crate::http::api::Api;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take where no listener says so.
const REQUEST_DURATION: Duration = Duration::from_secs(90);

/// How long requests in flight are waited for at the end.
const GRACE: Duration = Duration::from_secs(30);

/// All endpoints of this program.
#[must_use]
pub fn registry() -> Registry {
    Registry {
        engines: crate::engine::ENGINES,
        system: crate::sys::ROUTES,
        token: crate::auth::token::ROUTES,
        identity: crate::engine::identity::ROUTES,
        methods: crate::auth::METHODS,
        databases: crate::engine::database::names,
        absent: crate::sys::absent::ABSENT,
    }
}

/// A server whose listeners are bound.
pub struct Running {
    pub core: Arc<Core>,
    pub http: Arc<Server>,
}

/// Opens the storage and binds the listeners: from then on clients can connect, and are answered once [`run`] serves.
///
/// # Errors
/// One clear line: the port is taken, the file is not writable, newer than the program, or held by another process.
pub fn start(config: &Config) -> Result<Running> {
    let storage: Arc<dyn Storage> = match config.required_storage()? {
        StorageConfig::Sqlite { path } => Arc::new(SqliteStorage::open(path)?),
        StorageConfig::InMemory => Arc::new(SqliteStorage::in_memory()?),
    };
    let core = Core::new(settings(config), registry(), storage, Arc::new(SystemClock::default()));
    core.use_seals(seals::make(config)?);
    core.judge_clock()?;
    if let Some(level) = config.log_requests_level {
        core.watch.told_at.get_or_init(|| level);
    }
    if config.telemetry.prometheus_retention_time.is_zero() {
        core.metrics.disable_prometheus();
    }
    core.configuration.get_or_init(|| sanitized::shown(config));
    let api = Api { core: core.clone(), at_most: request_duration(config) };
    let http = Server::bind(&listeners::of(config)?, Arc::new(api))?;
    Ok(Running { core, http: Arc::new(http) })
}

/// Runs until SIGTERM or SIGINT; then finishes the requests in flight and seals. On SIGHUP the files of audit devices and of the
/// log are opened afresh, certificates are read again, and so is the configuration, for what of it can change meanwhile.
///
/// # Errors
/// As [`start`]; `Internal` when signals cannot be waited for.
pub fn run(
    config: &Config,
    reread: impl Fn() -> Result<Config>,
    ready: impl FnOnce(&Running) -> Result<()>,
) -> Result<()> {
    process::forbid_core_dumps();
    let _pid_file = config.pid_file.as_deref().map(process::PidFile::write).transpose()?;
    let signals = process::Signals::register()?;
    let running = start(config)?;
    for place in running.http.places() {
        log::info!("listening on {place}");
    }
    if let Some(hint) = tls_auto::hint(config, &running.http.places()) {
        say(&format!("The server made a certificate of its own. Clients believe it with:\n\n    $ {hint}\n\n"));
    }
    ready(&running)?;
    seals::start(&running.core)?;
    let http = running.http.clone();
    let accepting = std::thread::Builder::new().name("accept".into()).spawn(move || http.serve());
    let accepting = accepting.map_err(|error| Error::internal("no thread to accept connections").caused_by(error))?;
    say(STARTED);
    notify::tell(notify::READY);
    notify::watch(&running.core)?;
    signals.wait(|| hung_up(config, &running, &reread));
    log::info!("stopping: requests in flight are finished first");
    notify::tell(notify::STOPPING);
    running.http.shutdown(GRACE);
    running.core.seal();
    accepting.join().unwrap_or_else(|_| Err(Error::internal("accepting connections broke off")))
}

/// Who starts a server from a script or a test waits for these words.
const STARTED: &str = "==> Vault server started! Log data will stream in below:\n\n";

/// Says something on standard output. Nobody may be reading; the server serves all the same.
fn say(text: &str) {
    drop(std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()));
}

/// SIGHUP: files may have been moved aside to be rotated, and the configuration may have changed.
fn hung_up(config: &Config, running: &Running, reread: &impl Fn() -> Result<Config>) {
    if let Err(error) = listeners::of(config) {
        log::warn!("{}", error.for_log());
    }
    running.http.reload_certificates();
    match reread().and_then(|config| logging::start(&config)) {
        Ok(()) => log::info!("the log's level and file are as the configuration has them now"),
        Err(error) => {
            log::error!("the configuration is not taken on: {}", error.for_log());
            if let Err(error) = crate::base::logging::reopen() {
                log::error!("{}", error.for_log());
            }
        }
    }
    if let Some(live) = running.core.live_or_none() {
        live.audit.reopen();
        log::info!("audit files are reopened");
    }
}

/// The shortest of the listeners' limits: what calls out has to be done by then, whoever asked.
fn request_duration(config: &Config) -> Duration {
    config.listeners.iter().map(|listener| listener.max_request_duration).min().unwrap_or(REQUEST_DURATION)
}

fn settings(config: &Config) -> Settings {
    Settings {
        default_lease_ttl: config.default_lease_ttl,
        max_lease_ttl: config.max_lease_ttl,
        cluster_name: config.cluster_name.clone().unwrap_or_default(),
        api_addr: config.api_addr.clone().unwrap_or_default(),
        audit_directories: config.audit_directories.clone(),
        version: crate::VERSION,
        slashes_in_templates: !config.deny_slash_in_templated_paths,
        lockout: lockout(config),
    }
}

fn lockout(config: &Config) -> lockout::Defaults {
    let said = |lockout: &config::UserLockout| lockout::Said {
        threshold: lockout.threshold,
        duration: lockout.duration.as_secs(),
        counter_reset: lockout.counter_reset.as_secs(),
        disabled: lockout.disabled,
    };
    let by_kind = config.user_lockout.iter().map(|(kind, lockout)| (kind.clone(), said(lockout))).collect();
    let disabled = std::env::var("VAULT_DISABLE_USER_LOCKOUT").is_ok_and(|text| text == "1" || text == "true");
    lockout::Defaults { disabled, by_kind }
}
