//! Batch tokens: nothing of them is stored, and yet they end with their parent, and what they made ends with them.

use super::Bench;
use super::outside::{bench, data_of, world};
use crate::base::Kind;
use crate::logical::Operation;
use serde_json::{Value, json};
use std::time::Duration;

const POLICY: &str = r#"
path "db/*" { capabilities = ["read", "update"] }
path "auth/token/*" { capabilities = ["create", "read", "update"] }
path "sys/leases/*" { capabilities = ["update"] }
"#;

fn ready() -> Bench {
    let bench = bench();
    bench.write("sys/policies/acl/user", json!({ "policy": POLICY })).unwrap();
    bench
}

impl Bench {
    fn batch(&self, parent: &str, path: &str, ttl: &str) -> String {
        let asked = json!({ "type": "batch", "ttl": ttl, "policies": ["user"], "meta": { "team": "a" } });
        let auth = self.call(parent, Operation::Update, path, asked).unwrap().auth.clone().unwrap();
        assert!(auth.accessor.is_empty() && !auth.renewable && auth.token_type == "batch");
        auth.token.expose().clone()
    }

    fn refusal(&self, token: &str, path: &str, data: Value) -> (Kind, String) {
        let error = self.call(token, Operation::Update, path, data).err().unwrap();
        (error.kind(), error.message().to_owned())
    }
}

