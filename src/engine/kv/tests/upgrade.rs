//! The way from version 1 to version 2.

use super::{NOTHING, Versioned, data, refused};
use crate::base::{Kind, Timestamp};
use crate::engine::kv::{ENGINE, VERSIONED, upgrade};
use crate::engine::memory::Mount;
use crate::logical::{Next, Operation};
use serde_json::json;
use std::time::Duration;

const WORDS: &str = "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period \
                     and will resume service shortly.";

/// A mount of version 1 with these values, whose way to version 2 has begun.
fn begun(paths: &[&str]) -> Versioned {
    let mut mount = Mount::new(&ENGINE);
    for path in paths {
        mount.ask("t", Operation::Create, path, json!({ "path": path, "n": 1 })).unwrap();
    }
    mount.context("t").write(|records| upgrade::begin(records, Timestamp(0))).unwrap();
    mount.becomes(&VERSIONED);
    Versioned(mount)
}

fn finish(mount: &Versioned) {
    mount.0.clock.advance(Duration::from_secs(3600));
    assert_eq!(go_on(mount), Next::Done);
}

fn go_on(mount: &Versioned) -> Next {
    (upgrade::TASK.run)(&mut mount.0.context("t"), "").unwrap()
}

#[test]
fn each_value_becomes_the_first_version_of_its_key() {
    let paths = ["app", "app/one", "data/app", "metadata/app", "config", "deep/er/still"];
    let mount = begun(&paths);
    finish(&mount);
    for path in paths {
        assert_eq!(mount.value(path, 1), json!({ "path": path, "n": 1 }));
        let metadata = mount.read(&format!("metadata/{path}"));
        assert_eq!((&metadata["current_version"], &metadata["oldest_version"]), (&json!(1), &json!(0)));
        assert_eq!(metadata["created_time"], "1970-01-01T01:00:00.000Z");
    }
    let listed = mount.done(Operation::List, "metadata", NOTHING);
    assert_eq!(listed["keys"], json!(["app", "app/", "config", "data/", "deep/", "metadata/"]));
    assert!(mount.0.paths().iter().all(|path| path.starts_with('\u{1}')), "no value is left in the old form");
    assert_eq!(mount.put("app", json!({})), 2);
}

#[test]
fn until_it_is_done_every_request_is_told_so() {
    let mount = begun(&["a"]);
    let told = (Kind::BadRequest, WORDS.to_owned());
    for (operation, path, body) in [
        (Operation::Read, "data/a", NOTHING),
        (Operation::Update, "data/a", json!({ "data": {} })),
        (Operation::Patch, "data/a", json!({ "data": {} })),
        (Operation::Delete, "data/a", NOTHING),
        (Operation::Read, "metadata/a", NOTHING),
        (Operation::List, "metadata", NOTHING),
        (Operation::Update, "metadata/a", json!({ "max_versions": 1 })),
        (Operation::Patch, "metadata/a", json!({ "max_versions": 1 })),
        (Operation::Delete, "metadata/a", NOTHING),
        (Operation::Update, "destroy/a", json!({ "versions": [1] })),
        (Operation::Read, "subkeys/a", NOTHING),
        (Operation::Read, "config", NOTHING),
        (Operation::Update, "config", json!({ "max_versions": 1 })),
    ] {
        assert_eq!(refused(mount.ask(operation, path, body)), told, "{operation:?} {path}");
    }
    finish(&mount);
    assert_eq!(mount.value("a", 0)["n"], 1);
}

#[test]
fn a_late_request_of_version_1_finds_the_mount_closed() {
    let mut mount = begun(&["a"]).0;
    mount.becomes(&ENGINE);
    let late = |mount: &Mount| {
        for (operation, path) in [
            (Operation::Read, "a"),
            (Operation::Create, "b"),
            (Operation::Update, "a"),
            (Operation::Delete, "a"),
            (Operation::List, ""),
        ] {
            let answer = refused(mount.ask("t", operation, path, json!({ "k": "v" })));
            assert_eq!(answer, (Kind::BadRequest, WORDS.to_owned()), "{operation:?}");
        }
    };
    late(&mount);
    let mount = Versioned(mount);
    finish(&mount);
    late(&mount.0);
}

#[test]
fn an_interrupted_upgrade_goes_on_where_it_was() {
    let mount = begun(&["a", "b"]);
    // One value is in the new form, as after a crash between two transactions; its old form is gone with the same one.
    let mut earlier = mount.0.context("t");
    earlier
        .write(|records| {
            records.delete("a")?;
            let mut key = crate::engine::kv::key::Key::new(Timestamp(5))?;
            let config = crate::engine::kv::config::Config::default();
            crate::engine::kv::store::append(records, ("a", &mut key), br#"{"n":1}"#, &config, Timestamp(5))
        })
        .unwrap();
    finish(&mount);
    assert_eq!((mount.value("a", 0)["n"].clone(), mount.value("b", 0)["n"].clone()), (json!(1), json!(1)));
    assert_eq!(go_on(&mount), Next::Done);
}

#[test]
fn a_new_mount_has_nothing_to_bring_over() {
    let mount = Versioned::new();
    assert_eq!(go_on(&mount), Next::Done);
    assert!(mount.0.paths().is_empty());
    let empty = begun(&[]);
    finish(&empty);
    assert_eq!(empty.put("a", json!({})), 1);
    assert_eq!(data(&empty.ask(Operation::Read, "data/a", NOTHING).unwrap())["data"], json!({}));
}

#[test]
fn many_values_are_brought_over_in_pieces() {
    let paths: Vec<String> = (0..250).map(|n| format!("folder{}/key{n}", n % 7)).collect();
    let mount = begun(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    finish(&mount);
    assert!(paths.iter().all(|path| mount.value(path, 1)["path"] == path.as_str()));
}

#[test]
fn a_damaged_value_does_not_hold_up_the_others() {
    let mount = begun(&["a", "b", "folder/c"]);
    mount.0.damage("b");
    finish(&mount);
    assert_eq!((mount.value("a", 1)["n"].clone(), mount.value("folder/c", 1)["n"].clone()), (json!(1), json!(1)));
    assert_eq!(refused(mount.ask(Operation::Read, "data/b", NOTHING)).0, Kind::NotFound);
    assert_eq!(mount.put("b", json!({})), 1, "its name can be used again");
}
