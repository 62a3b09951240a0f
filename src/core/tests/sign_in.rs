//! Signing in by an auth method: what the core makes of what a method says. By a method that believes everybody.

use super::Bench;
use crate::base::{Kind, Result};
use crate::core::Registry;
use crate::logical::route::PUBLIC;
use crate::logical::{
    Action, Ctx, Engine, Field, Input, Login, LoginRenewal, LoginView, Operation, Response, Route, TokenParameters,
    TokenType,
};
use crate::server;
use serde_json::{Value, json};
use std::time::Duration;

static METHODS: &[&Engine] = &[&GULLIBLE];

pub(super) static GULLIBLE: Engine = Engine {
    name: "gullible",
    summary: "Believes everybody.",
    help: "Believes everybody.",
    routes: &[&ROUTE],
    renew_login: Some(renew),
    ..Engine::BLANK
};

static ROUTE: Route<Ctx> = Route {
    pattern: "login/{name}",
    fields: &[
        Field::text("name", "Who it is."),
        Field::list("policies", "What it may."),
        Field::list("groups", "What it is in."),
        Field::seconds("ttl", "For how long."),
        Field::seconds("period", "Again and again."),
        Field::text("kind", "What it is.").default(""),
    ],
    actions: &[Action::new(Operation::Update, sign_in, "Sign in.")],
    exists: None,
    summary: "Sign in.",
    help: "Sign in.",
    flags: PUBLIC,
};

fn sign_in(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let seconds = |name| input.duration(name).unwrap_or_default().as_secs();
    let token = TokenParameters {
        ttl: seconds("ttl"),
        period: seconds("period"),
        policies: input.list("policies").unwrap_or_default(),
        token_type: TokenType::parse(&input.text("kind").unwrap_or_default())?,
        ..TokenParameters::default()
    };
    ctx.store("answer", &token)?;
    let login = Login {
        alias: name.clone(),
        groups: input.list("groups"),
        display_name: name,
        internal: json!({ "by": "word" }),
        token,
        ..Login::default()
    };
    Ok(Response { login: Some(Box::new(login)), ..Response::default() })
}

fn renew(ctx: &mut Ctx, login: &LoginView) -> Result<LoginRenewal> {
    assert_eq!(login.internal, json!({ "by": "word" }));
    let token = ctx.load("answer")?.unwrap_or_default();
    Ok(LoginRenewal { token, groups: None })
}

struct SignedIn {
    token: String,
    entity: String,
    policies: Vec<String>,
}

fn bench() -> Bench {
    let bench = Bench::with(Registry { methods: METHODS, ..server::registry() });
    for path in ["word", "other"] {
        bench.write(&format!("sys/auth/{path}"), json!({ "type": "gullible" })).unwrap();
    }
    bench
}

impl Bench {
    fn sign_in(&self, path: &str, data: Value) -> SignedIn {
        let answer = self.call("", Operation::Update, path, data).unwrap();
        let auth = answer.auth.as_ref().unwrap();
        SignedIn { token: auth.token.expose().clone(), entity: auth.entity_id.clone(), policies: auth.policies.clone() }
    }

    fn accessor_of(&self, path: &str) -> String {
        self.live().mounts().at(path).unwrap().accessor.clone()
    }
}

#[test]
fn who_signs_in_gets_a_token_and_an_entity_that_stays_the_same() {
    let bench = bench();
    let first = bench.sign_in("auth/word/login/Alice", json!({ "policies": "app", "ttl": "1h" }));
    assert_eq!(first.policies, ["app", "default"]);
    assert!(bench.lives(&first.token));
    let again = bench.sign_in("auth/word/login/alice", json!({}));
    assert_eq!(again.entity, first.entity, "the name compares without case");
    let elsewhere = bench.sign_in("auth/other/login/alice", json!({}));
    assert_ne!(elsewhere.entity, first.entity, "another mount, another entity");
}

#[test]
fn policies_of_the_entity_and_its_groups_count_at_the_next_request() {
    let bench = bench();
    bench
        .write("sys/policies/acl/reader", json!({ "policy": "path \"sys/mounts\" { capabilities = [\"read\"] }" }))
        .unwrap();
    let alice = bench.sign_in("auth/word/login/alice", json!({}));
    let may = || bench.call(&alice.token, Operation::Read, "sys/mounts", Value::Null).is_ok();
    assert!(!may());
    bench
        .write(
            "identity/group",
            json!({ "name": "readers", "policies": "reader", "member_entity_ids": [alice.entity] }),
        )
        .unwrap();
    assert!(may(), "a group's policy");
    bench.write("identity/group/name/readers", json!({ "member_entity_ids": [] })).unwrap();
    assert!(!may(), "no longer in it");
    bench.write(&format!("identity/entity/id/{}", alice.entity), json!({ "policies": "reader" })).unwrap();
    assert!(may(), "the entity's own");
}

