//! The keys of a server's configuration: one row each.

use super::seals;
use super::section::{Notes, Row, Section, boolean, once, path, repeated, size, text, texts, time};
use super::watching;
use super::{ClientCertificates, Config, ListenerConfig, LogFormat, Storage, TlsConfig, TlsVersion, UserLockout};
use crate::base::hcl::{Block, Item};
use crate::base::{Result, logging};
use std::path::PathBuf;
use std::time::Duration;

pub(super) static SERVER: Section<Config> = Section {
    name: "the configuration",
    rows: &[
        once("storage", read_storage),
        once("backend", read_storage),
        repeated("listener", read_listener),
        repeated("seal", seals::read),
        repeated("user_lockout", read_user_lockout),
        once("default_lease_ttl", |config, item, _| set(&mut config.default_lease_ttl, time(item)?)),
        once("max_lease_ttl", |config, item, _| set(&mut config.max_lease_ttl, time(item)?)),
        once("api_addr", |config, item, _| set(&mut config.api_addr, Some(text(item)?))),
        once("cluster_name", |config, item, _| set(&mut config.cluster_name, Some(text(item)?))),
        once("log_level", |config, item, _| set(&mut config.log_level, log_level(item)?)),
        once("log_format", |config, item, _| set(&mut config.log_format, log_format(item)?)),
        once("log_file", watching::log_file),
        once("log_rotate_duration", watching::log_rotate_duration),
        once("log_rotate_bytes", watching::log_rotate_bytes),
        once("log_rotate_max_files", watching::log_rotate_max_files),
        once("log_requests_level", watching::log_requests_level),
        once("telemetry", watching::telemetry),
        once("pid_file", |config, item, _| set(&mut config.pid_file, Some(path(item)?))),
        once("deny_slash_in_templated_paths", |config, item, _| {
            set(&mut config.deny_slash_in_templated_paths, boolean(item)?)
        }),
        once("ui", |_, item, notes| note_if_set(item, notes, "there is no web UI yet")),
        once("disable_mlock", |_, item, notes| note_if_set(item, notes, "memory is never locked")),
        repeated("audit_directory", |config, item, _| {
            config.audit_directories.push(path(item)?);
            Ok(())
        }),
        repeated("audit_directories", |config, item, _| {
            config.audit_directories.extend(texts(item)?.into_iter().map(PathBuf::from));
            Ok(())
        }),
    ],
    unused: &[
        ("cache_size", "there is no cache of the storage to size"),
        ("disable_cache", "there is no cache of the storage to disable"),
        ("cluster_addr", "servers do not talk to each other"),
        ("disable_clustering", "servers do not talk to each other"),
        ("ha_storage", "servers do not elect a leader"),
        ("ha_backend", "servers do not elect a leader"),
        ("replication", "servers do not talk to each other"),
        ("service_registration", "the server does not announce itself"),
        ("plugin_directory", "all engines are built in"),
        ("plugin_tmpdir", "all engines are built in"),
        ("plugin_file_uid", "all engines are built in"),
        ("plugin_file_permissions", "all engines are built in"),
        ("default_max_request_duration", "say max_request_duration in the listener"),
        ("adaptive_overload_protection", "rate limits are quotas: sys/quotas/rate-limit"),
        ("request_limiter", "rate limits are quotas: sys/quotas/rate-limit"),
        ("remove_irrevocable_lease_after", "what could not be ended is tried for as long as it takes"),
        ("enable_post_unseal_trace", "there is no such trace"),
        ("post_unseal_trace_directory", "there is no such trace"),
        ("allow_audit_log_prefixing", "the prefix of an audit device's entries is always taken"),
        ("observations", "what happens is on record at audit devices"),
        ("sentinel", "there are no Sentinel policies"),
        ("enable_multiseal", "there is one seal"),
        ("kms_library", "there is no seal by a KMS"),
        ("raw_storage_endpoint", "there is no raw access to the storage"),
        ("introspection_endpoint", "there is no such endpoint"),
        ("enable_response_header_hostname", "answers do not carry the host's name"),
        ("enable_response_header_raft_node_id", "there is no Raft"),
        ("disable_sealwrap", "everything is sealed in one way"),
        ("disable_indexing", "there is no such index"),
        ("disable_performance_standby", "there are no standby servers"),
        ("disable_printable_check", "paths are checked always"),
        ("license_path", "there is no license to show"),
        ("detect_deadlocks", "there is no such detection"),
        ("imprecise_lease_role_tracking", "leases are counted exactly"),
        ("experiments", "there are none"),
        ("entropy", "randomness comes from the operating system"),
        ("reporting", "nothing is reported to anybody"),
        ("administrative_namespace_path", "there are no namespaces"),
    ],
};

