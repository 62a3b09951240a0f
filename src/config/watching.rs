//! The keys by which an operator watches a server: where its log goes, and who may read its metrics.

use super::section::{Notes, Section, boolean, once, path, size, text, time};
use super::{Config, Telemetry};
use crate::base::Result;
use crate::base::hcl::{self, Item, Kind};
use crate::base::logging::{self, Rotation};
use std::path::PathBuf;
use std::time::Duration;

/// Rotation where nothing is said of it.
const EVERY: Duration = Duration::from_secs(24 * 3600);

static TELEMETRY: Section<Telemetry> = Section {
    name: "telemetry",
    rows: &[
        once("prometheus_retention_time", |telemetry, item, _| {
            telemetry.prometheus_retention_time = time(item)?;
            Ok(())
        }),
        // No name of a metric has the host's in it, whatever is asked for.
        once("disable_hostname", |_, item, _| boolean(item).map(drop)),
        once("enable_hostname_label", |_, item, notes| note_if_set(item, notes, "no metric carries the host's name")),
    ],
    unused: &[
        ("statsite_address", PULLED),
        ("statsd_address", PULLED),
        ("dogstatsd_addr", PULLED),
        ("dogstatsd_tags", PULLED),
        ("circonus_api_token", PULLED),
        ("circonus_api_app", PULLED),
        ("circonus_api_url", PULLED),
        ("circonus_submission_interval", PULLED),
        ("circonus_submission_url", PULLED),
        ("circonus_check_id", PULLED),
        ("circonus_check_force_metric_activation", PULLED),
        ("circonus_check_instance_id", PULLED),
        ("circonus_check_search_tag", PULLED),
        ("circonus_check_display_name", PULLED),
        ("circonus_check_tags", PULLED),
        ("circonus_broker_id", PULLED),
        ("circonus_broker_select_tag", PULLED),
        ("stackdriver_project_id", PULLED),
        ("stackdriver_location", PULLED),
        ("stackdriver_namespace", PULLED),
        ("stackdriver_debug_logs", PULLED),
        ("usage_gauge_period", "gauges are as of the moment at which they are read"),
        ("maximum_gauge_cardinality", "gauges have a row for each mount"),
        ("lease_metrics_epsilon", "leases are counted exactly"),
        ("num_lease_metrics_buckets", "leases are counted by mount, type and state"),
        ("add_lease_metrics_namespace_labels", "there are no namespaces"),
        ("add_mount_point_rollback_metrics", "there are no roll-backs"),
        ("filter_default", "all metrics are given"),
        ("prefix_filter", "all metrics are given"),
        ("metrics_prefix", "the names of metrics are fixed"),
    ],
};

const PULLED: &str = "metrics are read from sys/metrics and sent nowhere";

static LISTENER_TELEMETRY: Section<bool> = Section {
    name: "telemetry of a listener",
    rows: &[once("unauthenticated_metrics_access", |open, item, _| {
        *open = boolean(item)?;
        Ok(())
    })],
    unused: &[],
};

static LISTENER_IN_FLIGHT: Section<bool> = Section {
    name: "inflight_requests_logging",
    rows: &[once("unauthenticated_in_flight_requests_access", |open, item, _| {
        *open = boolean(item)?;
        Ok(())
    })],
    unused: &[],
};

fn note_if_set(item: &Item, notes: &mut Notes, why: &str) -> Result<()> {
    if boolean(item)? {
        notes.warn(item.key.position, format!("{} has no effect here: {why}", item.key.text));
    }
    Ok(())
}

pub(super) fn telemetry(config: &mut Config, item: &Item, notes: &mut Notes) -> Result<()> {
    item.plain_blocks()?.into_iter().try_for_each(|block| TELEMETRY.read(&mut config.telemetry, block.items, notes))
}

pub(super) fn open_metrics(item: &Item, notes: &mut Notes) -> Result<bool> {
    switch(&LISTENER_TELEMETRY, item, notes)
}

pub(super) fn open_in_flight(item: &Item, notes: &mut Notes) -> Result<bool> {
    switch(&LISTENER_IN_FLIGHT, item, notes)
}

fn switch(section: &'static Section<bool>, item: &Item, notes: &mut Notes) -> Result<bool> {
    let mut on = false;
    for block in item.plain_blocks()? {
        section.read(&mut on, block.items, notes)?;
    }
    Ok(on)
}

pub(super) fn log_file(config: &mut Config, item: &Item, _: &mut Notes) -> Result<()> {
    rotation(config).path = path(item)?;
    Ok(())
}

pub(super) fn log_rotate_duration(config: &mut Config, item: &Item, _: &mut Notes) -> Result<()> {
    let every = time(item)?;
    rotation(config).every = if every.is_zero() { EVERY } else { every };
    Ok(())
}

pub(super) fn log_rotate_bytes(config: &mut Config, item: &Item, _: &mut Notes) -> Result<()> {
    rotation(config).bytes = Some(size(item)?).filter(|bytes| *bytes > 0);
    Ok(())
}

/// None of those that were rotated stays for a number below zero, all for zero.
pub(super) fn log_rotate_max_files(config: &mut Config, item: &Item, _: &mut Notes) -> Result<()> {
    const EXPECTED: &str = "a whole number: how many rotated files stay, 0 for all, -1 for none";
    let value = item.attribute()?;
    let number = match &value.kind {
        Kind::String(text) | Kind::Number(text) => hcl::integer(text),
        _ => None,
    };
    let number = number.ok_or_else(|| value.unexpected(EXPECTED))?;
    rotation(config).keep = (number != 0).then(|| usize::try_from(number).unwrap_or(0));
    Ok(())
}

pub(super) fn log_requests_level(config: &mut Config, item: &Item, _: &mut Notes) -> Result<()> {
    let level = text(item)?;
    config.log_requests_level = match level.trim() {
        "" | "off" => None,
        _ => logging::level(&level).map_err(|error| item.value.position.error(error.message()))?.to_level(),
    };
    Ok(())
}

/// The keys of the log file may come in any order, and in several files.
fn rotation(config: &mut Config) -> &mut Rotation {
    config.log_file.get_or_insert_with(|| Rotation { path: PathBuf::new(), bytes: None, every: EVERY, keep: None })
}

/// Forgets how a file is to be rotated that nobody named.
pub(super) fn finish(config: &mut Config) {
    config.log_file.take_if(|rotation| rotation.path.as_os_str().is_empty());
}
