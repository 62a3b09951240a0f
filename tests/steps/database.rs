//! The operations of the database engine, walked through on each kind of database.

use crate::support::server::{Server, text};
use crate::support::sites::Site;
use crate::support::{PATIENCE, wait_for};
use crate::walk::{Operation, Seen, Walk, leases, put};
use serde_json::{Value, json};
use std::cell::Cell;

const CREDS: &str = "database/creds/walk";

/// Whose password `rotate-root` changes.
const ADMINISTRATOR: &str = "walk_administrator";
const FIRST_PASSWORD: &str = "First-Password-1";

struct User {
    lease: String,
    name: String,
    password: String,
}

pub fn walk(site: &Site) -> Seen {
    let mut walk = Walk::new(site.kind, &[]);
    (site.make_administrator)(ADMINISTRATOR, FIRST_PASSWORD);
    let mut configuration = site.configuration.clone();
    for (name, value) in [
        ("allowed_roles", "*"),
        ("username", ADMINISTRATOR),
        ("password", FIRST_PASSWORD),
        ("username_template", "walk-{{random 12}}"),
    ] {
        configuration[name] = json!(value);
    }
    for (path, body) in [
        ("sys/mounts/database", json!({ "type": "database" })),
        ("database/config/db", configuration),
        ("database/roles/walk", json!({ "db_name": "db", "creation_statements": site.creation, "default_ttl": "1h" })),
    ] {
        put(&walk.server, path, body);
    }
    leased(&mut walk, site);
    rotated(&mut walk, site);
    let (status, answer) = walk.server.put("sys/leases/revoke-prefix/database/creds", Value::Null);
    assert!(status == 204 || status == 202, "{status} {answer}");
    wait_for("no user is left", PATIENCE, || users(site).is_empty().then_some(()));
    walk.seen
}

/// Issuing, renewing, revoking.
fn leased(walk: &mut Walk, site: &Site) {
    walk.through(&Operation {
        name: "issue",
        prepare: &|_| (),
        act: &|server, ()| server.try_call("GET", CREDS, &server.root, Value::Null),
        last: None,
        check: &|server, ()| users_are_those_of_leases(server, site),
    });
    walk.through(&Operation {
        name: "renew",
        prepare: &issue,
        act: &|server, user| {
            let body = json!({ "lease_id": user.lease, "increment": "2h" });
            server.try_call("PUT", "sys/leases/renew", &server.root, body)
        },
        last: None,
        check: &|server, user| {
            put(server, "sys/leases/renew", json!({ "lease_id": user.lease }));
            assert!((site.accepts)(&user.name, &user.password), "{}: a renewed user is lost", site.kind);
            put(server, "sys/leases/revoke", json!({ "lease_id": user.lease, "sync": true }));
            users_are_those_of_leases(server, site);
        },
    });
    walk.through(&Operation {
        name: "revoke",
        prepare: &issue,
        act: &|server, user| {
            let body = json!({ "lease_id": user.lease, "sync": true });
            server.try_call("PUT", "sys/leases/revoke", &server.root, body)
        },
        last: None,
        check: &|server, user| {
            // Killed before it was written down, it was never revoked.
            let alive = server.put("sys/leases/lookup", json!({ "lease_id": user.lease })).1;
            if alive["data"]["state"] == "active" {
                put(server, "sys/leases/revoke", json!({ "lease_id": user.lease, "sync": true }));
            }
            wait_for("a revoked user is gone", PATIENCE, || (!users(site).contains(&user.name)).then_some(()));
            users_are_those_of_leases(server, site);
        },
    });
}

/// The connection's own password, and those of static roles.
fn rotated(walk: &mut Walk, site: &Site) {
    walk.through(&Operation {
        name: "rotate-root",
        prepare: &|_| (),
        act: &|server, ()| server.try_call("PUT", "database/rotate-root/db", &server.root, json!({})),
        last: None,
        check: &|server, ()| {
            // It gets in, at once, with one of the two.
            let user = issue(server);
            put(server, "sys/leases/revoke", json!({ "lease_id": user.lease, "sync": true }));
            assert!(!(site.accepts)(ADMINISTRATOR, FIRST_PASSWORD) || leases(server, CREDS).is_empty());
        },
    });
    let made = Cell::new(0);
    walk.through(&Operation {
        name: "a static role is made",
        prepare: &|_| {
            made.set(made.get() + 1);
            let name = format!("walk_static_{}", made.get());
            (site.make)(&name, "of-its-own-1A");
            name
        },
        act: &|server, name| {
            let body = json!({ "db_name": "db", "username": name, "rotation_period": "1h" });
            server.try_call("PUT", &format!("database/static-roles/{name}"), &server.root, body)
        },
        last: None,
        check: &|server, name| {
            if server.get(&format!("database/static-roles/{name}")).0 == 404 {
                assert!((site.accepts)(name, "of-its-own-1A"), "{}: nobody knows a password", site.kind);
                return;
            }
            wait_for("the first password is set", PATIENCE, || {
                (server.get(&format!("database/static-creds/{name}")).0 == 200).then_some(())
            });
            static_password_works(server, site, name);
            assert_eq!(server.delete(&format!("database/static-roles/{name}")).0, 204);
        },
    });
    (site.make)("walk_static", "of-its-own-1A");
    let body = json!({ "db_name": "db", "username": "walk_static", "rotation_period": "1h" });
    put(&walk.server, "database/static-roles/walk_static", body);
    walk.through(&Operation {
        name: "a static role is rotated",
        prepare: &|_| (),
        act: &|server, ()| server.try_call("PUT", "database/rotate-role/walk_static", &server.root, json!({})),
        last: None,
        check: &|server, ()| static_password_works(server, site, "walk_static"),
    });
}

fn issue(server: &Server) -> User {
    let (status, answer) = server.get(CREDS);
    assert_eq!(status, 200, "{answer}");
    let data = &answer["data"];
    User { lease: text(&answer["lease_id"]), name: text(&data["username"]), password: text(&data["password"]) }
}

/// There is a user for each lease and a lease for each user; what was pending is gone, since nothing can land late.
fn users_are_those_of_leases(server: &Server, site: &Site) {
    wait_for(&format!("{}: there is a user for each lease and no other", site.kind), PATIENCE, || {
        let states: Vec<Value> = leases(server, CREDS)
            .into_iter()
            .map(|lease| server.put("sys/leases/lookup", json!({ "lease_id": lease })).1["data"]["state"].take())
            .collect();
        (states.iter().all(|state| state == "active") && users(site).len() == states.len()).then_some(())
    });
}

fn users(site: &Site) -> Vec<String> {
    (site.users)().into_iter().filter(|user| user.starts_with("walk-")).collect()
}

/// What is handed out for a static role is its user's password, at once.
fn static_password_works(server: &Server, site: &Site, name: &str) {
    let (status, answer) = server.get(&format!("database/static-creds/{name}"));
    assert_eq!(status, 200, "{}: {answer}", site.kind);
    let password = text(&answer["data"]["password"]);
    assert!((site.accepts)(name, &password), "{}: a password that does not work is handed out", site.kind);
}
