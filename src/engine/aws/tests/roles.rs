//! `roles`.

use super::bench::{Bench, data};
use crate::base::Kind;
use crate::logical::Operation;
use serde_json::{Value, json};

#[test]
fn a_role_reads_back_with_the_published_fields() {
    let bench = Bench::new();
    assert_eq!(
        bench.read("roles/full").unwrap(),
        json!({
            "credential_type": "iam_user",
            "credential_types": ["iam_user"],
            "policy_arns": ["arn:aws:iam::aws:policy/a", "arn:aws:iam::aws:policy/b"],
            "role_arns": [],
            "policy_document": "{\"Statement\":[]}",
            "iam_groups": ["readers"],
            "iam_tags": { "team": "blue" },
            "default_sts_ttl": 0,
            "max_sts_ttl": 0,
            "user_path": "/made/",
            "permissions_boundary_arn": "arn:aws:iam::1:policy/bound",
            "external_id": "",
            "session_tags": {},
            "mfa_serial_number": "",
        })
    );
}

#[test]
fn roles_are_listed_changed_in_part_and_deleted() {
    let bench = Bench::new();
    let listed = bench.ask(Operation::List, "roles", Value::Null).map(data).unwrap();
    assert_eq!(listed, json!({ "keys": ["full", "plain", "session"] }));
    bench.write("roles/full", json!({ "iam_groups": [] })).unwrap();
    let role = bench.read("roles/full").unwrap();
    assert_eq!((&role["iam_groups"], &role["user_path"]), (&json!([]), &json!("/made/")));
    bench.ask(Operation::Delete, "roles/full", Value::Null).unwrap();
    assert_eq!(bench.read("roles/full").unwrap_err().kind(), Kind::NotFound);
    let error = bench.read("creds/full").unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::BadRequest, "Role 'full' not found"));
}

#[test]
fn the_older_parameters_make_what_they_always_made() {
    let bench = Bench::bare();
    for (body, types) in [
        (json!({ "policy": "{}" }), json!(["iam_user", "federation_token"])),
        (json!({ "arn": "arn:aws:iam::aws:policy/a" }), json!(["iam_user"])),
        (json!({ "arn": "arn:aws:iam::1:role/a" }), json!(["assumed_role"])),
    ] {
        bench.write("roles/old", body).unwrap();
        assert_eq!(bench.read("roles/old").unwrap()["credential_types"], types);
    }
}

#[test]
fn parameters_that_do_not_go_together_are_refused_by_name() {
    let bench = Bench::bare();
    let role = "arn:aws:iam::1:role/a";
    for (body, words) in [
        (json!({ "policy_document": "{}" }), "credential_type"),
        (json!({ "credential_type": "root" }), "unrecognized credential_type"),
        (json!({ "credential_type": "federation_token" }), "policy_document, policy_arns or iam_groups"),
        (
            json!({ "credential_type": "federation_token", "policy_document": "{}", "session_tags": ["a=b"] }),
            "assumed_role",
        ),
        (json!({ "credential_type": "session_token", "policy_document": "{}" }), "policy_document goes only with"),
        (json!({ "credential_type": "session_token", "iam_groups": "readers" }), "iam_groups goes only with"),
        (json!({ "credential_type": "session_token", "role_arns": role }), "role_arns goes only with"),
        (json!({ "credential_type": "iam_user" }), "policy_document, policy_arns or iam_groups"),
        (json!({ "credential_type": "iam_user", "policy_document": "{\"a\": }" }), "line 1, column 7"),
        (json!({ "credential_type": "iam_user", "policy_document": "[]" }), "policy_document"),
        (json!({ "credential_type": "iam_user", "policy_document": "{}", "role_arns": role }), "role_arns"),
        (json!({ "credential_type": "iam_user", "policy_document": "{}", "max_sts_ttl": "1h" }), "max_sts_ttl"),
        (json!({ "credential_type": "iam_user", "policy_document": "{}", "external_id": "x" }), "external_id"),
        (json!({ "credential_type": "iam_user", "policy_arns": "admin" }), "policy_arns"),
        (json!({ "credential_type": "iam_user", "policy_document": "{}", "user_path": "made" }), "user_path"),
        (json!({ "credential_type": "iam_user", "policy_document": "{}", "iam_tags": ["aws:a=b"] }), "iam_tags"),
        (
            json!({ "credential_type": "iam_user", "policy_document": "{}", "iam_tags": ["leasehold:lease-mark=b"] }),
            "reserved",
        ),
        (json!({ "credential_type": "assumed_role" }), "role_arns"),
        (json!({ "credential_type": "assumed_role", "role_arns": "arn:aws:iam::1:user/a" }), "role_arns"),
        (json!({ "credential_type": "assumed_role", "role_arns": role, "user_path": "/a/" }), "user_path"),
        (json!({ "credential_type": "assumed_role", "role_arns": role, "iam_tags": ["a=b"] }), "iam_tags"),
        (
            json!({ "credential_type": "assumed_role", "role_arns": role, "default_sts_ttl": "2h", "max_sts_ttl": "1h" }),
            "default_sts_ttl must not",
        ),
        (
            json!({ "credential_type": "iam_user", "policy_document": "{}", "mfa_serial_number": "x" }),
            "mfa_serial_number goes only with credential_type session_token",
        ),
        (json!({ "policy": "{}", "credential_type": "iam_user" }), "cannot be mixed with credential_type"),
        (json!({ "arn": "arn:aws:s3:::bucket" }), "neither the ARN"),
    ] {
        let error = bench.write("roles/wrong", body.clone()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest);
        assert!(error.message().contains(words), "{body}: {error:?}");
    }
    assert_eq!(bench.read("roles/wrong").unwrap_err().kind(), Kind::NotFound);
}
