//! Version 1 through its own routes.

use super::{NOTHING, data, refused};
use crate::base::Kind;
use crate::engine::kv::ENGINE;
use crate::engine::memory::Mount;
use crate::logical::Operation;
use serde_json::{Value, json};

fn seconds(mount: &Mount, path: &str) -> u64 {
    let response = mount.ask("t", Operation::Read, path, NOTHING).unwrap();
    let lease = response.lease.as_ref().unwrap();
    assert!(lease.id.is_empty() && !lease.renewable);
    lease.ttl.as_secs()
}

#[test]
fn a_value_comes_back_as_it_was_written() {
    let mount = Mount::new(&ENGINE);
    let text = r#"{"z":1.50,"a":12345678901234567890123,"path":"mine","deep":{"list":[null,true,"x"]}}"#;
    let written: Value = serde_json::from_str(text).unwrap();
    mount.ask("t", Operation::Create, "team/app", written).unwrap();
    let response = mount.ask("t", Operation::Read, "team/app", NOTHING).unwrap();
    assert_eq!(serde_json::to_string(data(&response)).unwrap(), text);
}

#[test]
fn a_write_replaces_the_whole_value() {
    let mount = Mount::new(&ENGINE);
    mount.ask("t", Operation::Create, "a", json!({ "old": 1 })).unwrap();
    mount.ask("t", Operation::Update, "a", json!({ "new": 2 })).unwrap();
    let response = mount.ask("t", Operation::Read, "a", NOTHING).unwrap();
    assert_eq!(Value::Object(data(&response).clone()), json!({ "new": 2 }));
}

#[test]
fn the_lease_duration_is_what_the_value_says_or_the_mounts_default() {
    let mount = Mount::new(&ENGINE);
    for (value, expected) in [
        (json!({ "a": 1 }), 2_764_800),
        (json!({ "ttl": "30m" }), 1_800),
        (json!({ "ttl": 90 }), 90),
        (json!({ "lease": "1h" }), 3_600),
        (json!({ "ttl": "1m", "lease": "1h" }), 60),
        (json!({ "ttl": "soon" }), 2_764_800),
    ] {
        mount.ask("t", Operation::Update, "a", value.clone()).unwrap();
        assert_eq!(seconds(&mount, "a"), expected, "{value}");
    }
}

#[test]
fn what_is_missing_is_not_found_without_a_word() {
    let mount = Mount::new(&ENGINE);
    mount.ask("t", Operation::Create, "a", json!({ "k": "v" })).unwrap();
    for (operation, path) in [
        (Operation::Read, "b"),
        (Operation::Read, "a/"),
        (Operation::Read, "a/b"),
        (Operation::List, "a"),
        (Operation::List, "b/"),
    ] {
        let answer = refused(mount.ask("t", operation, path, NOTHING));
        assert_eq!(answer, (Kind::NotFound, String::new()), "{operation:?} {path}");
    }
}

#[test]
fn a_write_needs_data_and_a_name() {
    let mount = Mount::new(&ENGINE);
    let empty = refused(mount.ask("t", Operation::Update, "a", NOTHING));
    assert_eq!(empty, (Kind::BadRequest, "missing data fields".to_owned()));
    let folder = refused(mount.ask("t", Operation::Update, "a/", json!({ "k": "v" })));
    assert_eq!(folder, (Kind::BadRequest, "cannot write to a path ending in '/'".to_owned()));
    assert!(mount.paths().is_empty());
}

#[test]
fn a_listing_shows_names_and_folders_with_and_without_the_slash() {
    let mount = Mount::new(&ENGINE);
    for path in ["app", "app/one", "app/two/three", "zoo"] {
        mount.ask("t", Operation::Create, path, json!({ "k": "v" })).unwrap();
    }
    for (folder, names) in
        [("", json!(["app", "app/", "zoo"])), ("app", json!(["one", "two/"])), ("app/", json!(["one", "two/"]))]
    {
        let response = mount.ask("t", Operation::List, folder, NOTHING).unwrap();
        assert_eq!(data(&response)["keys"], names, "{folder:?}");
    }
}

#[test]
fn deleting_takes_one_value_and_leaves_what_is_below() {
    let mount = Mount::new(&ENGINE);
    for path in ["a", "a/b"] {
        mount.ask("t", Operation::Create, path, json!({ "k": "v" })).unwrap();
    }
    mount.ask("t", Operation::Delete, "a/", NOTHING).unwrap();
    assert_eq!(mount.paths(), ["a", "a/b"]);
    mount.ask("t", Operation::Delete, "a", NOTHING).unwrap();
    assert_eq!(mount.paths(), ["a/b"]);
    mount.ask("t", Operation::Delete, "a", NOTHING).unwrap();
}

#[test]
fn existence_tells_create_from_update() {
    let mount = Mount::new(&ENGINE);
    mount.ask("t", Operation::Create, "a/b", json!({ "k": "v" })).unwrap();
    assert!(mount.exists("t", "a/b").unwrap());
    assert!(!mount.exists("t", "a").unwrap());
}
