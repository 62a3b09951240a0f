//! `metadata/:path`: settings, custom metadata, listings, and the end of a key.

use super::{NOTHING, Versioned, numbers, refused};
use crate::base::Kind;
use crate::logical::{Map, Operation};
use serde_json::{Value, json};

#[test]
fn metadata_tell_all_that_is_known_of_a_key() {
    let mount = Versioned::new();
    mount.put("team/app", json!({}));
    mount.pass(60);
    mount.put("team/app", json!({}));
    mount.pass(60);
    mount.write(
        "metadata/team/app",
        json!({ "max_versions": 7, "delete_version_after": "3h25m19s", "custom_metadata": { "owner": "ops" } }),
    );
    mount.write("destroy/team/app", json!({ "versions": [1] }));
    let expected = json!({
        "cas_required": false,
        "created_time": "1970-01-01T00:00:00.000Z",
        "current_version": 2,
        "custom_metadata": { "owner": "ops" },
        "delete_version_after": "3h25m19s",
        "max_versions": 7,
        "oldest_version": 0,
        "updated_time": "1970-01-01T00:01:00.000Z",
        "versions": {
            "1": { "created_time": "1970-01-01T00:00:00.000Z", "deletion_time": "", "destroyed": true },
            "2": { "created_time": "1970-01-01T00:01:00.000Z", "deletion_time": "", "destroyed": false },
        },
    });
    assert_eq!(mount.read("metadata/team/app"), expected);
    assert_eq!(mount.read("data/team/app")["metadata"]["custom_metadata"], json!({ "owner": "ops" }));
}

#[test]
fn a_key_can_be_made_before_its_first_version() {
    let mount = Versioned::new();
    mount.done(Operation::Create, "metadata/a", json!({ "cas_required": true }));
    let metadata = mount.read("metadata/a");
    assert_eq!((&metadata["current_version"], &metadata["cas_required"]), (&json!(0), &json!(true)));
    assert!(numbers(&metadata).is_empty() && metadata["custom_metadata"].is_null());
    assert_eq!(mount.done(Operation::List, "metadata", NOTHING)["keys"], json!(["a"]));
    mount.done(Operation::Create, "metadata/b", json!({}));
    assert_eq!(refused(mount.ask(Operation::Read, "metadata/b", NOTHING)).0, Kind::NotFound, "nothing was set");
}

#[test]
fn a_write_changes_what_it_names_and_custom_metadata_as_a_whole() {
    let mount = Versioned::new();
    mount.write("metadata/a", json!({ "max_versions": 3, "custom_metadata": { "a": "1", "b": 2, "c": true } }));
    assert_eq!(mount.read("metadata/a")["custom_metadata"], json!({ "a": "1", "b": "2", "c": "true" }));
    mount.write("metadata/a", json!({ "custom_metadata": { "d": "4" } }));
    let metadata = mount.read("metadata/a");
    assert_eq!((&metadata["max_versions"], &metadata["custom_metadata"]), (&json!(3), &json!({ "d": "4" })));
    mount.write("metadata/a", json!({ "custom_metadata": {} }));
    assert_eq!(mount.read("metadata/a")["custom_metadata"], NOTHING);
}

#[test]
fn a_patch_changes_what_it_names_and_removes_what_is_null() {
    let mount = Versioned::new();
    let missing = refused(mount.ask(Operation::Patch, "metadata/a", json!({ "max_versions": 1 })));
    assert_eq!(missing, (Kind::NotFound, String::new()));
    mount.write(
        "metadata/a",
        json!({ "max_versions": 3, "delete_version_after": 60, "cas_required": true, "custom_metadata": { "a": "1", "b": "2" } }),
    );
    mount.done(
        Operation::Patch,
        "metadata/a",
        json!({ "custom_metadata": { "a": null, "c": 3 }, "cas_required": false }),
    );
    let metadata = mount.read("metadata/a");
    assert_eq!(metadata["custom_metadata"], json!({ "b": "2", "c": "3" }));
    assert_eq!((&metadata["max_versions"], &metadata["cas_required"]), (&json!(3), &json!(false)));
    mount.done(
        Operation::Patch,
        "metadata/a",
        json!({ "custom_metadata": null, "max_versions": null, "delete_version_after": null }),
    );
    let metadata = mount.read("metadata/a");
    assert_eq!((&metadata["custom_metadata"], &metadata["max_versions"]), (&NOTHING, &json!(0)));
    assert_eq!(metadata["delete_version_after"], "0s");
}

