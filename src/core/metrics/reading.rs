//! What is read from the server at the moment of asking.
//!
//! Invariant: what cannot be read is left out and reported in the log; it never makes the rest unreadable.

use super::family::{Family, number};
use crate::base::Result;
use crate::core::leases::Leases;
use crate::core::{Core, Live};
use crate::storage::{Hash, Lane, LeaseIndex, LeaseKind, LeaseState};
use prometheus::proto::MetricFamily;
use std::collections::BTreeMap;

/// Due revocations of a target are counted up to here.
const MOST_DUE: usize = 10_000;

/// What is there sealed or not.
pub fn server(core: &Core) -> Vec<MetricFamily> {
    let unsealed = core.live_or_none().is_some();
    let mut families = vec![
        flag("vault_core_unsealed", "Whether the server is unsealed.", unsealed),
        flag("vault_core_active", "Whether the server serves: it is always the active one.", unsealed),
        single("vault_core_in_flight_requests", "Requests that are being served.", count(core.watch.count())),
        flag(
            "leasehold_clock_in_doubt",
            "Whether the machine's clock is in doubt, so that nothing is ended by it.",
            core.clock.doubt().is_some(),
        ),
        Family::gauge("leasehold_build_info", "The version, as a label; always 1.")
            .row(&[("version", core.settings.version)], 1.0)
            .done(),
    ];
    families.extend(process());
    families
}

/// What is known only while unsealed.
pub fn live(live: &Live) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    for (what, read) in [
        ("leases", leases(live)),
        ("lanes", lanes(live)),
        (
            "mounts",
            Ok(vec![single("vault_core_mount_table_num_entries", "Mounts.", count(live.mounts().active().count()))]),
        ),
    ] {
        match read {
            Ok(read) => families.extend(read),
            Err(error) => log::warn!("metrics of {what} cannot be read: {}", error.for_log()),
        }
    }
    let (hits, misses) = live.policies.uses();
    families.push(cache("leasehold_cache_hits_total", "Found in a cache.", hits));
    families.push(cache("leasehold_cache_misses_total", "Not found in a cache, and made.", misses));
    families.extend(audit(live));
    families
}

fn cache(name: &'static str, help: &'static str, count: u64) -> MetricFamily {
    Family::counter(name, help).row(&[("cache", "policies")], number(count)).done()
}

fn leases(live: &Live) -> Result<Vec<MetricFamily>> {
    let counts = live.storage.reading(|snapshot| snapshot.lease_counts())?;
    let mounts = live.mounts();
    let mut by_row: BTreeMap<(String, &str, &str), u64> = BTreeMap::new();
    let (mut secrets, mut tokens, mut irrevocable) = (0, 0, 0);
    for row in counts {
        let mount = mounts.by_hash(&row.mount).map_or("(unknown)", |mount| mount.path.as_str());
        *by_row.entry((mount.to_owned(), kind(row.kind), state(row.state))).or_default() += row.count;
        match row.kind {
            LeaseKind::Token => tokens += row.count,
            LeaseKind::Secret => secrets += row.count,
        }
        if row.state == LeaseState::Irrevocable {
            irrevocable += row.count;
        }
    }
    let mut family = Family::gauge("leasehold_leases", "Leases and tokens, by mount, type and state.");
    for ((mount, kind, state), count) in &by_row {
        family = family.row(&[("mount", mount), ("type", kind), ("state", state)], number(*count));
    }
    Ok(vec![
        family.done(),
        single(
            "vault_expire_num_leases",
            "Leases, tokens among them, that are not gone yet.",
            number(secrets + tokens),
        ),
        single(
            "vault_expire_num_irrevocable_leases",
            "Leases that could not be ended in several tries.",
            number(irrevocable),
        ),
        single("vault_token_count", "Service tokens.", number(tokens)),
    ])
}

fn kind(kind: LeaseKind) -> &'static str {
    match kind {
        LeaseKind::Token => "token",
        LeaseKind::Secret => "secret",
    }
}

fn state(state: LeaseState) -> &'static str {
    match state {
        LeaseState::Pending => "pending",
        LeaseState::Active => "active",
        LeaseState::Revoking => "revoking",
        LeaseState::Irrevocable => "irrevocable",
    }
}

