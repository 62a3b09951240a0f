//! `config/rotate-root`, and its interruptions.

use super::bench::{Bench, data};
use super::double::{FIRST_KEY, Fault, OPERATOR};
use crate::logical::Next;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn keys(bench: &Bench) -> Vec<String> {
    bench.aws.state().users[OPERATOR].keys.clone()
}

fn configured(bench: &Bench) -> String {
    bench.read("config/root").unwrap()["access_key"].as_str().unwrap().to_owned()
}

#[test]
fn a_rotation_leaves_one_key_which_is_the_configured_one() {
    let bench = Bench::new();
    let answer = bench.write("config/rotate-root", Value::Null).map(data).unwrap();
    assert_eq!(answer, json!({ "access_key": "AKIAMADE1" }));
    assert_eq!((keys(&bench), configured(&bench)), (vec!["AKIAMADE1".to_owned()], "AKIAMADE1".to_owned()));
    bench.aws.taken_log();
    bench.read("creds/plain").unwrap();
    assert!(!bench.aws.taken_log().contains(&"GetCallerIdentity".to_owned()), "the account is known with the new key");
}

#[test]
fn a_new_key_is_given_the_time_to_become_known() {
    let bench = Bench::new();
    for fault in [Fault::Pass, Fault::Refuse(403, "InvalidClientTokenId"), Fault::Refuse(403, "InvalidClientTokenId")] {
        bench.aws.fail("GetCallerIdentity", fault);
    }
    bench.write("config/rotate-root", Value::Null).unwrap();
    assert_eq!(keys(&bench), [configured(&bench)]);
    assert_eq!(bench.aws.taken_log().iter().filter(|action| *action == "GetCallerIdentity").count(), 4);
}

#[test]
fn a_second_key_of_the_user_is_left_alone_and_named_as_the_reason() {
    let bench = Bench::new();
    bench.aws.state().users.get_mut(OPERATOR).unwrap().keys.push("AKIAOTHER".to_owned());
    let error = bench.write("config/rotate-root", Value::Null).map(|_| ()).unwrap_err();
    assert!(error.message().contains("2 access keys"), "{error:?}");
    assert_eq!((keys(&bench), configured(&bench)), (vec![FIRST_KEY.into(), "AKIAOTHER".into()], FIRST_KEY.into()));
}

#[test]
fn a_key_whose_making_was_interrupted_is_removed_by_the_next_rotation() {
    let bench = Bench::new();
    bench.aws.fail("CreateAccessKey", Fault::DropAfter);
    bench.write("config/rotate-root", Value::Null).map(|_| ()).unwrap_err();
    assert_eq!(configured(&bench), FIRST_KEY, "the key in use still works");
    assert_eq!(keys(&bench), [FIRST_KEY, "AKIAMADE1"], "and one is there that nobody knows");
    let answer = bench.write("config/rotate-root", Value::Null).map(data).unwrap();
    assert_eq!(answer, json!({ "access_key": "AKIAMADE2" }));
    assert_eq!(keys(&bench), ["AKIAMADE2"]);
}

#[test]
fn an_old_key_that_could_not_be_deleted_is_deleted_by_the_next_rotation() {
    let bench = Bench::new();
    bench.aws.fail("DeleteAccessKey", Fault::Refuse(403, "AccessDenied"));
    let response = bench.write("config/rotate-root", Value::Null).unwrap();
    assert!(response.warnings[0].contains(FIRST_KEY), "{:?}", response.warnings);
    assert_eq!((keys(&bench).len(), configured(&bench)), (2, "AKIAMADE1".to_owned()));
    bench.write("config/rotate-root", Value::Null).unwrap();
    assert_eq!((keys(&bench), configured(&bench)), (vec!["AKIAMADE2".to_owned()], "AKIAMADE2".to_owned()));
}

#[test]
fn a_new_key_that_does_not_work_is_taken_back() {
    let bench = Bench::new();
    bench.aws.fail("GetCallerIdentity", Fault::Pass);
    bench.aws.fail("GetCallerIdentity", Fault::Refuse(403, "SignatureDoesNotMatch"));
    let error = bench.write("config/rotate-root", Value::Null).map(|_| ()).unwrap_err();
    assert!(error.message().contains("the old one stays in use"), "{error:?}");
    assert_eq!((keys(&bench), configured(&bench)), (vec![FIRST_KEY.to_owned()], FIRST_KEY.to_owned()));
    bench.write("config/rotate-root", Value::Null).unwrap();
    assert_eq!(keys(&bench), ["AKIAMADE2"]);
}

#[test]
fn a_key_whose_making_was_interrupted_is_removed_without_being_asked_after_a_restart() {
    let bench = Bench::new();
    bench.aws.fail("CreateAccessKey", Fault::DropAfter);
    bench.write("config/rotate-root", Value::Null).map(|_| ()).unwrap_err();
    assert_eq!(keys(&bench), [FIRST_KEY, "AKIAMADE1"]);
    let recover = crate::engine::aws::ENGINE.recover.unwrap();
    bench.aws.fail("ListAccessKeys", Fault::Refuse(403, "AccessDenied"));
    recover(&mut bench.context()).unwrap_err();
    recover(&mut bench.context()).unwrap();
    assert_eq!((keys(&bench), configured(&bench)), (vec![FIRST_KEY.to_owned()], FIRST_KEY.to_owned()));
    bench.aws.taken_log();
    recover(&mut bench.context()).unwrap();
    assert!(bench.aws.taken_log().is_empty(), "where nothing was interrupted AWS is not called");
}

#[test]
fn the_key_is_replaced_by_schedule_where_that_is_configured() {
    let bench = Bench::new();
    let endpoint = bench.aws.endpoint.clone();
    let mut root = json!({
        "access_key": FIRST_KEY, "secret_key": "first-secret", "iam_endpoint": endpoint, "sts_endpoint": endpoint,
        "rotation_period": "24h",
    });
    bench.write("config/root", root.clone()).unwrap();
    assert_eq!(bench.read("config/root").unwrap()["rotation_period"], 86_400);
    let due = bench.due("rotate-root", "root").unwrap();
    assert_eq!(bench.run_task("rotate-root", "root").unwrap(), Next::At(due), "too early changes nothing");
    assert_eq!(keys(&bench), [FIRST_KEY]);
    bench.aws.clock.advance(DAY);
    assert_eq!(bench.run_task("rotate-root", "root").unwrap(), Next::At(due.plus(DAY)));
    assert_eq!((keys(&bench), configured(&bench)), (vec!["AKIAMADE1".to_owned()], "AKIAMADE1".to_owned()));

    bench.aws.clock.advance(DAY / 2);
    bench.write("config/rotate-root", Value::Null).unwrap();
    assert_eq!(bench.due("rotate-root", "root"), Some(due.plus(DAY / 2 + DAY)), "any rotation puts the next one off");
    root["disable_automated_rotation"] = json!(true);
    bench.write("config/root", root).unwrap();
    assert_eq!(bench.due("rotate-root", "root"), None);
}
