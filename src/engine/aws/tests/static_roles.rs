//! Static roles: users that exist already, whose key is replaced by schedule.

use super::bench::{Bench, data};
use super::double::{Fault, OPERATOR};
use crate::base::{Clock, Kind};
use crate::logical::{Next, Operation};
use serde_json::{Value, json};
use std::time::Duration;

const TASK: &str = "static-role";
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn alice() -> Value {
    json!({ "username": "alice", "rotation_period": "1h" })
}

fn stored(bench: &Bench) -> String {
    bench.read("static-creds/a").unwrap()["access_key"].as_str().unwrap().to_owned()
}

fn forget(bench: &Bench, role: &str) {
    bench.ask(Operation::Delete, &format!("static-roles/{role}"), Value::Null).unwrap();
}

#[test]
fn a_static_role_makes_its_user_a_key_and_hands_that_out_to_everybody() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    let answer = bench.write("static-roles/a", alice()).map(data).unwrap();
    assert_eq!(answer, json!({ "name": "a", "id": "AIDA1", "username": "alice", "rotation_period": 3600 }));
    assert_eq!(bench.read("static-roles/a").unwrap(), answer);
    let listed = bench.ask(Operation::List, "static-roles", Value::Null).map(data).unwrap();
    assert_eq!(listed, json!({ "keys": ["a"] }));
    bench.aws.clock.advance(10 * MINUTE);
    let credentials = json!({
        "access_key": "AKIAMADE1", "secret_key": "se/cr+et", "expiration": "2015-08-30T13:36:00.000Z", "ttl": 3000,
        "last_vault_rotation": "2015-08-30T12:36:00.000Z", "rotation_period": 3600,
    });
    assert_eq!(bench.read("static-creds/a").unwrap(), credentials);
    assert_eq!(bench.read("static-creds/a").unwrap(), credentials, "the same for everybody");
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAMADE1"]);
    assert!(bench.leases.intents.lock().unwrap().is_empty(), "there is no lease to it");
    for path in ["static-roles/b", "static-creds/b"] {
        assert_eq!(bench.read(path).unwrap_err().kind(), Kind::NotFound);
    }
}

#[test]
fn the_key_is_replaced_when_its_time_has_come_and_not_before() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.write("static-roles/a", alice()).unwrap();
    let due = bench.due(TASK, "a").unwrap();
    assert_eq!(bench.aws.clock.now().until(due), HOUR);
    bench.aws.clock.advance(HOUR - MINUTE);
    assert_eq!(bench.run_task(TASK, "a").unwrap(), Next::At(due), "too early changes nothing");
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAMADE1"]);
    bench.aws.clock.advance(MINUTE);
    bench.aws.taken_log();
    assert_eq!(bench.run_task(TASK, "a").unwrap(), Next::At(due.plus(HOUR)));
    assert_eq!(
        bench.aws.taken_log(),
        ["GetUser", "ListAccessKeys", "CreateAccessKey", "GetCallerIdentity", "DeleteAccessKey"],
        "the old key goes when the new one was seen to work"
    );
    assert_eq!((bench.aws.keys_of("alice"), stored(&bench)), (vec!["AKIAMADE2".to_owned()], "AKIAMADE2".to_owned()));
}

#[test]
fn a_new_period_counts_from_now() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.write("static-roles/a", alice()).unwrap();
    bench.aws.clock.advance(HOUR / 2);
    bench.write("static-roles/a", json!({ "rotation_period": 60 })).unwrap();
    assert_eq!(bench.aws.clock.now().until(bench.due(TASK, "a").unwrap()), MINUTE);
    assert_eq!(bench.read("static-creds/a").unwrap()["ttl"], 60);
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAMADE1"], "the key itself stays");
}

#[test]
fn of_two_keys_the_oldest_that_is_not_the_roles_makes_room() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &["AKIAOLD", "AKIAYOUNG"]);
    bench.write("static-roles/a", alice()).unwrap();
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAYOUNG", "AKIAMADE1"]);
    bench.aws.clock.advance(HOUR);
    bench.run_task(TASK, "a").unwrap();
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAMADE2"]);
}

