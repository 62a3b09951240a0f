//! A machine's clock that cannot be right: what is held, what is dead all the same, and how it goes on.

use super::Bench;
use super::places::{Manner, Target};
use super::silence::registry;
use crate::RELEASED;
use crate::base::clock::fake::Fake;
use crate::base::{Kind, ManualClock, Timestamp};
use crate::core::records::MountRecords;
use crate::logical::{Body, Operation, View};
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;

fn today() -> Timestamp {
    Timestamp(RELEASED.0 + 24 * HOUR)
}

/// A server on a machine whose clock a test sets, started again and again on one store.
struct Machine {
    storage: Arc<dyn Storage>,
    bench: Bench,
    fake: Arc<Fake>,
}

impl Machine {
    fn new() -> Self {
        let storage: Arc<dyn Storage> = Arc::new(SqliteStorage::in_memory().unwrap());
        let (fake, clock) = Fake::showing(today());
        let (core, root, key) = Bench::unsealed(registry(), storage.clone(), Arc::new(clock));
        let bench = Bench { core, clock: Arc::new(ManualClock::at(Timestamp(0))), root, key };
        bench.sweep_alone();
        bench.mount_outside();
        Self { storage, bench, fake }
    }

    /// Ends the server and starts another where the machine's clock shows this.
    fn restart_at(&mut self, wall: Timestamp) {
        self.bench.core.seal();
        let (fake, clock) = Fake::showing(wall);
        self.fake = fake;
        self.bench.core = Bench::sealed(registry(), self.storage.clone(), Arc::new(clock));
        self.bench.unseal();
    }

    fn read(&self, path: &str) -> Value {
        match &self.bench.call(&self.bench.root, Operation::Read, path, Value::Null).unwrap().body {
            Body::Data(data) => Value::Object(data.clone()),
            Body::Bare(value) => value.clone(),
            _ => panic!("an answer with data"),
        }
    }

    fn sweep(&self) {
        self.bench.sweep();
        self.bench.sweep();
    }
}

#[test]
fn a_clock_far_ahead_at_the_start_ends_nothing_and_is_forgotten_when_it_is_put_right() {
    let (mut machine, target) = (Machine::new(), Target::new());
    let token = machine.bench.child(&machine.bench.root, "5h");
    machine.bench.lease_at(&target, "5h");
    machine.restart_at(Timestamp(today().0 + 20 * YEAR));
    machine.sweep();
    assert_eq!(target.held(), 1, "revocations are held");
    assert!(!machine.bench.lives(&token), "what has expired by that clock is dead");
    for path in ["sys/health", "sys/seal-status"] {
        let why = machine.read(path)["revocations_held"].to_string();
        assert!(why.contains("more than 400 days after"), "{path}: {why}");
    }
    assert_eq!(machine.read("sys/clock")["believed"], false);
    let refused = machine.bench.call(&machine.bench.root, Operation::Update, &target.creds(), json!({})).err().unwrap();
    assert_eq!(refused.kind(), Kind::Conflict, "an end by that clock would come in twenty years");

    machine.fake.set(Timestamp(today().0 + HOUR));
    machine.sweep();
    assert!(machine.bench.lives(&token));
    assert_eq!(target.held(), 1);
    assert!(machine.read("sys/health").get("revocations_held").is_none());
    machine.fake.pass(5 * HOUR);
    machine.sweep();
    assert_eq!((target.held(), machine.bench.lives(&token)), (0, false), "by the clock that is right");
}

#[test]
fn a_clock_that_is_accepted_ends_what_is_due_by_it_and_is_believed_from_then_on() {
    let (mut machine, target) = (Machine::new(), Target::new());
    machine.bench.lease_at(&target, "5h");
    let late = Timestamp(today().0 + 3 * YEAR);
    machine.restart_at(late);
    machine.sweep();
    assert_eq!(target.held(), 1);
    machine.bench.call(&machine.bench.root, Operation::Update, "sys/clock/accept", Value::Null).unwrap();
    machine.sweep();
    assert_eq!(target.held(), 0);
    machine.restart_at(Timestamp(late.0 + HOUR));
    assert_eq!(machine.read("sys/clock")["believed"], true);
}

#[test]
fn what_is_revoked_by_name_is_ended_whatever_the_clock_shows() {
    let (mut machine, target) = (Machine::new(), Target::new());
    let lease = machine.bench.lease_at(&target, "5h");
    machine.restart_at(Timestamp(0));
    let held = machine.read("sys/health")["revocations_held"].to_string();
    assert!(held.contains("before this program was built"), "{held}");
    let revoke = json!({ "lease_id": lease });
    machine.bench.call(&machine.bench.root, Operation::Update, "sys/leases/revoke", revoke).unwrap();
    assert_eq!(target.held(), 0);
}

