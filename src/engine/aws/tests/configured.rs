//! `config/root` and `config/lease`.

use super::bench::Bench;
use super::double::FIRST_KEY;
use crate::base::Kind;
use crate::logical::Operation;
use serde_json::{Value, json};

#[test]
fn the_secret_key_is_never_read_back_and_writing_calls_nobody() {
    let bench = Bench::new();
    let root = bench.read("config/root").unwrap();
    assert_eq!(root["access_key"], FIRST_KEY);
    assert_eq!(root["region"], "eu-west-1");
    assert_eq!(root["max_retries"], -1);
    assert!(root["username_template"].as_str().unwrap().contains("random 20"));
    assert!(!root.to_string().contains("first-secret") && root.get("secret_key").is_none(), "{root}");
    assert_eq!(bench.aws.taken_log(), [""; 0]);
}

#[test]
fn what_cannot_be_a_configuration_is_refused_by_name() {
    let bench = Bench::bare();
    let keys = json!({ "access_key": "AKIA", "secret_key": "never-shown" });
    for (field, value) in [
        ("access_key", ""),
        ("secret_key", ""),
        ("iam_endpoint", "iam.amazonaws.com"),
        ("sts_endpoint", "ftp://sts"),
        ("region", "eu-west-1.evil.example/"),
        ("sts_region", "US"),
        ("username_template", "{{ nobody }}"),
    ] {
        let mut body = keys.clone();
        body[field] = Value::from(value);
        let error = bench.write("config/root", body).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest);
        assert!(error.message().contains(field) && !error.message().contains("never-shown"), "{error:?}");
    }
    assert_eq!(bench.read("config/root").unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn leases_are_as_long_as_configured_and_shown_in_full() {
    let bench = Bench::bare();
    assert_eq!(bench.read("config/lease").unwrap_err().kind(), Kind::NotFound);
    assert!(bench.write("config/lease", json!({ "lease": "1h" })).is_err(), "both are needed");
    bench.write("config/lease", json!({ "lease": "1h", "lease_max": 86_400 })).unwrap();
    assert_eq!(bench.read("config/lease").unwrap(), json!({ "lease": "1h0m0s", "lease_max": "24h0m0s" }));
    let response = bench.write("config/lease", json!({ "lease": "2h", "lease_max": "1h" })).unwrap();
    assert_eq!(response.warnings, ["lease (2h) is longer than lease_max (1h), which caps it"]);
    bench.ask(Operation::Delete, "config/lease", Value::Null).unwrap();
    assert_eq!(bench.read("config/lease").unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn without_keys_nothing_is_issued_and_the_error_says_what_to_write() {
    let bench = Bench::bare();
    bench.write("roles/r", json!({ "policy": "{}" })).unwrap();
    let error = bench.read("creds/r").unwrap_err();
    assert!(error.message().contains("config/root"), "{error:?}");
}
