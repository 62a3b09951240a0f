use super::of_token;
use crate::base::{Error, Kind};
use crate::core::leases::Leases;
use crate::core::tests::Bench;
use crate::logical::Operation;
use crate::storage::{LeaseState, Tx};
use serde_json::{Value, json};
use std::time::Duration;

impl Bench {
    fn denied(&self, token: &str, operation: Operation, path: &str, data: Value) -> Error {
        let error = self.call(token, operation, path, data).err().unwrap();
        assert_eq!((error.kind(), error.message()), (Kind::Denied, "permission denied"), "{path}");
        error
    }

    /// The code that a token's holder is told after `change`, which nobody else sees.
    fn told(&self, token: &str, change: impl Fn(&mut dyn Tx, &Leases<'_>)) -> Value {
        let live = self.live();
        let leases = Leases { barrier: &live.barrier };
        let mut told = None;
        let undone = live.storage.writing(|tx| {
            change(tx, &leases);
            told = Some(of_token(&*tx, &leases, &leases.token_key(token), live.now())?);
            Err::<(), _>(Error::busy("undo"))
        });
        assert!(undone.is_err());
        let told = told.unwrap();
        assert_eq!(told.message(), "permission denied");
        told.reason().map_or(Value::Null, |reason| reason["code"].clone())
    }
}

fn revoke(token: &str, tx: &mut dyn Tx, leases: &Leases<'_>) {
    let row = tx.lease_by_key(&leases.token_key(token)).unwrap().unwrap();
    assert!(tx.lease_advance(row.id, LeaseState::Active, LeaseState::Revoking, None, 0).unwrap());
}

#[test]
fn the_holder_of_a_token_that_ended_is_told_how() {
    let bench = Bench::new();
    let parent = bench.child(&bench.root, "1h");
    let child = bench.child(&parent, "2h");
    assert_eq!(bench.told(&child, |tx, leases| revoke(&child, tx, leases)), "token_revoked");
    assert_eq!(bench.told(&child, |tx, leases| revoke(&parent, tx, leases)), "parent_revoked");
    let both =
        |tx: &mut dyn Tx, leases: &Leases<'_>| [&parent, &child].iter().for_each(|token| revoke(token, tx, leases));
    assert_eq!(bench.told(&child, both), "parent_revoked", "it was revoked because its parent was");
    assert_eq!(bench.told(&child, |_, _| ()), Value::Null, "one that lives was denied for something else");
    assert_eq!(bench.told("hvs.unknown", |_, _| ()), Value::Null);
    assert_eq!(bench.told(&format!("{child}x"), |tx, leases| revoke(&child, tx, leases)), Value::Null);
    let hours = |hours: u64| bench.clock.advance(Duration::from_secs(hours * 3600));
    let expired = bench.told(&child, |_, _| hours(1));
    assert_eq!(expired, "parent_expired");
}

#[test]
fn an_expired_token_is_told_when_it_expired() {
    let bench = Bench::new();
    let token = bench.child(&bench.root, "1h");
    let live = bench.live();
    let leases = Leases { barrier: &live.barrier };
    let error = live
        .storage
        .reading(|snapshot| {
            bench.clock.advance(Duration::from_secs(3600));
            of_token(snapshot, &leases, &leases.token_key(&token), live.now())
        })
        .unwrap();
    assert_eq!(
        error.reason(),
        Some(&json!({ "code": "token_expired", "message": "The token expired at 2027-01-15T09:00:00.000Z." }))
    );
}

#[test]
fn a_random_token_learns_nothing_and_no_token_learns_that_one_is_needed() {
    let bench = Bench::new();
    let random = bench.denied("hvs.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Operation::Read, "sys/mounts", Value::Null);
    assert_eq!(random.reason(), None);
    let none = bench.denied("", Operation::Read, "sys/mounts", Value::Null);
    assert_eq!(none.reason().unwrap()["code"], "token_missing");
}

#[test]
fn a_denial_names_the_rule_and_what_is_needed() {
    let bench = Bench::new();
    bench.policy("a", "path \"sys/policies/acl\" {\n  capabilities = [\"list\"]\n}\npath \"sys/audit\" {\n  capabilities = [\"read\"]\n}");
    bench.policy("b", "# no\npath \"sys/mounts*\" {\n  capabilities = [\"deny\"]\n}\npath \"auth/token/create\" {\n  capabilities = [\"update\"]\n  denied_parameters = { ttl = [\"48h\"] }\n}");
    let token = bench.holder(&["a", "b"]);
    let rule = |policy: &str, line: u32, path: &str| json!({ "policy": policy, "line": line, "path": path });
    for (operation, path, data, code, needs, rule) in [
        (Operation::Read, "sys/policies/acl/x", json!({}), "no_rule", json!(["read"]), Value::Null),
        (
            Operation::Read,
            "sys/policies/acl",
            json!({}),
            "not_granted",
            json!(["read"]),
            rule("a", 1, "sys/policies/acl"),
        ),
        (Operation::Read, "sys/audit", json!({}), "needs_sudo", json!(["read", "sudo"]), rule("a", 4, "sys/audit")),
        (Operation::Read, "sys/mounts", json!({}), "denied_by_rule", json!(["read"]), rule("b", 2, "sys/mounts*")),
        (
            Operation::Update,
            "auth/token/create",
            json!({ "ttl": 172_800 }),
            "parameter_denied",
            json!(["update"]),
            rule("b", 5, "auth/token/create"),
        ),
    ] {
        let error = bench.denied(&token, operation, path, data);
        let reason = error.reason().unwrap();
        assert_eq!((&reason["code"], &reason["needs"], &reason["path"]), (&json!(code), &needs, &json!(path)));
        assert_eq!(reason["rule"], rule, "{path}");
    }
}

#[test]
fn a_denial_does_not_tell_whether_something_is_there() {
    let bench = Bench::new();
    bench.call(&bench.root, Operation::Update, "sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    bench.call(&bench.root, Operation::Update, "kv/there", json!({ "x": "1" })).unwrap();
    bench.policy("reader", "path \"kv/*\" {\n  capabilities = [\"list\"]\n}");
    let stranger = bench.holder(&["nothing"]);
    let reader = bench.holder(&["reader"]);
    for token in [&stranger, &reader] {
        let told = ["kv/there", "kv/gone"].map(|path| {
            let error = bench.denied(token, Operation::Update, path, json!({ "x": "2" }));
            error.reason().unwrap().to_string().replace(path, "")
        });
        assert_eq!(told[0], told[1]);
        assert!(told[0].contains("create or update") || told[0].contains("no_rule"), "{}", told[0]);
    }
}

#[test]
fn a_slash_or_a_capital_is_no_way_around_a_rule() {
    let bench = Bench::new();
    bench.call(&bench.root, Operation::Update, "sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    bench.call(&bench.root, Operation::Update, "kv/hidden", json!({ "x": "1" })).unwrap();
    bench.policy("admins", "");
    bench.policy(
        "p",
        "path \"sys/policies/acl/*\" { capabilities = [\"read\", \"update\"] }\n\
         path \"sys/policies/acl/admins\" { capabilities = [\"read\"] }\n\
         path \"sys/policies/acl/default\" { capabilities = [\"deny\"] }\n\
         path \"kv/*\" { capabilities = [\"read\", \"list\"] }\n\
         path \"kv/hidden\" { capabilities = [\"deny\"] }\n\
         path \"sys/leases/*\" { capabilities = [\"update\"] }\n\
         path \"sys/renew\" { capabilities = [\"deny\"] }",
    );
    let token = bench.holder(&["p"]);
    let write = json!({ "policy": "path \"x\" {}" });
    for (operation, path) in [
        (Operation::Update, "sys/policies/acl/admins"),
        (Operation::Update, "sys/policies/acl/ADMINS"),
        (Operation::Update, "sys/policies/acl/Admins/"),
        (Operation::Read, "sys/policies/acl/Default"),
        (Operation::Read, "sys/policies/acl/default/"),
        (Operation::Read, "kv/hidden"),
        (Operation::Read, "kv/hidden/"),
        (Operation::List, "kv/hidden"),
        (Operation::List, "kv/hidden/"),
        (Operation::Update, "sys/leases/renew"),
    ] {
        bench.denied(&token, operation, path, write.clone());
    }
    for path in ["sys/policies/acl/ADMINS", "sys/policies/acl/admins/"] {
        assert!(bench.call(&token, Operation::Read, path, Value::Null).is_ok(), "{path}");
    }
    assert!(bench.call(&token, Operation::Update, "sys/policies/acl/Other", write).is_ok());
}

#[test]
fn a_name_that_ends_in_a_slash_is_not_the_thing_without() {
    let bench = Bench::new();
    bench.call(&bench.root, Operation::Update, "sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    bench.call(&bench.root, Operation::Update, "kv/a", json!({ "x": "1" })).unwrap();
    let missing = bench.call(&bench.root, Operation::Read, "kv/a/", Value::Null).err().unwrap();
    assert_eq!(missing.kind(), Kind::NotFound);
    bench.call(&bench.root, Operation::Delete, "kv/a/", Value::Null).unwrap();
    assert!(bench.call(&bench.root, Operation::Read, "kv/a", Value::Null).is_ok());
}