#[test]
fn a_clock_that_was_reset_extends_nothing_across_a_restart() {
    let (mut machine, target) = (Machine::new(), Target::new());
    let token = machine.bench.child(&machine.bench.root, "5h");
    machine.bench.lease_at(&target, "5h");
    machine.fake.pass(4 * HOUR);
    machine.restart_at(Timestamp(today().0 - 4 * HOUR));
    assert!(machine.bench.lives(&token));
    machine.fake.pass(HOUR);
    machine.sweep();
    assert_eq!((target.held(), machine.bench.lives(&token)), (0, false));
}

#[test]
fn what_was_revoked_is_ended_in_the_background_while_what_is_due_by_the_clock_is_held() {
    let (mut machine, target, other) = (Machine::new(), Target::new(), Target::new());
    let token = machine.bench.child(&machine.bench.root, "");
    machine.bench.call(&token, Operation::Update, &target.creds(), json!({"ttl": "1h"})).unwrap();
    machine.bench.lease_at(&target, "5h");
    machine.bench.lease_at(&other, "5h");
    let revoke = json!({ "token": token });
    for ahead in [true, false] {
        machine.restart_at(if ahead { Timestamp(today().0 + 20 * YEAR) } else { Timestamp(0) });
        machine.sweep();
        assert_eq!((target.held(), other.held()), (2, 1));
    }
    machine.bench.call(&machine.bench.root, Operation::Update, "auth/token/revoke", revoke).unwrap();
    machine.sweep();
    assert_eq!((target.held(), other.held()), (1, 1));
}

#[test]
fn what_was_revoked_by_a_clock_far_ahead_is_ended_when_that_is_put_right() {
    let (mut machine, target) = (Machine::new(), Target::new());
    let lease = machine.bench.lease_at(&target, "5h");
    machine.restart_at(Timestamp(today().0 + 20 * YEAR));
    target.behave(Manner::Denies);
    let revoke = json!({ "lease_id": lease });
    machine.bench.call(&machine.bench.root, Operation::Update, "sys/leases/revoke", revoke).err().unwrap();
    target.behave(Manner::Answers);
    machine.fake.set(today());
    machine.sweep();
    assert_eq!(target.held(), 1, "its next try is twenty years away");
    machine.bench.live().take_up_what_was_held().unwrap();
    machine.sweep();
    assert_eq!(target.held(), 0);
}

#[test]
fn nothing_that_ends_at_a_time_is_made_or_renewed_by_a_clock_far_ahead() {
    let (mut machine, target) = (Machine::new(), Target::new());
    let lease = machine.bench.lease_at(&target, "5h");
    machine.restart_at(Timestamp(today().0 + 20 * YEAR));
    for (path, body) in [
        (target.creds().as_str(), json!({})),
        ("auth/token/create", json!({"ttl": "1h"})),
        ("auth/token/create", json!({"ttl": "1h", "type": "batch", "policies": ["default"]})),
        ("sys/leases/renew", json!({ "lease_id": lease })),
    ] {
        let refused = machine.bench.call(&machine.bench.root, Operation::Update, path, body).err().unwrap();
        assert_eq!(refused.kind(), Kind::Conflict, "{path}");
        assert!(refused.message().contains("operator clock accept"), "{path}: {}", refused.message());
    }
    let records = MountRecords::at(&machine.bench.live(), "outside/").unwrap();
    let schedule =
        |machine: &Machine| records.write(&mut |records| records.schedule("task", "x", machine.fake.shown()));
    assert_eq!(schedule(&machine).err().unwrap().kind(), Kind::Conflict);
    machine.fake.set(today());
    schedule(&machine).unwrap();
    machine.bench.lease_at(&target, "5h");
}

#[test]
fn a_lease_that_is_held_says_why() {
    let (mut machine, target) = (Machine::new(), Target::new());
    let lease = machine.bench.lease_at(&target, "5h");
    machine.restart_at(Timestamp(today().0 + 20 * YEAR));
    let why = machine.bench.call(&machine.bench.root, Operation::Update, "sys/leases/why", json!({ "id": lease }));
    let Body::Data(data) = &why.unwrap().body else { panic!("an answer with data") };
    assert!(data["why"].to_string().contains("is not ended until the clock is set right or accepted"), "{data:?}");
}
