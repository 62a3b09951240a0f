//! Answers that are asked for again by an idempotency key.

use super::Bench;
use super::outside::{bench, data_of, world};
use crate::base::{Kind, Result, Secret};
use crate::logical::{CanonicalPath, Operation, Request, Response, WrapFormat};
use crate::storage::Counted;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A request with a key.
fn ask(bench: &Bench, token: &str, path: &str, data: Value, key: &str) -> Result<Response> {
    let mut request = Request {
        id: "first".to_owned(),
        operation: Operation::Update,
        path: CanonicalPath::from_text(path)?,
        data: data.as_object().cloned().unwrap_or_default(),
        token: Some(Secret::from(token)),
        peer: None,
        certificates: std::sync::Arc::default(),
        wrap_ttl: None,
        wrap_format: WrapFormat::Plain,
        deadline: Instant::now() + Duration::from_secs(30),
        idempotency_key: Some(key.to_owned()),
        allowance: None,
    };
    bench.core.handle(&mut request)
}

fn user(answer: &Result<Response>) -> String {
    data_of(answer.as_ref().unwrap())["user"].as_str().unwrap().to_owned()
}

fn made(bench: &Bench) -> usize {
    world(&bench.uuid("db/"), |world| world.made)
}

#[test]
fn a_repetition_gets_the_same_credentials_and_nothing_is_made() {
    let bench = bench();
    let ask = || ask(&bench, &bench.root, "db/creds/app", json!({ "ttl": "1h" }), "k");
    let first = ask();
    bench.clock.advance(Duration::from_secs(60));
    let again = ask();
    let (one, two) = (first.as_ref().unwrap(), again.as_ref().unwrap());
    assert_eq!(data_of(one), data_of(two));
    let (lease, same) = (one.lease.as_ref().unwrap(), two.lease.as_ref().unwrap());
    assert_eq!((&lease.id, lease.renewable), (&same.id, same.renewable));
    assert_eq!((lease.ttl.as_secs(), same.ttl.as_secs()), (3600, 3540), "what is left, not what was granted");
    assert_eq!((one.replay_of.as_deref(), two.replay_of.as_deref()), (None, Some("first")));
    assert_eq!((two.mount_type.as_str(), made(&bench)), ("outside", 1));
}

#[test]
fn an_answer_outlives_a_seal_and_is_gone_after_ten_minutes() {
    let bench = bench();
    let ask = || ask(&bench, &bench.root, "db/creds/app", json!({}), "k");
    ask().unwrap();
    bench.core.seal();
    bench.unseal();
    bench.clock.advance(Duration::from_secs(599));
    assert_eq!(user(&ask()), "app-1");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(user(&ask()), "app-2");
    bench.clock.advance(Duration::from_secs(600));
    bench.sweep_until(|| bench.live().storage.reading(|s| s.next_answer_expiry()).unwrap().is_none());
}

#[test]
fn a_kept_answer_is_sealed_to_its_place() {
    let bench = bench();
    ask(&bench, &bench.root, "db/creds/app", json!({}), "k").unwrap();
    let live = bench.live();
    let root = live.token_by_id(&Secret::from(bench.root.as_str())).unwrap();
    let key = live.barrier.hash("idempotency key", &[&root.row.as_ref().unwrap().key, b"k"]);
    let mut row = live.storage.reading(|snapshot| snapshot.answer(&key)).unwrap().unwrap();
    for text in ["app-1", "key-1", "db/creds"] {
        assert!(!row.sealed.windows(text.len()).any(|window| window == text.as_bytes()), "{text} is in the store");
    }
    row.expires = row.expires.plus(Duration::from_secs(3600));
    live.storage.writing(|tx| tx.answer_put(&row)).unwrap();
    let refused = ask(&bench, &bench.root, "db/creds/app", json!({}), "k").err().unwrap();
    assert_eq!(refused.kind(), Kind::Internal, "a row that was made to live longer does not open");
}

#[test]
fn a_key_with_other_parameters_is_refused() {
    let bench = bench();
    let ask = |path, data| ask(&bench, &bench.root, path, data, "k");
    ask("db/creds/app", json!({ "ttl": "1h" })).unwrap();
    for (path, data) in [("db/creds/app", json!({ "ttl": "2h" })), ("db/creds/else", json!({ "ttl": "1h" }))] {
        let error = ask(path, data).err().unwrap();
        assert_eq!(error.kind(), Kind::Mismatch);
        assert!(error.message().contains("Idempotency-Key"), "{error:?}");
    }
    let read = bench.call(&bench.root, Operation::Read, "db/creds/app", Value::Null);
    assert_eq!(user(&read), "app-2", "without a key every request makes its own");
}

