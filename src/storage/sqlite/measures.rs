//! What the store measures of itself: how many changes share a commit, how long commits take, how many changes wait, and how
//! large the file is.

use prometheus::core::Collector;
use prometheus::proto::{Gauge, Metric, MetricFamily, MetricType};
use prometheus::{Histogram, HistogramOpts};
use std::path::Path;
use std::time::Duration;

const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// Counted by the writer.
pub(super) struct Commits {
    /// None where the library refuses a name, which neither of these is.
    sizes: Option<Histogram>,
    seconds: Option<Histogram>,
}

impl Default for Commits {
    fn default() -> Self {
        let sizes = HistogramOpts::new("leasehold_storage_group_size", "Changes that shared a commit.");
        let seconds =
            HistogramOpts::new("leasehold_storage_commit_seconds", "How long a commit took, its sync included.");
        Self {
            sizes: Histogram::with_opts(sizes.buckets(SIZES.to_vec())).ok(),
            seconds: Histogram::with_opts(seconds.buckets(SECONDS.to_vec())).ok(),
        }
    }
}

impl Commits {
    pub fn note(&self, members: usize, took: Duration) {
        if let Some(sizes) = &self.sizes {
            sizes.observe(f64::from(u32::try_from(members).unwrap_or(u32::MAX)));
        }
        if let Some(seconds) = &self.seconds {
            seconds.observe(took.as_secs_f64());
        }
    }

    pub fn families(&self) -> Vec<MetricFamily> {
        self.sizes.iter().chain(&self.seconds).flat_map(Collector::collect).collect()
    }
}

/// The size of the database and its log together; none where there is no file.
pub(super) fn file_size(path: &Path) -> Option<u64> {
    let log = path.with_file_name(format!("{}-wal", path.file_name()?.to_string_lossy()));
    let size = |path: &Path| path.metadata().map(|metadata| metadata.len());
    Some(size(path).ok()? + size(&log).unwrap_or(0))
}

#[allow(clippy::cast_precision_loss, reason = "metrics are floating numbers; sizes stay far below 2^53")]
pub(super) fn gauge(name: &str, help: &str, value: u64) -> MetricFamily {
    let mut gauge = Gauge::default();
    gauge.set_value(value as f64);
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(vec![Metric::from_gauge(gauge)]);
    family
}
