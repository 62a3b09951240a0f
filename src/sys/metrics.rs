//! `sys/metrics`: what the server measures of itself, for Prometheus or as JSON.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};

pub static METRICS: Route<Call> = Route {
    pattern: "metrics",
    fields: &[Field::text("format", "prometheus for its text format; without it, JSON.")],
    actions: &[Action::new(Operation::Read, read, "Shows the metrics.")],
    exists: None,
    summary: "Shows what the server measures of itself.",
    help: "Needs a token, unless the listener's telemetry says unauthenticated_metrics_access. Prometheus' format is also given \
           to whoever accepts OpenMetrics.",
    flags: ORDINARY,
};

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    call.core.metrics_answer(&input.text("format").unwrap_or_default())
}
