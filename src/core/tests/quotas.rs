//! Quotas: which one counts, what it refuses, and that nothing gets past it.

use super::Bench;
use super::outside::{bench, world};
use crate::base::{Error, Kind, Result, Secret};
use crate::core::quotas::admission::BUILT_IN;
use crate::logical::{Allowance, CanonicalPath, Map, Operation, Request, WrapFormat};
use crate::storage::{Counted, LeaseKind, LeaseState, NewLease};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn refusal<T>(answer: Result<T>) -> String {
    let error = answer.err().expect("it is refused");
    assert_eq!(error.kind(), Kind::Busy, "{error:?}");
    error.message().to_owned()
}

fn put(bench: &Bench, kind: &str, name: &str, data: Value) {
    bench.write(&format!("sys/quotas/{kind}/{name}"), data).unwrap();
}

fn counter(bench: &Bench, name: &str) -> Value {
    bench.read(&format!("sys/quotas/lease-count/{name}")).unwrap()["counter"].clone()
}

#[test]
fn a_full_mount_refuses_and_says_what_to_do() {
    let bench = bench();
    put(&bench, "lease-count", "few", json!({ "path": "db", "max_leases": 2 }));
    let first = bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
    bench.lease(&bench.root, "db/creds/b", "1h").unwrap();
    let words = refusal(bench.lease(&bench.root, "db/creds/a", "1h"));
    for part in ["db/creds/a", "lease count quota exceeded", "\"few\"", "2 live leases", "sys/quotas/lease-count/few"] {
        assert!(words.contains(part), "{words:?} should say {part:?}");
    }
    assert_eq!(counter(&bench, "few"), 2);
    assert_eq!(world(&bench.uuid("db/"), |world| world.users.len()), 2, "nothing was made for the refused");
    bench.write("sys/leases/revoke", json!({ "lease_id": first })).unwrap();
    bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
}

#[test]
fn a_lease_counts_until_its_credential_is_gone() {
    let bench = bench();
    put(&bench, "lease-count", "one", json!({ "path": "db/", "max_leases": 1 }));
    let mount = bench.uuid("db/");
    let id = bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
    world(&mount, |world| world.is_down = true);
    assert!(bench.write("sys/leases/revoke", json!({ "lease_id": id })).is_err());
    refusal(bench.lease(&bench.root, "db/creds/a", "1h"));
    world(&mount, |world| world.is_down = false);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep_until(|| bench.lease(&bench.root, "db/creds/a", "1h").is_ok());
}

#[test]
fn the_most_specific_lease_count_counts_and_no_other() {
    let bench = bench();
    let quotas = [
        ("all", json!({ "max_leases": 1000 })),
        ("mount", json!({ "path": "db", "max_leases": 5 })),
        ("folder", json!({ "path": "db/creds/*", "max_leases": 4 })),
        ("path", json!({ "path": "db/creds/a", "max_leases": 3 })),
        ("role", json!({ "path": "db", "role": "a", "max_leases": 2 })),
    ];
    for (name, quota) in quotas {
        put(&bench, "lease-count", name, quota);
    }
    for name in ["role", "path", "folder", "mount"] {
        while bench.lease(&bench.root, "db/creds/a", "1h").is_ok() {}
        let words = refusal(bench.lease(&bench.root, "db/creds/a", "1h"));
        assert!(words.contains(&format!("{name:?}")), "{words}");
        bench.delete(&format!("sys/quotas/lease-count/{name}")).unwrap();
    }
    bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
    assert_eq!(counter(&bench, "all"), 7, "six credentials and the root token");
}

#[test]
fn each_role_and_each_entity_may_have_an_allowance_of_its_own() {
    let bench = bench();
    put(&bench, "lease-count", "each", json!({ "path": "db", "max_leases": 1, "group_by": "role" }));
    for role in ["a", "b"] {
        bench.lease(&bench.root, &format!("db/creds/{role}"), "1h").unwrap();
        refusal(bench.lease(&bench.root, &format!("db/creds/{role}"), "1h"));
    }
    put(&bench, "lease-count", "each", json!({ "path": "db", "max_leases": 3, "group_by": "entity" }));
    bench.lease(&bench.root, "db/creds/c", "1h").unwrap();
    let words = refusal(bench.lease(&bench.root, "db/creds/d", "1h"));
    assert!(words.contains("for each entity"), "{words}");
    assert_eq!(counter(&bench, "each"), Value::Null);
}

#[test]
fn a_mount_has_a_limit_until_it_is_given_another() {
    let bench = bench();
    let live = bench.live();
    let mount = live.mount_at("db/").unwrap().hash();
    live.storage
        .writing(|tx| {
            for number in 0..BUILT_IN {
                let mut key = [9; 24];
                key[..8].copy_from_slice(&number.to_be_bytes());
                tx.lease_insert(&active(key, mount))?;
            }
            Ok(())
        })
        .unwrap();
    let words = refusal(bench.lease(&bench.root, "db/creds/a", "1h"));
    assert!(words.contains("the built-in limit for db/ allows 10000"), "{words}");
    put(&bench, "lease-count", "all", json!({ "max_leases": 100_000 }));
    refusal(bench.lease(&bench.root, "db/creds/a", "1h"));
    put(&bench, "lease-count", "more", json!({ "path": "db", "max_leases": 10_001 }));
    bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
}

