//! What a crash may not do: lose what was acknowledged, bring back what was revoked, or leave a credential outside that no
//! lease knows. The server is ended by `kill -9` while it works, at many different moments.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "crash/static_roles.rs"]
mod static_roles;
mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};
use support::moto::{Key, Moto, REGION};
use support::server::{Server, text};
use support::{PATIENCE, wait_for};

const WRITERS: usize = 8;

/// The server is killed when so many writes have been acknowledged: in the first ones, and in full flow.
const KILL_AFTER: [usize; 4] = [1, 17, 60, 200];

/// Milliseconds from the first request to the kill. A credential takes four calls to AWS, so that these fall before, into
/// and after each of them.
const KILL_AT: [u64; 14] = [0, 4, 8, 13, 19, 26, 34, 43, 53, 60, 75, 100, 140, 200];

const ISSUERS: usize = 4;

/// Less than the minute for which a worker's claim on a lease holds: the dead process's claims must not be waited for.
const CUT_OFF_IS_TAKEN_UP: Duration = Duration::from_secs(30);

/// What one thread was told had been done, and what it had asked for when the answer failed to come.
#[derive(Default)]
struct Told {
    /// Path to the last acknowledged value; none where the deletion was acknowledged.
    values: BTreeMap<String, Option<u64>>,
    /// The write that was not answered: it may be there or not.
    open: Option<(String, Option<u64>)>,
    living: Vec<String>,
    revoked: Vec<String>,
}

#[test]
fn after_kill_minus_9_under_concurrent_writes_every_acknowledged_write_is_there() {
    let mut server = Server::ready();
    assert_eq!(server.put("sys/mounts/kv", json!({"type": "kv"})).0, 204);
    for (round, kill_after) in KILL_AFTER.into_iter().enumerate() {
        let told = write_until_killed(&mut server, round, kill_after);
        server.start_again();
        server.unseal();
        for told in told {
            check(&server, &told);
        }
    }
}

fn write_until_killed(server: &mut Server, round: usize, kill_after: usize) -> Vec<Told> {
    let acknowledged = AtomicUsize::new(0);
    let told: Vec<_> = (0..WRITERS).map(|_| Mutex::new(Told::default())).collect();
    let process = server.id().to_string();
    thread::scope(|scope| {
        for (writer, told) in told.iter().enumerate() {
            let (server, acknowledged) = (&*server, &acknowledged);
            scope.spawn(move || {
                let mut told = told.lock().unwrap();
                for count in 0.. {
                    let Some(done) = write_some(server, &mut told, &format!("{round}-{writer}"), count) else { return };
                    acknowledged.fetch_add(done, Ordering::SeqCst);
                }
            });
        }
        wait_for("enough is acknowledged", PATIENCE, || {
            (acknowledged.load(Ordering::SeqCst) >= kill_after).then_some(())
        });
        let killed = std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap();
        assert!(killed.success());
    });
    server.kill();
    told.into_iter().map(|told| told.into_inner().unwrap()).collect()
}

/// One turn of a writer: a new value, a value over an old one, a deletion, a token made, a token revoked. Ends with none when
/// the server is gone.
fn write_some(server: &Server, told: &mut Told, writer: &str, count: u64) -> Option<usize> {
    set(server, told, format!("kv/{writer}/{count}"), Some(count))?;
    set(server, told, format!("kv/{writer}/counter"), Some(count))?;
    if count % 2 == 1 {
        set(server, told, format!("kv/{writer}/{}", count - 1), None)?;
    }
    let (status, answer) = server.try_call("PUT", "auth/token/create", &server.root, json!({"ttl": "1h"})).ok()?;
    assert_eq!(status, 200, "{answer}");
    let token = text(&answer["auth"]["client_token"]);
    if count.is_multiple_of(2) {
        told.living.push(token);
        return Some(3);
    }
    let (status, answer) = server.try_call("PUT", "auth/token/revoke", &server.root, json!({ "token": token })).ok()?;
    assert_eq!(status, 204, "{answer}");
    told.revoked.push(token);
    Some(5)
}

