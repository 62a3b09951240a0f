//! A mount's way from version 1 to version 2 outlives the process: killed in the midst of it, started and unsealed, the
//! server goes on, and every value is there once, as the first version of its key.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::json;
use support::server::Server;
use support::{PATIENCE, wait_for};

const VALUES: usize = 400;

fn name(number: usize) -> String {
    format!("folder{}/key{number}", number % 9)
}

#[test]
fn an_upgrade_that_is_killed_goes_on_and_loses_nothing() {
    let mut server = Server::ready();
    assert_eq!(server.put("sys/mounts/kv", json!({"type": "kv"})).0, 204);
    for number in 0..VALUES {
        assert_eq!(server.put(&format!("kv/{}", name(number)), json!({"number": number})).0, 204);
    }
    let (status, answer) = server.put("sys/mounts/kv/tune", json!({"options": {"version": "2"}}));
    assert_eq!(status, 200, "{answer}");
    assert!(answer["warnings"][0].as_str().unwrap().starts_with("Upgrading mount"), "{answer}");

    server.crash_and_recover();

    let upgraded = || {
        let (status, answer) = server.get("kv/config");
        let told = answer["errors"][0].as_str().unwrap_or_default();
        assert!(status == 200 || told.starts_with("Upgrading from non-versioned"), "{status} {answer}");
        (status == 200).then_some(())
    };
    wait_for("the mount is upgraded", PATIENCE, upgraded);
    for number in 0..VALUES {
        let (status, answer) = server.get(&format!("kv/data/{}", name(number)));
        assert_eq!((status, &answer["data"]["data"]["number"]), (200, &json!(number)), "{answer}");
        assert_eq!(answer["data"]["metadata"]["version"], json!(1));
    }
    let (_, folders) = server.list("kv/metadata/");
    assert_eq!(folders["data"]["keys"].as_array().map(Vec::len), Some(9), "{folders}");
    assert_eq!(server.put("kv/data/folder0/key0", json!({"data": {"number": "new"}})).1["data"]["version"], json!(2));
}
