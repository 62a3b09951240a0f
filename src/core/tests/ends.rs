//! What is told of leases that end: to whoever looks them up, to the log and to the audit devices.

use super::Bench;
use super::places::{Manner, Target};
use crate::audit::{Device, Disclosure, Salt};
use crate::base::{Result, Secret};
use crate::logical::{Body, Map, Operation};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An audit device that keeps its lines.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<Value>>>);

impl Device for Kept {
    fn write(&self, line: &[u8]) -> Result<()> {
        self.0.lock().unwrap().push(serde_json::from_slice(line).unwrap());
        Ok(())
    }
}

impl Kept {
    pub(super) fn on(bench: &Bench) -> Self {
        let kept = Self::default();
        let disclosure = Disclosure { hmac_accessor: false, ..Disclosure::from_options(&Map::new()).unwrap() };
        bench.live().audit.add("kept", Box::new(kept.clone()), &Salt::generate().unwrap(), disclosure);
        kept
    }

    /// The entries of leases that ended.
    fn ends(&self) -> Vec<Value> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line["type"] == "lease-end").cloned().collect()
    }

    pub(super) fn requests(&self, path: &str) -> Vec<Value> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line["request"]["path"] == path).cloned().collect()
    }
}

fn accessor(bench: &Bench, token: &str) -> String {
    bench.live().token_by_id(&Secret::from(token)).unwrap().token.accessor.clone()
}

fn lookup(bench: &Bench, lease: &str) -> Value {
    let answer = bench.call(&bench.root, Operation::Update, "sys/leases/lookup", json!({ "lease_id": lease })).unwrap();
    data(&answer.body)
}

fn data(body: &Body) -> Value {
    match body {
        Body::Data(data) => Value::Object(data.clone()),
        _ => panic!("an answer with data"),
    }
}

fn lease_of(bench: &Bench, token: &str, target: &Target) -> String {
    let answer = bench.call(token, Operation::Update, &target.creds(), json!({ "ttl": "10h" })).unwrap();
    answer.lease.as_ref().unwrap().id.clone()
}

#[test]
fn each_lease_that_a_cascade_ends_is_told_with_its_cause() {
    let bench = Bench::mounted();
    let (kept, target) = (Kept::on(&bench), Target::new());
    let top = bench.child(&bench.root, "5h");
    let below = bench.child(&top, "5h");
    let lease = lease_of(&bench, &below, &target);
    let (top_accessor, root_accessor) = (accessor(&bench, &top), accessor(&bench, &bench.root));
    bench.call(&bench.root, Operation::Update, "auth/token/revoke", json!({ "token": top })).unwrap();
    bench.sweep();
    bench.sweep();
    let ends = kept.ends();
    assert_eq!(ends.len(), 3, "{ends:?}");
    for end in &ends {
        assert_eq!(end["cause"]["event"], "revoked");
        assert_eq!(end["cause"]["accessor"], json!(top_accessor), "where the cascade began");
        assert_eq!(end["cause"]["by_accessor"], json!(root_accessor), "who asked for it");
        assert_eq!(end["cause"]["request_id"], "r");
        let text = end.to_string();
        assert!(![&top, &below, &bench.root].into_iter().any(|token| text.contains(token.as_str())), "{text}");
    }
    let of_lease = ends.iter().find(|end| end["lease"]["lease_id"] == json!(lease)).unwrap();
    assert_eq!((&of_lease["lease"]["outcome"], &of_lease["lease"]["mount_type"]), (&json!("done"), &json!("outside")));
    assert_eq!(kept.requests("auth/token/revoke").len(), 2, "the request has entries of its own");
}

#[test]
fn what_ends_with_an_expired_token_is_told_to_have_expired_with_it() {
    let bench = Bench::mounted();
    let (kept, target) = (Kept::on(&bench), Target::new());
    let top = bench.child(&bench.root, "1h");
    let own = lease_of(&bench, &bench.root.clone(), &target);
    let lease = lease_of(&bench, &top, &target);
    let top_accessor = accessor(&bench, &top);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep();
    bench.sweep();
    let ends = kept.ends();
    assert_eq!(ends.len(), 2, "{ends:?}");
    let of_lease = ends.iter().find(|end| end["lease"]["lease_id"] == json!(lease)).unwrap();
    assert_eq!(of_lease["cause"]["event"], "expired");
    assert_eq!(of_lease["cause"]["accessor"], json!(top_accessor));
    bench.clock.advance(Duration::from_secs(9 * 3600));
    bench.sweep();
    bench.sweep();
    let ends = kept.ends();
    let of_own = ends.iter().find(|end| end["lease"]["lease_id"] == json!(own)).unwrap();
    assert_eq!(of_own["cause"], json!({ "event": "expired" }), "its own time, and nothing else");
}

