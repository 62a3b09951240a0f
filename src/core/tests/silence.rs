//! Targets that do not answer: what they cost, and that they cost nobody else anything.

use super::places::{ENGINE, Manner, Target};
use super::{Bench, wait_for};
use crate::core::Registry;
use crate::engine::cubbyhole;
use crate::logical::{Body, Engine, Operation};
use crate::server;
use crate::storage::LeaseState;
use crate::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

static ENGINES: &[&Engine] = &[&cubbyhole::ENGINE, &ENGINE];

pub fn registry() -> Registry {
    Registry { engines: ENGINES, ..server::registry() }
}

impl Bench {
    pub fn mounted() -> Self {
        let bench = Self::with(registry());
        bench.mount_outside();
        bench
    }

    pub fn mount_outside(&self) {
        self.call(&self.root, Operation::Update, "sys/mounts/outside", json!({ "type": "outside" })).unwrap();
    }

    /// Issues a lease; its id.
    pub fn lease_at(&self, target: &Target, ttl: &str) -> String {
        let answer = self.call(&self.root, Operation::Update, &target.creds(), json!({ "ttl": ttl })).unwrap();
        answer.lease.as_ref().unwrap().id.clone()
    }

    fn leases(&self, target: &Target, count: usize, ttl: &str) {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..count / 4).for_each(|_| drop(self.lease_at(target, ttl))));
            }
        });
    }

    fn in_state(&self, state: LeaseState) -> u64 {
        let counts = self.live().storage.reading(|snapshot| snapshot.lease_counts()).unwrap();
        counts.iter().filter(|count| count.state == state).map(|count| count.count).sum()
    }

    fn revoke(&self, path: &str, data: Value) -> crate::base::Result<crate::logical::Response> {
        self.call(&self.root, Operation::Update, &format!("sys/leases/{path}"), data)
    }
}

