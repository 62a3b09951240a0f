//! Families of metrics made from what is read at the moment, rather than counted along the way.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// A family while it is put together.
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    rows: Vec<Metric>,
}

impl Family {
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::GAUGE, rows: Vec::new() }
    }

    #[must_use]
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::COUNTER, rows: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        let label = |(name, value): &(&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        let mut row = Metric::from_label(labels.iter().map(label).collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            row.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            row.set_gauge(gauge);
        }
        self.rows.push(row);
        self
    }

    #[must_use]
    pub fn done(self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(self.rows);
        family
    }
}

/// A number as metrics have it.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "metrics are floating numbers; counts stay far below 2^53")]
pub fn number(count: u64) -> f64 {
    count as f64
}