#[test]
fn a_disabled_entity_is_refused_with_the_tokens_that_it_has_and_at_the_door() {
    let bench = bench();
    let alice = bench.sign_in("auth/word/login/alice", json!({}));
    let path = format!("identity/entity/id/{}", alice.entity);
    bench.write(&path, json!({ "disabled": true })).unwrap();
    assert!(!bench.lives(&alice.token));
    let refused = bench.call("", Operation::Update, "auth/word/login/alice", json!({})).err().unwrap();
    assert_eq!(refused.kind(), Kind::Denied);
    bench.write(&path, json!({ "disabled": false })).unwrap();
    assert!(bench.lives(&alice.token));
    bench.call(&bench.root, Operation::Delete, &path, Value::Null).unwrap();
    assert!(!bench.lives(&alice.token), "its entity is gone");
}

#[test]
fn no_method_gives_root_and_none_joins_a_group_of_another_mount() {
    let bench = bench();
    assert!(bench.call("", Operation::Update, "auth/word/login/eve", json!({ "policies": "root" })).is_err());
    let group =
        bench.write("identity/group", json!({ "name": "admins", "type": "external", "policies": "admin" })).unwrap();
    let alias =
        json!({ "name": "admins", "mount_accessor": bench.accessor_of("auth/other/"), "canonical_id": group["id"] });
    bench.write("identity/group-alias", alias).unwrap();
    let here = bench.sign_in("auth/word/login/eve", json!({ "groups": "admins" }));
    assert_eq!(here.policies, ["default"]);
    let there = bench.sign_in("auth/other/login/eve", json!({ "groups": "ADMINS" }));
    assert_eq!(there.policies, ["admin", "default"]);
}

#[test]
fn a_renewal_asks_the_method_and_is_refused_when_the_policies_are_others() {
    let bench = bench();
    let alice = bench.sign_in("auth/word/login/alice", json!({ "policies": "app", "ttl": "1h" }));
    let renew = || bench.call(&alice.token, Operation::Update, "auth/token/renew-self", json!({}));
    bench.clock.advance(Duration::from_secs(1800));
    assert_eq!(renew().unwrap().auth.as_ref().unwrap().ttl.as_secs(), 3600);
    bench.sign_in("auth/word/login/bob", json!({ "policies": "other", "ttl": "1h" }));
    let refused = renew().err().unwrap();
    assert!(refused.message().contains("policies have changed"), "{refused:?}");
}

#[test]
fn a_disabled_method_takes_its_tokens_along_and_all_below_them() {
    let bench = bench();
    let alice = bench.sign_in("auth/word/login/alice", json!({}));
    let bob = bench.sign_in("auth/other/login/bob", json!({}));
    bench.call(&bench.root, Operation::Delete, "sys/auth/word", Value::Null).unwrap();
    bench.sweep();
    assert!(!bench.lives(&alice.token));
    assert!(bench.lives(&bob.token));
}

#[test]
fn who_signs_in_may_get_a_batch_token_which_ends_with_the_method() {
    let bench = bench();
    let rows = bench.rows();
    let signed_in = bench.sign_in("auth/word/login/ann", json!({ "kind": "batch", "policies": "app", "ttl": "1h" }));
    assert!(signed_in.token.starts_with("hvb.") && !signed_in.entity.is_empty());
    assert_eq!((bench.rows(), bench.lives(&signed_in.token)), (rows, true));
    let refused = bench.call("", Operation::Update, "auth/word/login/ann", json!({ "kind": "batch", "period": "1h" }));
    assert_eq!(refused.err().map(|error| error.kind()), Some(Kind::BadRequest));
    let entity = json!({ "disabled": true });
    bench.write(&format!("identity/entity/id/{}", signed_in.entity), entity).unwrap();
    assert!(!bench.lives(&signed_in.token), "a disabled entity uses it no more");
    let other = bench.sign_in("auth/word/login/bob", json!({ "kind": "batch", "ttl": "1h" }));
    assert!(bench.lives(&other.token));
    bench.delete("sys/auth/word").unwrap();
    assert!(!bench.lives(&other.token));
}