#[test]
fn a_prefix_a_mount_and_a_lost_answer_are_causes_too() {
    let bench = Bench::mounted();
    let (kept, target, other) = (Kept::on(&bench), Target::new(), Target::new());
    lease_of(&bench, &bench.root.clone(), &target);
    let prefix = target.creds();
    bench.call(&bench.root, Operation::Update, &format!("sys/leases/revoke-prefix/{prefix}"), json!({})).unwrap();
    other.behave(Manner::Denies);
    assert!(bench.call(&bench.root, Operation::Update, &other.creds(), json!({})).is_err());
    other.behave(Manner::Answers);
    bench.sweep();
    lease_of(&bench, &bench.root.clone(), &target);
    bench.call(&bench.root, Operation::Delete, "sys/mounts/outside", Value::Null).unwrap();
    bench.sweep();
    bench.sweep();
    let causes: Vec<_> = kept.ends().iter().map(|end| end["cause"].clone()).collect();
    assert_eq!(causes.len(), 3, "{causes:?}");
    assert_eq!((&causes[0]["event"], &causes[0]["scope"]), (&json!("revoked-by-prefix"), &json!(prefix)));
    assert_eq!((&causes[1]["event"], &causes[1]["request_id"]), (&json!("unanswered"), &json!("r")));
    assert_eq!((&causes[2]["event"], &causes[2]["scope"]), (&json!("mount-disabled"), &json!("outside/")));
}

#[test]
fn a_lease_that_cannot_be_ended_is_shown_with_why_and_when_it_is_tried_next() {
    let bench = Bench::mounted();
    let target = Target::new();
    let lease = bench.lease_at(&target, "1h");
    assert_eq!(lookup(&bench, &lease)["state"], "active");
    target.behave(Manner::Denies);
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(lookup(&bench, &lease)["state"], "expired");
    bench.sweep();
    let shown = lookup(&bench, &lease);
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("revoking"), &json!(1)));
    assert_eq!(shown["last_error"], "the target says no");
    assert!(shown["next_attempt"].as_str().unwrap() > shown["expire_time"].as_str().unwrap());
    assert_eq!((&shown["ttl"], &shown["renewable"]), (&json!(0), &json!(false)));
    for _ in 0..6 {
        bench.clock.advance(Duration::from_secs(90));
        bench.sweep();
    }
    assert_eq!(lookup(&bench, &lease)["state"], "irrevocable");
    let listed = |path: &str, query: Value| bench.call(&bench.root, Operation::Read, path, query).unwrap();
    let shown = data(&listed("sys/leases", json!({ "type": "irrevocable" })).body);
    assert_eq!(shown["lease_count"], 1);
    assert_eq!(shown["leases"][0]["lease_id"], json!(lease));
    assert_eq!(shown["leases"][0]["error"], "the target says no");
    let counted = data(&listed("sys/leases/count", json!({ "type": "irrevocable" })).body);
    assert_eq!((&counted["lease_count"], &counted["counts_by_path"]), (&json!(1), &json!({ "outside/": 1 })));
    assert_eq!(counted["counts"].as_object().unwrap().len(), 1);
    target.behave(Manner::Answers);
    bench.call(&bench.root, Operation::Update, "sys/leases/tidy", json!({})).unwrap();
    bench.sweep();
    assert_eq!(target.held(), 0, "it is tried again when somebody asks for it");
}

#[test]
fn a_list_of_leases_keeps_to_its_limit_and_says_so() {
    let bench = Bench::mounted();
    let target = Target::new();
    (0..3).for_each(|_| drop(bench.lease_at(&target, "1h")));
    let list = |query: Value| bench.call(&bench.root, Operation::Read, "sys/leases", query);
    let answer = list(json!({ "type": "active", "limit": "2" })).unwrap();
    assert_eq!(data(&answer.body)["lease_count"], 2);
    assert!(answer.warnings[0].contains("force"), "{:?}", answer.warnings);
    for query in
        [json!({ "type": "active", "limit": "none" }), json!({ "type": "active", "limit": "2", "force": true })]
    {
        let answer = list(query).unwrap();
        assert_eq!((&data(&answer.body)["lease_count"], answer.warnings.len()), (&json!(3), 0));
    }
    assert!(list(json!({ "type": "active", "limit": "0" })).is_err());
    assert!(list(json!({ "type": "odd" })).is_err());
}

#[test]
fn silent_targets_are_shown_with_what_waits_for_them() {
    let bench = Bench::mounted();
    let target = Target::new();
    (0..5).for_each(|_| drop(bench.lease_at(&target, "1h")));
    target.behave(Manner::Refuses);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep();
    let shown = data(&bench.call(&bench.root, Operation::Read, "sys/leases/targets", Value::Null).unwrap().body);
    let silent = &shown["silent"][0];
    assert_eq!(silent["target"], json!(format!("outside {}", target.0)));
    assert_eq!((&silent["tries"], &silent["last_error"]), (&json!(1), &json!("connection refused")));
    assert!(silent["leases_due"].is_u64());
}

#[test]
fn leases_stay_revocable_when_the_policy_that_allowed_them_is_gone() {
    let bench = Bench::mounted();
    let target = Target::new();
    let policy = json!({ "policy": "path \"outside/*\" { capabilities = [\"update\"] }" });
    bench.call(&bench.root, Operation::Update, "sys/policies/acl/outside", policy).unwrap();
    let made = bench.call(&bench.root, Operation::Update, "auth/token/create", json!({ "policies": ["outside"] }));
    let token = made.unwrap().auth.as_ref().unwrap().token.expose().clone();
    lease_of(&bench, &token, &target);
    bench.call(&bench.root, Operation::Delete, "sys/policies/acl/outside", Value::Null).unwrap();
    assert_eq!(target.held(), 1);
    bench.call(&bench.root, Operation::Update, "auth/token/revoke", json!({ "token": token })).unwrap();
    bench.sweep();
    bench.sweep();
    assert_eq!(target.held(), 0);
}
