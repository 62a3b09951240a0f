//! The keys of a listener: one row each, and what they come to together.

use super::section::{Notes, Row, Section, boolean, once, path, size, text, texts, time};
use super::{
    Address, ClientCertificates, Config, Forwarded, JsonLimits, ListenerConfig, ProxyBehavior, ProxyProtocol,
    TlsConfig, TlsVersion, UnixSocket, watching,
};
use crate::base::cidr::Cidr;
use crate::base::hcl::{Block, Item};
use crate::base::{Result, tls};
use std::path::PathBuf;
use std::time::Duration;

static TCP: Section<Listener> = Section { name: "listener \"tcp\"", rows: &TCP_ROWS, unused: UNUSED };
static UNIX: Section<Listener> = Section { name: "listener \"unix\"", rows: &UNIX_ROWS, unused: UNUSED };

const UNUSED: &[(&str, &str)] = &[
    ("cluster_address", "servers do not talk to each other"),
    ("tls_prefer_server_cipher_suites", "the server's order counts, by what is fast on its processor"),
    ("profiling", "there is no profiling endpoint"),
    ("custom_response_headers", "headers cannot be added to answers yet"),
    ("chroot_namespace", "there are no namespaces"),
    ("disable_request_limiter", "requests are limited by max_in_flight_requests"),
    ("disable_replication_status_endpoints", "there is no such endpoint"),
    ("redact_addresses", "no answer tells addresses of the cluster"),
    ("redact_cluster_name", "it is told to all who ask"),
    ("redact_version", "it is told to all who ask"),
    ("agent_api", "that is for agents"),
    ("proxy_api", "that is for agents"),
    ("role", "that is for agents"),
];

static TCP_ROWS: [Row<Listener>; 35] = [
    once("address", |listener, item, _| set(&mut listener.address, address(item)?)),
    once("tls_disable", |listener, item, _| set(&mut listener.tls_disable, boolean(item)?)),
    once("tls_auto", |listener, item, _| set(&mut listener.tls_auto, boolean(item)?)),
    once("tls_auto_dir", |listener, item, _| set(&mut listener.tls_auto_dir, Some(path(item)?))),
    once("tls_cert_file", |listener, item, _| set(&mut listener.cert_file, Some(path(item)?))),
    once("tls_key_file", |listener, item, _| set(&mut listener.key_file, Some(path(item)?))),
    once("tls_client_ca_file", |listener, item, _| set(&mut listener.client_ca_file, Some(path(item)?))),
    once("tls_require_and_verify_client_cert", |listener, item, _| set(&mut listener.client_required, boolean(item)?)),
    once("tls_disable_client_certs", |listener, item, _| set(&mut listener.client_not_asked, boolean(item)?)),
    once("tls_min_version", |listener, item, notes| set(&mut listener.min_version, tls_version(item, notes)?)),
    once("tls_max_version", |listener, item, notes| set(&mut listener.max_version, tls_version(item, notes)?)),
    once("tls_cipher_suites", |listener, item, notes| set(&mut listener.cipher_suites, cipher_suites(item, notes)?)),
    once("x_forwarded_for_authorized_addrs", |listener, item, _| set(&mut listener.forwarded, Some(blocks(item)?))),
    once("x_forwarded_for_hop_skips", |listener, item, _| set(&mut listener.hop_skips, count(item)?)),
    once("x_forwarded_for_reject_not_authorized", |listener, item, _| {
        set(&mut listener.reject_not_authorized, boolean(item)?)
    }),
    once("x_forwarded_for_reject_not_present", |listener, item, _| {
        set(&mut listener.reject_not_present, boolean(item)?)
    }),
    once("x_forwarded_for_client_cert_header", |_, item, _| Err(not_by_header(item))),
    once("proxy_protocol_behavior", |listener, item, _| set(&mut listener.proxy, Some(proxy_behavior(item)?))),
    once("proxy_protocol_authorized_addrs", |listener, item, _| set(&mut listener.proxies, blocks(item)?)),
    MAX_REQUEST_SIZE,
    MAX_REQUEST_DURATION,
    MAX_CONNECTIONS,
    MAX_IN_FLIGHT,
    JSON_DEPTH,
    JSON_STRING,
    JSON_ENTRIES,
    JSON_ELEMENTS,
    JSON_TOKENS,
    HEADER_TIMEOUT,
    READ_TIMEOUT,
    WRITE_TIMEOUT,
    IDLE_TIMEOUT,
    METRICS,
    IN_FLIGHT_REQUESTS,
    PURPOSE,
];

