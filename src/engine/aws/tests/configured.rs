//! `config/root` and `config/lease`.

use super::bench::Bench;
use super::double::{FIRST_KEY, Fault};
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
        ("sts_fallback_endpoints", "https://sts.example"),
        ("rotation_period", "59s"),
        ("rotation_schedule", "0 0 * * *"),
        ("rotation_window", "1h"),
        ("role_arn", "arn:aws:iam::1:role/a"),
        ("identity_token_audience", "aws"),
        ("identity_token_ttl", "1h"),
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

#[test]
fn without_an_access_key_the_surroundings_are_named_and_rotation_is_refused() {
    let bench = Bench::bare();
    bench.write("config/root", json!({ "region": "eu-west-1" })).unwrap();
    let root = bench.read("config/root").unwrap();
    assert_eq!((&root["access_key"], &root["region"]), (&json!(""), &json!("eu-west-1")));
    assert!(root["credentials_from"].as_str().unwrap().contains("no keys to AWS yet"), "{root}");
    let error = bench.write("config/rotate-root", Value::Null).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(error.message().contains("no access_key to rotate"), "{error:?}");
    let error = bench.write("config/root", json!({ "rotation_period": "1h" })).map(|_| ()).unwrap_err();
    assert!(error.message().contains("rotation_period needs an access_key"), "{error:?}");
}

#[test]
fn another_sts_is_asked_where_the_first_does_not_answer_and_not_where_it_refuses() {
    let bench = Bench::bare();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", dead.local_addr().unwrap());
    drop(dead);
    let root = json!({
        "access_key": FIRST_KEY, "secret_key": "s", "iam_endpoint": bench.aws.endpoint, "sts_endpoint": nobody,
        "sts_fallback_endpoints": [nobody, bench.aws.endpoint], "sts_fallback_regions": "eu-west-1,eu-west-2",
    });
    bench.write("config/root", root).unwrap();
    assert_eq!(bench.read("config/root").unwrap()["sts_fallback_regions"], json!(["eu-west-1", "eu-west-2"]));
    bench.write("roles/r", json!({ "credential_type": "session_token" })).unwrap();
    assert_eq!(bench.read("creds/r").unwrap()["access_key"], "ASIA1");
    bench.aws.fail("GetSessionToken", Fault::Refuse(403, "AccessDenied"));
    assert!(bench.read("creds/r").unwrap_err().message().contains("AccessDenied"));
}
