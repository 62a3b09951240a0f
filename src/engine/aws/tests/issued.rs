//! What `creds` and `sts` hand out, and in which order it comes to be.

use super::bench::Bench;
use super::double::{ACCOUNT, Fault};
use crate::base::Kind;
use serde_json::json;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_lease_is_committed_before_the_user_exists_and_the_key_comes_last() {
    let bench = Bench::new();
    let credentials = bench.read("creds/full").unwrap();
    assert_eq!(credentials, json!({ "access_key": "AKIAMADE1", "secret_key": "se/cr+et", "security_token": null }));
    assert_eq!(
        bench.aws.taken_log(),
        [
            "GetCallerIdentity",
            "lease committed",
            "CreateUser",
            "AddUserToGroup",
            "AttachUserPolicy",
            "AttachUserPolicy",
            "PutUserPolicy",
            "CreateAccessKey"
        ]
    );
    bench.read("creds/plain").unwrap();
    assert!(!bench.aws.taken_log().contains(&"GetCallerIdentity".to_owned()), "the account is remembered");
}

#[test]
fn a_user_is_made_with_its_path_boundary_and_tags_in_one_call() {
    let bench = Bench::new();
    bench.read("creds/full").unwrap();
    let intent = bench.leases.intents.lock().unwrap()[0].clone();
    let user = bench.aws.state().users[&intent.subject].clone();
    assert_eq!(user.parameters["Path"], "/made/");
    assert_eq!(user.parameters["PermissionsBoundary"], "arn:aws:iam::1:policy/bound");
    assert_eq!((user.tags["team"].as_str(), user.tags["leasehold:server"].as_str()), ("blue", "server-1"));
    assert!(intent.subject.starts_with("vault-token-ci-full-1440938160-"), "{}", intent.subject);
    assert_eq!((intent.ttl, intent.max_ttl, intent.renewable), (Some(HOUR), Some(24 * HOUR), true));
    assert_eq!(intent.revocation["account"], ACCOUNT);
    assert!(!intent.revocation.to_string().contains("se/cr"), "no secret is kept for revoking");
}

#[test]
fn a_renewal_goes_by_the_limits_of_today() {
    let bench = Bench::new();
    bench.read("creds/plain").unwrap();
    bench.write("config/lease", json!({ "lease": "2h", "lease_max": "6h" })).unwrap();
    let renewal = bench.renew().unwrap();
    assert_eq!((renewal.ttl, renewal.max_ttl), (Some(2 * HOUR), Some(6 * HOUR)));
}

#[test]
fn whatever_step_fails_is_told_and_revoking_leaves_nothing() {
    for action in ["CreateUser", "AddUserToGroup", "AttachUserPolicy", "PutUserPolicy", "CreateAccessKey"] {
        for fault in [Fault::Refuse(403, "AccessDenied"), Fault::Refuse(409, "LimitExceeded"), Fault::DropAfter] {
            let mut bench = Bench::new();
            bench.patience = Duration::from_secs(2);
            bench.aws.fail(action, fault);
            let outcome = bench.read("creds/full");
            if matches!(fault, Fault::Refuse(..)) || action.starts_with("Create") {
                let error = outcome.unwrap_err();
                let unsure = matches!(fault, Fault::DropAfter);
                // The core waits for a late effect where nothing is known, and only there.
                assert_eq!(error.kind(), if unsure { Kind::Upstream } else { Kind::BadRequest }, "{action}: {error:?}");
                assert!(error.message().contains(action), "{error:?}");
                assert_eq!(bench.leases.abandoned.lock().unwrap().len(), 1);
            } else {
                outcome.unwrap();
            }
            bench.revoke(true).unwrap();
            assert_eq!(bench.aws.made(), [""; 0], "{action}");
        }
    }
}

#[test]
fn throttling_and_failing_servers_are_tried_again() {
    let bench = Bench::new();
    for (action, status, code) in [
        ("CreateUser", 400, "Throttling"),
        ("PutUserPolicy", 503, "ServiceUnavailable"),
        ("AttachUserPolicy", 409, "EntityTemporarilyUnmodifiable"),
        ("CreateAccessKey", 500, "ServiceFailure"),
    ] {
        bench.aws.fail(action, Fault::Refuse(status, code));
    }
    bench.aws.fail("AddUserToGroup", Fault::Drop);
    bench.read("creds/full").unwrap();
    let log = bench.aws.taken_log();
    assert_eq!(log.iter().filter(|action| *action == "CreateUser").count(), 2);
    assert_eq!(log.len(), 8 + 5);
}

#[test]
fn trying_again_ends_with_the_deadline_and_with_max_retries() {
    let mut bench = Bench::new();
    bench.patience = Duration::from_millis(500);
    for _ in 0..20 {
        bench.aws.fail("CreateUser", Fault::Refuse(400, "Throttling"));
    }
    let start = std::time::Instant::now();
    let error = bench.read("creds/plain").unwrap_err();
    assert!(error.message().contains("Throttling: as the test wants"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5));

    bench.patience = Duration::from_secs(20);
    bench.aws.taken_log();
    let endpoint = bench.aws.endpoint.clone();
    let root = json!({
        "access_key": "AKIAFIRST", "secret_key": "s", "max_retries": 1, "iam_endpoint": endpoint, "sts_endpoint": endpoint,
    });
    bench.write("config/root", root).unwrap();
    bench.read("creds/plain").unwrap_err();
    assert_eq!(bench.aws.taken_log().iter().filter(|action| *action == "CreateUser").count(), 2);
}

#[test]
fn a_new_user_that_is_not_known_yet_is_waited_for_and_a_missing_group_is_not() {
    let bench = Bench::new();
    bench.write("roles/lost", json!({ "credential_type": "iam_user", "iam_groups": "nobodies" })).unwrap();
    let error = bench.read("creds/lost").unwrap_err();
    assert!(error.message().contains("The group with name nobodies cannot be found."), "{error:?}");
    let log = bench.aws.taken_log();
    assert_eq!(log.iter().filter(|action| *action == "AddUserToGroup").count(), 1);
    bench.aws.fail("CreateAccessKey", Fault::Refuse(404, "NoSuchEntity"));
    bench.read("creds/full").unwrap();
}