static SQLITE: Section<Option<PathBuf>> = Section {
    name: "storage \"sqlite\"",
    rows: &[once("path", |found, item, _| set(found, Some(path(item)?)))],
    unused: &[],
};

static IN_MEMORY: Section<()> = Section { name: "storage \"inmem\"", rows: &[], unused: &[] };

static USER_LOCKOUT: Section<UserLockout> = Section {
    name: "user_lockout",
    rows: &[
        once("lockout_threshold", |lockout, item, _| set(&mut lockout.threshold, count(item)?)),
        once("lockout_duration", |lockout, item, _| set(&mut lockout.duration, time(item)?)),
        once("lockout_counter_reset", |lockout, item, _| set(&mut lockout.counter_reset, time(item)?)),
        once("disable_lockout", |lockout, item, _| set(&mut lockout.disabled, Some(boolean(item)?))),
    ],
    unused: &[],
};

static LISTENER: Section<Listener> = Section {
    name: "listener \"tcp\"",
    rows: &LISTENER_ROWS,
    unused: &[
        ("cluster_address", "servers do not talk to each other"),
        ("proxy_protocol_behavior", "the PROXY protocol is not spoken"),
        ("proxy_protocol_authorized_addrs", "the PROXY protocol is not spoken"),
        ("x_forwarded_for_authorized_addrs", "the peer is always who opened the connection"),
        ("x_forwarded_for_hop_skips", "the peer is always who opened the connection"),
        ("x_forwarded_for_reject_not_authorized", "the peer is always who opened the connection"),
        ("x_forwarded_for_reject_not_present", "the peer is always who opened the connection"),
        ("tls_cipher_suites", "only suites that are sound are offered"),
        ("tls_prefer_server_cipher_suites", "only suites that are sound are offered"),
        ("tls_max_version", "the newest version that both sides speak is used"),
        ("profiling", "there is no profiling endpoint"),
        ("custom_response_headers", "headers cannot be added to answers yet"),
        ("chroot_namespace", "there are no namespaces"),
        ("agent_api", "that is for agents"),
        ("role", "that is for agents"),
    ],
};

static LISTENER_ROWS: [Row<Listener>; 17] = [
    once("address", |listener, item, _| set(&mut listener.address, address(item)?)),
    once("tls_disable", |listener, item, _| set(&mut listener.tls_disable, boolean(item)?)),
    once("tls_cert_file", |listener, item, _| set(&mut listener.cert_file, Some(path(item)?))),
    once("tls_key_file", |listener, item, _| set(&mut listener.key_file, Some(path(item)?))),
    once("tls_client_ca_file", |listener, item, _| set(&mut listener.client_ca_file, Some(path(item)?))),
    once("tls_require_and_verify_client_cert", |listener, item, _| set(&mut listener.client_required, boolean(item)?)),
    once("tls_disable_client_certs", |listener, item, _| set(&mut listener.client_not_asked, boolean(item)?)),
    once("tls_min_version", |listener, item, notes| set(&mut listener.min_version, tls_version(item, notes)?)),
    once("max_request_size", |listener, item, _| set(&mut listener.max_request_size, size(item)?)),
    once("max_request_duration", |listener, item, _| set(&mut listener.max_request_duration, time(item)?)),
    once("http_read_header_timeout", |listener, item, _| set(&mut listener.read_header_timeout, time(item)?)),
    once("http_read_timeout", |listener, item, _| set(&mut listener.read_timeout, time(item)?)),
    once("http_write_timeout", |listener, item, _| set(&mut listener.write_timeout, Some(time(item)?))),
    once("http_idle_timeout", |listener, item, _| set(&mut listener.idle_timeout, time(item)?)),
    once("telemetry", |listener, item, notes| set(&mut listener.open_metrics, watching::open_metrics(item, notes)?)),
    once("inflight_requests_logging", |listener, item, notes| {
        set(&mut listener.open_in_flight, watching::open_in_flight(item, notes)?)
    }),
    // Who runs a listener for something else than clients would open it to them: refused rather than ignored.
    once("purpose", |_, item, _| Err(item.key.position.error("only listeners for clients are known; leave it out"))),
];

