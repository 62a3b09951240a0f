//! Token roles and what tokens are made by them, asked through the whole pipeline.

use super::served::{Server, data, kind};
use crate::base::{Kind, Result};
use crate::logical::{Operation, Response};
use serde_json::{Value, json};
use std::time::Duration;

impl Server {
    fn role(&self, name: &str, body: Value) -> Result<Response> {
        self.post(&self.root, &format!("roles/{name}"), body)
    }

    fn by_role(&self, name: &str, token: &str, body: Value) -> Result<String> {
        let auth = self.post(token, &format!("create/{name}"), body)?.auth.clone();
        Ok(auth.unwrap().token.expose().clone())
    }
}

#[test]
fn a_role_is_written_changed_read_listed_and_deleted() {
    let server = Server::start();
    let read =
        |name: &str| server.ask(&server.root, Operation::Read, &format!("roles/{name}"), json!({})).and_then(data);
    let list = || server.ask(&server.root, Operation::List, "roles/", json!({})).and_then(data);
    assert_eq!(kind(list()), Some(Kind::NotFound));
    server.role("web", json!({ "allowed_policies": "Web,db", "orphan": true, "token_period": "1h" })).unwrap();
    server.role("web", json!({ "path_suffix": "2026", "bound_cidrs": ["127.0.0.0/8"], "token_num_uses": 3 })).unwrap();
    assert_eq!(
        Value::Object(read("web").unwrap()),
        json!({
            "allowed_entity_aliases": [], "allowed_policies": ["db", "web"], "allowed_policies_glob": [],
            "disallowed_policies": [], "disallowed_policies_glob": [], "explicit_max_ttl": 0, "name": "web",
            "orphan": true, "path_suffix": "2026", "period": 0, "renewable": true, "token_explicit_max_ttl": 0,
            "token_no_default_policy": false, "token_period": 3600, "token_type": "default-service",
            "token_bound_cidrs": ["127.0.0.0/8"], "bound_cidrs": ["127.0.0.0/8"], "token_num_uses": 3,
        })
    );
    server.role("web", json!({ "period": 60, "token_bound_cidrs": "" })).unwrap();
    let seen = read("web").unwrap();
    assert_eq!((&seen["period"], &seen["token_period"], seen.get("bound_cidrs")), (&json!(60), &json!(60), None));
    server.role("other", json!({})).unwrap();
    assert_eq!(list().unwrap()["keys"], json!(["other", "web"]));
    server.ask(&server.root, Operation::Delete, "roles/web", json!({})).unwrap();
    assert_eq!(kind(read("web")), Some(Kind::NotFound));
    let warned = server.role("long", json!({ "token_explicit_max_ttl": "100h" })).unwrap();
    assert!(warned.warnings[0].contains("token_explicit_max_ttl of \"100h\""));
}

#[test]
fn a_role_that_cannot_be_is_refused() {
    let server = Server::start();
    for (body, words) in [
        (json!({ "path_suffix": "a..b" }), "parent references"),
        (json!({ "path_suffix": "-ab" }), "invalid characters"),
        (json!({ "path_suffix": "a/b" }), "invalid characters"),
        (json!({ "token_type": "other" }), "invalid 'token_type' value"),
        (json!({ "token_type": "batch" }), "non-orphan tokens"),
        (json!({ "token_type": "batch", "orphan": true }), "renewable tokens"),
        (json!({ "token_type": "batch", "orphan": true, "renewable": false, "token_period": 1 }), "periodic tokens"),
        (
            json!({ "token_type": "batch", "orphan": true, "renewable": false, "explicit_max_ttl": 1 }),
            "tokens with an explicit max TTL",
        ),
        (json!({ "token_num_uses": -2 }), "token_num_uses"),
        (json!({ "token_bound_cidrs": "nowhere" }), "nowhere"),
    ] {
        let refused = server.role("r", body.clone()).err().unwrap();
        assert_eq!(refused.kind(), Kind::BadRequest, "{body}");
        assert!(refused.message().contains(words), "{body}: {refused:?}");
    }
    let missing = server.by_role("r", &server.root, json!({})).err().unwrap();
    assert_eq!((missing.kind(), missing.message()), (Kind::BadRequest, "unknown role r"));
}

#[test]
fn to_make_a_role_and_to_change_it_are_told_apart() {
    let server = Server::start();
    let live = server.core.live().unwrap();
    let text = "path \"auth/token/roles/*\" { capabilities = [\"create\"] }";
    live.policies.put(server.core.storage.as_ref(), &live.barrier, "adder", text).unwrap();
    let adder = server.create(&server.root, json!({ "policies": ["adder"] }));
    assert!(server.post(&adder, "roles/new", json!({})).is_ok());
    assert_eq!(kind(server.post(&adder, "roles/new", json!({}))), Some(Kind::Denied));
}

