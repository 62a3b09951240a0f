//! `config/root` and `config/lease`.

use super::bench::Bench;
use super::double::{FIRST_KEY, Fault};
use crate::base::Kind;
use crate::logical::{Next, Operation};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

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

#[test]
fn keys_of_another_account_and_no_keys_are_refused_while_leases_live_unless_forced() {
    let (bench, other) = (Bench::new(), Bench::new());
    bench.read("creds/plain").unwrap();
    bench.living.store(3, Ordering::SeqCst);
    other.aws.state().account = "999999999999".to_owned();
    let (here, there) = (&bench.aws.endpoint, &other.aws.endpoint);
    let root = |key: &str, iam: &str, sts: &str| json!({ "access_key": key, "secret_key": "s", "iam_endpoint": iam, "sts_endpoint": sts });
    for (body, words) in [
        (root("AKIAFIRST", here, there), "these keys are for account 999999999999"),
        (root("AKIAFIRST", there, here), "another IAM"),
        (root("AKIANOBODY", here, here), "is not known"),
    ] {
        let error = bench.write("config/root", body).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        for words in [words, "3 leases", "lease revoke -sync -prefix aws", "force=true"] {
            assert!(error.message().contains(words), "{error:?}");
        }
    }
    let error = bench.ask(Operation::Delete, "config/root", Value::Null).map(|_| ()).unwrap_err();
    assert!(error.kind() == Kind::Conflict && error.message().contains("3 leases"), "{error:?}");
    bench.write("config/root", root(FIRST_KEY, here, here)).unwrap();
    let mut forced = root("AKIAFIRST", there, there);
    forced["force"] = true.into();
    bench.write("config/root", forced).unwrap();
    bench.ask(Operation::Delete, "config/root", json!({ "force": true })).unwrap();
    assert_eq!(bench.read("config/root").unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn keys_that_are_forgotten_by_force_are_kept_until_the_leases_that_need_them_have_ended() {
    let bench = Bench::new();
    bench.read("creds/plain").unwrap();
    bench.living.store(1, Ordering::SeqCst);
    let forgotten = bench.ask(Operation::Delete, "config/root", json!({ "force": true })).unwrap();
    assert!(forgotten.warnings[0].contains("1 leases"), "{:?}", forgotten.warnings);
    assert_eq!(bench.read("config/root").unwrap_err().kind(), Kind::NotFound);
    assert_eq!(bench.revoke(false).unwrap(), crate::logical::Revoked::Done);
    assert!(bench.aws.made().is_empty());

    bench.living.store(0, Ordering::SeqCst);
    assert!(matches!(bench.run_task("forget-root", "root").unwrap(), Next::At(_)), "a request may be using them still");
    bench.aws.clock.advance(Duration::from_secs(601));
    assert_eq!(bench.run_task("forget-root", "root").unwrap(), Next::Done);
    assert!(bench.revoke(false).is_err(), "they are gone");
}

#[test]
fn a_role_goes_although_leases_were_made_by_it_and_they_stay_revocable() {
    let bench = Bench::new();
    bench.read("creds/plain").unwrap();
    bench.ask(Operation::Delete, "roles/plain", Value::Null).unwrap();
    assert_eq!(bench.revoke(false).unwrap(), crate::logical::Revoked::Done);
    assert!(bench.aws.made().is_empty());
}