fn set<T>(place: &mut T, value: T) -> Result<()> {
    *place = value;
    Ok(())
}

fn read_storage(config: &mut Config, item: &Item, notes: &mut Notes) -> Result<()> {
    const KNOWN: &str = "expected \"sqlite\", as in storage \"sqlite\" { path = \"data.db\" }, or \"inmem\"";
    for Block { label, items } in item.labelled_blocks()? {
        if config.storage.is_some() {
            return Err(label.position.error("there is a storage already; expected one"));
        }
        config.storage = Some(match label.text.as_str() {
            "sqlite" => {
                let mut path = None;
                SQLITE.read(&mut path, items, notes)?;
                let path = path.ok_or_else(|| label.position.error("expected path = \"…\", the file to store in"))?;
                Storage::Sqlite { path }
            }
            "inmem" => {
                IN_MEMORY.read(&mut (), items, notes)?;
                Storage::InMemory
            }
            other => return Err(label.position.error(format!("no storage is called {other:?}; {KNOWN}"))),
        });
    }
    Ok(())
}

fn read_user_lockout(config: &mut Config, item: &Item, notes: &mut Notes) -> Result<()> {
    for Block { label, items } in item.labelled_blocks()? {
        if !matches!(label.text.as_str(), "all" | "userpass" | "approle" | "ldap") {
            let what = format!("no log-ins of {:?} are locked; expected all, userpass, approle or ldap", label.text);
            return Err(label.position.error(what));
        }
        let mut lockout = UserLockout::default();
        USER_LOCKOUT.read(&mut lockout, items, notes)?;
        config.user_lockout.insert(label.text.clone(), lockout);
    }
    Ok(())
}

fn count(item: &Item) -> Result<u32> {
    let number = size(item)?;
    u32::try_from(number).map_err(|_| item.value.position.error(format!("found {number}; expected a smaller number")))
}

/// A switch that changes nothing here: said where somebody turns it on.
fn note_if_set(item: &Item, notes: &mut Notes, why: &str) -> Result<()> {
    if boolean(item)? {
        notes.warn(item.key.position, format!("{} has no effect here: {why}", item.key.text));
    }
    Ok(())
}

fn log_level(item: &Item) -> Result<log::LevelFilter> {
    let level = text(item)?;
    if level.trim().is_empty() {
        return Ok(log::LevelFilter::Info);
    }
    logging::level(&level).map_err(|error| item.value.position.error(error.message()))
}

fn log_format(item: &Item) -> Result<LogFormat> {
    LogFormat::parse(&text(item)?).map_err(|error| item.value.position.error(error.message()))
}