#[test]
fn a_key_belongs_to_its_token_and_the_token_must_still_be_allowed() {
    let bench = bench();
    let policy = r#"path "db/creds/*" { capabilities = ["update"] }"#;
    bench.write("sys/policies/acl/app", json!({ "policy": policy })).unwrap();
    let asked = json!({ "ttl": "1h", "policies": ["app"] });
    let token = bench.call(&bench.root, Operation::Update, "auth/token/create", asked).unwrap();
    let token = token.auth.as_ref().unwrap().token.expose().clone();
    assert_eq!(user(&ask(&bench, &bench.root, "db/creds/app", json!({}), "k")), "app-1");
    assert_eq!(user(&ask(&bench, &token, "db/creds/app", json!({}), "k")), "app-2");
    assert_eq!(user(&ask(&bench, &token, "db/creds/app", json!({}), "k")), "app-2");
    bench.delete("sys/policies/acl/app").unwrap();
    let denied = ask(&bench, &token, "db/creds/app", json!({}), "k").err().unwrap();
    assert_eq!(denied.kind(), Kind::Denied);
}

#[test]
fn the_answer_of_a_lease_that_ended_is_gone() {
    let bench = bench();
    let ask = |token: &str| ask(&bench, token, "db/creds/app", json!({ "ttl": "1h" }), "k");
    let first = ask(&bench.root).unwrap();
    let id = first.lease.as_ref().unwrap().id.clone();
    bench.write("sys/leases/revoke", json!({ "lease_id": id })).unwrap();
    assert_eq!(user(&ask(&bench.root)), "app-2");
    let short = bench.child(&bench.root, "5m");
    ask(&short).unwrap();
    assert_eq!(
        bench.live().storage.reading(|s| s.next_answer_expiry()).unwrap(),
        Some(bench.live().now().plus(Duration::from_secs(300))),
        "no longer than the token lives"
    );
    bench.clock.advance(Duration::from_secs(300));
    assert_eq!(ask(&short).err().unwrap().kind(), Kind::Denied);
}

#[test]
fn a_request_that_failed_is_tried_anew() {
    let bench = bench();
    let ask = || ask(&bench, &bench.root, "db/creds/app", json!({}), "k");
    world(&bench.uuid("db/"), |world| world.is_down = true);
    assert_eq!(ask().err().unwrap().kind(), Kind::Upstream);
    world(&bench.uuid("db/"), |world| world.is_down = false);
    assert_eq!(user(&ask()), "app-2");
}

#[test]
fn requests_with_one_key_at_once_get_one_set_of_credentials() {
    let bench = bench();
    let users: Vec<String> = std::thread::scope(|scope| {
        let ask = || user(&ask(&bench, &bench.root, "db/creds/app", json!({}), "k"));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(users.iter().all(|user| user == "app-1"), "{users:?}");
    let count = bench.live().storage.reading(|s| s.lease_count(&Counted::All)).unwrap();
    assert_eq!((made(&bench), count), (1, 2), "one lease beside the root token");
}

#[test]
fn a_repetition_waits_for_the_first_and_is_told_when_that_takes_too_long() {
    let bench = bench();
    let live = bench.live();
    let root = live.token_by_id(&Secret::from(bench.root.as_str())).unwrap();
    let request = |patience: u64| Request {
        id: "second".to_owned(),
        operation: Operation::Update,
        path: CanonicalPath::from_text("db/creds/app").unwrap(),
        data: crate::logical::Map::new(),
        token: Some(Secret::from(bench.root.as_str())),
        peer: None,
        certificates: std::sync::Arc::default(),
        wrap_ttl: None,
        wrap_format: WrapFormat::Plain,
        deadline: Instant::now() + Duration::from_secs(patience),
        idempotency_key: Some("k".to_owned()),
        allowance: None,
    };
    let first = live.turn(&root.row.as_ref().unwrap().key, &request(30), "k").unwrap();
    let late = bench.core.handle(&mut request(1)).err().unwrap();
    assert_eq!(late.kind(), Kind::Conflict);
    assert!(late.message().contains("still being served"), "{late:?}");
    std::thread::scope(|scope| {
        let second = scope.spawn(|| bench.core.handle(&mut request(30)).map(|answer| data_of(&answer)));
        while live.answers.waiting() == 0 {
            std::thread::yield_now();
        }
        drop(first);
        assert_eq!(second.join().unwrap().unwrap()["user"], "app-1");
    });
}

#[test]
fn paths_that_make_no_credentials_pass_the_key_over() {
    let bench = bench();
    for _ in 0..2 {
        let answer = ask(&bench, &bench.root, "auth/token/create", json!({ "ttl": "1h" }), "k").unwrap();
        assert_eq!(answer.replay_of, None);
    }
    let looked = ask(&bench, &bench.root, "sys/capabilities-self", json!({ "path": "a" }), "k").unwrap();
    assert_eq!(looked.replay_of, None);
}