#[test]
fn custom_metadata_have_limits() {
    let many = |count: usize| (0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<Map>();
    let mount = Versioned::new();
    mount.write("metadata/a", json!({ "custom_metadata": many(64) }));
    mount.write("metadata/b", json!({ "custom_metadata": { "k".repeat(128): "v".repeat(512) } }));
    for (custom, words) in [
        (json!(many(65)), "payload must contain at most 64 keys, provided 65"),
        (json!({ "k".repeat(129): "v" }), "is 129 but must be 0 < len(key) <= 128"),
        (json!({ "": "v" }), "is 0 but must be 0 < len(key) <= 128"),
        (json!({ "k": "v".repeat(513) }), "is 513 but must be 0 < len(value) <= 512"),
        (json!({ "k": "" }), "length of value for key \"k\" is 0"),
        (json!({ "k": "a\nb" }), "unprintable characters"),
        (json!({ "k": ["v"] }), "the value of key \"k\" is no text"),
    ] {
        let (kind, message) = refused(mount.ask(Operation::Update, "metadata/c", json!({ "custom_metadata": custom })));
        assert_eq!(kind, Kind::BadRequest);
        assert!(message.starts_with("custom_metadata validation failed: ") && message.contains(words), "{message}");
    }
    let one_more = refused(mount.ask(Operation::Patch, "metadata/a", json!({ "custom_metadata": { "new": "v" } })));
    assert!(one_more.1.contains("provided 65"), "{one_more:?}");
    assert_eq!(refused(mount.ask(Operation::Read, "metadata/c", NOTHING)).0, Kind::NotFound);
    let negative = refused(mount.ask(Operation::Update, "metadata/c", json!({ "delete_version_after": "-1s" })));
    assert_eq!(negative.0, Kind::BadRequest, "only a mount can say never");
}

#[test]
fn what_the_mount_requires_a_key_cannot_waive() {
    let mount = Versioned::new();
    mount.write("config", json!({ "cas_required": true }));
    mount.write("metadata/a", json!({ "max_versions": 1 }));
    for operation in [Operation::Update, Operation::Patch] {
        let answer = mount.ask(operation, "metadata/a", json!({ "cas_required": false })).unwrap();
        assert!(answer.warnings[0].starts_with("\"cas_required\" set to false, but is mandated by backend config"));
    }
    assert!(refused(mount.ask(Operation::Update, "data/a", json!({ "data": {} }))).1.contains("required"));
}

#[test]
fn deleting_metadata_takes_the_key_with_all_its_values() {
    let mount = Versioned::new();
    for path in ["a", "a", "a/b"] {
        mount.put(path, json!({ "path": path }));
    }
    mount.write("metadata/a", json!({ "custom_metadata": { "k": "v" } }));
    mount.done(Operation::Delete, "metadata/a", NOTHING);
    assert_eq!(refused(mount.ask(Operation::Read, "data/a", NOTHING)), (Kind::NotFound, String::new()));
    assert_eq!(mount.0.paths().len(), 2, "one key and its one value are left");
    assert_eq!(mount.value("a/b", 0)["path"], "a/b");
    assert_eq!(mount.put("a", json!({})), 1, "a key of the same name begins anew");
    assert_eq!(mount.read("metadata/a")["custom_metadata"], NOTHING);
}

#[test]
fn a_listing_shows_names_and_folders_with_and_without_the_slash() {
    let mount = Versioned::new();
    for path in ["app", "app/one", "app/two/three", "zoo"] {
        mount.put(path, json!({}));
    }
    for (folder, names) in [
        ("metadata", json!(["app", "app/", "zoo"])),
        ("metadata/", json!(["app", "app/", "zoo"])),
        ("metadata/app", json!(["one", "two/"])),
        ("metadata/app/", json!(["one", "two/"])),
    ] {
        assert_eq!(mount.done(Operation::List, folder, NOTHING)["keys"], names, "{folder:?}");
    }
    assert_eq!(refused(mount.ask(Operation::List, "metadata/zoo/", NOTHING)), (Kind::NotFound, String::new()));
    let values: Value = mount.read("data/app/two/three")["data"].clone();
    assert_eq!(values, json!({}));
    assert_eq!(refused(mount.ask(Operation::List, "data/app/", NOTHING)).0, Kind::Unsupported);
}
