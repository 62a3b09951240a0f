//! Tidying: what is damaged is found, what nothing holds ends, and what lives is left alone.

use super::Bench;
use super::outside::{bench, data_of, world};
use crate::barrier::Place;
use crate::core::leases::Leases;
use crate::core::records::MountRecords;
use crate::core::tasks;
use crate::core::workers::Workers;
use crate::logical::ctx::store;
use crate::logical::{Operation, View};
use serde_json::{Value, json};
use std::sync::Arc;

impl Bench {
    fn tidy(&self, path: &str) -> Value {
        let answer = self.call(&self.root, Operation::Update, path, json!({})).unwrap();
        assert!(answer.warnings[0].starts_with("Tidy operation successfully started."), "{:?}", answer.warnings);
        self.sweep();
        let told = self.read(path).unwrap();
        assert_eq!(told["state"], "finished", "{told}");
        told
    }

    fn row_of(&self, token: &str) -> i64 {
        let live = self.live();
        let key = Leases { barrier: &live.barrier }.token_key(token);
        live.storage.reading(|snapshot| snapshot.lease_by_key(&key)).unwrap().unwrap().id
    }

    /// Makes a row one that does not open.
    fn damage(&self, row: i64) {
        let place = Place { table: "leases", column: "other", row: b"elsewhere", grants: &[] };
        let live = self.live();
        let sealed = live.barrier.seal(&place, b"{}").unwrap();
        assert!(live.storage.writing(|tx| tx.lease_reseal(row, &sealed)).unwrap());
    }
}

#[test]
fn a_damaged_token_ends_with_all_below_it_and_the_rest_is_left_alone() {
    let bench = bench();
    let uuid = bench.uuid("db/");
    let damaged = bench.child(&bench.root, "2h");
    let below = bench.child(&damaged, "1h");
    let sound = bench.child(&bench.root, "2h");
    for token in [&below, &sound] {
        bench.call(token, Operation::Read, "db/creds/app", Value::Null).unwrap();
    }
    bench.damage(bench.row_of(&damaged));
    bench.sweep();
    assert_eq!(world(&uuid, |world| world.users.len()), 2, "nobody notices by itself");

    let told = bench.tidy("auth/token/tidy");
    assert_eq!((&told["rows_damaged"], &told["rows_without_parent"]), (&json!(1), &json!(1)));
    bench.sweep_until(|| world(&uuid, |world| world.users.len()) == 1);
    assert!(bench.lives(&sound) && !bench.lives(&below));
    bench.sweep_until(|| bench.rows() == 3);
    let again = bench.tidy("auth/token/tidy");
    assert_eq!((&again["rows_damaged"], &again["rows_looked_at"]), (&json!(0), &json!(2)));
}

#[test]
fn a_secret_without_its_token_is_revoked_and_a_damaged_one_stays() {
    let bench = bench();
    let uuid = bench.uuid("db/");
    let parent = bench.child(&bench.root, "2h");
    let issue = || data_of(&bench.call(&parent, Operation::Read, "db/creds/app", Value::Null).unwrap());
    issue();
    issue();
    let above = bench.row_of(&parent);
    let rows = bench.live().storage.reading(|snapshot| snapshot.lease_children(above, 0, 10)).unwrap();
    bench.damage(rows[0].id);
    // As a file that somebody has edited would lack it.
    assert!(bench.live().storage.writing(|tx| tx.lease_delete(rows[0].parent)).unwrap());

    let told = bench.tidy("sys/leases/tidy");
    assert_eq!((&told["rows_damaged"], &told["rows_without_parent"]), (&json!(1), &json!(1)));
    bench.sweep_until(|| world(&uuid, |world| world.users.len()) == 1);
    assert!(bench.live().storage.reading(|snapshot| snapshot.lease(rows[0].id)).unwrap().is_some());
}

#[test]
fn names_that_lead_to_no_entity_go_and_others_stay() {
    let bench = Bench::new();
    let ann = bench.write("identity/entity", json!({ "name": "ann" })).unwrap();
    let records = MountRecords::at(&bench.live(), "identity/").unwrap();
    records
        .write(&mut |records| {
            store(records, "alias/somewhere/bob", &"nobody")?;
            store(records, "entity-name/anne", &ann["id"])
        })
        .unwrap();
    assert_eq!(bench.tidy("auth/token/tidy")["names_astray"], 2);
    assert!(!records.has("alias/somewhere/bob").unwrap() && !records.has("entity-name/anne").unwrap());
    assert_eq!(bench.read("identity/entity/name/ann").unwrap()["id"], ann["id"]);
}

#[test]
fn a_walk_that_was_cut_off_goes_on_after_a_restart() {
    let bench = Bench::new();
    for _ in 0..5 {
        bench.child(&bench.root, "1h");
    }
    assert_eq!(bench.read("auth/token/tidy").unwrap()["state"], "never run");
    bench.write("auth/token/tidy", json!({})).unwrap();
    let again = bench.call(&bench.root, Operation::Update, "auth/token/tidy", json!({})).unwrap();
    assert_eq!(again.warnings, ["Tidy operation already in progress."]);
    // Claimed, and then the process is gone.
    let live = bench.live();
    let work = live.storage.reading(|snapshot| snapshot.work_due(live.now(), 10)).unwrap();
    assert_eq!(work.len(), 1);
    live.storage.writing(|tx| tasks::claim(tx, work[0].id, live.now())).unwrap();
    drop(live);
    bench.core.seal();
    bench.unseal();
    bench.clock.advance(std::time::Duration::from_secs(600));
    let workers = Arc::new(Workers::default());
    crate::core::sweeper::sweep(&bench.live(), &workers).unwrap();
    workers.wait_idle();
    let told = bench.read("auth/token/tidy").unwrap();
    assert_eq!((&told["state"], &told["rows_looked_at"]), (&json!("finished"), &json!(6)));
}