#[test]
fn a_token_of_a_role_is_what_the_role_says() {
    let server = Server::start();
    let maker = server.create(&server.root, json!({ "policies": ["maker"] }));
    server
        .role(
            "web",
            json!({
                "allowed_policies": ["web"], "orphan": true, "renewable": false, "path_suffix": "v1.2", "period": "30m",
                "token_num_uses": 5, "token_explicit_max_ttl": "1h",
            }),
        )
        .unwrap();
    let token = server.by_role("web", &maker, json!({ "num_uses": 9, "ttl": "10h" })).unwrap();
    let seen = server.look(&token).unwrap();
    assert_eq!((&seen["policies"], &seen["role"]), (&json!(["default", "web"]), &json!("web")));
    assert_eq!((&seen["orphan"], &seen["renewable"], &seen["num_uses"]), (&json!(true), &json!(false), &json!(4)));
    assert_eq!((&seen["period"], &seen["explicit_max_ttl"], &seen["ttl"]), (&json!(1800), &json!(3600), &json!(1800)));
    assert_eq!(seen["path"], "auth/token/create/web/v1.2");
    server.post(&maker, "revoke-self", json!({})).unwrap();
    assert!(server.look(&token).is_ok(), "it has no parent");
    let live = server.core.live().unwrap();
    let cause = crate::core::causes::Cause::of(crate::core::causes::Event::RevokedByPrefix);
    live.revoke_prefix("auth/token/create/web/v1.2", cause).unwrap();
    assert_eq!(kind(server.look(&token)), Some(Kind::Denied));
}

#[test]
fn the_smaller_of_what_is_asked_and_what_the_role_says_holds() {
    let server = Server::start();
    server.role("web", json!({ "token_explicit_max_ttl": "1h", "token_num_uses": 3 })).unwrap();
    let look = |body| server.look(&server.by_role("web", &server.root, body).unwrap()).unwrap();
    let less = look(json!({ "policies": ["a"], "explicit_max_ttl": "10m", "num_uses": 2 }));
    assert_eq!((&less["explicit_max_ttl"], &less["ttl"], &less["num_uses"]), (&json!(600), &json!(600), &json!(1)));
    let more = look(json!({ "policies": ["a"], "explicit_max_ttl": "2h", "num_uses": 7 }));
    assert_eq!((&more["explicit_max_ttl"], &more["ttl"], &more["num_uses"]), (&json!(3600), &json!(3600), &json!(2)));
}

#[test]
fn a_renewal_goes_by_the_period_that_the_role_has_now() {
    let server = Server::start();
    server.role("web", json!({ "allowed_policies": ["web"], "token_period": "30m" })).unwrap();
    let token = server.by_role("web", &server.root, json!({})).unwrap();
    let renew =
        || server.post(&server.root, "renew", json!({ "token": token })).map(|answer| answer.auth.clone().unwrap().ttl);
    assert_eq!(renew().unwrap(), Duration::from_secs(1800));
    server.role("web", json!({ "token_period": "40m" })).unwrap();
    assert_eq!(renew().unwrap(), Duration::from_secs(2400));
    for _ in 0..5 {
        server.clock.advance(Duration::from_secs(2000));
        assert_eq!(renew().unwrap(), Duration::from_secs(2400), "without a maximum");
    }
    server.ask(&server.root, Operation::Delete, "roles/web", json!({})).unwrap();
    let refused = renew().err().unwrap();
    assert_eq!(refused.message(), "original token role \"web\" could not be found, not renewing");
}

#[test]
fn a_token_that_is_bound_to_addresses_is_good_there_alone() {
    let server = Server::start();
    server.role("near", json!({ "token_bound_cidrs": ["10.1.0.0/16", "::1"] })).unwrap();
    let token = server.by_role("near", &server.root, json!({ "policies": ["maker"], "num_uses": 4 })).unwrap();
    let from = |peer: &str| server.ask_from(peer, &token, Operation::Read, "lookup-self", json!({}));
    for elsewhere in ["10.2.0.1", "127.0.0.1", "nowhere"] {
        assert_eq!(kind(from(elsewhere)), Some(Kind::Denied), "{elsewhere}");
    }
    assert!(from("10.1.2.3").is_ok() && from("::ffff:10.1.2.3").is_ok());
    let seen = from("::1").and_then(data).unwrap();
    assert_eq!(
        (&seen["bound_cidrs"], &seen["num_uses"]),
        (&json!(["10.1.0.0/16", "::1"]), &json!(1)),
        "no use was lost"
    );
    let root = server.by_role("near", &server.root, json!({ "policies": ["root"] })).unwrap();
    assert!(server.look(&root).is_ok(), "one that never ends is bound to nothing");
}

#[test]
fn an_alias_is_taken_only_with_a_role_that_allows_it() {
    let server = Server::start();
    server.role("people", json!({ "allowed_entity_aliases": "Ann,app-*" })).unwrap();
    for (path, alias, words) in [
        ("create", "ann", "only allowed in combination with token role"),
        ("create/people", "bob", "invalid 'entity_alias' value"),
    ] {
        let refused = server.post(&server.root, path, json!({ "entity_alias": alias })).err().unwrap();
        assert!(refused.message().contains(words), "{refused:?}");
    }
    let made = |alias: &str| {
        let body = json!({ "entity_alias": alias, "policies": ["maker"] });
        server.look(&server.by_role("people", &server.root, body).unwrap()).unwrap()["entity_id"].clone()
    };
    let (ann, app) = (made("ANN"), made("app-1"));
    assert!(ann.as_str().is_some_and(|id| !id.is_empty()) && ann != app);
    assert_eq!(made("ann"), ann, "the same alias is the same entity");
}
