//! Moves between seals: from shares to each seal and back, from one seal to another, and cut off by `kill -9` on the way.

use super::Seal;
use crate::support::server::Server;
use serde_json::json;
use std::time::Duration;

/// The stanza as it is left.
fn disabled(seal: &Seal) -> String {
    seal.stanza.replacen("{\n", "{\n  disabled = \"true\"\n", 1)
}

/// Gives the keys with `migrate` until the server serves.
fn migrate(server: &Server) {
    assert_eq!(server.get("sys/seal-status").1["migration"], json!(true));
    let (status, answer) = server.call("PUT", "sys/unseal", "", json!({"key": server.keys[0]}));
    let words = json!({"errors": ["migrate option not provided and seal migration is pending"]});
    assert_eq!((status, answer), (400, words));
    for key in &server.keys {
        let (status, answer) = server.call("PUT", "sys/unseal", "", json!({"key": key, "migrate": true}));
        assert_eq!(status, 200, "{answer}");
        if answer["sealed"] == json!(false) {
            return server.wait_until_it_serves();
        }
    }
    panic!("sealed after all keys");
}

#[test]
fn a_server_moves_from_shares_to_a_seal_to_another_and_back_with_the_same_keys() {
    let (first, second) = (Seal::by_static_key(), Seal::by_transit());
    let mut server = Server::start("");
    server.init(3, 2);
    server.unseal();
    assert_eq!(server.put("cubbyhole/kept", json!({"value": "here"})).0, 204);

    let stanzas = [
        (first.stanza.clone(), "static"),
        (format!("{}\n{}", disabled(&first), second.stanza), "transit"),
        (disabled(&second), "shamir"),
    ];
    for (stanza, kind) in stanzas {
        server.stop();
        server.configure(&stanza);
        server.start_again();
        migrate(&server);
        let status = server.get("sys/seal-status").1;
        assert_eq!((&status["type"], &status["t"], &status["n"]), (&json!(kind), &json!(2), &json!(3)), "{status}");
        assert_eq!(status["migration"], json!(false));
        assert_eq!(server.get("cubbyhole/kept").1["data"]["value"], "here");
        // Nothing has to be said a second time.
        server.kill();
        server.start_again();
        if kind == "shamir" {
            server.unseal();
        }
        server.wait_until_it_serves();
    }
}

#[test]
fn a_storage_of_another_seal_says_what_is_missing() {
    let seal = Seal::by_static_key();
    let mut server = seal.start();
    server.init_by_seal(1, 1);
    server.stop();
    server.configure("");
    server.start_again();
    let (status, answer) = server.call("PUT", "sys/unseal", "", json!({"key": server.keys[0]}));
    assert_eq!(status, 400);
    assert!(answer.to_string().contains("the storage was sealed by seal \\\"static\\\""), "{answer}");
}

/// From the last key to the kill: before, into and after the one transaction that moves the server.
const KILL_AFTER: [u64; 8] = [0, 1, 3, 5, 8, 12, 20, 60];

#[test]
fn a_move_that_is_cut_off_leaves_one_seal_that_opens() {
    let seal = Seal::by_static_key();
    for after in KILL_AFTER {
        let mut server = Server::start("");
        server.init(1, 1);
        server.unseal();
        server.stop();
        server.configure(&seal.stanza);
        server.start_again();
        let process = server.id().to_string();
        std::thread::scope(|scope| {
            let server = &server;
            scope.spawn(move || {
                let body = json!({"key": server.keys[0], "migrate": true});
                server.try_call("PUT", "sys/unseal", "", body).ok()
            });
            std::thread::sleep(Duration::from_millis(after));
            std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap();
        });
        server.kill();
        server.start_again();
        if server.get("sys/seal-status").1["migration"] == json!(true) {
            migrate(&server);
        }
        server.wait_until_it_serves();
        assert_eq!(server.get("auth/token/lookup-self").0, 200);
    }
}
