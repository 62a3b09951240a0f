//! How users end.

use super::bench::Bench;
use super::double::{Fault, User};
use crate::base::Kind;
use crate::logical::Revoked;
use serde_json::json;
use std::time::Duration;

fn position(log: &[String], action: &str) -> usize {
    log.iter().position(|done| done == action).unwrap_or_else(|| panic!("{action} is not in {log:?}"))
}

#[test]
fn the_keys_go_first_and_the_user_last() {
    let bench = Bench::new();
    bench.read("creds/full").unwrap();
    bench.aws.taken_log();
    assert_eq!(bench.revoke(false).unwrap(), Revoked::Done);
    let log = bench.aws.taken_log();
    assert_eq!(position(&log, "DeleteAccessKey"), 2, "after GetUser and ListAccessKeys: {log:?}");
    assert_eq!(log.iter().filter(|action| *action == "DetachUserPolicy").count(), 2, "over all pages");
    assert_eq!(log.last().map(String::as_str), Some("DeleteUser"));
    assert!(!log.contains(&"ListMFADevices".to_owned()), "what hardly any user has is not asked for: {log:?}");
    assert_eq!(bench.aws.made(), [""; 0]);
    assert_eq!(bench.revoke(false).unwrap(), Revoked::Gone, "again is no error");
}

#[test]
fn whatever_others_gave_the_user_goes_with_it() {
    let bench = Bench::new();
    bench.read("creds/full").unwrap();
    let user = bench.aws.made().remove(0);
    for (call, item) in [
        ("EnableMFADevice", "arn:aws:iam::1:mfa/phone"),
        ("UploadSigningCertificate", "CERT"),
        ("UploadSSHPublicKey", "SSH1"),
        ("UploadSSHPublicKey", "SSH2"),
        ("CreateServiceSpecificCredential", "GIT"),
        ("PutUserPolicy", "more"),
    ] {
        bench.aws.add(&user, call, item);
    }
    {
        let mut state = bench.aws.state();
        let user = state.users.get_mut(&user).unwrap();
        user.login_profile = true;
        user.keys.push("AKIASECOND".to_owned());
    }
    assert_eq!(bench.revoke(false).unwrap(), Revoked::Done);
    assert_eq!(bench.aws.made(), [""; 0]);
}

#[test]
fn what_cannot_be_looked_at_does_not_keep_a_user_that_can_be_deleted() {
    let bench = Bench::new();
    bench.read("creds/plain").unwrap();
    bench.aws.fail("DeleteLoginProfile", Fault::Refuse(403, "AccessDenied"));
    bench.aws.fail("DeleteUser", Fault::Refuse(409, "DeleteConflict"));
    bench.aws.fail("ListServiceSpecificCredentials", Fault::Refuse(500, "HTTP 500"));
    bench.aws.fail("ListMFADevices", Fault::Refuse(403, "AccessDenied"));
    assert_eq!(bench.revoke(false).unwrap(), Revoked::Done);
    assert_eq!(bench.aws.made(), [""; 0]);
}

#[test]
fn every_step_can_fail_and_the_next_try_ends_it() {
    let steps =
        ["GetUser", "ListAccessKeys", "DeleteAccessKey", "DeleteUserPolicy", "DetachUserPolicy", "RemoveUserFromGroup"];
    for action in steps.into_iter().chain(["DeleteUser"]) {
        let bench = Bench::new();
        bench.read("creds/full").unwrap();
        bench.aws.fail(action, Fault::Refuse(403, "AccessDenied"));
        let error = bench.revoke(false).unwrap_err();
        assert!(error.message().contains("AWS refused: AccessDenied: as the test wants"), "{action}: {error:?}");
        assert!(matches!(bench.revoke(false).unwrap(), Revoked::Done));
        assert_eq!(bench.aws.made(), [""; 0], "{action}");
    }
}

#[test]
fn an_answer_that_is_lost_is_no_failure() {
    let bench = Bench::new();
    bench.read("creds/full").unwrap();
    for action in ["DeleteAccessKey", "DeleteUserPolicy", "DeleteUser"] {
        bench.aws.fail(action, Fault::DropAfter);
    }
    assert_eq!(bench.revoke(false).unwrap(), Revoked::Done);
    assert_eq!(bench.aws.made(), [""; 0]);
}

#[test]
fn a_user_of_somebody_elses_is_never_touched() {
    let bench = Bench::new();
    let endpoint = bench.aws.endpoint.clone();
    let root = json!({
        "access_key": "AKIAFIRST", "secret_key": "s", "iam_endpoint": endpoint, "sts_endpoint": endpoint,
        "username_template": "alice",
    });
    bench.write("config/root", root).unwrap();
    bench.aws.state().users.insert("alice".to_owned(), User { keys: vec!["AKIAALICE".to_owned()], ..User::default() });
    let error = bench.read("creds/plain").unwrap_err();
    assert!(error.message().contains("EntityAlreadyExists"), "{error:?}");
    assert_eq!(bench.revoke(true).unwrap(), Revoked::Gone, "of this lease there is nothing");
    assert_eq!(bench.revoke(false).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(bench.aws.state().users["alice"].keys, ["AKIAALICE"]);
}

#[test]
fn another_account_is_not_this_leases_target() {
    let bench = Bench::new();
    bench.read("creds/plain").unwrap();
    let other = Bench::new();
    other.aws.state().account = "999999999999".to_owned();
    let endpoint = other.aws.endpoint.clone();
    let root = json!({
        "access_key": "AKIAFIRST", "secret_key": "s", "iam_endpoint": endpoint, "sts_endpoint": endpoint,
    });
    bench.write("config/root", root).unwrap();
    let error = bench.revoke(false).unwrap_err();
    assert!(error.message().starts_with("target changed: "), "{error:?}");
    other.aws.state().account = super::double::ACCOUNT.to_owned();
    // The same number at another address (an emulator has always the same): that it is not there proves nothing.
    let moved = json!({ "access_key": "AKIAFIRST", "secret_key": "s", "iam_endpoint": endpoint, "sts_endpoint": format!("{endpoint}/") });
    bench.write("config/root", moved).unwrap();
    let error = bench.revoke(false).unwrap_err();
    assert!(error.message().starts_with("target changed: "), "{error:?}");
    assert_eq!(bench.aws.made().len(), 1);
}

#[test]
fn a_target_that_does_not_answer_is_an_error_within_the_deadline() {
    let mut bench = Bench::new();
    bench.read("creds/plain").unwrap();
    bench.patience = Duration::from_millis(300);
    for _ in 0..20 {
        bench.aws.fail("GetUser", Fault::Drop);
    }
    assert_eq!(bench.revoke(false).unwrap_err().kind(), Kind::Upstream);
}
