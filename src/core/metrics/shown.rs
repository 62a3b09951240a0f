//! Metrics as they are answered: in Prometheus' text format, and as JSON in the published shape. JSON has the names with points
//! that the reference gives them.

use crate::base::{Error, Result, Timestamp};
use crate::logical::{Body, Response};
use prometheus::proto::{Metric, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};
use serde_json::{Map, Value, json};

pub fn text(families: &[MetricFamily]) -> Result<Response> {
    let text = TextEncoder::new().encode_to_string(families);
    let text = text.map_err(|error| Error::internal("the metrics cannot be written").caused_by(error))?;
    let body = Body::Raw { media_type: TEXT_FORMAT.into(), bytes: text.into_bytes() };
    Ok(Response { body, ..Response::default() })
}

pub fn json(families: &[MetricFamily], now: Timestamp) -> Response {
    let (mut counters, mut gauges, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    for family in families {
        let name = dotted(family.name());
        for row in family.get_metric() {
            match family.get_field_type() {
                MetricType::COUNTER => counters.push(counter(&name, row)),
                MetricType::HISTOGRAM => samples.push(sample(&name, row)),
                _ => gauges.push(json!({ "Name": name, "Value": row.get_gauge().get_value(), "Labels": labels(row) })),
            }
        }
    }
    Response::bare(json!({
        "Timestamp": now.rfc3339().replace('T', " ").replace('Z', " +0000 UTC"),
        "Gauges": gauges,
        "Points": [],
        "Counters": counters,
        "Samples": samples,
    }))
}

fn counter(name: &str, row: &Metric) -> Value {
    let value = row.get_counter().get_value();
    json!({ "Name": name, "Count": value, "Sum": value, "Labels": labels(row) })
}

/// Counted since the start: the smallest and the largest are not known of a histogram.
fn sample(name: &str, row: &Metric) -> Value {
    let histogram = row.get_histogram();
    let (count, sum) = (histogram.get_sample_count(), histogram.get_sample_sum());
    let mean = if count == 0 { 0.0 } else { sum / super::family::number(count) };
    json!({ "Name": name, "Count": count, "Sum": sum, "Mean": mean, "Labels": labels(row) })
}

fn labels(row: &Metric) -> Map<String, Value> {
    row.get_label().iter().map(|label| (label.name().to_owned(), Value::from(label.value()))).collect()
}

/// `vault.core.in_flight_requests`: the first two words of a published name are parted by points.
fn dotted(name: &str) -> String {
    let points = if name.starts_with("vault_") { 2 } else { 1 };
    name.replacen('_', ".", points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::metrics::family::Family;

    #[test]
    fn json_has_the_names_with_points_and_the_labels() {
        let family = Family::gauge("vault_core_in_flight_requests", "Now.").row(&[("a", "b")], 3.0).done();
        let Body::Bare(value) = &json(&[family], Timestamp(0)).body else { unreachable!("JSON alone") };
        let expected = json!([{ "Name": "vault.core.in_flight_requests", "Value": 3.0, "Labels": { "a": "b" } }]);
        assert_eq!((&value["Gauges"], &value["Timestamp"]), (&expected, &json!("1970-01-01 00:00:00.000 +0000 UTC")));
    }

    #[test]
    fn text_is_what_prometheus_reads() {
        let family = Family::counter("leasehold_things_total", "Things.").row(&[("where", "a\"b")], 2.0).done();
        let Body::Raw { media_type, bytes } = &text(&[family]).unwrap().body else { unreachable!("text") };
        assert_eq!(*media_type, "text/plain; version=0.0.4");
        let expected = "# HELP leasehold_things_total Things.\n# TYPE leasehold_things_total counter\n\
                        leasehold_things_total{where=\"a\\\"b\"} 2\n";
        assert_eq!(String::from_utf8_lossy(bytes), expected);
    }
}