static UNIX_ROWS: [Row<Listener>; 21] = [
    once("address", |listener, item, _| set(&mut listener.socket.path, path(item)?)),
    once("socket_mode", |listener, item, _| set(&mut listener.socket.mode, mode(item)?)),
    once("socket_user", |listener, item, _| set(&mut listener.socket.user, owner(item)?)),
    once("socket_group", |listener, item, _| set(&mut listener.socket.group, owner(item)?)),
    // Nobody can read along on a socket of this machine.
    once("tls_disable", |_, item, _| boolean(item).map(drop)),
    MAX_REQUEST_SIZE,
    MAX_REQUEST_DURATION,
    MAX_CONNECTIONS,
    MAX_IN_FLIGHT,
    JSON_DEPTH,
    JSON_STRING,
    JSON_ENTRIES,
    JSON_ELEMENTS,
    JSON_TOKENS,
    HEADER_TIMEOUT,
    READ_TIMEOUT,
    WRITE_TIMEOUT,
    IDLE_TIMEOUT,
    METRICS,
    IN_FLIGHT_REQUESTS,
    PURPOSE,
];

const MAX_REQUEST_SIZE: Row<Listener> =
    once("max_request_size", |listener, item, _| set(&mut listener.max_request_size, size(item)?));
const MAX_REQUEST_DURATION: Row<Listener> =
    once("max_request_duration", |listener, item, _| set(&mut listener.max_request_duration, time(item)?));
const MAX_CONNECTIONS: Row<Listener> =
    once("max_connections", |listener, item, _| set(&mut listener.max_connections, at_least_one(item)?));
const MAX_IN_FLIGHT: Row<Listener> =
    once("max_in_flight_requests", |listener, item, _| set(&mut listener.max_in_flight_requests, at_least_one(item)?));
const JSON_DEPTH: Row<Listener> = once("max_json_depth", |listener, item, notes| {
    let depth = at_least_one(item)?;
    if depth > JsonLimits::DEEPEST {
        let most = JsonLimits::DEEPEST;
        notes.warn(
            item.key.position,
            format!("max_json_depth of {depth} is taken as {most}, which is all there can be"),
        );
    }
    set(&mut listener.json.depth, depth.min(JsonLimits::DEEPEST))
});
const JSON_STRING: Row<Listener> = once("max_json_string_value_length", |listener, item, _| {
    set(&mut listener.json.string_length, at_least_one(item)?)
});
const JSON_ENTRIES: Row<Listener> = once("max_json_object_entry_count", |listener, item, _| {
    set(&mut listener.json.object_entries, at_least_one(item)?)
});
const JSON_ELEMENTS: Row<Listener> = once("max_json_array_element_count", |listener, item, _| {
    set(&mut listener.json.array_elements, at_least_one(item)?)
});
const JSON_TOKENS: Row<Listener> =
    once("max_json_token", |listener, item, _| set(&mut listener.json.values, at_least_one(item)?));
const HEADER_TIMEOUT: Row<Listener> =
    once("http_read_header_timeout", |listener, item, _| set(&mut listener.read_header_timeout, time(item)?));
const READ_TIMEOUT: Row<Listener> =
    once("http_read_timeout", |listener, item, _| set(&mut listener.read_timeout, time(item)?));
const WRITE_TIMEOUT: Row<Listener> =
    once("http_write_timeout", |listener, item, _| set(&mut listener.write_timeout, Some(time(item)?)));
const IDLE_TIMEOUT: Row<Listener> =
    once("http_idle_timeout", |listener, item, _| set(&mut listener.idle_timeout, time(item)?));
const METRICS: Row<Listener> =
    once("telemetry", |listener, item, notes| set(&mut listener.open_metrics, watching::open_metrics(item, notes)?));
const IN_FLIGHT_REQUESTS: Row<Listener> = once("inflight_requests_logging", |listener, item, notes| {
    set(&mut listener.open_in_flight, watching::open_in_flight(item, notes)?)
});
// Who runs a listener for something else than clients would open it to them: refused rather than ignored.
const PURPOSE: Row<Listener> =
    once("purpose", |_, item, _| Err(item.key.position.error("only listeners for clients are known; leave it out")));
fn set<T>(place: &mut T, value: T) -> Result<()> {
    *place = value;
    Ok(())
}