#[test]
fn a_batch_token_is_stored_nowhere_and_tells_what_it_is() {
    let bench = ready();
    let rows = bench.rows();
    let token = bench.batch(&bench.root, "auth/token/create", "1h");
    assert!(token.starts_with("hvb.") && token.len() < 400, "{}", token.len());
    assert!(token[4..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    assert_eq!(bench.rows(), rows);
    let own =
        bench.call(&token, Operation::Read, "auth/token/lookup-self", Value::Null).map(|seen| data_of(&seen)).unwrap();
    assert_eq!(bench.write("auth/token/lookup", json!({ "token": token })).unwrap(), own);
    assert_eq!((&own["type"], &own["accessor"], &own["id"]), (&json!("batch"), &json!(""), &json!(token)));
    assert_eq!((&own["policies"], &own["meta"]), (&json!(["default", "user"]), &json!({ "team": "a" })));
    assert_eq!((&own["ttl"], &own["creation_ttl"], &own["renewable"]), (&json!(3600), &json!(3600), &json!(false)));
    assert_eq!((&own["orphan"], &own["path"]), (&json!(false), &json!("auth/token/create")));
    let capabilities = bench.write("sys/capabilities", json!({ "token": token, "path": "db/creds/app" })).unwrap();
    assert_eq!(capabilities["capabilities"], json!(["read", "update"]));
    bench.clock.advance(Duration::from_secs(3600));
    assert!(!bench.lives(&token));
}

#[test]
fn one_that_was_changed_or_made_up_is_none() {
    let bench = ready();
    let token = bench.batch(&bench.root, "auth/token/create", "1h");
    for at in [4, 12, 60, token.len() - 1] {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(!bench.lives(&String::from_utf8(bytes).unwrap()), "{at}");
    }
    for made_up in ["hvb.", "hvb.AAAA", "hvb.!", &token[..token.len() - 8], &format!("{token}A")] {
        assert!(!bench.lives(made_up), "{made_up}");
    }
    let other = ready();
    assert!(!other.lives(&token), "another server's is none here");
}

#[test]
fn what_a_batch_token_cannot_be_or_do_is_told() {
    let bench = ready();
    let token = bench.batch(&bench.root, "auth/token/create", "1h");
    let bad = |message: &str| (Kind::BadRequest, message.to_owned());
    for (path, message) in [
        ("auth/token/renew-self", "batch tokens cannot be renewed"),
        ("auth/token/revoke-self", "batch tokens cannot be revoked"),
        ("auth/token/create", "batch tokens cannot create more tokens"),
    ] {
        assert_eq!(bench.refusal(&token, path, json!({ "k": "v" })), bad(message), "{path}");
    }
    let named = json!({ "token": token });
    assert_eq!(bench.refusal(&bench.root, "auth/token/renew", named.clone()), bad("batch tokens cannot be renewed"));
    for path in ["auth/token/revoke", "auth/token/revoke-orphan"] {
        assert_eq!(bench.refusal(&bench.root, path, named.clone()), bad("batch tokens cannot be revoked"));
    }
    for (field, value) in
        [("explicit_max_ttl", json!("1h")), ("num_uses", json!(2)), ("period", json!("1h")), ("id", json!("mine"))]
    {
        let asked = json!({ "type": "batch", "policies": ["user"], field: value });
        let message = format!("batch tokens cannot have {field:?} set");
        assert_eq!(bench.refusal(&bench.root, "auth/token/create", asked), bad(&message));
    }
    let root = json!({ "type": "batch", "ttl": "1h" });
    assert_eq!(bench.refusal(&bench.root, "auth/token/create", root), bad("batch tokens cannot be root tokens"));
    let long = json!({ "type": "batch", "policies": ["user"], "meta": { "long": "x".repeat(8000) } });
    assert!(bench.refusal(&bench.root, "auth/token/create", long).1.contains("less metadata"));
}

#[test]
fn a_batch_token_ends_with_its_parent_and_an_orphan_does_not() {
    let bench = ready();
    let grandparent = bench.child(&bench.root, "3h");
    let parent = bench.child(&grandparent, "2h");
    let batch = bench.batch(&parent, "auth/token/create", "1h");
    let orphan = bench.batch(&parent, "auth/token/create-orphan", "1h");
    assert!(bench.lives(&batch) && bench.lives(&orphan));
    bench.write("auth/token/revoke", json!({ "token": grandparent })).unwrap();
    assert!(!bench.lives(&batch) && bench.lives(&orphan));

    let short = bench.child(&bench.root, "10m");
    let batch = bench.batch(&short, "auth/token/create", "1h");
    bench.clock.advance(Duration::from_secs(600));
    assert!(!bench.lives(&batch), "an expired parent takes it along, swept or not");
}

#[test]
fn its_leases_end_with_it_and_with_its_parent() {
    let bench = ready();
    let uuid = bench.uuid("db/");
    let users = || world(&uuid, |world| world.users.len());
    let parent = bench.child(&bench.root, "5h");
    let batch = bench.batch(&parent, "auth/token/create", "2h");
    let lease = bench.lease(&batch, "db/creds/app", "1h").unwrap();
    let life =
        |lease: &str| bench.write("sys/leases/lookup", json!({ "lease_id": lease })).map(|seen| seen["ttl"].clone());
    assert_eq!(life(&lease).unwrap(), 3600);
    let long = bench.lease(&batch, "db/creds/app", "9h").unwrap();
    assert_eq!(life(&long).unwrap(), 7200, "no longer than the batch token");
    bench.clock.advance(Duration::from_secs(1800));
    bench.write("sys/leases/renew", json!({ "lease_id": lease, "increment": "9h" })).unwrap();
    assert_eq!(life(&lease).unwrap(), 5400, "and no renewal takes it further");
    bench.clock.advance(Duration::from_secs(5400));
    bench.sweep_until(|| users() == 0);
    assert!(bench.lives(&parent), "only the batch token's own time was over");

    let batch = bench.batch(&parent, "auth/token/create", "2h");
    bench.lease(&batch, "db/creds/app", "1h").unwrap();
    assert_eq!(users(), 1);
    bench.write("auth/token/revoke", json!({ "token": parent })).unwrap();
    bench.sweep_until(|| users() == 0);
    assert_eq!(bench.rows(), 1);
}

#[test]
fn the_leases_of_an_orphan_stand_alone_and_end_with_it() {
    let bench = ready();
    let uuid = bench.uuid("db/");
    let batch = bench.batch(&bench.root, "auth/token/create-orphan", "1h");
    let lease = bench.lease(&batch, "db/creds/app", "9h").unwrap();
    let seen = bench.write("sys/leases/lookup", json!({ "lease_id": lease })).unwrap();
    assert_eq!(seen["ttl"], 3600);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep_until(|| world(&uuid, |world| world.users.is_empty()));
    assert_eq!(bench.rows(), 1);
}

#[test]
fn a_role_makes_batch_tokens_within_what_it_says() {
    let bench = ready();
    let role = json!({ "allowed_policies": ["user"], "token_type": "batch", "orphan": true, "renewable": false,
                       "token_bound_cidrs": "10.0.0.0/8" });
    bench.write("auth/token/roles/many", role).unwrap();
    let made =
        bench.call(&bench.root, Operation::Update, "auth/token/create/many", json!({ "type": "service" })).unwrap();
    let auth = made.auth.clone().unwrap();
    assert_eq!((auth.token_type, auth.orphan), ("batch", true));
    assert!(!bench.lives(auth.token.expose()), "the bench asks from nowhere");
    let seen = bench.write("auth/token/lookup", json!({ "token": auth.token.expose() })).unwrap();
    assert_eq!((&seen["role"], &seen["bound_cidrs"]), (&json!("many"), &json!(["10.0.0.0/8"])));

    let role = json!({ "allowed_policies": ["user"], "token_explicit_max_ttl": "10m" });
    bench.write("auth/token/roles/short", role).unwrap();
    let made =
        bench.call(&bench.root, Operation::Update, "auth/token/create/short", json!({ "type": "batch", "ttl": "5h" }));
    assert_eq!(made.unwrap().auth.clone().unwrap().ttl, Duration::from_secs(600));
    bench.write("auth/token/roles/counted", json!({ "allowed_policies": ["user"], "token_num_uses": 3 })).unwrap();
    let (kind, message) = bench.refusal(&bench.root, "auth/token/create/counted", json!({ "type": "batch" }));
    assert_eq!((kind, message.contains("num_uses")), (Kind::BadRequest, true));
}
