//! The operations of the AWS engine, walked through on an emulator that goes by the same clock as the server: what settles after a
//! quarter of an hour, and what is rotated every hour, need not be waited for.

use crate::support::clock::Offset;
use crate::support::moto::{Key, Moto, REGION};
use crate::support::server::{Answer, Server, text};
use crate::support::{PATIENCE, wait_for};
use crate::walk::{Operation, Seen, Walk, leases, put};
use serde_json::{Value, json};
use std::cell::Cell;

const CREDS: &str = "aws/creds/x";

/// Whose key `rotate-root` replaces.
const ENGINE: &str = "engine";

const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// A clock that goes on by the hour.
struct Clock {
    offset: Offset,
    minutes: Cell<u32>,
}

impl Clock {
    fn advance(&self, minutes: u32) {
        self.minutes.set(self.minutes.get() + minutes);
        self.offset.set(&format!("+{}m", self.minutes.get()));
    }
}

/// Issuing, renewing, revoking.
pub fn walk_leases() -> Seen {
    let mut scene = Scene::new("AWS, leases");
    leased(&mut scene.walk, &scene.moto);
    let (clock, moto, server) = (&scene.clock, &scene.moto, &scene.walk.server);
    clock.advance(20);
    wait_for("what was pending is gone once nothing can land late", PATIENCE, || {
        (users(moto).len() == leases(server, CREDS).len()).then_some(())
    });
    clock.advance(180);
    wait_for("no user is left", PATIENCE, || users(moto).is_empty().then_some(()));
    wait_for("no lease is left", PATIENCE, || leases(server, CREDS).is_empty().then_some(()));
    scene.walk.seen
}

/// The engine's own key, and those of static roles.
pub fn walk_rotations() -> Seen {
    let mut scene = Scene::new("AWS, rotations");
    rotated(&mut scene.walk, &scene.moto, &scene.clock);
    scene.walk.seen
}

/// An emulator, a server, and the clock that both go by.
struct Scene {
    clock: Clock,
    moto: Moto,
    walk: Walk,
}

impl Scene {
    fn new(name: &'static str) -> Self {
        let clock = Clock { offset: Offset::new(), minutes: Cell::new(0) };
        // Looking at its clock costs the emulator much.
        let environment = clock.offset.environment().map(|(name, value)| match name {
            "FAKETIME_NO_CACHE" => ("FAKETIME_CACHE_DURATION", "1"),
            _ => (name, value),
        });
        let moto = Moto::start_with(&environment);
        let walk = Walk::new(name, &clock.offset.environment());
        moto.iam("CreateUser", &[("UserName", ENGINE)]);
        moto.iam("PutUserPolicy", &[("UserName", ENGINE), ("PolicyName", "all"), ("PolicyDocument", ALL)]);
        let key = moto.make_key(ENGINE);
        for (path, body) in [
            ("sys/mounts/aws", json!({"type": "aws"})),
            (
                "aws/config/root",
                json!({
                    "access_key": key.access_key, "secret_key": key.secret_key, "region": REGION,
                    "iam_endpoint": moto.endpoint, "sts_endpoint": moto.endpoint,
                }),
            ),
            ("aws/config/lease", json!({"lease": "1h", "lease_max": "2h"})),
            ("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": NOTHING})),
        ] {
            put(&walk.server, path, body);
        }
        Self { clock, moto, walk }
    }
}

fn leased(walk: &mut Walk, moto: &Moto) {
    walk.through(&Operation {
        name: "issue",
        prepare: &|_| (),
        act: &|server, ()| server.try_call("GET", CREDS, &server.root, Value::Null),
        last: None,
        check: &|server, ()| users_are_those_of_living_leases(server, moto),
    });
    walk.through(&Operation {
        name: "renew",
        prepare: &issue,
        act: &|server, lease| {
            server.try_call("PUT", "sys/leases/renew", &server.root, json!({ "lease_id": lease, "increment": "90m" }))
        },
        last: None,
        check: &|server, lease| {
            put(server, "sys/leases/renew", json!({ "lease_id": lease }));
            users_are_those_of_living_leases(server, moto);
            put(server, "sys/leases/revoke", json!({ "lease_id": lease, "sync": true }));
        },
    });
    walk.through(&Operation {
        name: "revoke",
        prepare: &issue,
        act: &|server, lease| {
            server.try_call("PUT", "sys/leases/revoke", &server.root, json!({ "lease_id": lease, "sync": true }))
        },
        last: None,
        check: &|server, lease| is_revoked(server, moto, lease),
    });
    walk.through(&Operation {
        name: "revoke in the background",
        prepare: &issue,
        act: &|server, lease| {
            let body = json!({ "lease_id": lease, "sync": false });
            let answer = server.try_call("PUT", "sys/leases/revoke", &server.root, body)?;
            until(|| {
                let gone =
                    server.try_call("PUT", "sys/leases/lookup", &server.root, json!({ "lease_id": lease }))?.0 != 200;
                Ok(gone.then(|| answer.clone()))
            })
        },
        last: Some("revoke.forget"),
        check: &|server, lease| is_revoked(server, moto, lease),
    });
}

