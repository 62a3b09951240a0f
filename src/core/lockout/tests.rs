//! Locked names over a whole core, with users of `userpass`.

use crate::base::{Kind, Result};
use crate::core::tests::Bench;
use crate::logical::Operation;
use serde_json::{Value, json};
use std::time::Duration;

const USERS: &str = "auth/userpass";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("sys/auth/userpass", json!({ "type": "userpass" })).unwrap();
    bench.write("auth/userpass/users/alice", json!({ "password": "pw" })).unwrap();
    bench
}

fn enter(bench: &Bench, name: &str, password: &str) -> Result<()> {
    bench.call("", Operation::Update, &format!("{USERS}/login/{name}"), json!({ "password": password })).map(drop)
}

fn kind(bench: &Bench, name: &str, password: &str) -> Option<Kind> {
    enter(bench, name, password).err().map(|error| error.kind())
}

fn guess(bench: &Bench, name: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(kind(bench, name, "wrong"), Some(Kind::BadRequest), "{name}");
    }
}

fn locked(bench: &Bench) -> Value {
    bench.read("sys/locked-users").unwrap()
}

fn accessor(bench: &Bench) -> String {
    bench.live().mounts().at("auth/userpass/").unwrap().accessor.clone()
}

#[test]
fn a_name_is_locked_after_five_wrong_passwords_and_opens_after_a_while() {
    let bench = bench();
    guess(&bench, "alice", 5);
    assert_eq!(kind(&bench, "alice", "pw"), Some(Kind::Denied), "the right one is not looked at");
    bench.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(kind(&bench, "alice", "pw"), Some(Kind::Denied));
    bench.clock.advance(Duration::from_secs(1));
    enter(&bench, "alice", "pw").unwrap();
    guess(&bench, "alice", 4);
    enter(&bench, "alice", "pw").unwrap();
    guess(&bench, "alice", 4);
    enter(&bench, "alice", "pw").unwrap();
}

#[test]
fn a_lockout_is_not_dodged_by_case_or_spaces() {
    let bench = bench();
    for name in ["alice", "ALICE", " alice", "alice ", "aLiCe"] {
        guess(&bench, name, 1);
    }
    for name in ["alice", "Alice", " alice ", "alice\u{a0}"] {
        assert_eq!(kind(&bench, name, "pw"), Some(Kind::Denied), "{name:?}");
    }
    assert_eq!(locked(&bench)["by_namespace"][0]["mount_accessors"][0]["alias_identifiers"], json!(["alice"]));
}

#[test]
fn a_name_that_nobody_has_is_locked_like_any_other() {
    let bench = bench();
    guess(&bench, "nobody", 5);
    assert_eq!(kind(&bench, "nobody", "pw"), Some(Kind::Denied));
    enter(&bench, "alice", "pw").unwrap();
}

#[test]
fn failures_that_are_long_past_do_not_count() {
    let bench = bench();
    guess(&bench, "alice", 4);
    bench.clock.advance(Duration::from_secs(15 * 60));
    guess(&bench, "alice", 4);
    enter(&bench, "alice", "pw").unwrap();
}

#[test]
fn locked_names_are_listed_and_unlocked_by_their_alias() {
    let bench = bench();
    assert_eq!(locked(&bench)["total"], 0);
    guess(&bench, "alice", 5);
    guess(&bench, "bob", 5);
    let shown = locked(&bench);
    assert_eq!((&shown["total"], &shown["by_namespace"][0]["counts"]), (&json!(2), &json!(2)));
    let place = &shown["by_namespace"][0]["mount_accessors"][0];
    assert_eq!((&place["counts"], &place["mount_accessor"]), (&json!(2), &json!(accessor(&bench))));
    assert_eq!(place["alias_identifiers"], json!(["alice", "bob"]));
    bench.write(&format!("sys/locked-users/{}/unlock/ALICE", accessor(&bench)), json!({})).unwrap();
    enter(&bench, "alice", "pw").unwrap();
    assert_eq!(locked(&bench)["total"], 1);
    let unknown = bench.write("sys/locked-users/nothing_1/unlock/alice", json!({})).unwrap_err();
    assert_eq!(unknown.kind(), Kind::BadRequest);
}

#[test]
fn a_lock_outlives_a_seal_and_a_count_does_not() {
    let bench = bench();
    guess(&bench, "alice", 5);
    guess(&bench, "bob", 4);
    bench.core.seal();
    bench.unseal();
    assert_eq!(kind(&bench, "alice", "pw"), Some(Kind::Denied));
    guess(&bench, "bob", 4);
    bench.clock.advance(Duration::from_secs(15 * 60));
    enter(&bench, "alice", "pw").unwrap();
    assert_eq!(locked(&bench)["total"], 0);
}

#[test]
fn each_mount_has_its_own_rules() {
    let bench = bench();
    let tune = |config: Value| bench.write("sys/auth/userpass/tune", json!({ "user_lockout_config": config }));
    tune(json!({ "lockout_threshold": "2", "lockout_duration": "1m", "lockout_counter_reset_duration": "30s" }))
        .unwrap();
    let shown = bench.read("sys/auth/userpass/tune").unwrap();
    assert_eq!(shown["user_lockout_threshold"], 2);
    assert_eq!(shown["user_lockout_duration"], 60);
    assert_eq!(shown["user_lockout_counter_reset_duration"], 30);
    guess(&bench, "alice", 2);
    assert_eq!(kind(&bench, "alice", "pw"), Some(Kind::Denied));
    bench.clock.advance(Duration::from_secs(60));
    enter(&bench, "alice", "pw").unwrap();
    tune(json!({ "lockout_disable": true })).unwrap();
    guess(&bench, "alice", 10);
    enter(&bench, "alice", "pw").unwrap();
    let elsewhere = bench.write("sys/auth/token/tune", json!({ "user_lockout_config": { "lockout_threshold": 3 } }));
    assert!(elsewhere.unwrap_err().message().contains("not allowed"));
    assert!(tune(json!({ "threshold": 3 })).is_err());
}

#[test]
fn many_guesses_at_once_get_no_more_than_the_threshold() {
    let bench = bench();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..16).map(|_| scope.spawn(|| kind(&bench, "alice", "wrong"))).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(Option::is_some));
    assert_eq!(kind(&bench, "alice", "pw"), Some(Kind::Denied));
}
