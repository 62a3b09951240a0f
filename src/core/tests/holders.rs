//! All that somebody holds, ended in one command: by entity, alias, role and mount; told first by a dry run.

use super::Bench;
use crate::logical::Operation;
use serde_json::{Value, json};

/// Alice at two methods, with one entity, and bob.
fn bench() -> Bench {
    let bench = Bench::new();
    for path in ["people", "others"] {
        bench.write(&format!("sys/auth/{path}"), json!({ "type": "userpass" })).unwrap();
        for name in ["alice", "bob"] {
            bench.write(&format!("auth/{path}/users/{name}"), json!({ "password": "pw" })).unwrap();
        }
    }
    bench
}

/// A token, and whose it is.
fn enter(bench: &Bench, path: &str, name: &str) -> (String, String) {
    let body = json!({ "password": "pw" });
    let answer = bench.call("", Operation::Update, &format!("auth/{path}/login/{name}"), body).unwrap();
    let auth = answer.auth.as_ref().unwrap();
    (auth.token.expose().clone(), auth.entity_id.clone())
}

fn merged(bench: &Bench, to: &str, from: &str) {
    let body = json!({ "to_entity_id": to, "from_entity_ids": [from] });
    bench.write("identity/entity/merge", body).unwrap();
}

fn lives(bench: &Bench, tokens: [&String; 3]) -> [bool; 3] {
    tokens.map(|token| bench.lives(token))
}

fn planned(bench: &Bench, path: &str) -> u64 {
    let plan = bench.write(path, json!({ "dry_run": true })).unwrap();
    assert_eq!(plan["dry_run"], true);
    plan["tokens"].as_u64().unwrap()
}

#[test]
fn tokens_of_a_merged_entity_belong_to_the_one_that_took_it_in() {
    let bench = bench();
    let (here, alice) = enter(&bench, "people", "alice");
    let (there, other) = enter(&bench, "others", "alice");
    bench.write(&format!("identity/entity/id/{alice}"), json!({ "policies": "mounts" })).unwrap();
    bench.policy("mounts", "path \"sys/mounts\" { capabilities = [\"read\"] }");
    let may = |token: &str| bench.call(token, Operation::Read, "sys/mounts", Value::Null).is_ok();
    assert!(may(&here) && !may(&there));
    merged(&bench, &alice, &other);
    assert!(may(&here) && may(&there));
    assert!(bench.read(&format!("identity/entity/id/{other}")).is_err(), "it is gone");
    bench.write(&format!("identity/entity/id/{alice}"), json!({ "disabled": true })).unwrap();
    assert!(!bench.lives(&here) && !bench.lives(&there));
}

#[test]
fn an_entity_loses_all_that_it_has_and_that_was_merged_into_it() {
    let bench = bench();
    let (here, alice) = enter(&bench, "people", "alice");
    let (there, other) = enter(&bench, "others", "alice");
    let (bob, _) = enter(&bench, "people", "bob");
    merged(&bench, &alice, &other);
    let path = format!("sys/leases/revoke-entity/{alice}");
    assert_eq!(planned(&bench, &path), 2);
    assert_eq!(lives(&bench, [&here, &there, &bob]), [true; 3], "a dry run ends nothing");
    bench.write(&path, json!({})).unwrap();
    assert_eq!(lives(&bench, [&here, &there, &bob]), [false, false, true]);
}

#[test]
fn an_alias_loses_what_was_got_by_it_and_keeps_what_was_got_elsewhere() {
    let bench = bench();
    let (here, alice) = enter(&bench, "people", "alice");
    let (there, other) = enter(&bench, "others", "alice");
    let (bob, _) = enter(&bench, "people", "bob");
    merged(&bench, &alice, &other);
    let path = "sys/leases/revoke-alias/auth/people/ALICE";
    assert_eq!(planned(&bench, path), 1);
    bench.write(path, json!({})).unwrap();
    assert_eq!(lives(&bench, [&here, &there, &bob]), [false, true, true], "revoked across no mount");
    let entity = bench.read(&format!("identity/entity/id/{alice}")).unwrap();
    let ids: Vec<&str> =
        entity["aliases"].as_array().unwrap().iter().filter_map(|alias| alias["id"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    ids.iter().for_each(|id| drop(bench.write(&format!("sys/leases/revoke-alias/{id}"), json!({})).unwrap()));
    assert_eq!(lives(&bench, [&here, &there, &bob]), [false, false, true]);
    assert!(bench.write("sys/leases/revoke-alias/nobody", json!({})).unwrap_err().message().contains("is no alias"));
}

#[test]
fn an_alias_loses_what_was_got_by_it_also_when_it_is_gone() {
    let bench = bench();
    let (here, alice) = enter(&bench, "people", "alice");
    let (bob, _) = enter(&bench, "people", "bob");
    let entity = bench.read(&format!("identity/entity/id/{alice}")).unwrap();
    let id = entity["aliases"][0]["id"].as_str().unwrap();
    let path = format!("identity/entity-alias/id/{id}");
    bench.call(&bench.root, Operation::Delete, &path, Value::Null).unwrap();
    assert!(bench.lives(&here));
    bench.write("sys/leases/revoke-alias/auth/people/alice", json!({})).unwrap();
    assert!(!bench.lives(&here) && bench.lives(&bob));
}

#[test]
fn a_method_loses_what_was_made_at_it_and_goes_on() {
    let bench = bench();
    let (here, _) = enter(&bench, "people", "alice");
    let (there, _) = enter(&bench, "others", "alice");
    let (bob, _) = enter(&bench, "people", "bob");
    let path = "sys/leases/revoke-prefix/auth/people";
    assert_eq!(planned(&bench, path), 2);
    bench.write(path, json!({})).unwrap();
    assert_eq!(lives(&bench, [&here, &there, &bob]), [false, true, false]);
    enter(&bench, "people", "alice");
}