/// A listener while it is being read.
struct Listener {
    address: String,
    socket: UnixSocket,
    tls_disable: bool,
    tls_auto: bool,
    tls_auto_dir: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    client_required: bool,
    client_not_asked: bool,
    min_version: TlsVersion,
    max_version: TlsVersion,
    cipher_suites: Vec<String>,
    forwarded: Option<Vec<Cidr>>,
    hop_skips: usize,
    reject_not_authorized: bool,
    reject_not_present: bool,
    proxy: Option<ProxyBehavior>,
    proxies: Vec<Cidr>,
    max_request_size: u64,
    max_request_duration: Duration,
    max_connections: usize,
    max_in_flight_requests: usize,
    json: JsonLimits,
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
            socket: UnixSocket { path: PathBuf::new(), mode: 0o600, user: None, group: None },
            tls_disable: false,
            tls_auto: false,
            tls_auto_dir: None,
            cert_file: None,
            key_file: None,
            client_ca_file: None,
            client_required: false,
            client_not_asked: false,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
            forwarded: None,
            hop_skips: 0,
            reject_not_authorized: true,
            reject_not_present: true,
            proxy: None,
            proxies: Vec::new(),
            max_request_size: 32 * 1024 * 1024,
            max_request_duration: Duration::from_secs(90),
            max_connections: 1024,
            max_in_flight_requests: 512,
            json: JsonLimits::default(),
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
pub(super) fn plain(address: &str) -> Result<ListenerConfig, &'static str> {
    Listener { address: address.to_owned(), tls_disable: true, ..Listener::default() }.tcp()
}

pub(super) fn read(config: &mut Config, item: &Item, notes: &mut Notes) -> Result<()> {
    for Block { label, items } in item.labelled_blocks()? {
        let mut listener = Listener::default();
        let finished = match label.text.as_str() {
            "tcp" => TCP.read(&mut listener, items, notes).map(|()| listener.tcp())?,
            "unix" => UNIX.read(&mut listener, items, notes).map(|()| listener.unix())?,
            other => {
                let what = format!(
                    "no listener is called {other:?}; expected listener \"tcp\" {{ … }} or listener \"unix\" {{ … }}"
                );
                return Err(label.position.error(what));
            }
        };
        config.listeners.push(finished.map_err(|what| label.position.error(what))?);
    }
    Ok(())
}

impl Listener {
    fn tcp(self) -> Result<ListenerConfig, &'static str> {
        let tls = self.tls()?;
        let proxy_protocol = match self.proxy {
            Some(ProxyBehavior::AllowAuthorized | ProxyBehavior::DenyUnauthorized) if self.proxies.is_empty() => {
                return Err("proxy_protocol_authorized_addrs must be set for this proxy_protocol_behavior");
            }
            behavior => behavior.map(|behavior| ProxyProtocol { behavior, authorized: self.proxies.clone() }),
        };
        let forwarded = self.forwarded.clone().filter(|blocks| !blocks.is_empty()).map(|authorized| Forwarded {
            authorized,
            hop_skips: self.hop_skips,
            reject_not_authorized: self.reject_not_authorized,
            reject_not_present: self.reject_not_present,
        });
        let address = Address::Tcp(self.address.clone());
        Ok(ListenerConfig { tls, proxy_protocol, forwarded, ..self.finish(address) })
    }

    fn unix(self) -> Result<ListenerConfig, &'static str> {
        if self.socket.path.as_os_str().is_empty() {
            return Err("expected address = \"…\", the path of the socket");
        }
        let address = Address::Unix(self.socket.clone());
        Ok(self.finish(address))
    }

    fn finish(self, address: Address) -> ListenerConfig {
        ListenerConfig {
            address,
            tls: None,
            proxy_protocol: None,
            forwarded: None,
            max_request_size: self.max_request_size,
            max_request_duration: self.max_request_duration,
            max_connections: self.max_connections,
            max_in_flight_requests: self.max_in_flight_requests,
            json: self.json,
            http_read_header_timeout: self.read_header_timeout,
            http_read_timeout: self.read_timeout,
            http_write_timeout: self.write_timeout,
            http_idle_timeout: self.idle_timeout,
            unauthenticated_metrics_access: self.open_metrics,
            unauthenticated_in_flight_requests_access: self.open_in_flight,
        }
    }

    fn tls(&self) -> Result<Option<TlsConfig>, &'static str> {
        if self.tls_disable {
            return match (self.client_required, self.tls_auto) {
                (true, _) => Err("tls_require_and_verify_client_cert needs TLS; remove tls_disable"),
                (_, true) => Err("tls_auto and tls_disable exclude each other"),
                _ => Ok(None),
            };
        }
        let (cert_file, key_file) = match (self.cert_file.clone(), self.key_file.clone(), self.tls_auto) {
            (Some(cert_file), Some(key_file), false) => (cert_file, key_file),
            (None, None, true) => (PathBuf::new(), PathBuf::new()),
            (_, _, true) => return Err("tls_auto makes a certificate: leave out tls_cert_file and tls_key_file"),
            _ => {
                return Err(
                    "TLS needs tls_cert_file and tls_key_file; for a certificate of the server's own making write \
                            tls_auto = true, for plain HTTP tls_disable = true",
                );
            }
        };
        if self.min_version > self.max_version {
            return Err("tls_min_version is above tls_max_version");
        }
        Ok(Some(TlsConfig {
            cert_file,
            key_file,
            auto: self.tls_auto,
            auto_dir: self.tls_auto_dir.clone(),
            min_version: self.min_version,
            max_version: self.max_version,
            cipher_suites: self.cipher_suites.clone(),
            client_certificates: self.clients()?,
            client_ca_file: self.client_ca_file.clone(),
        }))
    }

    fn clients(&self) -> Result<ClientCertificates, &'static str> {
        match (self.client_required, self.client_not_asked) {
            (true, true) => Err("tls_require_and_verify_client_cert and tls_disable_client_certs exclude each other"),
            (true, false) if self.client_ca_file.is_none() => {
                Err("tls_require_and_verify_client_cert needs tls_client_ca_file")
            }
            (true, false) => Ok(ClientCertificates::Required),
            (false, true) => Ok(ClientCertificates::NotAsked),
            (false, false) => Ok(ClientCertificates::Optional),
        }
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

