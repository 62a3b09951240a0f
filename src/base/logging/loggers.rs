//! The parts of the program that are heard apart, by the names that `sys/loggers` has, and how loud each is.

use log::{Level, LevelFilter};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A logger's name, and the modules whose words it carries. The longest prefix of a target counts.
const LOGGERS: [(&str, &[&str]); 19] = [
    ("audit", &["audit", "core::audits"]),
    ("auth", &["auth"]),
    ("config", &["config"]),
    ("core", &["core"]),
    (
        "expiration",
        &["core::errand", "core::revocation", "core::sweeper", "core::tasks", "core::targets", "core::workers"],
    ),
    ("http", &["http"]),
    ("identity", &["core::identity", "engine::identity"]),
    ("metrics", &["core::metrics"]),
    ("policy", &["core::denial", "core::policies", "policy"]),
    ("quotas", &["core::quotas"]),
    ("request", &["request"]),
    ("seal", &["core::sealing", "seal"]),
    ("secrets", &["engine"]),
    ("secrets.aws", &["engine::aws"]),
    ("secrets.database", &["engine::database"]),
    ("secrets.kv", &["engine::kv"]),
    ("server", &["server", "cli", "base"]),
    ("storage", &["barrier", "storage"]),
    ("system", &["sys"]),
];

/// What a level is kept as: so that it fits into an atomic.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::Off,
    LevelFilter::Error,
    LevelFilter::Warn,
    LevelFilter::Info,
    LevelFilter::Debug,
    LevelFilter::Trace,
];

static CONFIGURED: AtomicUsize = AtomicUsize::new(LevelFilter::Info as usize);
static CURRENT: [AtomicUsize; LOGGERS.len()] = [const { AtomicUsize::new(LevelFilter::Info as usize) }; LOGGERS.len()];

/// Words of other people's code are of interest only when something is wrong.
const LIBRARIES: LevelFilter = LevelFilter::Warn;

pub(super) fn configure(level: LevelFilter) {
    CONFIGURED.store(level as usize, Ordering::Relaxed);
    CURRENT.iter().for_each(|current| current.store(level as usize, Ordering::Relaxed));
}

pub(super) fn levels() -> Vec<(&'static str, LevelFilter)> {
    LOGGERS.iter().zip(&CURRENT).map(|((name, _), current)| (*name, read(current))).collect()
}

pub(super) fn set(name: Option<&str>, level: Option<LevelFilter>) -> bool {
    let level = level.map_or_else(|| CONFIGURED.load(Ordering::Relaxed), |level| level as usize);
    let meant = LOGGERS.iter().zip(&CURRENT).filter(|((known, _), _)| name.is_none_or(|name| name == *known));
    meant.map(|(_, current)| current.store(level, Ordering::Relaxed)).count() > 0
}

pub(super) fn loudest() -> LevelFilter {
    CURRENT.iter().map(read).max().unwrap_or(LevelFilter::Info).max(LIBRARIES)
}

pub(super) fn hears(target: &str, level: Level) -> bool {
    level <= index(target).map_or(LIBRARIES, |at| read(&CURRENT[at]))
}

/// As lines name where they come from.
pub(super) fn shown(target: &str) -> String {
    index(target).map_or_else(|| target.to_owned(), |at| LOGGERS[at].0.to_owned())
}

fn index(target: &str) -> Option<usize> {
    let module = target.strip_prefix("leasehold")?.trim_start_matches("::");
    let fits =
        |prefix: &&str| module.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let longest = |(at, (_, modules)): (usize, &(&str, &[&str]))| {
        modules.iter().filter(|prefix| fits(prefix)).map(|prefix| (prefix.len(), at)).max()
    };
    LOGGERS.iter().enumerate().filter_map(longest).max().map(|(_, at)| at)
}

fn read(current: &AtomicUsize) -> LevelFilter {
    LEVELS.get(current.load(Ordering::Relaxed)).copied().unwrap_or(LevelFilter::Info)
}