#[test]
fn the_mount_says_what_tokens_its_method_makes() {
    let bench = bench();
    let tune = |kind: &str| bench.write("sys/auth/word/tune", json!({ "token_type": kind }));
    let is_batch = |role: &str| {
        bench.sign_in("auth/word/login/ann", json!({ "kind": role, "ttl": "1h" })).token.starts_with("hvb.")
    };
    for (mount, role, wanted) in [
        ("default-service", "", false),
        ("default-service", "batch", true),
        ("default-batch", "", true),
        ("default-batch", "service", false),
        ("service", "batch", false),
        ("batch", "service", true),
        ("default", "", false),
    ] {
        tune(mount).unwrap();
        assert_eq!(is_batch(role), wanted, "{mount} {role}");
    }
    tune("batch").unwrap();
    let shown = bench.read("sys/auth/word/tune").unwrap();
    assert_eq!((shown["token_type"].as_str(), shown["description"].as_str()), (Some("batch"), Some("")));
    assert_eq!(bench.read("sys/auth").unwrap()["word/"]["config"]["token_type"], "batch");
    assert_eq!(bench.read("sys/auth").unwrap()["other/"]["config"]["token_type"], "default-service");
    assert!(tune("paper").is_err());
    bench.write("sys/auth/team/word", json!({ "type": "gullible", "config": { "token_type": "batch" } })).unwrap();
    assert!(bench.sign_in("auth/team/word/login/ann", json!({ "ttl": "1h" })).token.starts_with("hvb."));
    bench.write("sys/auth/team/word/tune", json!({ "token_type": "service", "max_lease_ttl": "2h" })).unwrap();
    let shown = bench.read("sys/auth/team/word/tune").unwrap();
    assert_eq!((shown["token_type"].as_str(), shown["max_lease_ttl"].as_u64()), (Some("service"), Some(7200)));
    for (path, words) in [
        ("sys/mounts/cubbyhole/tune", "cannot tune"),
        ("sys/auth/token/tune", "cannot be set for 'token'"),
        ("sys/mounts/secret/tune", "can only be modified on auth mounts"),
    ] {
        bench.write("sys/mounts/secret", json!({ "type": "kv" })).ok();
        let refused = bench.write(path, json!({ "token_type": "batch" })).err().unwrap();
        assert!(refused.message().contains(words), "{path}: {refused:?}");
    }
}

#[test]
fn settings_that_mean_nothing_here_are_taken_only_where_they_ask_for_nothing() {
    let bench = bench();
    let tune = |settings: Value| bench.write("sys/auth/word/tune", settings);
    for nothing in [
        json!({ "plugin_version": "", "allowed_managed_keys": [], "identity_token_key": "default" }),
        json!({ "trim_request_trailing_slashes": false, "allowed_managed_keys": "", "token_type": null }),
        json!({ "delegated_auth_accessors": ["a"], "passthrough_request_headers": "X-A" }),
    ] {
        tune(nothing).unwrap();
    }
    for (name, value) in [
        ("plugin_version", json!("v1.0.0")),
        ("allowed_managed_keys", json!(["a"])),
        ("identity_token_key", json!("mine")),
        ("trim_request_trailing_slashes", json!(true)),
    ] {
        let refused = tune(json!({ (name): value })).err().unwrap();
        assert!(refused.message().starts_with(&format!("{name} cannot be set")), "{refused:?}");
    }
    assert_eq!(bench.read("sys/auth/word/tune").unwrap()["delegated_auth_accessors"], json!(["a"]));
}

#[test]
fn a_method_is_moved_with_the_tokens_that_it_made() {
    let bench = bench();
    let alice = bench.sign_in("auth/word/login/alice", json!({ "ttl": "1h" }));
    bench.write("sys/remount", json!({ "from": "auth/word", "to": "auth/moved" })).unwrap();
    assert!(bench.lives(&alice.token));
    assert_eq!(bench.sign_in("auth/moved/login/alice", json!({})).entity, alice.entity, "whoever signed in is known");
    assert!(bench.call(&alice.token, Operation::Update, "auth/token/renew-self", json!({})).is_ok());
    for (from, to) in
        [("auth/moved", "word"), ("auth/token", "auth/t"), ("auth/moved", "auth"), ("auth/moved", "auth/other")]
    {
        assert!(bench.write("sys/remount", json!({ "from": from, "to": to })).is_err(), "{from} {to}");
    }
}