/// A listener while it is being read.
struct Listener {
    address: String,
    tls_disable: bool,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    client_required: bool,
    client_not_asked: bool,
    min_version: TlsVersion,
    max_request_size: u64,
    max_request_duration: Duration,
    read_header_timeout: Duration,
    read_timeout: Duration,
    write_timeout: Option<Duration>,
    idle_timeout: Duration,
    open_metrics: bool,
    open_in_flight: bool,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8200".to_owned(),
            tls_disable: false,
            cert_file: None,
            key_file: None,
            client_ca_file: None,
            client_required: false,
            client_not_asked: false,
            min_version: TlsVersion::Tls12,
            max_request_size: 32 * 1024 * 1024,
            max_request_duration: Duration::from_secs(90),
            read_header_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            write_timeout: None,
            idle_timeout: Duration::from_secs(300),
            open_metrics: false,
            open_in_flight: false,
        }
    }
}

/// A listener without TLS and otherwise as by default.
pub(super) fn plain_listener(address: &str) -> Result<ListenerConfig, &'static str> {
    Listener { address: address.to_owned(), tls_disable: true, ..Listener::default() }.finish()
}

fn read_listener(config: &mut Config, item: &Item, notes: &mut Notes) -> Result<()> {
    for Block { label, items } in item.labelled_blocks()? {
        if label.text != "tcp" {
            let what = format!("no listener is called {:?}; expected listener \"tcp\" {{ … }}", label.text);
            return Err(label.position.error(what));
        }
        let mut listener = Listener::default();
        LISTENER.read(&mut listener, items, notes)?;
        config.listeners.push(listener.finish().map_err(|what| label.position.error(what))?);
    }
    Ok(())
}

impl Listener {
    fn finish(self) -> Result<ListenerConfig, &'static str> {
        Ok(ListenerConfig {
            tls: self.tls()?,
            address: self.address,
            max_request_size: self.max_request_size,
            max_request_duration: self.max_request_duration,
            http_read_header_timeout: self.read_header_timeout,
            http_read_timeout: self.read_timeout,
            http_write_timeout: self.write_timeout,
            http_idle_timeout: self.idle_timeout,
            unauthenticated_metrics_access: self.open_metrics,
            unauthenticated_in_flight_requests_access: self.open_in_flight,
        })
    }

    fn tls(&self) -> Result<Option<TlsConfig>, &'static str> {
        if self.tls_disable {
            let unmet =
                self.client_required.then_some("tls_require_and_verify_client_cert needs TLS; remove tls_disable");
            return unmet.map_or(Ok(None), Err);
        }
        let (Some(cert_file), Some(key_file)) = (self.cert_file.clone(), self.key_file.clone()) else {
            return Err("TLS needs tls_cert_file and tls_key_file; for plain HTTP write tls_disable = true");
        };
        let client_certificates = match (self.client_required, self.client_not_asked) {
            (true, true) => {
                return Err("tls_require_and_verify_client_cert and tls_disable_client_certs exclude each other");
            }
            (true, false) if self.client_ca_file.is_none() => {
                return Err("tls_require_and_verify_client_cert needs tls_client_ca_file");
            }
            (true, false) => ClientCertificates::Required,
            (false, true) => ClientCertificates::NotAsked,
            (false, false) => ClientCertificates::Optional,
        };
        let client_ca_file = self.client_ca_file.clone();
        Ok(Some(TlsConfig { cert_file, key_file, min_version: self.min_version, client_certificates, client_ca_file }))
    }
}

fn address(item: &Item) -> Result<String> {
    let address = text(item)?;
    let is_complete = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && (!host.contains(':') || host.starts_with('[')));
    if is_complete {
        return Ok(address);
    }
    Err(item.value.position.error(format!("found {address:?}; expected host and port, as \"127.0.0.1:8200\"")))
}

fn tls_version(item: &Item, notes: &mut Notes) -> Result<TlsVersion> {
    let version = text(item)?;
    match version.as_str() {
        "tls10" | "tls11" => {
            notes.warn(item.key.position, format!("{version} is not spoken here; tls12 is taken for it"));
            Ok(TlsVersion::Tls12)
        }
        "tls12" => Ok(TlsVersion::Tls12),
        "tls13" => Ok(TlsVersion::Tls13),
        _ => Err(item.value.position.error(format!("found {version:?}; expected tls12 or tls13"))),
    }
}
