//! What is wrapped and alive outside: its lease begins and ends as any other, whatever becomes of the wrapping.

use super::Bench;
use super::outside::{bench, data_of, world};
use crate::logical::{CanonicalPath, Operation, Request, Response, WrapFormat};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

impl Bench {
    fn wrapped(&self, token: &str, path: &str) -> crate::base::Result<Response> {
        self.core.handle(&mut Request {
            id: "r".to_owned(),
            operation: Operation::Read,
            path: CanonicalPath::from_text(path).unwrap(),
            data: serde_json::Map::new(),
            token: Some(token.into()),
            peer: None,
            certificates: std::sync::Arc::default(),
            wrap_ttl: Some(Duration::from_secs(60)),
            wrap_format: WrapFormat::Plain,
            deadline: Instant::now() + Duration::from_secs(30),
            idempotency_key: None,
            allowance: None,
        })
    }
}

#[test]
fn a_wrapped_lease_lives_under_its_own_parent_whether_unwrapped_or_not() {
    let bench = bench();
    let uuid = bench.uuid("db/");
    let users = || world(&uuid, |world| world.users.len());
    let parent = bench.child(&bench.root, "2h");
    let taken = bench.wrapped(&parent, "db/creds/app").unwrap().wrap_info.clone().unwrap();
    bench.wrapped(&parent, "db/creds/app").unwrap();
    assert_eq!((users(), bench.rows()), (2, 6), "two tokens, two leases, two wrapping tokens");
    let inside = bench.call(taken.token.expose(), Operation::Update, "sys/wrapping/unwrap", Value::Null).unwrap();
    assert_eq!(data_of(&inside)["user"], "app-1");
    let lease = inside.lease.clone().unwrap();
    assert!(lease.id.starts_with("db/creds/app/") && lease.renewable && lease.ttl == Duration::from_secs(3600));
    bench.write("sys/leases/renew", json!({ "lease_id": lease.id })).unwrap();

    bench.clock.advance(Duration::from_secs(61));
    bench.sweep();
    assert_eq!((users(), bench.rows()), (2, 4), "the wrapping that nobody opened is gone, its lease is not");
    bench.write("auth/token/revoke", json!({ "token": parent })).unwrap();
    bench.sweep_until(|| users() == 0 && bench.rows() == 1);
}

#[test]
fn a_credential_that_could_not_be_wrapped_is_taken_back() {
    let bench = bench();
    let uuid = bench.uuid("db/");
    let parent = bench.child(&bench.root, "2h");
    let quota = json!({ "max_leases": 3, "path": "" });
    bench.write("sys/quotas/lease-count/few", quota).unwrap();
    assert!(bench.wrapped(&parent, "db/creds/app").is_err(), "there is room for the lease, and none for its wrapping");
    bench.sweep_until(|| world(&uuid, |world| world.users.is_empty() && world.made == 1) && bench.rows() == 2);
}
