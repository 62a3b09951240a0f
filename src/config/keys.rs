//! The keys of a server's configuration: one row each. Those of a listener are in `listener`.

use super::section::{Notes, Section, boolean, once, path, repeated, size, text, texts, time};
use super::{Config, LogFormat, Storage, UserLockout, listener, seals, watching};
use crate::base::hcl::{Block, Item};
use crate::base::{Result, logging};
use std::path::PathBuf;

pub(super) static SERVER: Section<Config> = Section {
    name: "the configuration",
    rows: &[
        once("storage", read_storage),
        once("backend", read_storage),
        repeated("listener", listener::read),
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