fn active(key: [u8; 24], mount: [u8; 16]) -> NewLease {
    NewLease {
        key,
        parent: 0,
        mount,
        node: 0,
        kind: LeaseKind::Secret,
        state: LeaseState::Active,
        issued: crate::base::Timestamp(0),
        expires: None,
        maximum: None,
        due: None,
        accessor: None,
        entity: None,
        role: None,
        subject: None,
        target: None,
        sealed: Vec::new(),
    }
}

#[test]
fn no_number_of_requests_at_once_gets_past_a_lease_count() {
    let bench = bench();
    put(&bench, "lease-count", "few", json!({ "path": "db", "max_leases": 20 }));
    let made = std::thread::scope(|scope| {
        let ask = || (0..10).filter(|_| bench.lease(&bench.root, "db/creds/a", "1h").is_ok()).count();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(made, 20);
    assert_eq!(world(&bench.uuid("db/"), |world| world.users.len()), 20);
}

#[test]
fn counts_are_right_whatever_happened_and_go_with_their_mount() {
    let bench = bench();
    let mount = bench.live().mount_at("db/").unwrap().hash();
    let count = |of: Counted| bench.live().storage.reading(|snapshot| snapshot.lease_count(&of)).unwrap();
    for role in ["a", "a", "b"] {
        bench.lease(&bench.root, &format!("db/creds/{role}"), "1h").unwrap();
    }
    bench.core.seal();
    bench.unseal();
    assert_eq!((count(Counted::All), count(Counted::Mount(mount))), (4, 3));
    bench.clock.advance(Duration::from_secs(3600));
    bench.sweep_until(|| count(Counted::All) == 1);
    assert_eq!(count(Counted::Mount(mount)), 0);
    put(&bench, "lease-count", "gone", json!({ "path": "db", "max_leases": 20 }));
    bench.lease(&bench.root, "db/creds/a", "1h").unwrap();
    bench.delete("sys/mounts/db").unwrap();
    bench.sweep_until(|| count(Counted::All) == 1);
    assert_eq!(bench.read("sys/quotas/lease-count/gone").unwrap_err().kind(), Kind::NotFound, "it went with its mount");
}

#[test]
fn a_quota_moves_with_its_mount_and_outlives_a_seal() {
    let bench = bench();
    put(&bench, "lease-count", "one", json!({ "path": "db/creds/a", "max_leases": 1 }));
    bench.write("sys/remount", json!({ "from": "db", "to": "other" })).unwrap();
    bench.core.seal();
    bench.unseal();
    assert_eq!(bench.read("sys/quotas/lease-count/one").unwrap()["path"], "other/creds/a");
    bench.lease(&bench.root, "other/creds/a", "1h").unwrap();
    refusal(bench.lease(&bench.root, "other/creds/a", "1h"));
}

#[test]
fn tokens_are_limited_where_somebody_asks_for_it_and_the_root_never() {
    let bench = bench();
    put(&bench, "lease-count", "tokens", json!({ "path": "auth/token", "max_leases": 2 }));
    bench.child(&bench.root, "1h");
    let made = bench.write("auth/token/create", json!({ "ttl": "1h" }));
    assert!(refusal(made).contains("auth/token/create"));
    bench.write("auth/token/create", json!({ "policies": ["root"] })).unwrap();
}

#[test]
fn quotas_that_make_no_sense_are_refused() {
    let bench = bench();
    put(&bench, "lease-count", "one", json!({ "path": "db", "max_leases": 1 }));
    for (path, data, words) in [
        ("lease-count/x", json!({ "path": "db" }), "'max_leases' is invalid"),
        ("lease-count/x", json!({ "path": "db", "max_leases": 0 }), "'max_leases' is invalid"),
        ("lease-count/x", json!({ "path": "db/", "max_leases": 1 }), "exists under the name \"one\""),
        ("lease-count/x", json!({ "path": "nowhere", "max_leases": 1 }), "invalid mount path \"nowhere\""),
        ("lease-count/x", json!({ "role": "a", "max_leases": 1 }), "needs the path"),
        ("lease-count/x", json!({ "path": "db/creds", "role": "a", "max_leases": 1 }), "path is the mount alone"),
        ("lease-count/x", json!({ "path": "sys", "role": "a", "max_leases": 1 }), "no roles that make leases"),
        ("lease-count/x", json!({ "path": "db/*/a", "max_leases": 1 }), "a star"),
        ("lease-count/x", json!({ "path": "db/a", "max_leases": 1, "group_by": "role" }), "group_by=role"),
        ("lease-count/x", json!({ "path": "db/a", "max_leases": 1, "group_by": "ip" }), "none, role, entity"),
        ("lease-count/x", json!({ "path": "db/a", "max_leases": 1, "inheritable": true }), "inheritable"),
        ("rate-limit/x", json!({}), "'rate' is invalid"),
        ("rate-limit/x", json!({ "rate": "-1" }), "'rate' is invalid"),
        ("rate-limit/x", json!({ "rate": 1, "interval": "0s" }), "'interval' is invalid"),
        ("rate-limit/x", json!({ "rate": 1, "path": "db", "role": "a" }), "does not support rate limits by role"),
        ("rate-limit/x", json!({ "rate": 1, "group_by": "token" }), "entity_then_ip"),
    ] {
        let error = bench.write(&format!("sys/quotas/{path}"), data.clone()).unwrap_err();
        assert!(error.kind() == Kind::BadRequest && error.message().contains(words), "{path} {data}: {error:?}");
    }
}

/// One request from an address, and what a rate limit said of it.
fn come(bench: &Bench, token: &str, address: &str, path: &str) -> (Result<(), Error>, Option<Allowance>) {
    let mut request = Request {
        id: "r".to_owned(),
        operation: Operation::Read,
        path: CanonicalPath::from_text(path).unwrap(),
        data: Map::new(),
        token: Some(Secret::from(token)),
        peer: Some(format!("{address}:1").parse().unwrap()),
        certificates: std::sync::Arc::default(),
        wrap_ttl: None,
        wrap_format: WrapFormat::Plain,
        deadline: Instant::now() + Duration::from_secs(30),
        idempotency_key: None,
        allowance: None,
    };
    let outcome = bench.core.handle(&mut request).map(drop);
    (outcome, request.allowance.take())
}

#[test]
fn a_client_beyond_its_rate_waits_and_others_do_not() {
    let bench = bench();
    put(&bench, "rate-limit", "slow", json!({ "path": "sys", "rate": 2, "interval": "10s" }));
    let come = |address| come(&bench, &bench.root, address, "sys/mounts");
    assert!(come("1.2.3.4").0.is_ok() && come("1.2.3.4").0.is_ok());
    let (refused, allowance) = come("1.2.3.4");
    let words = refusal(refused);
    for part in ["request path \"sys/mounts\": rate limit quota exceeded", "\"slow\"", "2 requests in 10s", "in 5s"] {
        assert!(words.contains(part), "{words:?} should say {part:?}");
    }
    let allowance = allowance.unwrap();
    assert!(allowance.is_refused && !allowance.is_shown);
    assert_eq!((allowance.limit, allowance.remaining, allowance.reset), (2.0, 0, Duration::from_secs(5)));
    assert!(come("5.6.7.8").0.is_ok());
    bench.clock.advance(Duration::from_secs(5));
    assert!(come("1.2.3.4").0.is_ok());
    assert!(come("1.2.3.4").0.is_err());
}

#[test]
fn a_bad_token_does_not_get_around_a_rate_limit() {
    let bench = bench();
    for group_by in ["ip", "none", "entity_then_ip", "entity_then_none"] {
        put(&bench, "rate-limit", "slow", json!({ "path": "db", "rate": 1, "group_by": group_by }));
        let denied = come(&bench, "guess", "1.2.3.4", "db/creds/a").0.unwrap_err();
        assert_eq!(denied.kind(), Kind::Denied, "{group_by}");
        refusal(come(&bench, "guess", "1.2.3.4", "db/creds/a").0);
    }
}

#[test]
fn a_blocked_client_stays_out_for_the_block_interval() {
    let bench = bench();
    put(&bench, "rate-limit", "hard", json!({ "rate": 1, "path": "sys", "block_interval": "1m" }));
    assert!(come(&bench, &bench.root, "1.2.3.4", "sys/mounts").0.is_ok());
    refusal(come(&bench, &bench.root, "1.2.3.4", "sys/mounts").0);
    bench.clock.advance(Duration::from_secs(59));
    let (refused, allowance) = come(&bench, &bench.root, "1.2.3.4", "sys/mounts");
    refusal(refused);
    assert_eq!(allowance.unwrap().reset, Duration::from_secs(1));
    bench.clock.advance(Duration::from_secs(1));
    assert!(come(&bench, &bench.root, "1.2.3.4", "sys/mounts").0.is_ok());
}

#[test]
fn exempt_paths_have_no_limit_and_headers_are_shown_where_asked_for() {
    let bench = bench();
    put(&bench, "rate-limit", "slow", json!({ "rate": 5, "path": "sys" }));
    bench.write("sys/quotas/config", json!({ "enable_rate_limit_response_headers": true })).unwrap();
    let (_, allowance) = come(&bench, &bench.root, "1.2.3.4", "sys/mounts");
    let allowance = allowance.unwrap();
    assert_eq!((allowance.is_shown, allowance.remaining), (true, 4));
    bench.write("sys/quotas/config", json!({ "rate_limit_exempt_paths": ["sys/moun*"] })).unwrap();
    assert_eq!(come(&bench, &bench.root, "1.2.3.4", "sys/mounts").1, None);
    let config = bench.read("sys/quotas/config").unwrap();
    assert_eq!(config["rate_limit_exempt_paths"], json!(["sys/moun*"]));
    assert_eq!(config["enable_rate_limit_response_headers"], true, "what is not given stays");
}
