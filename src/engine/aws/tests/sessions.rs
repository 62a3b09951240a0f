//! What STS hands out.

use super::bench::{Bench, data};
use super::double::{ACCOUNT, Fault};
use crate::base::Kind;
use crate::logical::Revoked;
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_session_of_a_role_is_opened_within_its_limits_and_only_expires() {
    let bench = Bench::new();
    bench.write("roles/session", json!({ "iam_groups": "readers", "max_sts_ttl": "1h" })).unwrap();
    let body = json!({ "ttl": "8h", "role_session_name": "me & you" });
    let response = bench.write("sts/session", body).unwrap();
    assert_eq!(response.warnings, ["a ttl of 8h was asked for; the limits allow 1h"]);
    assert_eq!(response.lease.as_ref().map(|lease| lease.ttl), Some(HOUR / 2), "AWS's own end counts");
    let credentials = data(response);
    assert_eq!(credentials["security_token"], "session-token");
    assert_eq!((&credentials["ttl"], &credentials["arn"]), (&json!(1800), &json!("arn:aws:sts::1:assumed-role/a/b")));
    let opened = bench.aws.state().opened.clone();
    for (parameter, value) in [
        ("RoleArn", "arn:aws:iam::1:role/a"),
        ("RoleSessionName", "me___you"),
        ("DurationSeconds", "3600"),
        ("ExternalId", "outside"),
        ("Policy", r#"{"Version":"2012-10-17","Statement":[{"Sid":"own"},{"Sid":"group"}]}"#),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/g"),
        ("Tags.member.1.Key", "team"),
    ] {
        assert_eq!(opened[parameter], value);
    }
    let intent = bench.leases.intents.lock().unwrap()[0].clone();
    assert!(!intent.renewable);
    assert_eq!(bench.revoke(false).unwrap(), Revoked::ExpiresOnly);
    assert!(bench.renew().is_err());
}

#[test]
fn a_session_for_another_role_is_refused_without_a_call() {
    let bench = Bench::new();
    let body = json!({ "role_arn": "arn:aws:iam::1:role/admin" });
    let error = bench.write("creds/session", body).map(|_| ()).unwrap_err();
    assert!(error.message().contains("not among"), "{error:?}");
    assert_eq!(bench.aws.taken_log(), [""; 0]);
    assert_eq!(bench.read("creds/nobody").unwrap_err().kind(), Kind::BadRequest);
    assert!(bench.write("creds/plain", Value::Null).is_ok());
}

#[test]
fn a_federated_user_is_narrowed_by_the_role_and_its_groups() {
    let bench = Bench::new();
    let role = json!({
        "credential_type": "federation_token", "policy_document": "{\"Statement\":[{\"Sid\":\"own\"}]}",
        "policy_arns": "arn:aws:iam::aws:policy/a", "iam_groups": ["readers"], "default_sts_ttl": "15m",
    });
    bench.write("roles/federated", role).unwrap();
    let response = bench.ask(crate::logical::Operation::Read, "creds/federated", Value::Null).unwrap();
    assert_eq!(response.lease.as_ref().map(|lease| lease.ttl), Some(HOUR / 4));
    let credentials = data(response);
    let name = bench.leases.intents.lock().unwrap()[0].subject.clone();
    assert!(name.starts_with("vault-1440938160-") && name.len() <= 32, "{name}");
    assert_eq!(
        credentials,
        json!({
            "access_key": "ASIA1", "secret_key": "session-secret", "security_token": "session-token",
            "session_token": "session-token", "ttl": 900,
            "arn": format!("arn:aws:sts::{ACCOUNT}:federated-user/{name}"),
        })
    );
    let opened = bench.aws.state().opened.clone();
    for (parameter, value) in [
        ("Name", name.as_str()),
        ("DurationSeconds", "900"),
        ("Policy", r#"{"Version":"2012-10-17","Statement":[{"Sid":"own"},{"Sid":"group"}]}"#),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/a"),
        ("PolicyArns.member.2.arn", "arn:aws:iam::aws:policy/g"),
    ] {
        assert_eq!(opened[parameter], value);
    }
    assert_eq!(bench.revoke(false).unwrap(), Revoked::ExpiresOnly);
    assert!(bench.renew().is_err());
}

#[test]
fn the_engines_own_session_takes_the_code_of_the_roles_device() {
    let bench = Bench::new();
    let serial = "arn:aws:iam::123456789012:mfa/phone";
    let role = json!({ "credential_type": "session_token", "mfa_serial_number": serial, "max_sts_ttl": "20m" });
    bench.write("roles/own", role).unwrap();
    for code in [Value::Null, json!("12345"), json!("123 45"), json!("abcdef")] {
        let error = bench.write("creds/own", json!({ "mfa_code": code })).map(|_| ()).unwrap_err();
        assert!(error.message().contains("six digits"), "{error:?}");
    }
    assert_eq!(bench.aws.taken_log(), [""; 0], "nothing was asked of AWS without a code");
    let response = bench.write("creds/own", json!({ "mfa_code": "012345" })).unwrap();
    assert_eq!(response.warnings, [""; 0]);
    let credentials = data(response);
    assert_eq!((&credentials["access_key"], credentials.get("arn")), (&json!("ASIA1"), None));
    let opened = bench.aws.state().opened.clone();
    assert_eq!((opened["SerialNumber"].as_str(), opened["TokenCode"].as_str()), (serial, "012345"));
    assert_eq!(opened["DurationSeconds"], "1200");
    let intent = bench.leases.intents.lock().unwrap()[0].clone();
    assert!(!intent.renewable && !intent.revocation.to_string().contains("012345"), "the code is kept nowhere");

    bench.aws.fail("GetSessionToken", Fault::Drop);
    bench.write("creds/own", json!({ "mfa_code": "012345" })).map(|_| ()).unwrap_err();
    let calls = bench.aws.taken_log().iter().filter(|action| *action == "GetSessionToken").count();
    assert_eq!(calls, 2, "a code that may have been used is not sent again");
}

#[test]
fn what_has_no_meaning_for_a_type_is_a_warning() {
    let bench = Bench::new();
    bench.write("roles/own", json!({ "credential_type": "session_token" })).unwrap();
    let response = bench.write("creds/own", json!({ "mfa_code": "123456", "role_session_name": "me" })).unwrap();
    assert_eq!(
        response.warnings,
        [
            "role_session_name was ignored: it has no meaning for credential_type session_token",
            "mfa_code was ignored: it has no meaning for credential_type session_token"
        ]
    );
    assert!(!bench.aws.state().opened.contains_key("TokenCode"));
}

#[test]
fn a_role_of_the_older_form_makes_users_at_creds_and_sessions_at_sts() {
    let bench = Bench::new();
    bench.write("roles/both", json!({ "policy": "{\"Statement\":[]}" })).unwrap();
    assert_eq!(bench.read("creds/both").unwrap()["security_token"], Value::Null);
    assert_eq!(bench.read("sts/both").unwrap()["security_token"], "session-token");
    assert_eq!(bench.aws.state().opened["Policy"], "{\"Statement\":[]}");
    bench.write("roles/arn", json!({ "arn": "arn:aws:iam::1:role/a" })).unwrap();
    assert_eq!(bench.read("sts/arn").unwrap()["arn"], "arn:aws:sts::1:assumed-role/a/b");
    let error = bench.read("creds/arn").unwrap_err();
    assert!(error.message().contains("sts/arn"), "{error:?}");
    bench.write("roles/user", json!({ "arn": "arn:aws:iam::aws:policy/a" })).unwrap();
    let error = bench.read("sts/user").unwrap_err();
    assert!(error.message().contains("creds/user"), "{error:?}");
}

#[test]
fn a_session_that_aws_refuses_is_told_in_its_words() {
    let bench = Bench::new();
    bench.write("roles/own", json!({ "credential_type": "session_token" })).unwrap();
    bench.aws.fail("GetSessionToken", Fault::Refuse(403, "AccessDenied"));
    let error = bench.read("creds/own").unwrap_err();
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(error.message().contains("AccessDenied") && error.message().contains("GetSessionToken"), "{error:?}");
    assert_eq!(bench.leases.abandoned.lock().unwrap().len(), 1);
}
