//! What the server measures of itself, as `sys/metrics` tells it: requests as they are served are counted here; everything else
//! (`reading`) is read from where it is known at the moment of asking, so that it costs nothing while nobody asks. Names that
//! the published reference has are used for what it means by them; those of this server alone begin with `leasehold_`.
//!
//! Invariant: reading metrics costs the same however many leases there are, and no label is somebody's secret.

mod family;
mod reading;
mod shown;

use crate::base::{Error, Result};
use crate::core::Core;
use crate::logical::{Operation, Response};
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// In seconds: from what a look in memory takes to what a slow target takes.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What is counted while requests are served.
pub struct Metrics {
    /// None where the library refuses a name, which none of these is.
    requests: Option<IntCounterVec>,
    durations: Option<HistogramVec>,
    /// Whether Prometheus' format is given at all.
    prometheus: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Opts::new("leasehold_requests_total", "Requests that were answered.");
        let durations = HistogramOpts::new("leasehold_request_duration_seconds", "How long answering took.");
        Self {
            requests: IntCounterVec::new(requests, &["mount", "operation", "status"]).ok(),
            durations: HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["mount", "operation"]).ok(),
            prometheus: AtomicBool::new(true),
        }
    }
}

impl Metrics {
    /// Counts a request that was answered.
    pub fn answered(&self, mount: &str, operation: Operation, status: u16, took: Duration) {
        if let Some(requests) = &self.requests {
            requests.with_label_values(&[mount, operation.name(), &status.to_string()]).inc();
        }
        if let Some(durations) = &self.durations {
            durations.with_label_values(&[mount, operation.name()]).observe(took.as_secs_f64());
        }
    }

    /// Gives metrics in Prometheus' format no more.
    pub fn disable_prometheus(&self) {
        self.prometheus.store(false, Ordering::Relaxed);
    }

    fn families(&self) -> Vec<MetricFamily> {
        let counted = self.requests.iter().flat_map(Collector::collect);
        counted.chain(self.durations.iter().flat_map(Collector::collect)).collect()
    }
}

impl Core {
    /// All metrics, in Prometheus' text format or as JSON.
    ///
    /// # Errors
    /// `BadRequest` for another format, and for Prometheus' where the configuration has switched it off.
    pub fn metrics_answer(&self, format: &str) -> Result<Response> {
        match format {
            "prometheus" if !self.metrics.prometheus.load(Ordering::Relaxed) => {
                Err(Error::bad_request("prometheus is not enabled"))
            }
            "prometheus" => shown::text(&self.measured()),
            "" | "json" => Ok(shown::json(&self.measured(), self.clock.now())),
            other => Err(Error::bad_request(format!("metric response format {other:?} unknown"))),
        }
    }

    fn measured(&self) -> Vec<MetricFamily> {
        let mut families = self.metrics.families();
        families.extend(self.storage.measures());
        families.extend(reading::server(self));
        if let Some(live) = self.live_or_none() {
            families.extend(reading::live(&live));
        }
        // A family without rows says nothing, and is no text either.
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        families
    }
}
