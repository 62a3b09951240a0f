//! The machine's clock as a server finds it: one that cannot be right, and one that is set while the server runs.
//!
//! The program is run on a clock that a test sets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::clock::Offset;
use support::redis::{self, Redis};
use support::server::{Server, text};
use support::{PATIENCE, wait_for};

/// What falls due by a step of the clock is ended within a second; the rest is for machines that are busy.
const SWEPT_AFTER_A_STEP: Duration = Duration::from_secs(20);

/// A server that goes by this clock, with users in a Redis.
fn start(clock: &Offset, redis: &Redis) -> Server {
    let server = Server::ready_with(&clock.environment());
    for (path, body) in [
        ("sys/mounts/database", json!({"type": "database"})),
        (
            "database/config/cache",
            json!({
                "plugin_name": "redis-database-plugin", "host": "127.0.0.1", "port": redis.port(),
                "username": "default", "password": redis::PASSWORD, "allowed_roles": "*",
            }),
        ),
        (
            "database/roles/cache",
            json!({"db_name": "cache", "creation_statements": "[\"~*\", \"+@read\"]", "default_ttl": "1h"}),
        ),
    ] {
        let (status, answer) = server.put(path, body);
        assert!(status == 204 || status == 200, "{path}: {answer}");
    }
    server
}

struct User {
    name: String,
    password: String,
}

fn issue(server: &Server, token: &str) -> User {
    let (status, answer) = server.call("GET", "database/creds/cache", token, Value::Null);
    assert_eq!(status, 200, "{answer}");
    User { name: text(&answer["data"]["username"]), password: text(&answer["data"]["password"]) }
}

fn token(server: &Server, body: Value) -> String {
    let (status, made) = server.put("auth/token/create", body);
    assert_eq!(status, 200, "{made}");
    text(&made["auth"]["client_token"])
}

fn printed(server: &Server, words: &[&str]) -> String {
    let output = server.command().args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_clock_that_is_absurd_at_the_start_ends_nothing_outside_until_an_operator_accepts_it() {
    let (redis, clock) = (Redis::shared(), Offset::new());
    let mut server = start(&clock, redis);
    let expiring = token(&server, json!({"ttl": "2h"}));
    let revoked = token(&server, json!({}));
    let (user, other) = (issue(&server, &server.root), issue(&server, &revoked));
    assert!(!printed(&server, &["status"]).contains("held"));

    server.kill();
    clock.set("+500d");
    server.start_again();
    assert!(printed_sealed(&server).contains("more than 400 days after"), "a sealed server says so as well");
    server.unseal();
    assert_eq!(server.call("GET", "auth/token/lookup-self", &expiring, Value::Null).0, 403, "tokens die all the same");
    let held = text(&server.get("sys/health").1["revocations_held"]);
    assert!(held.contains("more than 400 days after the last time on record"), "{held}");
    assert!(printed(&server, &["status"]).contains(&format!("held: {held}").split("shows").next().unwrap().to_owned()));
    assert_eq!(server.put("auth/token/revoke", json!({ "token": revoked })).0, 204);
    wait_for("what was revoked is ended", PATIENCE, || (!redis.accepts(&other.name, &other.password)).then_some(()));
    assert!(redis.accepts(&user.name, &user.password), "what has only expired is not");
    assert!(server.log().contains("revocations are held: the machine's clock shows"));
    assert!(printed(&server, &["operator", "clock"]).contains("more than 400 days"));

    let ask = |token: &str| server.call("PUT", "sys/clock/accept", token, json!({})).0;
    assert_eq!(ask("none"), 403);
    printed(&server, &["operator", "clock", "accept"]);
    wait_for("what has expired is ended", PATIENCE, || (!redis.accepts(&user.name, &user.password)).then_some(()));
    assert!(server.get("sys/health").1.get("revocations_held").is_none());
    server.kill();
    server.start_again();
    server.unseal();
    assert!(server.get("sys/seal-status").1.get("revocations_held").is_none(), "what was accepted is the floor");
}

#[test]
fn a_clock_that_was_reset_extends_nothing_and_is_believed_once_it_is_set() {
    let (redis, clock) = (Redis::shared(), Offset::new());
    let mut server = start(&clock, redis);
    let (expiring, user) = (token(&server, json!({"ttl": "2h"})), issue(&server, &server.root));
    server.kill();
    clock.set("-20y");
    server.start_again();
    server.unseal();
    let held = text(&server.get("sys/health").1["revocations_held"]);
    assert!(held.contains("before this program was built"), "{held}");
    assert_eq!(server.call("GET", "auth/token/lookup-self", &expiring, Value::Null).0, 200);
    // What is due by the time that went on from the stored one is dead, and outside it waits.
    assert_eq!(issue_and_expire(&server), 403);

    clock.set("+3h");
    wait_for("what fell due meanwhile is ended", SWEPT_AFTER_A_STEP, || {
        (!redis.accepts(&user.name, &user.password)).then_some(())
    });
    assert_eq!(server.call("GET", "auth/token/lookup-self", &expiring, Value::Null).0, 403);
    assert!(server.log().contains("the machine's clock is believed now"));
}

/// The answer to a token whose second is over, by a clock that starts at the stored time.
fn issue_and_expire(server: &Server) -> u16 {
    let token = token(server, json!({"ttl": "1s"}));
    wait_for("a second is over", PATIENCE, || {
        let (status, _) = server.call("GET", "auth/token/lookup-self", &token, Value::Null);
        (status != 200).then_some(status)
    })
}

#[test]
fn what_falls_due_by_a_step_of_the_clock_is_ended_at_once() {
    let (redis, clock) = (Redis::shared(), Offset::new());
    let server = start(&clock, redis);
    let user = issue(&server, &server.root);
    clock.set("+2h");
    wait_for("what fell due is ended", SWEPT_AFTER_A_STEP, || {
        (!redis.accepts(&user.name, &user.password)).then_some(())
    });
    let later = issue(&server, &server.root);
    clock.set("+1h");
    assert!(redis.accepts(&later.name, &later.password));
    let (_, looked_up) = server.get("sys/clock");
    assert_eq!(looked_up["data"]["believed"], true, "a clock that steps while it is believed goes on being so");
}

fn printed_sealed(server: &Server) -> String {
    String::from_utf8(server.command().arg("status").output().unwrap().stdout).unwrap()
}
