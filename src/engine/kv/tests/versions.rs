//! What becomes of versions: by `delete`, `undelete` and `destroy`, by their number, and by their age.

use super::{NOTHING, Versioned, numbers, refused};
use crate::base::Kind;
use crate::logical::Operation;
use serde_json::{Value, json};

/// Records that hold a value.
fn values(mount: &Versioned) -> usize {
    mount.0.paths().iter().filter(|path| path.contains("/values/")).count()
}

#[test]
fn deleted_versions_come_back_and_destroyed_ones_do_not() {
    let mount = Versioned::new();
    for number in 1..=4 {
        mount.put("a", json!({ "n": number }));
    }
    mount.write("delete/a", json!({ "versions": [1, "2", 9] }));
    mount.write("destroy/a", json!({ "versions": "3" }));
    assert_eq!(mount.gone("a", 1)["deletion_time"], "1970-01-01T00:00:00.000Z");
    let destroyed = mount.gone("a", 3);
    assert_eq!((&destroyed["destroyed"], &destroyed["deletion_time"]), (&json!(true), &json!("")));
    assert_eq!(values(&mount), 3, "what is destroyed is in no record any more");

    mount.write("undelete/a", json!({ "versions": [1, 2, 3, 9] }));
    assert_eq!((mount.value("a", 1), mount.value("a", 2)), (json!({ "n": 1 }), json!({ "n": 2 })));
    assert_eq!(mount.gone("a", 3)["destroyed"], true);
    mount.write("destroy/a", json!({ "versions": [3] }));
    mount.write("delete/a", json!({ "versions": [3] }));
    assert_eq!(mount.gone("a", 3), destroyed);
    assert_eq!(mount.value("a", 0)["n"], 4);
}

#[test]
fn versions_have_to_be_named_by_number() {
    let mount = Versioned::new();
    mount.put("a", json!({}));
    for path in ["delete/a", "undelete/a", "destroy/a"] {
        for body in [NOTHING, json!({ "versions": [] }), json!({ "versions": "" })] {
            let answer = refused(mount.ask(Operation::Update, path, body));
            assert_eq!(answer, (Kind::BadRequest, "No version number provided".to_owned()), "{path}");
        }
        for wrong in [json!(["x"]), json!(-1), json!([1.5])] {
            let answer = refused(mount.ask(Operation::Update, path, json!({ "versions": wrong })));
            assert!(answer.1.contains("takes the numbers of versions"), "{path}: {answer:?}");
        }
    }
    assert_eq!(mount.value("a", 0), json!({}));
}

#[test]
fn the_last_ten_versions_are_kept() {
    let mount = Versioned::new();
    for number in 1..=9 {
        mount.put("a", json!({ "n": number }));
    }
    assert_eq!(mount.read("metadata/a")["oldest_version"], 0, "nothing had to go yet");
    mount.put("a", json!({ "n": 10 }));
    assert_eq!(mount.read("metadata/a")["oldest_version"], 1);
    for number in 11..=13 {
        mount.put("a", json!({ "n": number }));
    }
    let metadata = mount.read("metadata/a");
    assert_eq!((&metadata["oldest_version"], &metadata["current_version"]), (&json!(4), &json!(13)));
    assert_eq!(numbers(&metadata), ["4", "5", "6", "7", "8", "9", "10", "11", "12", "13"]);
    assert_eq!(values(&mount), 10);
    let dropped = refused(mount.ask(Operation::Read, "data/a", json!({ "version": 3 })));
    assert_eq!(dropped, (Kind::NotFound, String::new()));
}

/// What the mount sets, what the key sets, and how many versions that keeps.
#[test]
fn the_larger_number_of_mount_and_key_counts() {
    for (config, key, kept) in [(0, 0, 10), (3, 0, 3), (0, 2, 2), (3, 2, 3), (2, 4, 4), (12, 0, 12), (1, 0, 1)] {
        let mount = Versioned::new();
        mount.write("config", json!({ "max_versions": config }));
        mount.write("metadata/a", json!({ "max_versions": key }));
        for number in 1..=15 {
            assert_eq!(mount.put("a", json!({})), number);
        }
        assert_eq!((numbers(&mount.read("metadata/a")).len(), values(&mount)), (kept, kept), "{config} and {key}");
    }
}

#[test]
fn a_smaller_limit_takes_effect_with_the_next_write() {
    let mount = Versioned::new();
    for _ in 0..6 {
        mount.put("a", json!({}));
    }
    mount.write("destroy/a", json!({ "versions": [2] }));
    mount.write("metadata/a", json!({ "max_versions": 2 }));
    assert_eq!(numbers(&mount.read("metadata/a")).len(), 6);
    mount.put("a", json!({}));
    assert_eq!(numbers(&mount.read("metadata/a")), ["6", "7"]);
    assert_eq!(values(&mount), 2);
}