#[test]
fn what_cannot_be_a_static_role_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.aws.has_user("bob", &[]);
    bench.read("creds/plain").unwrap();
    let leased = bench.leases.intents.lock().unwrap()[0].subject.clone();
    bench.write("static-roles/a", alice()).unwrap();
    for (body, words) in [
        (json!({ "rotation_period": "1h" }), "username"),
        (json!({ "username": "bob" }), "rotation_period"),
        (json!({ "username": "bob", "rotation_period": 59 }), "a minute or more"),
        (json!({ "username": "b b", "rotation_period": 60 }), "cannot be the name"),
        (json!({ "username": "nobody", "rotation_period": 60 }), "there is no IAM user nobody"),
        (json!({ "username": "Alice", "rotation_period": 60 }), "there is no IAM user Alice"),
        (json!({ "username": "alice", "rotation_period": 60 }), "static role \"a\" already"),
        (json!({ "username": OPERATOR, "rotation_period": 60 }), "config/rotate-root"),
        (json!({ "username": leased, "rotation_period": 60 }), "made for a lease"),
        (json!({ "username": "bob", "rotation_period": 60, "assume_role_arn": "arn:x" }), "not supported"),
    ] {
        let error = bench.write("static-roles/wrong", body).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{error:?}");
        assert!(error.message().contains(words), "{words}: {error:?}");
    }
    let error = bench.write("static-roles/a", json!({ "username": "bob" })).map(|_| ()).unwrap_err();
    assert!(error.message().contains("cannot be changed"), "{error:?}");
    assert_eq!(bench.read("static-roles/wrong").unwrap_err().kind(), Kind::NotFound);
    assert_eq!((bench.due(TASK, "wrong"), bench.aws.keys_of("bob").len()), (None, 0));
}

#[test]
fn a_first_key_that_aws_refuses_leaves_no_role() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.aws.fail("CreateAccessKey", Fault::Refuse(403, "AccessDenied"));
    let error = bench.write("static-roles/a", alice()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("AccessDenied"), "{error:?}");
    assert_eq!(bench.read("static-roles/a").unwrap_err().kind(), Kind::NotFound);
    assert_eq!((bench.due(TASK, "a"), bench.aws.keys_of("alice").len()), (None, 0));
    bench.write("static-roles/b", alice()).unwrap();
}

#[test]
fn a_new_key_that_does_not_work_is_taken_back_and_the_old_one_stays() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.write("static-roles/a", alice()).unwrap();
    bench.aws.clock.advance(HOUR);
    bench.aws.fail("GetCallerIdentity", Fault::Refuse(403, "SignatureDoesNotMatch"));
    bench.run_task(TASK, "a").unwrap_err();
    assert_eq!((bench.aws.keys_of("alice"), stored(&bench)), (vec!["AKIAMADE1".to_owned()], "AKIAMADE1".to_owned()));
    let response = bench.ask(Operation::Read, "static-creds/a", Value::Null).unwrap();
    assert!(response.warnings[0].contains("SignatureDoesNotMatch"), "{:?}", response.warnings);
    let shown = bench.read("static-roles/a").unwrap();
    assert!(shown["last_error"].as_str().unwrap().contains("SignatureDoesNotMatch"), "{shown}");
    bench.run_task(TASK, "a").unwrap();
    assert_eq!(bench.read("static-roles/a").unwrap().get("last_error"), None);
    assert_eq!(bench.aws.keys_of("alice"), [stored(&bench)]);
}

#[test]
fn a_user_that_was_made_anew_is_not_the_roles() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.write("static-roles/a", alice()).unwrap();
    bench.aws.has_user("alice", &["AKIAOTHER"]);
    bench.aws.clock.advance(HOUR);
    let error = bench.run_task(TASK, "a").unwrap_err();
    assert!(error.message().contains("not (any more) the one"), "{error:?}");
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAOTHER"]);
}

#[test]
fn deleting_a_role_leaves_the_user_its_key_and_frees_the_user() {
    let bench = Bench::new();
    bench.aws.has_user("alice", &[]);
    bench.write("static-roles/a", alice()).unwrap();
    bench.aws.taken_log();
    forget(&bench, "a");
    assert_eq!(bench.aws.taken_log(), [""; 0]);
    assert_eq!((bench.aws.keys_of("alice").len(), bench.due(TASK, "a")), (1, None));
    assert_eq!(bench.read("static-creds/a").unwrap_err().kind(), Kind::NotFound);
    forget(&bench, "a");
    bench.write("static-roles/b", alice()).unwrap();
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAMADE1", "AKIAMADE2"]);
}

