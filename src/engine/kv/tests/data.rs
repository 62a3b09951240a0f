//! `data/:path` and `subkeys/:path`, and the answers of every path that is none.

use super::{NOTHING, Versioned, data, refused};
use crate::base::Kind;
use crate::logical::{Operation, Outcome};
use serde_json::{Value, json};

const CAS_REQUIRED: &str = "check-and-set parameter required for this call";
const CAS_WRONG: &str = "check-and-set parameter did not match the current version";

#[test]
fn a_write_answers_what_is_known_of_its_version() {
    let mount = Versioned::new();
    let answer = mount.done(Operation::Create, "data/team/app", json!({ "data": { "a": 1 } }));
    let expected = json!({
        "created_time": "1970-01-01T00:00:00.000Z",
        "deletion_time": "",
        "destroyed": false,
        "custom_metadata": null,
        "version": 1,
    });
    assert_eq!(answer, expected);
    assert_eq!(mount.read("data/team/app"), json!({ "data": { "a": 1 }, "metadata": expected }));
}

#[test]
fn a_value_comes_back_as_it_was_written() {
    let mount = Versioned::new();
    let text = r#"{"z":1.50,"a":12345678901234567890123,"path":"mine","version":"x","deep":{"list":[null,true,"x"]}}"#;
    mount.put("a", serde_json::from_str(text).unwrap());
    assert_eq!(serde_json::to_string(&mount.read("data/a")["data"]).unwrap(), text);
}

#[test]
fn each_write_makes_a_version_and_each_can_be_read() {
    let mount = Versioned::new();
    for number in 1..=3 {
        mount.pass(1);
        assert_eq!(mount.put("a", json!({ "n": number })), number);
    }
    assert_eq!(mount.value("a", 0)["n"], 3);
    assert_eq!(mount.value("a", 1)["n"], 1);
    assert_eq!(mount.read("data/a")["metadata"]["created_time"], "1970-01-01T00:00:03.000Z");
    for number in [4, 99] {
        let answer = refused(mount.ask(Operation::Read, "data/a", json!({ "version": number })));
        assert_eq!(answer, (Kind::NotFound, String::new()));
    }
}

#[test]
fn what_was_never_there_is_not_found_without_a_word() {
    let mount = Versioned::new();
    mount.put("a", json!({}));
    mount.write("metadata/empty", json!({ "max_versions": 5 }));
    for path in ["data/b", "data/a/", "data/a/b", "data/empty", "subkeys/b", "metadata/b", "metadata/a/"] {
        assert_eq!(refused(mount.ask(Operation::Read, path, NOTHING)), (Kind::NotFound, String::new()), "{path}");
    }
    mount.ask(Operation::Delete, "data/b", NOTHING).unwrap();
    mount.ask(Operation::Delete, "metadata/b", NOTHING).unwrap();
    mount.write("destroy/b", json!({ "versions": [1] }));
    let patched = refused(mount.ask(Operation::Patch, "data/b", json!({ "data": { "a": 1 } })));
    assert_eq!(patched, (Kind::NotFound, String::new()));
}

#[test]
fn a_write_needs_data_and_a_name() {
    let mount = Versioned::new();
    for body in [NOTHING, json!({ "a": 1 }), json!({ "data": null })] {
        let answer = refused(mount.ask(Operation::Update, "data/a", body));
        assert_eq!(answer, (Kind::BadRequest, "no data provided".to_owned()));
    }
    let folder = refused(mount.ask(Operation::Update, "data/a/", json!({ "data": {} })));
    assert_eq!(folder, (Kind::BadRequest, "cannot write to a path ending in '/'".to_owned()));
    assert!(mount.0.paths().is_empty());
    assert_eq!(mount.put("a", json!({})), 1, "an empty value is a value");
}

#[test]
fn a_write_can_depend_on_the_current_version() {
    let mount = Versioned::new();
    let put = |cas: Value| mount.ask(Operation::Update, "data/a", json!({ "data": {}, "options": { "cas": cas } }));
    assert_eq!(refused(put(json!(1))), (Kind::BadRequest, CAS_WRONG.to_owned()));
    assert_eq!(data(&put(json!(0)).unwrap())["version"], 1);
    assert_eq!(refused(put(json!(0))), (Kind::BadRequest, CAS_WRONG.to_owned()));
    assert_eq!(data(&put(json!("1")).unwrap())["version"], 2);
    assert_eq!(refused(put(json!(-1))), (Kind::BadRequest, CAS_WRONG.to_owned()));
    assert!(refused(put(json!("x"))).1.starts_with("error parsing check-and-set parameter"));
    assert_eq!(data(&put(NOTHING).unwrap())["version"], 3);
}

#[test]
fn mount_and_key_can_each_require_that_writes_depend_on_a_version() {
    for (path, body) in [("config", json!({ "cas_required": true })), ("metadata/a", json!({ "cas_required": true }))] {
        let mount = Versioned::new();
        mount.write(path, body);
        for operation in [Operation::Update, Operation::Create] {
            let answer = refused(mount.ask(operation, "data/a", json!({ "data": {}, "options": {} })));
            assert_eq!(answer, (Kind::BadRequest, CAS_REQUIRED.to_owned()), "{path}");
        }
        mount.write("data/a", json!({ "data": {}, "options": { "cas": 0 } }));
        let patch = refused(mount.ask(Operation::Patch, "data/a", json!({ "data": { "a": 1 } })));
        assert_eq!(patch, (Kind::BadRequest, CAS_REQUIRED.to_owned()), "{path}");
        mount.done(Operation::Patch, "data/a", json!({ "data": { "a": 1 }, "options": { "cas": 1 } }));
        assert_eq!(mount.value("a", 0), json!({ "a": 1 }));
    }
}