fn set(server: &Server, told: &mut Told, path: String, value: Option<u64>) -> Option<()> {
    told.open = Some((path.clone(), value));
    let answer = match value {
        Some(value) => server.try_call("PUT", &path, &server.root, json!({ "value": value })),
        None => server.try_call("DELETE", &path, &server.root, Value::Null),
    };
    let (status, answer) = answer.ok()?;
    assert_eq!(status, 204, "{answer}");
    told.open = None;
    told.values.insert(path, value);
    Some(())
}

fn check(server: &Server, told: &Told) {
    for (path, acknowledged) in &told.values {
        let (status, answer) = server.get(path);
        assert!(status == 200 || status == 404, "{path}: {status} {answer}");
        let found = (status == 200).then(|| answer["data"]["value"].to_string().parse::<u64>().unwrap());
        let maybe = told.open.as_ref().filter(|(open, _)| open == path).map(|(_, value)| *value);
        assert!(found == *acknowledged || Some(found) == maybe, "{path}: {found:?}, not {acknowledged:?}");
    }
    for token in &told.living {
        assert_eq!(server.call("GET", "auth/token/lookup-self", token, Value::Null).0, 200, "a token is lost");
    }
    for token in &told.revoked {
        assert_eq!(server.call("GET", "auth/token/lookup-self", token, Value::Null).0, 403, "a revoked token is back");
    }
}

/// A credential whose answer came.
struct Answered {
    lease: String,
    access_key: String,
}

#[test]
fn no_user_is_left_at_aws_without_a_lease_wherever_the_server_is_killed() {
    let moto = Moto::start();
    let mut server = Server::ready();
    configure_aws(&server, &moto, "1h");
    let mut answered = Vec::new();
    // The last round ends in full flow, however slow the machine is.
    for delay in KILL_AT.map(Some).into_iter().chain([None]) {
        answered.extend(issue_until_killed(&mut server, delay.map(Duration::from_millis)));
        server.start_again();
        server.unseal();
        every_user_has_a_living_lease(&server, &moto, &answered);
    }

    let (status, answer) = server.put("sys/leases/revoke-prefix/aws/creds", Value::Null);
    assert!(status == 204 || status == 202, "{status} {answer}");
    wait_for("nothing is left at AWS", PATIENCE, || moto.users().is_empty().then_some(()));
}

/// Each thread asks until the server is gone; the kill comes after `delay`, or when some answers have come.
fn issue_until_killed(server: &mut Server, delay: Option<Duration>) -> Vec<Answered> {
    let answered = Mutex::new(Vec::new());
    let process = server.id().to_string();
    thread::scope(|scope| {
        for _ in 0..ISSUERS {
            scope.spawn(|| {
                while let Ok((status, answer)) = server.try_call("GET", "aws/creds/x", &server.root, Value::Null) {
                    assert_eq!(status, 200, "{answer}");
                    let access_key = text(&answer["data"]["access_key"]);
                    answered.lock().unwrap().push(Answered { lease: text(&answer["lease_id"]), access_key });
                }
            });
        }
        match delay {
            // The moment of the crash is what this test varies: nothing is waited for.
            Some(delay) => thread::sleep(delay),
            None => {
                wait_for("credentials are made", PATIENCE, || (answered.lock().unwrap().len() > ISSUERS).then_some(()))
            }
        }
        assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    });
    server.kill();
    answered.into_inner().unwrap()
}

/// What was answered lives, lease and key alike; what was not is gone, or its lease was activated just before the kill.
fn every_user_has_a_living_lease(server: &Server, moto: &Moto, answered: &[Answered]) {
    for Answered { lease, .. } in answered {
        let (status, answer) = server.put("sys/leases/lookup", json!({ "lease_id": lease }));
        assert_eq!(status, 200, "an answered lease is lost: {answer}");
    }
    let users = wait_for("there are as many users as living leases", PATIENCE, || {
        let users = moto.users();
        (users.len() == living_leases(server)).then_some(users)
    });
    let keys: HashSet<String> = users.iter().flat_map(|user| moto.access_keys(user)).collect();
    for Answered { access_key, .. } in answered {
        assert!(keys.contains(access_key), "the key of an answered lease is gone");
    }
}