#[test]
fn a_key_that_lands_late_is_deleted_even_after_its_role() {
    let mut bench = Bench::new();
    bench.patience = Duration::from_secs(2);
    bench.aws.has_user("alice", &["AKIAOTHER"]);
    bench.aws.fail("CreateAccessKey", Fault::Late);
    let error = bench.write("static-roles/a", alice()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    let error = bench.read("static-creds/a").unwrap_err();
    assert!(error.message().contains("no access key of this role yet"), "{error:?}");
    forget(&bench, "a");
    assert_eq!(bench.read("static-roles/a").unwrap_err().kind(), Kind::NotFound);
    let error = bench.write("static-roles/b", alice()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("belongs to the static role \"a\" already"), "{error:?}");
    bench.aws.clock.advance(5 * MINUTE);
    bench.aws.land();
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAOTHER", "AKIAMADE1"]);
    assert!(matches!(bench.run_task(TASK, "a").unwrap(), Next::At(_)), "another may still come");
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAOTHER"]);
    bench.aws.clock.advance(10 * MINUTE);
    assert_eq!(bench.run_task(TASK, "a").unwrap(), Next::Done);
    bench.write("static-roles/b", alice()).unwrap();
}

#[test]
fn a_key_that_lands_late_is_told_from_the_one_that_took_its_place() {
    let mut bench = Bench::new();
    bench.patience = Duration::from_secs(2);
    bench.aws.has_user("alice", &[]);
    bench.aws.fail("CreateAccessKey", Fault::Late);
    bench.write("static-roles/a", alice()).map(|_| ()).unwrap_err();
    bench.write("static-roles/a", alice()).unwrap();
    assert_eq!(stored(&bench), "AKIAMADE1");
    bench.aws.land();
    bench.run_task(TASK, "a").unwrap();
    assert_eq!(bench.aws.keys_of("alice"), ["AKIAMADE1"], "the late one is gone");
}

#[test]
fn a_crash_between_any_two_steps_leaves_one_key_which_is_the_stored_one() {
    for rotated in [false, true] {
        for changes in 0..6 {
            let bench = Bench::new();
            bench.aws.has_user("alice", &[]);
            if rotated {
                bench.write("static-roles/a", alice()).unwrap();
                bench.aws.clock.advance(HOUR);
            }
            bench.crash_after(Some(changes));
            let crashed = if rotated {
                bench.run_task(TASK, "a").is_err()
            } else {
                bench.write("static-roles/a", alice()).is_err()
            };
            bench.crash_after(None);
            finish(&bench);
            if crashed && !rotated && changes == 0 {
                assert_eq!(bench.aws.keys_of("alice"), [""; 0], "nothing was noted, so nothing was begun");
                continue;
            }
            assert_eq!(bench.aws.keys_of("alice"), [stored(&bench)], "rotated {rotated}, after {changes} changes");
        }
    }
}

#[test]
fn a_crash_in_any_call_to_aws_leaves_one_key_which_is_the_stored_one() {
    let calls = ["GetUser", "ListAccessKeys", "CreateAccessKey", "GetCallerIdentity", "DeleteAccessKey"];
    for action in calls {
        for fault in [Fault::Drop, Fault::DropAfter, Fault::Refuse(403, "AccessDenied")] {
            let mut bench = Bench::new();
            bench.patience = Duration::from_millis(800);
            bench.aws.has_user("alice", &[]);
            bench.write("static-roles/a", alice()).unwrap();
            bench.aws.clock.advance(HOUR);
            for _ in 0..20 {
                bench.aws.fail(action, fault);
            }
            // How it ends is all the same: after it, nothing is left that nobody knows.
            drop(bench.run_task(TASK, "a"));
            bench.aws.state().faults.clear();
            finish(&bench);
            assert_eq!(bench.aws.keys_of("alice"), [stored(&bench)], "{action}");
        }
    }
}

/// What comes after a crash: recovery, and the tasks until none is due within a quarter of an hour.
fn finish(bench: &Bench) {
    bench.recover().unwrap();
    for _ in 0..3 {
        if bench.due(TASK, "a").is_some() {
            bench.run_task(TASK, "a").unwrap();
        }
        bench.aws.clock.advance(8 * MINUTE);
    }
}