fn rotated(walk: &mut Walk, moto: &Moto, clock: &Clock) {
    walk.through(&Operation {
        name: "rotate-root",
        prepare: &|_| (),
        act: &|server, ()| server.try_call("PUT", "aws/config/rotate-root", &server.root, json!({})),
        last: None,
        check: &|server, ()| {
            // It gets in, at once, with one of the two.
            let lease = issue(server);
            put(server, "sys/leases/revoke", json!({ "lease_id": lease, "sync": true }));
            wait_for("the other key is gone", PATIENCE, || (moto.access_keys(ENGINE).len() == 1).then_some(()));
        },
    });
    let made = Cell::new(0);
    walk.through(&Operation {
        name: "a static role is made",
        prepare: &|_| {
            made.set(made.get() + 1);
            let name = format!("static-{}", made.get());
            moto.iam("CreateUser", &[("UserName", &name)]);
            name
        },
        act: &|server, name| write_static_role(server, name),
        last: None,
        check: &|server, name| {
            // Killed before it was written down, it is not there.
            if server.get(&format!("aws/static-roles/{name}")).0 == 200 {
                // Whoever made it would have had as long as this.
                clock.advance(2);
                the_stored_key_is_the_only_one(server, moto, name);
                assert_eq!(server.delete(&format!("aws/static-roles/{name}")).0, 204);
            } else {
                assert!(moto.access_keys(name).is_empty());
            }
        },
    });
    moto.iam("CreateUser", &[("UserName", "static")]);
    write_static_role(&walk.server, "static").unwrap();
    walk.through(&Operation {
        name: "a static role is rotated by its time",
        prepare: &|server| stored_key(server, "static").expect("a key").access_key,
        act: &|server, before| {
            clock.advance(61);
            until(|| {
                let (status, answer) = server.try_call("GET", "aws/static-creds/static", &server.root, Value::Null)?;
                let settled = moto.access_keys("static").len() == 1;
                let is_new = status == 200 && answer["data"]["access_key"] != json!(before);
                Ok((is_new && settled).then_some((status, answer)))
            })
        },
        last: Some("task.finish"),
        check: &|server, before| {
            wait_for("the key is replaced", PATIENCE, || {
                stored_key(server, "static").filter(|key| key.access_key != *before)
            });
            the_stored_key_is_the_only_one(server, moto, "static");
        },
    });
}

/// Asks until there is an answer, or nobody to ask.
fn until(ask: impl Fn() -> Result<Option<Answer>, ureq::Error>) -> Result<Answer, ureq::Error> {
    wait_for("what goes on in the background", PATIENCE, || ask().transpose())
}

fn issue(server: &Server) -> String {
    let (status, answer) = server.get(CREDS);
    assert_eq!(status, 200, "{answer}");
    text(&answer["lease_id"])
}

fn is_revoked(server: &Server, moto: &Moto, lease: &String) {
    // Killed before it was written down, it was never revoked.
    let found = server.put("sys/leases/lookup", json!({ "lease_id": lease })).1;
    if found["data"]["state"] == "active" {
        put(server, "sys/leases/revoke", json!({ "lease_id": lease, "sync": true }));
    }
    wait_for("a revoked lease is gone", PATIENCE, || {
        (server.put("sys/leases/lookup", json!({ "lease_id": lease })).0 != 200).then_some(())
    });
    users_are_those_of_living_leases(server, moto);
}

/// There is a user for each living lease, and no other. Leases whose user never came stay pending until none can come any more.
fn users_are_those_of_living_leases(server: &Server, moto: &Moto) {
    wait_for("there are as many users as living leases", PATIENCE, || {
        let living = leases(server, CREDS).into_iter().filter(|lease| {
            server.put("sys/leases/lookup", json!({ "lease_id": lease })).1["data"]["state"] == "active"
        });
        (users(moto).len() == living.count()).then_some(())
    });
}

fn users(moto: &Moto) -> Vec<String> {
    moto.users().into_iter().filter(|user| user != ENGINE && !user.starts_with("static")).collect()
}

fn write_static_role(server: &Server, name: &str) -> Result<Answer, ureq::Error> {
    let body = json!({"username": name, "rotation_period": "1h"});
    server.try_call("PUT", &format!("aws/static-roles/{name}"), &server.root, body)
}

fn stored_key(server: &Server, name: &str) -> Option<Key> {
    let (status, answer) = server.get(&format!("aws/static-creds/{name}"));
    let data = &answer["data"];
    (status == 200).then(|| Key::new(&text(&data["access_key"]), &text(&data["secret_key"])))
}

fn the_stored_key_is_the_only_one(server: &Server, moto: &Moto, name: &str) {
    let key = wait_for("the stored key is the only one", PATIENCE, || {
        stored_key(server, name).filter(|key| moto.access_keys(name) == [key.access_key.clone()])
    });
    assert!(moto.accepts(&key), "the key of {name} does not work");
}
