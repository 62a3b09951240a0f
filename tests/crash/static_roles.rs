//! Static roles, and what `kill -9` may not do to their users: leave them a key that nobody knows, or none that works.

use super::configure_aws;
use super::support::moto::{Key, Moto};
use super::support::server::{Server, text};
use super::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// A minute is the shortest period, and the time until it is over is waited for once.
const PERIOD: Duration = Duration::from_secs(60);

const USERS: usize = 12;

/// Milliseconds from the first rotation that is seen, or from the unsealing, to the kill. A rotation takes six calls to AWS.
const KILL_AT: [u64; 8] = [0, 10, 25, 40, 60, 90, 15, 130];

fn user(number: usize) -> String {
    format!("static-{number}")
}

fn key(server: &Server, number: usize) -> Option<Key> {
    let (status, answer) = server.get(&format!("aws/static-creds/{}", user(number)));
    let data = &answer["data"];
    (status == 200).then(|| Key::new(&text(&data["access_key"]), &text(&data["secret_key"])))
}

fn write_role(server: &Server, number: usize) -> Result<(u16, Value), ureq::Error> {
    let body = json!({"username": user(number), "rotation_period": PERIOD.as_secs()});
    server.try_call("PUT", &format!("aws/static-roles/{}", user(number)), &server.root, body)
}

/// Every user of a role has one key, which is the stored one and works.
fn every_user_has_the_stored_key_alone(server: &Server, moto: &Moto, numbers: &[usize]) {
    for number in numbers {
        let what = format!("{} has one key, the stored one", user(*number));
        let key = wait_for(&what, PATIENCE, || {
            key(server, *number).filter(|key| moto.access_keys(&user(*number)) == [key.access_key.clone()])
        });
        assert!(moto.accepts(&key), "{} has a key that does not work", user(*number));
    }
}

#[test]
fn wherever_the_server_is_killed_a_static_user_has_one_key_which_is_the_stored_one() {
    let moto = Moto::start();
    let mut server = Server::ready();
    configure_aws(&server, &moto, "1h");
    for number in 0..USERS {
        moto.iam("CreateUser", &[("UserName", &user(number))]);
    }
    // While the roles are made …
    for (number, delay) in KILL_AT.into_iter().enumerate() {
        thread::scope(|scope| {
            let making = scope.spawn(|| write_role(&server, number));
            // The moment of the crash is what this test varies: nothing is waited for.
            thread::sleep(Duration::from_millis(delay));
            let killed = std::process::Command::new("kill").args(["-KILL", &server.id().to_string()]).status().unwrap();
            assert!(killed.success());
            drop(making.join().unwrap());
        });
        server.kill();
        server.start_again();
        server.unseal();
    }
    let start = Instant::now();
    for number in 0..USERS {
        let (status, answer) = write_role(&server, number).unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    let numbers: Vec<usize> = (0..USERS).collect();
    every_user_has_the_stored_key_alone(&server, &moto, &numbers);

    // … and while they are rotated.
    let first: Vec<_> = numbers.iter().map(|number| key(&server, *number).unwrap().access_key).collect();
    let fresh = |server: &Server| {
        numbers
            .iter()
            .filter(|number| key(server, **number).is_some_and(|key| !first.contains(&key.access_key)))
            .count()
    };
    wait_for("the first key is replaced", PERIOD + PATIENCE, || (fresh(&server) > 0).then_some(()));
    assert!(start.elapsed() + Duration::from_secs(1) >= PERIOD, "a key was replaced before its time");
    for delay in KILL_AT {
        thread::sleep(Duration::from_millis(delay));
        server.crash_and_recover();
    }
    wait_for("what was cut off is rotated", PERIOD + PATIENCE, || (fresh(&server) > 1).then_some(()));
    every_user_has_the_stored_key_alone(&server, &moto, &numbers);
}