/// The times that mount and key set, and after how many seconds a version of the key is deleted.
#[test]
fn the_shorter_time_of_mount_and_key_counts_unless_the_mount_says_never() {
    for (config, key, after) in [
        (json!("0s"), json!("0s"), None),
        (json!("1m"), json!(0), Some(60)),
        (json!(0), json!("2m"), Some(120)),
        (json!("1m"), json!("2m"), Some(60)),
        (json!("3m"), json!("2m"), Some(120)),
        (json!("-1s"), json!("2m"), None),
        (json!(-30), json!("0s"), None),
        (json!("-0s"), json!("2m"), Some(120)),
    ] {
        let mount = Versioned::new();
        mount.write("config", json!({ "delete_version_after": config }));
        mount.write("metadata/a", json!({ "delete_version_after": key }));
        mount.put("a", json!({ "n": 1 }));
        let Some(after) = after else {
            mount.pass(1_000_000);
            assert_eq!(mount.read("data/a")["metadata"]["deletion_time"], "", "{config} and {key}");
            continue;
        };
        let deletion = mount.read("data/a")["metadata"]["deletion_time"].clone();
        assert_eq!(deletion, format!("1970-01-01T00:0{}:00.000Z", after / 60), "{config} and {key}");
        mount.pass(after - 1);
        assert_eq!(mount.value("a", 0)["n"], 1);
        mount.pass(1);
        assert_eq!(mount.gone("a", 0)["deletion_time"], deletion);
    }
}

#[test]
fn an_undeleted_version_begins_a_new_life() {
    let mount = Versioned::new();
    mount.write("config", json!({ "delete_version_after": "1m" }));
    mount.put("a", json!({ "n": 1 }));
    mount.pass(90);
    mount.gone("a", 1);
    mount.write("undelete/a", json!({ "versions": [1] }));
    assert_eq!(mount.read("data/a")["metadata"]["deletion_time"], "1970-01-01T00:02:30.000Z");
    mount.pass(60);
    mount.gone("a", 1);
    mount.write("config", json!({ "delete_version_after": "0s" }));
    mount.write("undelete/a", json!({ "versions": [1] }));
    assert_eq!(mount.read("data/a")["metadata"]["deletion_time"], "");
}

#[test]
fn a_version_that_is_to_be_deleted_can_be_deleted_before() {
    let mount = Versioned::new();
    mount.write("config", json!({ "delete_version_after": "1h" }));
    mount.put("a", json!({}));
    mount.put("a", json!({}));
    mount.pass(5);
    mount.done(Operation::Delete, "data/a", NOTHING);
    mount.write("delete/a", json!({ "versions": [1] }));
    for number in [1, 2] {
        assert_eq!(mount.gone("a", number)["deletion_time"], "1970-01-01T00:00:05.000Z");
    }
}

#[test]
fn the_settings_of_a_mount_are_kept_and_shown() {
    let mount = Versioned::new();
    let unset = json!({ "cas_required": false, "delete_version_after": "0s", "max_versions": 0 });
    assert_eq!(mount.read("config"), unset);
    mount.write("config", json!({ "max_versions": "5", "delete_version_after": "3h25m19s" }));
    mount.write("config", json!({ "cas_required": true }));
    let set = json!({ "cas_required": true, "delete_version_after": "3h25m19s", "max_versions": 5 });
    assert_eq!(mount.read("config"), set);
    for (given, shown) in [("-1s", "-1s"), ("-5m", "-1s"), ("0", "0s"), ("90", "1m30s")] {
        mount.write("config", json!({ "delete_version_after": given }));
        assert_eq!(mount.read("config")["delete_version_after"], shown);
    }
    for body in [
        json!({ "max_versions": -1 }),
        json!({ "delete_version_after": "soon" }),
        json!({ "delete_version_after": "-soon" }),
    ] {
        assert_eq!(refused(mount.ask(Operation::Update, "config", body.clone())).0, Kind::BadRequest, "{body}");
    }
    assert_eq!(mount.read("config")["max_versions"], Value::from(5));
}

#[test]
fn damage_takes_one_version_or_one_key_and_no_more() {
    let mount = Versioned::new();
    for path in ["a", "a", "b"] {
        mount.put(path, json!({ "path": path }));
    }
    let value = mount.0.paths().into_iter().find(|path| path.contains("/values/") && path.ends_with(".2")).unwrap();
    mount.0.damage(&value);
    assert_eq!(refused(mount.ask(Operation::Read, "data/a", NOTHING)).0, Kind::Internal);
    assert_eq!(mount.value("a", 1)["path"], "a");
    mount.write("destroy/a", json!({ "versions": [2] }));
    assert_eq!(mount.put("a", json!({})), 3, "the next version is whole");

    mount.0.damage("\u{1}/keys/a");
    for operation in [Operation::Read, Operation::Update] {
        assert_eq!(refused(mount.ask(operation, "data/a", json!({ "data": {} }))).0, Kind::Internal);
    }
    assert_eq!(mount.value("b", 0)["path"], "b");
    assert_eq!(mount.done(Operation::List, "metadata", NOTHING)["keys"], json!(["a", "b"]));
    mount.done(Operation::Delete, "metadata/a", NOTHING);
    assert_eq!(mount.put("a", json!({})), 1, "deleted, its name can be used again");
}