#[test]
fn a_patch_makes_a_version_from_the_current_one() {
    let mount = Versioned::new();
    mount.put("a", json!({ "keep": 1.0, "change": { "x": 1, "y": 2 }, "drop": true }));
    let answer = mount.done(
        Operation::Patch,
        "data/a",
        json!({ "data": { "change": { "y": null, "z": 3 }, "drop": null, "new": "n" } }),
    );
    assert_eq!(answer["version"], 2);
    assert_eq!(mount.value("a", 0), json!({ "keep": 1.0, "change": { "x": 1, "z": 3 }, "new": "n" }));
    assert_eq!(mount.value("a", 1)["drop"], true);
    let nothing = refused(mount.ask(Operation::Patch, "data/a", json!({})));
    assert_eq!(nothing, (Kind::BadRequest, "no data provided".to_owned()));
}

#[test]
fn what_is_gone_is_not_patched() {
    let mount = Versioned::new();
    mount.put("a", json!({ "k": 1 }));
    for (path, body, destroyed) in
        [("delete/a", json!({ "versions": [1] }), false), ("destroy/a", json!({ "versions": 1 }), true)]
    {
        mount.write(path, body);
        let answer = mount.ask(Operation::Patch, "data/a", json!({ "data": { "k": 2 } })).unwrap();
        assert_eq!(answer.outcome, Outcome::GoneWithData);
        assert_eq!((&data(&answer)["version"], &data(&answer)["destroyed"]), (&json!(1), &json!(destroyed)));
    }
    assert_eq!(mount.read("metadata/a")["current_version"], 1);
    assert_eq!(mount.put("a", json!({ "k": 3 })), 2, "a write makes the next version all the same");
}

#[test]
fn deleting_hides_the_current_version_and_no_other() {
    let mount = Versioned::new();
    mount.put("a", json!({ "n": 1 }));
    mount.put("a", json!({ "n": 2 }));
    mount.pass(5);
    mount.done(Operation::Delete, "data/a", NOTHING);
    let gone = mount.gone("a", 0);
    assert_eq!((&gone["version"], &gone["deletion_time"]), (&json!(2), &json!("1970-01-01T00:00:05.000Z")));
    mount.pass(5);
    mount.done(Operation::Delete, "data/a", NOTHING);
    assert_eq!(mount.gone("a", 2), gone, "deleting it again changes nothing");
    assert_eq!(mount.value("a", 1)["n"], 1);
    assert_eq!(mount.done(Operation::List, "metadata", NOTHING)["keys"], json!(["a"]));
}

#[test]
fn subkeys_show_the_shape_of_a_value_and_nothing_of_what_it_says() {
    let mount = Versioned::new();
    mount.put("a", json!({ "secret": "x", "deep": { "er": { "most": 1 }, "list": [{ "k": 1 }] }, "empty": {} }));
    for (depth, shape) in [
        (NOTHING, json!({ "secret": null, "deep": { "er": { "most": null }, "list": null }, "empty": null })),
        (json!(0), json!({ "secret": null, "deep": { "er": { "most": null }, "list": null }, "empty": null })),
        (json!(1), json!({ "secret": null, "deep": null, "empty": null })),
        (json!("2"), json!({ "secret": null, "deep": { "er": null, "list": null }, "empty": null })),
    ] {
        let answer = mount.done(Operation::Read, "subkeys/a", json!({ "depth": depth }));
        assert_eq!(answer["subkeys"], shape, "{depth}");
        assert_eq!(answer["metadata"]["version"], 1);
    }
    mount.put("a", json!({ "other": 1 }));
    assert_eq!(
        mount.done(Operation::Read, "subkeys/a", json!({ "version": 1, "depth": 1 }))["subkeys"]["deep"],
        NOTHING
    );
    mount.done(Operation::Delete, "data/a", NOTHING);
    let gone = mount.ask(Operation::Read, "subkeys/a", NOTHING).unwrap();
    assert_eq!((gone.outcome, &data(&gone)["subkeys"]), (Outcome::GoneWithData, &NOTHING));
}

#[test]
fn a_path_of_version_1_is_told_where_values_are() {
    let mount = Versioned::new();
    for (operation, path, words) in [
        (Operation::Read, "app", "kv get"),
        (Operation::Update, "team/app", "kv put"),
        (Operation::Delete, "team/app", "kv delete"),
        (Operation::List, "team/", "kv list"),
        (Operation::List, "", "kv list"),
        (Operation::Read, "data", "root of a K/V v2 mount"),
        (Operation::Read, "metadata", "root of a K/V v2 mount"),
        (Operation::Update, "undelete/", "root of a K/V v2 mount"),
    ] {
        let answer = mount.ask(operation, path, json!({ "k": "v" })).unwrap();
        assert_eq!(answer.outcome, Outcome::GoneWithData, "{path}");
        assert!(answer.warnings[0].contains(words), "{path}: {:?}", answer.warnings);
        let known = words.starts_with("kv").then_some("Invalid path for a versioned K/V secrets engine");
        assert!(known.is_none_or(|known| answer.warnings[0].starts_with(known)));
    }
    assert!(mount.0.paths().is_empty());
}

#[test]
fn existence_tells_create_from_update() {
    let mount = Versioned::new();
    mount.put("a/b", json!({}));
    mount.done(Operation::Delete, "data/a/b", NOTHING);
    for (path, there) in [("data/a/b", true), ("data/a", false), ("metadata/a/b", true), ("metadata/c", false)] {
        assert_eq!(mount.0.exists("t", path).unwrap(), there, "{path}");
    }
}
