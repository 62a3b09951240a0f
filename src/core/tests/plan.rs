//! Dry runs tell exactly what would end, and end nothing; and leases end by role and by entity.

use super::Bench;
use super::outside::{bench, world};
use crate::base::{Kind, Result};
use crate::logical::Operation;
use serde_json::{Value, json};

fn dry(bench: &Bench, path: &str, mut data: Value) -> Result<Value> {
    let rows = bench.rows();
    data["dry_run"] = true.into();
    let plan = bench.write(path, data)?;
    assert_eq!(plan["dry_run"], true);
    assert_eq!(bench.rows(), rows, "nothing is changed");
    Ok(plan)
}

fn totals(plan: &Value) -> (u64, u64, u64) {
    let number = |name: &str| plan[name].as_u64().unwrap();
    assert_eq!(plan["is_complete"], true);
    (number("tokens"), number("leases"), number("ending_already"))
}

fn users(bench: &Bench) -> usize {
    world(&bench.uuid("db/"), |world| world.users.len())
}

/// A token with a child, four leases between them, and one lease of the root's.
fn grown(bench: &Bench) -> (String, String) {
    let parent = bench.child(&bench.root, "1h");
    let child = bench.child(&parent, "1h");
    for (token, role) in [(&parent, "a"), (&child, "a"), (&child, "a"), (&child, "b"), (&bench.root, "a")] {
        bench.lease(token, &format!("db/creds/{role}"), "1h").unwrap();
    }
    (parent, child)
}

#[test]
fn a_dry_run_tells_what_a_token_would_take_along() {
    let bench = bench();
    let (parent, _) = grown(&bench);
    let plan = dry(&bench, "auth/token/revoke", json!({ "token": parent })).unwrap();
    assert_eq!(totals(&plan), (2, 4, 0));
    let groups = plan["groups"].as_array().unwrap();
    assert_eq!(groups[0], json!({ "mount": "db/", "role": "a", "target": "outside", "count": 3 }));
    assert_eq!(groups[1], json!({ "mount": "auth/token/", "role": "", "target": "", "count": 2 }));
    assert_eq!(groups[2], json!({ "mount": "db/", "role": "b", "target": "outside", "count": 1 }));
    assert_eq!(plan["first"].as_array().unwrap().len(), 6);
    assert!(!plan.to_string().contains(&parent), "no token is shown");
    assert!(bench.lives(&parent) && users(&bench) == 5);
    bench.write("auth/token/revoke", json!({ "token": parent })).unwrap();
    bench.sweep_until(|| users(&bench) == 1);
}

#[test]
fn a_dry_run_means_the_same_leases_as_the_revocation_by_whatever_name() {
    let bench = bench();
    let (parent, _) = grown(&bench);
    let found = bench.live().token_by_id(&crate::base::Secret::from(parent.as_str())).unwrap();
    let accessor = found.token.accessor.clone();
    for (path, data, expected) in [
        ("auth/token/revoke-accessor", json!({ "accessor": accessor }), (2, 4, 0)),
        ("auth/token/revoke-orphan", json!({ "token": parent }), (1, 1, 0)),
        ("auth/token/revoke", json!({ "token": "none" }), (0, 0, 0)),
        ("sys/leases/revoke-prefix/db/creds/a", json!({}), (0, 4, 0)),
        ("sys/revoke-prefix/db", json!({}), (0, 5, 0)),
        ("sys/leases/revoke-force/db", json!({}), (0, 5, 0)),
        ("sys/leases/revoke-prefix/auth/token/create", json!({}), (2, 4, 0)),
        ("sys/leases/revoke-role/db/a", json!({}), (0, 4, 0)),
        ("sys/leases/revoke-role/db/none", json!({}), (0, 0, 0)),
        ("sys/leases/revoke-entity/none", json!({}), (0, 0, 0)),
    ] {
        assert_eq!(totals(&dry(&bench, path, data).unwrap()), expected, "{path}");
    }
    let own = bench.call(&parent, Operation::Update, "auth/token/revoke-self", json!({ "dry_run": true })).unwrap();
    assert_eq!(totals(&super::outside::data_of(&own)), (2, 4, 0));
    let gone = bench.call(&bench.root, Operation::Delete, "sys/mounts/db", json!({ "dry_run": true })).unwrap();
    assert_eq!(totals(&super::outside::data_of(&gone)), (0, 5, 0));
    assert!(bench.lives(&parent) && users(&bench) == 5);
    assert_eq!(dry(&bench, "sys/leases/revoke-role/db", json!({})).unwrap_err().kind(), Kind::BadRequest);
}