#[test]
fn a_thousand_leases_of_dead_targets_delay_neither_a_live_one_nor_anybody() {
    let storage = Arc::new(SqliteStorage::in_memory().unwrap());
    let bench = Bench::running(registry(), storage);
    bench.mount_outside();
    let (refusing, swallowing, alive) = (Target::new(), Target::new(), Target::new());
    bench.leases(&refusing, 1000, "1h");
    bench.leases(&swallowing, 1000, "1h");
    bench.lease_at(&alive, "1h");
    refusing.behave(Manner::Refuses);
    swallowing.behave(Manner::Swallows);
    for dead in [&refusing, &swallowing] {
        let prefix = format!("revoke-prefix/{}", dead.creds());
        bench.revoke(&prefix, json!({ "sync": false })).unwrap();
    }
    wait_for("both are asked", PATIENCE, || refusing.tries() > 0 && swallowing.tries() > 0);

    bench.lease_at(&alive, "1s");
    let due = Instant::now() + Duration::from_secs(1);
    let mut slowest = Duration::ZERO;
    while alive.held() == 2 {
        let start = Instant::now();
        bench.call(&bench.root, Operation::Read, "sys/health", Value::Null).unwrap();
        slowest = slowest.max(start.elapsed());
        assert!(due.elapsed() < Duration::from_secs(1), "the live target's lease is late");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(slowest < Duration::from_millis(250), "a health check took {slowest:?}");
    assert!(refusing.tries() <= 8, "{} of 1000 leases were tried", refusing.tries());
    assert!(swallowing.tries() <= 4, "{} threads hang at the silent target", swallowing.tries());

    refusing.behave(Manner::Answers);
    wait_for("all of the target that answers again are ended", PATIENCE, || refusing.held() == 0);
    assert_eq!(swallowing.held(), 1000);
}

#[test]
fn a_dead_target_costs_one_try_at_a_time_and_all_are_ended_when_it_answers() {
    let bench = Bench::mounted();
    let target = Target::new();
    for _ in 0..50 {
        bench.lease_at(&target, "1h");
    }
    target.behave(Manner::Refuses);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep();
    let first = target.tries();
    assert!((1..=4).contains(&first), "{first} tries: it answered until now, so that four may begin together");
    for round in 1..=3 {
        bench.sweep();
        bench.sweep();
        assert_eq!(target.tries(), first + round - 1, "nothing is tried before its time");
        bench.clock.advance(Duration::from_secs(90));
        bench.sweep();
        assert_eq!(target.tries(), first + round);
    }
    target.behave(Manner::Answers);
    bench.clock.advance(Duration::from_secs(90));
    bench.sweep();
    bench.sweep();
    bench.sweep();
    assert_eq!((target.held(), bench.rows()), (0, 1));
}

#[test]
fn what_waits_for_a_silent_target_is_irrevocable_in_the_end_and_still_ended_when_it_answers() {
    let bench = Bench::mounted();
    let target = Target::new();
    for _ in 0..10 {
        bench.lease_at(&target, "1h");
    }
    target.behave(Manner::Refuses);
    bench.clock.advance(Duration::from_secs(3600));
    for _ in 0..8 {
        bench.sweep();
        bench.clock.advance(Duration::from_secs(90));
    }
    assert_eq!(bench.in_state(LeaseState::Irrevocable), 10);
    target.behave(Manner::Answers);
    // It is asked again within a minute and a quarter, and one answer is enough for all.
    bench.sweep();
    bench.sweep();
    bench.sweep();
    assert_eq!((target.held(), bench.rows()), (0, 1));
}

#[test]
fn a_credential_that_is_made_at_a_silent_target_ends_its_silence() {
    let bench = Bench::mounted();
    let target = Target::new();
    bench.lease_at(&target, "1h");
    bench.lease_at(&target, "2h");
    target.behave(Manner::Refuses);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep();
    bench.sweep();
    target.behave(Manner::Answers);
    bench.sweep();
    assert_eq!(target.held(), 2, "its time has not come");
    bench.lease_at(&target, "2h");
    bench.sweep();
    assert_eq!(target.held(), 2, "the new one, and the one whose time has not come");
}

#[test]
fn a_lease_that_is_refused_does_not_hold_up_the_others_of_its_target() {
    let bench = Bench::mounted();
    let (target, other) = (Target::new(), Target::new());
    bench.lease_at(&target, "1h");
    target.behave(Manner::Denies);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep();
    assert!(bench.live().targets.silent().is_empty(), "a refusal is an answer");
    bench.lease_at(&other, "1s");
    bench.clock.advance(Duration::from_secs(1));
    bench.sweep();
    assert_eq!((target.held(), other.held()), (1, 0));
}

#[test]
fn dropping_leases_by_force_asks_a_dead_target_once_and_says_what_it_leaves() {
    let bench = Bench::mounted();
    let (target, alive) = (Target::new(), Target::new());
    for _ in 0..100 {
        bench.lease_at(&target, "1h");
    }
    bench.lease_at(&alive, "1h");
    target.behave(Manner::Swallows);
    let asked = thread::scope(|scope| {
        let asked = scope.spawn(|| bench.revoke("revoke-force/outside", json!({})).unwrap());
        wait_for("the target is asked", PATIENCE, || target.tries() > 0);
        target.behave(Manner::Refuses);
        asked.join().unwrap()
    });
    let Body::Data(data) = &asked.body else { panic!("an answer with data") };
    assert_eq!(data["dropped"], 100);
    let first = &data["left_behind"][0];
    assert_eq!(first["target"], format!("outside {}", target.0));
    assert_eq!(first["subject"].as_str().unwrap().len(), 12);
    assert!(first["lease_id"].as_str().unwrap().starts_with(&target.creds()));
    assert!(asked.warnings[0].contains("100 credentials"), "{:?}", asked.warnings);
    assert_eq!(target.tries(), 1);
    assert_eq!(alive.held(), 0);
    assert_eq!(bench.rows(), 1, "only the root token is left");
}

#[test]
fn a_request_that_wants_a_lease_ended_is_told_of_the_silence_and_the_lease_stays_with_the_sweeper() {
    let bench = Bench::mounted();
    let target = Target::new();
    let lease = bench.lease_at(&target, "1h");
    target.behave(Manner::Refuses);
    let refused = bench.revoke("revoke", json!({ "lease_id": lease })).err().unwrap();
    assert_eq!(refused.message(), "connection refused");
    target.behave(Manner::Answers);
    bench.clock.advance(Duration::from_secs(90));
    bench.sweep();
    assert_eq!((target.held(), bench.rows()), (0, 1));
}