/// What waits to be ended, by target, and how late the sweeper is with what it could do.
fn lanes(live: &Live) -> Result<Vec<MetricFamily>> {
    let now = live.now();
    let (secrets, tokens, dying) = live.storage.reading(|snapshot| {
        Ok((snapshot.lanes(LeaseKind::Secret)?, snapshot.lanes(LeaseKind::Token)?, snapshot.dying_counts()?))
    })?;
    let mut pending =
        Family::gauge("leasehold_pending_revocations", "Dead leases that are not ended outside yet, by target.");
    let mut silent = Family::gauge(
        "leasehold_target_silent",
        "Whether a target does not answer, and is asked at growing intervals.",
    );
    let mut lag = tokens.iter().map(|lane| lane.due.until(now)).max().unwrap_or_default();
    for Lane { id, due } in secrets {
        let name = target_name(live, &id)?;
        let silence = live.targets.silence(&id);
        let waiting = live.storage.reading(|snapshot| snapshot.expired_in_lane(&id, now, MOST_DUE))?;
        let dying = dying.iter().find(|(lane, _)| *lane == id).map_or(0, |(_, count)| *count);
        pending = pending.row(&[("target", &name)], number(dying) + count(waiting));
        silent = silent.row(&[("target", &name)], f64::from(u8::from(silence.is_some())));
        // A target that does not answer has its own metric.
        if silence.is_none() {
            lag = lag.max(due.until(now));
        }
    }
    let help = "How long what is due and could be ended has waited.";
    Ok(vec![pending.done(), silent.done(), single("leasehold_sweeper_lag_seconds", help, lag.as_secs_f64())])
}

/// A lane's target in words, or the path of the mount whose leases name none.
fn target_name(live: &Live, lane: &Hash) -> Result<String> {
    if let Some(mount) = live.mounts().by_hash(lane) {
        return Ok(mount.path.clone());
    }
    let rows = live.storage.reading(|snapshot| snapshot.leases_by(LeaseIndex::Target, lane, 0, 1))?;
    let leases = Leases { barrier: &live.barrier };
    let lease = rows.into_iter().next().and_then(|row| leases.open(row).ok());
    let target = lease.and_then(|lease| lease.payload.secret).map(|secret| secret.target);
    Ok(target.unwrap_or_else(|| hex::encode(lane)))
}

fn audit(live: &Live) -> Vec<MetricFamily> {
    let (requests, responses) = live.audit.failures();
    let help = "Whether an audit device refuses entries.";
    let mut refusing = Family::gauge("leasehold_audit_device_refusing", help);
    for (name, refuses) in live.audit.states() {
        refusing = refusing.row(&[("device", &name)], f64::from(u8::from(refuses)));
    }
    let counter = |name, help, count| Family::counter(name, help).row(&[], number(count)).done();
    vec![
        refusing.done(),
        counter("vault_audit_log_request_failure", "Requests that no audit device accepted.", requests),
        counter("vault_audit_log_response_failure", "Answers that no audit device accepted.", responses),
    ]
}

/// What Linux tells of the process, under the names that every exporter uses.
fn process() -> Vec<MetricFamily> {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = |at: usize| statm.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok());
    let size = number(u64::try_from(rustix::param::page_size()).unwrap_or(4096));
    let bytes = |name, help, pages: Option<u64>| pages.map(|pages| single(name, help, number(pages) * size));
    let descriptors = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    let memory = [
        bytes("process_virtual_memory_bytes", "Address space, in bytes.", pages(0)),
        bytes("process_resident_memory_bytes", "Memory in use, in bytes.", pages(1)),
        descriptors.map(|open| single("process_open_fds", "Open descriptors.", count(open))),
    ];
    memory.into_iter().flatten().collect()
}

fn single(name: &'static str, help: &'static str, value: f64) -> MetricFamily {
    Family::gauge(name, help).row(&[], value).done()
}

fn flag(name: &'static str, help: &'static str, on: bool) -> MetricFamily {
    single(name, help, f64::from(u8::from(on)))
}

fn count(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}
