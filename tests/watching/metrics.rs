//! Metrics: what they say, who may read them, and a Prometheus that reads them while the server is busy.

use crate::support::prometheus::{Prometheus, example};
use crate::support::server::{Server, text};
use crate::support::{PATIENCE, http_client, wait_for};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// A second listener, which asks nobody for a token.
const OPEN: &str = "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n  telemetry { \
                    unauthenticated_metrics_access = true }\n}";

/// A server, and the port that is open for metrics.
fn open() -> (Server, u16) {
    let mut server = Server::start(OPEN);
    server.init(1, 1);
    server.unseal();
    let log = server.log();
    let ports = log.lines().filter_map(|line| line.split("listening on 127.0.0.1:").nth(1)?.trim().parse().ok());
    let port = ports.into_iter().find(|port| *port != server.port()).unwrap();
    (server, port)
}

fn scrape(port: u16) -> String {
    let mut answer =
        http_client().get(format!("http://127.0.0.1:{port}/v1/sys/metrics?format=prometheus")).call().unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    answer.body_mut().read_to_string().unwrap()
}

/// The value of the row that begins so; none where there is no such row.
fn row(text: &str, start: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(start)?.rsplit(' ').next()?.parse().ok())
}

#[test]
fn requests_leases_and_the_store_are_measured() {
    let (server, port) = open();
    assert_eq!(server.put("sys/mounts/kv", json!({ "type": "kv" })).0, 204);
    assert_eq!(server.put("kv/a", json!({ "value": "canary-metrics" })).0, 204);
    assert_eq!(server.get("kv/a").0, 200);
    assert_eq!(server.get("kv/nothing").0, 404);
    assert_eq!(server.put("auth/token/create", json!({})).0, 200);
    let text = scrape(port);
    let count = |start: &str| row(&text, start).unwrap_or_else(|| panic!("{start} in\n{text}"));
    assert_eq!(count("leasehold_requests_total{mount=\"kv/\",operation=\"read\",status=\"200\"}"), 1.0);
    assert_eq!(count("leasehold_requests_total{mount=\"kv/\",operation=\"read\",status=\"404\"}"), 1.0);
    assert_eq!(count("leasehold_request_duration_seconds_count{mount=\"kv/\",operation=\"read\"}"), 2.0);
    assert_eq!(count("leasehold_leases{mount=\"auth/token/\",type=\"token\",state=\"active\"}"), 2.0);
    assert_eq!((count("vault_token_count"), count("vault_expire_num_leases")), (2.0, 2.0));
    assert_eq!((count("vault_core_unsealed"), count("leasehold_sweeper_lag_seconds")), (1.0, 0.0));
    assert!(count("leasehold_storage_group_size_count") > 0.0 && count("leasehold_storage_commit_seconds_sum") > 0.0);
    assert!(count("leasehold_storage_bytes") > 10_000.0 && count("process_resident_memory_bytes") > 1e6);
    assert!(!text.contains("canary"), "no value is in it");
    assert_eq!(server.put("sys/seal", Value::Null).0, 204);
    assert_eq!(row(&scrape(port), "vault_core_unsealed"), Some(0.0), "also while sealed");
}

#[test]
fn a_token_is_needed_unless_the_listener_is_open_and_json_is_the_default() {
    let server = Server::ready();
    assert_eq!(server.call("GET", "sys/metrics", "", Value::Null).0, 403);
    let (status, answer) = server.get("sys/metrics");
    let gauges = answer["Gauges"].as_array().unwrap();
    let unsealed = gauges.iter().find(|gauge| gauge["Name"] == "vault.core.unsealed").unwrap();
    assert_eq!((status, &unsealed["Value"]), (200, &json!(1.0)));
    let samples = answer["Samples"].as_array().unwrap();
    assert!(samples.iter().any(|sample| sample["Name"] == "leasehold.request_duration_seconds"), "{samples:?}");
    assert_eq!(server.get("sys/metrics?format=xml").0, 400);
    let accepts = http::Request::get(format!("{}/v1/sys/metrics", server.address))
        .header("X-Vault-Token", &server.root)
        .header("Accept", "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
        .body(Vec::new());
    let mut answer = http_client().run(accepts.unwrap()).unwrap();
    assert!(answer.body_mut().read_to_string().unwrap().starts_with("# HELP "));

    let mut off = Server::start("telemetry { prometheus_retention_time = 0 }");
    off.init(1, 1);
    off.unseal();
    assert_eq!((off.get("sys/metrics").0, off.get("sys/metrics?format=prometheus").0), (200, 400));
}

#[test]
fn the_rules_parse_and_each_fires_for_what_it_is_for() {
    for arguments in [["check", "rules"], ["test", "rules"]] {
        let file = if arguments[0] == "check" { "alerts.yml" } else { "alerts_test.yml" };
        let made = Command::new("promtool").args(arguments).arg(example(file)).output().expect("promtool runs");
        let said = String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
    }
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(example("dashboard.json")).unwrap()).unwrap();
    let (_server, port) = open();
    let known = scrape(port);
    let made_later = ["leasehold_pending_revocations", "leasehold_target_silent", "leasehold_cache_"];
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = text(&target["expr"]);
            let words = query.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let names = words.filter(|word| word.starts_with("leasehold_") || word.starts_with("vault_"));
            for name in names.filter(|name| !made_later.iter().any(|later| name.starts_with(later))) {
                assert!(known.contains(name), "the dashboard asks for {name}");
            }
        }
    }
}

#[test]
fn what_is_scraped_is_well_formed() {
    let (_server, port) = open();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    promtool.stdin.take().unwrap().write_all(scrape(port).as_bytes()).unwrap();
    let made = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr);
    // The reference has names of its own taste.
    let ours: Vec<&str> = said.lines().filter(|line| !line.starts_with("vault_")).collect();
    assert_eq!(ours, [""; 0]);
}

#[test]
fn prometheus_reads_a_busy_server_and_tells_when_it_is_sealed() {
    let (server, port) = open();
    assert_eq!(server.put("sys/mounts/kv", json!({ "type": "kv" })).0, 204);
    let prometheus = Prometheus::start(port);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                for number in (0..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    let path = format!("kv/{worker}-{}", number % 10);
                    assert_eq!(server.put(&path, json!({ "value": number })).0, 204);
                    assert_eq!(server.get(&path).0, 200);
                }
            });
        }
        // Whatever comes of it, the workers are told to end.
        let watched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch(&prometheus)));
        done.store(true, Ordering::Relaxed);
        watched.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(!prometheus.firing().contains(&"LeaseholdSealed".to_owned()));
    assert_eq!(server.put("sys/seal", Value::Null).0, 204);
    wait_for("the alert fires", PATIENCE, || prometheus.firing().contains(&"LeaseholdSealed".to_owned()).then_some(()));
}

/// What Prometheus comes to see of a busy server.
fn watch(prometheus: &Prometheus) {
    for (query, at_least) in [
        ("up{job=\"leasehold\"}", 1.0),
        ("sum(rate(leasehold_requests_total{mount=\"kv/\"}[10s]))", 0.1),
        (
            "histogram_quantile(0.99, sum by (le) (rate(leasehold_request_duration_seconds_bucket{mount=\"kv/\"}[10s])))",
            0.0001,
        ),
        ("sum(rate(leasehold_storage_group_size_sum[10s]))", 0.1),
    ] {
        wait_for(query, PATIENCE, || prometheus.query(query).first().filter(|(_, value)| *value >= at_least).map(drop));
    }
    assert_eq!(prometheus.last_error(), "");
}