#[test]
fn what_is_ending_already_is_counted_apart() {
    let bench = bench();
    grown(&bench);
    world(&bench.uuid("db/"), |world| world.is_down = true);
    bench.write("sys/leases/revoke-role/db/b", json!({ "sync": false })).unwrap();
    assert_eq!(totals(&dry(&bench, "sys/leases/revoke-prefix/db", json!({})).unwrap()), (0, 4, 1));
    let found = bench.write("sys/leases/owner", json!({ "subject": "b-4" })).unwrap();
    let why = bench.write("sys/leases/why", json!({ "id": found["owners"][0]["id"] })).unwrap();
    let told = why["why"][0].as_str().unwrap();
    assert!(told.contains("it ended by revoked-by-role db/b, by the request r of the token"), "{told}");
}

#[test]
fn a_role_ends_with_everything_it_handed_out() {
    let bench = bench();
    grown(&bench);
    bench.write("sys/leases/revoke-role/db/a", json!({})).unwrap();
    assert_eq!(users(&bench), 1, "ended outside before the answer");
    let policy = r#"path "sys/leases/revoke-role/*" { capabilities = ["update"] }"#;
    bench.write("sys/policies/acl/half", json!({ "policy": policy })).unwrap();
    let made =
        bench.call(&bench.root, Operation::Update, "auth/token/create", json!({ "policies": ["half"] })).unwrap();
    let token = made.auth.as_ref().unwrap().token.expose().clone();
    let denied = bench.call(&token, Operation::Update, "sys/leases/revoke-role/db/b", json!({ "dry_run": true }));
    assert_eq!(denied.err().unwrap().kind(), Kind::Denied, "a plan needs what the revocation needs");
}

/// A token of an entity.
fn of_entity(bench: &Bench) -> (String, String) {
    let role = json!({ "allowed_entity_aliases": ["ann"], "allowed_policies": ["app"] });
    bench.write("auth/token/roles/staff", role).unwrap();
    let policy = r#"path "db/*" { capabilities = ["update"] } path "auth/token/create" { capabilities = ["update"] }"#;
    bench.write("sys/policies/acl/app", json!({ "policy": policy })).unwrap();
    let asked = json!({ "policies": ["app"], "entity_alias": "ann", "ttl": "1h" });
    let made = bench.call(&bench.root, Operation::Update, "auth/token/create/staff", asked).unwrap();
    let auth = made.auth.as_ref().unwrap();
    assert!(!auth.entity_id.is_empty());
    (auth.token.expose().clone(), auth.entity_id.clone())
}

#[test]
fn an_entity_ends_with_its_tokens_and_all_that_they_asked_for() {
    let bench = bench();
    let (token, entity) = of_entity(&bench);
    bench.lease(&token, "db/creds/a", "1h").unwrap();
    bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
    let path = format!("sys/leases/revoke-entity/{entity}");
    assert_eq!(totals(&dry(&bench, &path, json!({})).unwrap()), (1, 1, 0));
    bench.write(&path, json!({})).unwrap();
    assert!(!bench.lives(&token));
    assert_eq!(users(&bench), 1, "what others have stays");
}

#[test]
fn an_entity_has_an_allowance_of_its_own() {
    let bench = bench();
    let (token, _) = of_entity(&bench);
    let quota = json!({ "path": "db", "max_leases": 2, "group_by": "entity" });
    bench.write("sys/quotas/lease-count/each", quota).unwrap();
    for token in [&token, &bench.root] {
        for fits in [true, true, false] {
            assert_eq!(bench.lease(token, "db/creds/a", "1h").is_ok(), fits);
        }
    }
    let quota = json!({ "path": "auth/token", "role": "staff", "max_leases": 1 });
    bench.write("sys/quotas/lease-count/staff", quota).unwrap();
    let asked = || bench.write("auth/token/create/staff", json!({ "policies": ["app"], "ttl": "1h" }));
    assert_eq!(asked().unwrap_err().kind(), Kind::Busy, "tokens are counted by their token role");
    assert_eq!(bench.read("sys/quotas/lease-count/staff").unwrap()["counter"], 1);
    assert_eq!(totals(&dry(&bench, "sys/leases/revoke-role/auth/token/staff", json!({})).unwrap()), (1, 2, 0));
}
