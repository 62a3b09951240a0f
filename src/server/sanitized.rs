//! The configuration as `sys/config/state/sanitized` shows it: in the published shape, without where the storage lies.

use crate::base::logging;
use crate::config::{Address, Config, ListenerConfig, Storage};
use serde_json::{Map, Value, json};

/// Paths of keys and of the storage's file are not in it.
#[must_use]
pub fn shown(config: &Config) -> Value {
    let kind = match &config.storage {
        Some(Storage::Sqlite { .. }) => "sqlite",
        Some(Storage::InMemory) | None => "inmem",
    };
    let api_addr = config.api_addr.clone().unwrap_or_default();
    json!({
        "api_addr": api_addr,
        "cache_size": 0,
        "cluster_addr": "",
        "cluster_cipher_suites": "",
        "cluster_name": config.cluster_name.clone().unwrap_or_default(),
        "default_lease_ttl": config.default_lease_ttl.as_secs(),
        "default_max_request_duration": 0,
        "disable_cache": true,
        "disable_clustering": true,
        "disable_indexing": false,
        "disable_mlock": true,
        "disable_performance_standby": true,
        "disable_printable_check": false,
        "disable_sealwrap": false,
        "enable_ui": false,
        "listeners": config.listeners.iter().map(listener).collect::<Vec<_>>(),
        "log_format": config.log_format.name(),
        "log_level": logging::level_name(config.log_level),
        "log_file": config.log_file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default(),
        "log_requests_level": config.log_requests_level.map(|level| level.as_str().to_lowercase()).unwrap_or_default(),
        "max_lease_ttl": config.max_lease_ttl.as_secs(),
        "pid_file": config.pid_file.as_ref().map(|file| file.display().to_string()).unwrap_or_default(),
        "plugin_directory": "",
        "raw_storage_endpoint": false,
        "introspection_endpoint": false,
        "seals": seals(config),
        "storage": {
            "type": kind,
            "cluster_addr": "",
            "disable_clustering": true,
            "redirect_addr": api_addr,
        },
        "telemetry": {
            "prometheus_retention_time": config.telemetry.prometheus_retention_time.as_secs(),
            "disable_hostname": true,
        },
    })
}

/// What keeps the root key, without where its keys are.
fn seals(config: &Config) -> Vec<Value> {
    let written = config.seals.iter().map(|seal| json!({ "type": seal.kind, "disabled": seal.disabled }));
    let by_shares = config.seals.iter().all(|seal| seal.disabled);
    written.chain(by_shares.then(|| json!({ "type": "shamir", "disabled": false }))).collect()
}

fn listener(listener: &ListenerConfig) -> Value {
    let mut config = Map::new();
    config.insert("address".to_owned(), listener.address.to_string().into());
    config.insert("tls_disable".to_owned(), listener.tls.is_none().into());
    config.insert("max_request_size".to_owned(), listener.max_request_size.into());
    config.insert("max_request_duration".to_owned(), listener.max_request_duration.as_secs().into());
    if listener.unauthenticated_metrics_access {
        config.insert("telemetry".to_owned(), json!({ "unauthenticated_metrics_access": true }));
    }
    let kind = if matches!(listener.address, Address::Unix(_)) { "unix" } else { "tcp" };
    json!({ "type": kind, "config": config })
}
