//! A real Prometheus that scrapes one target, with the alert rules of `examples/monitoring`.

use super::daemon::{Daemon, Kind};
use super::http_client;
use serde_json::Value;
use std::path::{Path, PathBuf};

static KIND: Kind = Kind { name: "Prometheus", end: "KILL", stop: "TERM" };

pub struct Prometheus {
    daemon: Daemon,
}

/// A file of `examples/monitoring`.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/monitoring").join(name)
}

impl Prometheus {
    /// Scrapes `127.0.0.1:port` by the configuration of the examples, but often, and with alerts that wait for nothing.
    pub fn start(port: u16) -> Self {
        let mut daemon = Daemon::prepare(&KIND);
        let rules = std::fs::read_to_string(example("alerts.yml")).unwrap();
        let patient = |line: &&str| line.trim_start().starts_with("for: ");
        let rules: Vec<&str> = rules.lines().filter(|line| !patient(line)).collect();
        daemon.write("alerts.yml", &rules.join("\n"));
        let configuration = std::fs::read_to_string(example("prometheus.yml")).unwrap();
        let configuration = configuration
            .replace(
                "scrape_interval: 15s",
                "scrape_interval: 250ms\n  scrape_timeout: 250ms\n  evaluation_interval: 250ms",
            )
            .replace("127.0.0.1:8200", &format!("127.0.0.1:{port}"));
        daemon.write("prometheus.yml", &configuration);
        daemon.launch(command, is_ready);
        Self { daemon }
    }

    /// The rows that a query gives now: labels and value.
    pub fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = ask(&self.daemon, &format!("api/v1/query?query={encoded}")).unwrap_or_default();
        let rows = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |row: &Value| row["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        rows.iter().map(|row| (row["metric"].clone(), value(row))).collect()
    }

    /// The names of the alerts that fire now.
    pub fn firing(&self) -> Vec<String> {
        let answer = ask(&self.daemon, "api/v1/alerts").unwrap_or_default();
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
    }

    /// What went wrong with the last scrape; empty for nothing.
    pub fn last_error(&self) -> String {
        let answer = ask(&self.daemon, "api/v1/targets").unwrap_or_default();
        answer["data"]["activeTargets"][0]["lastError"].as_str().unwrap_or("no target").to_owned()
    }
}

fn command(directory: &Path, port: u16) -> Vec<String> {
    let inside = |name: &str| directory.join(name).display().to_string();
    vec![
        "prometheus".to_owned(),
        format!("--config.file={}", inside("prometheus.yml")),
        format!("--storage.tsdb.path={}", inside("data")),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ]
}

fn is_ready(daemon: &Daemon) -> bool {
    let answer = http_client().get(format!("http://127.0.0.1:{}/-/ready", daemon.port)).call();
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn ask(daemon: &Daemon, path: &str) -> Option<Value> {
    let mut answer = http_client().get(format!("http://127.0.0.1:{}/{path}", daemon.port)).call().ok()?;
    serde_json::from_slice(&answer.body_mut().read_to_vec().ok()?).ok()
}