/// Pending leases whose user never came stay listed until it no longer can.
fn living_leases(server: &Server) -> usize {
    let (_, answer) = server.list("sys/leases/lookup/aws/creds/x");
    let none = Vec::new();
    let keys = answer["data"]["keys"].as_array().unwrap_or(&none);
    let lives = |key: &&Value| {
        let id = format!("aws/creds/x/{}", text(key));
        server.put("sys/leases/lookup", json!({ "lease_id": id })).1["data"]["state"] == "active"
    };
    keys.iter().filter(lives).count()
}

/// Milliseconds from the request to revoke them all to the kill; ending a user takes several calls to AWS.
const KILL_REVOKING_AT: [u64; 4] = [0, 10, 40, 120];

#[test]
fn a_revocation_that_was_cut_off_goes_on_at_once_when_the_server_is_back() {
    let moto = Moto::start();
    let mut server = Server::ready();
    configure_aws(&server, &moto, "1h");
    let mut cut_off = 0;
    for delay in KILL_REVOKING_AT {
        for _ in 0..12 {
            let (status, answer) = server.get("aws/creds/x");
            assert_eq!(status, 200, "{answer}");
        }
        let (status, answer) = server.put("sys/leases/revoke-prefix/aws/creds", json!({"sync": false}));
        assert_eq!(status, 202, "{answer}");
        // The moment of the crash is what this test varies: nothing is waited for.
        thread::sleep(Duration::from_millis(delay));
        server.kill();
        cut_off += moto.users().len();
        server.start_again();
        server.unseal();
        wait_for("all users are gone", CUT_OFF_IS_TAKEN_UP, || moto.users().is_empty().then_some(()));
        wait_for("all leases are gone", CUT_OFF_IS_TAKEN_UP, || {
            (server.list("sys/leases/lookup/aws/creds/x").0 == 404).then_some(())
        });
    }
    assert!(cut_off > 0, "every kill came too late to cut anything off");
}

#[test]
fn what_fell_due_while_the_server_was_down_is_revoked_when_it_is_back() {
    let moto = Moto::start();
    let mut server = Server::ready();
    configure_aws(&server, &moto, "3s");
    let (status, short) = server.get("aws/creds/x");
    assert_eq!(status, 200, "{short}");
    let (status, made) = server.put("auth/token/create", json!({"ttl": "3s"}));
    assert_eq!(status, 200, "{made}");
    let token = text(&made["auth"]["client_token"]);
    assert_eq!(server.put("aws/config/lease", json!({"lease": "1h", "lease_max": "2h"})).0, 204);
    let (status, below) = server.call("GET", "aws/creds/x", &token, Value::Null);
    assert_eq!(status, 200, "{below}");
    let (status, long) = server.get("aws/creds/x");
    assert_eq!(status, 200, "{long}");
    let over = SystemTime::now() + Duration::from_secs(3);
    server.kill();
    assert_eq!(moto.users().len(), 3);

    wait_for("the leases fall due", PATIENCE, || (SystemTime::now() > over).then_some(()));
    assert_eq!(moto.users().len(), 3, "nobody but the server ends a lease");
    server.start_again();
    server.unseal();

    assert_eq!(server.call("GET", "auth/token/lookup-self", &token, Value::Null).0, 403);
    wait_for("what fell due is ended, and what hangs below it", PATIENCE, || (moto.users().len() == 1).then_some(()));
    for (made, accepted) in [(&short, false), (&below, false), (&long, true)] {
        let key = Key::new(&text(&made["data"]["access_key"]), &text(&made["data"]["secret_key"]));
        assert_eq!(moto.accepts(&key), accepted);
    }
    wait_for("their leases are gone", PATIENCE, || {
        let (_, answer) = server.list("sys/leases/lookup/aws/creds/x");
        (answer["data"]["keys"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
}

fn configure_aws(server: &Server, moto: &Moto, lease: &str) {
    let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    for (path, body) in [
        ("sys/mounts/aws", json!({"type": "aws"})),
        (
            "aws/config/root",
            json!({
                "access_key": moto.admin.access_key, "secret_key": moto.admin.secret_key, "region": REGION,
                "iam_endpoint": moto.endpoint, "sts_endpoint": moto.endpoint,
            }),
        ),
        ("aws/config/lease", json!({"lease": lease, "lease_max": "2h"})),
        ("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": nothing})),
    ] {
        let (status, answer) = server.put(path, body);
        assert_eq!(status, 204, "{path}: {answer}");
    }
}
