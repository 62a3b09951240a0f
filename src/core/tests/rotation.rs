//! Data keys that take over by age, and everything sealed anew with the newest.

use super::Bench;
use crate::core::reseal;
use crate::core::rotation::Config;
use crate::logical::Operation;
use crate::storage::{Catalog, Snapshot};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Values that an older key than the newest has sealed.
fn outdated(bench: &Bench) -> usize {
    let live = bench.live();
    let count = |sealed: &[u8]| usize::from(live.barrier.is_outdated(sealed));
    live.storage
        .reading(|snapshot: &dyn Snapshot| {
            let mut found = 0;
            for catalog in [Catalog::Mounts, Catalog::Policies, Catalog::AuditDevices] {
                found += snapshot.catalog(catalog)?.iter().map(|row| count(&row.sealed)).sum::<usize>();
            }
            found += snapshot.nodes(0, 10_000)?.iter().map(|row| count(&row.sealed_name)).sum::<usize>();
            found += snapshot.records(0, 10_000)?.iter().map(|(_, row)| count(&row.sealed)).sum::<usize>();
            found += snapshot.leases(0, 10_000)?.iter().map(|row| count(&row.sealed)).sum::<usize>();
            found += snapshot.work_all(0, 10_000)?.iter().map(|row| count(&row.sealed)).sum::<usize>();
            found += snapshot.causes(&[0; 16], 10_000)?.iter().map(|row| count(&row.sealed)).sum::<usize>();
            Ok(found)
        })
        .unwrap()
}

fn wait_until_resealed(bench: &Bench) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while bench.live().storage.reading(|snapshot| reseal::is_pending(snapshot)).unwrap() {
        assert!(Instant::now() < deadline, "{} values are still sealed with an older key", outdated(bench));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn filled() -> Bench {
    let bench = Bench::new();
    bench.policy("some", "path \"a\" { capabilities = [\"read\"] }");
    bench.call(&bench.root, Operation::Update, "sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    for n in 0..450 {
        let path = format!("kv/folder-{}/name-{n}", n % 7);
        bench.call(&bench.root, Operation::Create, &path, json!({ "n": n })).unwrap();
    }
    let parent = bench.holder(&["root"]);
    let child = bench.child(&parent, "1h");
    bench.call(&bench.root, Operation::Update, "auth/token/revoke", json!({ "token": child })).unwrap();
    bench
}

#[test]
fn what_older_keys_have_sealed_is_sealed_anew_and_reads_the_same() {
    let bench = filled();
    assert_eq!(outdated(&bench), 0);
    bench.call(&bench.root, Operation::Update, "sys/rotate", json!({})).unwrap();
    assert_eq!(bench.live().key_status().term, 2);
    wait_until_resealed(&bench);
    assert_eq!(outdated(&bench), 0);
    bench.core.seal();
    bench.unseal();
    assert_eq!(bench.live().key_status().term, 2);
    for n in 0..450 {
        let path = format!("kv/folder-{}/name-{n}", n % 7);
        let read = bench.call(&bench.root, Operation::Read, &path, Value::Null).unwrap();
        assert!(matches!(&read.body, crate::logical::Body::Data(data) if data["n"] == n));
    }
    assert!(bench.live().policies.names().iter().any(|name| name == "some"));
}

#[test]
fn a_key_takes_over_at_the_age_and_the_count_that_are_configured() {
    let bench = Bench::new();
    let live = bench.live();
    assert_eq!(live.rotation_config().unwrap(), Config::default());
    let day = 24 * 3600;
    live.configure_rotation(&Config { interval: day, ..Config::default() }).unwrap();
    live.tend_keys().unwrap();
    assert_eq!(live.key_status().term, 1);
    bench.clock.advance(Duration::from_secs(day));
    live.tend_keys().unwrap();
    assert_eq!(live.key_status().term, 2);
    live.configure_rotation(&Config { enabled: false, ..live.rotation_config().unwrap() }).unwrap();
    bench.clock.advance(Duration::from_secs(2 * day));
    live.tend_keys().unwrap();
    assert_eq!(live.key_status().term, 2, "it is switched off");
    let counted = Config { enabled: true, interval: 0, max_operations: 1_000_000 };
    live.configure_rotation(&counted).unwrap();
    live.barrier.resume_count(2, 1_000_000);
    live.tend_keys().unwrap();
    assert_eq!(live.key_status().term, 3);
    for wrong in [Config { interval: 3600, ..counted }, Config { max_operations: 5, ..counted }] {
        assert!(live.configure_rotation(&wrong).is_err());
    }
}

#[test]
fn how_much_was_sealed_is_counted_on_after_the_next_unsealing() {
    let bench = filled();
    let before = bench.live().key_status().sealed;
    assert!(before > 450);
    bench.core.seal();
    bench.unseal();
    assert!(bench.live().key_status().sealed >= before);
}