/// The suites by their names, in a list or with commas. Those that are known to be weak have no place here; a configuration that
/// names them besides others goes on working.
fn cipher_suites(item: &Item, notes: &mut Notes) -> Result<Vec<String>> {
    let named = listed(item)?;
    let (known, unknown): (Vec<String>, Vec<String>) = named.into_iter().partition(|name| tls::is_cipher_suite(name));
    for name in &unknown {
        notes.warn(item.key.position, format!("{name} is not offered here"));
    }
    if known.is_empty() {
        let offered = tls::cipher_suites().join(", ");
        return Err(item
            .value
            .position
            .error(format!("none of these suites is offered here; expected some of {offered}")));
    }
    Ok(known)
}

fn listed(item: &Item) -> Result<Vec<String>> {
    let texts = texts(item)?;
    let parts = texts.iter().flat_map(|text| text.split(',')).map(|part| part.trim().to_owned());
    Ok(parts.filter(|part| !part.is_empty()).collect())
}

fn blocks(item: &Item) -> Result<Vec<Cidr>> {
    let parse = |text: &String| Cidr::parse(text).map_err(|error| item.value.position.error(error.message()));
    listed(item)?.iter().map(parse).collect()
}

fn proxy_behavior(item: &Item) -> Result<ProxyBehavior> {
    let behavior = text(item)?;
    match behavior.as_str() {
        "use_always" => Ok(ProxyBehavior::UseAlways),
        "allow_authorized" => Ok(ProxyBehavior::AllowAuthorized),
        "deny_unauthorized" => Ok(ProxyBehavior::DenyUnauthorized),
        _ => Err(item
            .value
            .position
            .error(format!("found {behavior:?}; expected use_always, allow_authorized or deny_unauthorized"))),
    }
}

/// A certificate in a header is as good as whoever writes the header.
fn not_by_header(item: &Item) -> crate::base::Error {
    item.key.position.error("client certificates are taken from the TLS connection alone; leave it out")
}

fn count(item: &Item) -> Result<usize> {
    usize::try_from(size(item)?).map_err(|_| item.value.position.error("the number is too large"))
}

fn at_least_one(item: &Item) -> Result<usize> {
    match count(item)? {
        0 => Err(item.value.position.error("expected a number above 0")),
        number => Ok(number),
    }
}

/// The permissions of a file, as `chmod` takes them: `"660"`.
fn mode(item: &Item) -> Result<u32> {
    let mode = text(item)?;
    let bits = u32::from_str_radix(mode.trim(), 8).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| item.value.position.error(format!("found {mode:?}; expected permissions, as \"660\"")))
}

fn owner(item: &Item) -> Result<Option<String>> {
    Ok(Some(text(item)?).filter(|name| !name.is_empty()))
}
