//! Rekeying, new root tokens and rotation, by people's shares and by recovery keys; and cut off by `kill -9` on the way.

use super::Seal;
use crate::support::server::{Answer, Server, text};
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

fn begin(server: &Server, path: &str, body: Value) -> String {
    let (status, answer) = server.call("PUT", &format!("sys/{path}"), "", body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["started"], json!(true));
    text(&answer["nonce"])
}

/// Gives present keys until the answer is complete.
fn give(server: &Server, path: &str, nonce: &str, keys: &[String]) -> Value {
    for key in keys {
        let (status, answer) = server.call("PUT", &format!("sys/{path}"), "", json!({"key": key, "nonce": nonce}));
        assert_eq!(status, 200, "{answer}");
        if answer["complete"] == json!(true) {
            return answer;
        }
    }
    panic!("not complete after {} keys", keys.len());
}

fn keys(answer: &Value) -> Vec<String> {
    answer["keys_base64"].as_array().unwrap().iter().map(text).collect()
}

fn refused(answer: Answer, words: &str) {
    assert_eq!(answer.0, 400, "{}", answer.1);
    assert!(answer.1.to_string().contains(words), "{}", answer.1);
}

/// Whether these keys unseal a sealed server; it is sealed again.
fn unseals(server: &Server, keys: &[String]) -> bool {
    for key in keys {
        let (status, answer) = server.call("PUT", "sys/unseal", "", json!({ "key": key }));
        if status == 200 && answer["sealed"] == json!(false) {
            server.wait_until_it_serves();
            return true;
        }
    }
    assert_eq!(server.call("PUT", "sys/unseal", "", json!({"reset": true})).0, 200);
    false
}

#[test]
fn new_unseal_keys_take_over_and_the_old_ones_open_nothing() {
    let mut server = Server::start("");
    server.init(5, 3);
    server.unseal();
    let (status, answer) = server.call("GET", "sys/rekey/init", "", Value::Null);
    assert_eq!((status, &answer["started"], &answer["required"]), (200, &json!(false), &json!(3)));
    let asked = json!({"secret_shares": 3, "secret_threshold": 2});
    refused(server.call("PUT", "sys/rekey/init", "", json!({"secret_shares": 1, "secret_threshold": 2})), "threshold");
    let with_pgp = json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["a"]});
    refused(server.call("PUT", "sys/rekey/init", "", with_pgp), "pgp_keys is not available");
    let nonce = begin(&server, "rekey/init", asked.clone());
    refused(server.call("PUT", "sys/rekey/init", "", asked), "rekey already in progress");
    let wrong = json!({"key": server.keys[0], "nonce": "another"});
    refused(server.call("PUT", "sys/rekey/update", "", wrong), "incorrect nonce supplied");
    let once = json!({"key": server.keys[0], "nonce": nonce});
    assert_eq!(server.call("PUT", "sys/rekey/update", "", once.clone()).1["progress"], json!(1));
    refused(server.call("PUT", "sys/rekey/update", "", once), "already been provided");
    let made = give(&server, "rekey/update", &nonce, &server.keys[1..]);
    let new = keys(&made);
    assert_eq!((new.len(), &made["verification_required"]), (3, &json!(false)));

    let old = std::mem::replace(&mut server.keys, new);
    assert_eq!(server.put("sys/seal", json!({})).0, 204);
    assert!(!unseals(&server, &old), "the old keys still open it");
    assert!(unseals(&server, &server.keys));
    assert_eq!(server.get("auth/token/lookup-self").0, 200);
    let status = server.get("sys/seal-status").1;
    assert_eq!((&status["n"], &status["t"]), (&json!(3), &json!(2)));
}

#[test]
fn keys_that_must_be_verified_count_only_then() {
    let mut server = Server::start("");
    server.init(1, 1);
    server.unseal();
    let asked = json!({"secret_shares": 2, "secret_threshold": 2, "require_verification": true});
    let nonce = begin(&server, "rekey/init", asked);
    let made = give(&server, "rekey/update", &nonce, &server.keys);
    let (new, check) = (keys(&made), text(&made["verification_nonce"]));
    assert_eq!(server.put("sys/seal", json!({})).0, 204);
    assert!(!unseals(&server, &new), "nobody has shown them yet");
    assert!(unseals(&server, &server.keys), "the attempt ended with sealing");

    let asked = json!({"secret_shares": 2, "secret_threshold": 2, "require_verification": true});
    let nonce = begin(&server, "rekey/init", asked);
    let made = give(&server, "rekey/update", &nonce, &server.keys);
    let new = keys(&made);
    refused(server.call("PUT", "sys/rekey/verify", "", json!({"key": new[0], "nonce": check})), "incorrect nonce");
    let check = text(&made["verification_nonce"]);
    let (_, answer) = server.call("PUT", "sys/rekey/verify", "", json!({"key": new[0], "nonce": check}));
    assert_eq!((&answer["progress"], &answer["t"]), (&json!(1), &json!(2)), "{answer}");
    let (_, answer) = server.call("PUT", "sys/rekey/verify", "", json!({"key": new[1], "nonce": check}));
    assert_eq!(answer["complete"], json!(true), "{answer}");
    assert_eq!(server.put("sys/seal", json!({})).0, 204);
    assert!(!unseals(&server, &server.keys));
    assert!(unseals(&server, &new));
}

#[test]
fn an_attempt_is_cancelled_by_its_nonce_or_by_sudo_and_by_nobody_else() {
    let server = Server::ready();
    let asked = json!({"secret_shares": 1, "secret_threshold": 1});
    for (start, body) in [("rekey/init", asked), ("generate-root/attempt", json!({}))] {
        let path = format!("sys/{start}");
        let nonce = begin(&server, start, body.clone());
        refused(server.call("DELETE", &path, "", Value::Null), "cancelled by its nonce");
        refused(server.call("DELETE", &path, "hvs.nobody", json!({"nonce": "another"})), "cancelled by its nonce");
        assert_eq!(server.call("DELETE", &path, "", json!({ "nonce": nonce })).0, 204);
        begin(&server, start, body);
        assert_eq!(server.delete(&path).0, 204, "root has sudo");
        assert_eq!(server.get(&path).1["started"], json!(false));
    }
}

#[test]
fn recovery_keys_make_other_recovery_keys_another_root_key_and_a_root_token() {
    let seal = Seal::by_static_key();
    let mut server = seal.start();
    server.init_by_seal(3, 2);
    let nonce = begin(&server, "rekey-recovery-key/init", json!({"secret_shares": 1, "secret_threshold": 1}));
    let new = keys(&give(&server, "rekey-recovery-key/update", &nonce, &server.keys));
    server.keys = new;
    let asked = json!({"secret_shares": 5, "secret_threshold": 3});
    refused(server.call("PUT", "sys/rekey/init", "", asked), "the seal keeps the root key itself");
    let nonce = begin(&server, "rekey/init", json!({"secret_shares": 1, "secret_threshold": 1}));
    assert_eq!(keys(&give(&server, "rekey/update", &nonce, &server.keys)), [""; 0]);
    server.kill();
    server.start_again();
    server.wait_until_it_serves();
    let token = root_token(&server);
    assert_eq!(
        server.call("GET", "auth/token/lookup-self", &token, Value::Null).1["data"]["policies"],
        json!(["root"])
    );

    let by_shares = Server::ready();
    let asked = json!({"secret_shares": 1, "secret_threshold": 1});
    refused(by_shares.call("PUT", "sys/rekey-recovery-key/init", "", asked), "recovery rekeying not supported");
}

fn root_token(server: &Server) -> String {
    let (status, started) = server.call("PUT", "sys/generate-root/attempt", "", json!({}));
    assert_eq!(status, 200, "{started}");
    let otp = text(&started["otp"]);
    assert_eq!(started["otp_length"], json!(otp.len()));
    let made = give(server, "generate-root/update", &text(&started["nonce"]), &server.keys);
    assert_eq!(made["encoded_token"], made["encoded_root_token"]);
    assert!(!made.to_string().contains("hvs."), "the token is answered in clear");
    let body = json!({"encoded_token": made["encoded_token"], "otp": otp});
    text(&server.call("PUT", "sys/decode-token", "", body).1["data"]["token"])
}

#[test]
fn a_root_token_is_made_by_the_holders_of_keys() {
    let mut server = Server::start("");
    server.init(3, 2);
    server.unseal();
    let token = root_token(&server);
    assert_eq!(server.call("GET", "auth/token/lookup-self", &token, Value::Null).1["data"]["orphan"], json!(true));
    assert_eq!(server.get("sys/generate-root/attempt").1["started"], json!(false));
    refused(server.call("PUT", "sys/generate-root/attempt", "", json!({"otp": "short"})), "characters long");
    let nonce = begin(&server, "generate-root/attempt", json!({}));
    let wrong = "11".repeat(33);
    for (key, status) in [(server.keys[0].clone(), 200), (wrong, 400)] {
        let body = json!({"key": key, "nonce": nonce});
        assert_eq!(server.call("PUT", "sys/generate-root/update", "", body).0, status);
    }
    assert_eq!(server.get("sys/generate-root/attempt").1["progress"], json!(0), "all are given anew");
}

#[test]
fn the_data_key_is_rotated_by_sudo_and_shown_to_those_who_may() {
    let server = Server::ready();
    let (status, shown) = server.get("sys/key-status");
    assert_eq!((status, &shown["term"], &shown["data"]["term"]), (200, &json!(1), &json!(1)), "{shown}");
    assert!(shown["encryptions"].as_u64().unwrap() > 0);
    assert_eq!(server.put("sys/rotate", json!({})).0, 204);
    assert_eq!(server.get("sys/key-status").1["data"]["term"], json!(2));
    wait_for("old values are sealed anew", PATIENCE, || {
        server.log().contains("all is sealed with the newest data key").then_some(())
    });
    let config = server.get("sys/rotate/config").1;
    let default = json!({"enabled": true, "max_operations": 3_865_470_566_u64, "interval": 0});
    assert_eq!(config["data"], default);
    assert_eq!(server.put("sys/rotate/config", json!({"interval": "4320h"})).0, 204);
    assert_eq!(server.get("sys/rotate/config").1["data"]["interval"], json!("4320h0m0s"));
    refused(server.put("sys/rotate/config", json!({"interval": "1h"})), "greater or equal to 24h");
    refused(server.put("sys/rotate/config", json!({"max_operations": 1})), "must be in the range");
}

/// From the last request to the kill: before, into and after the transaction.
const KILL_AFTER: [u64; 9] = [0, 1, 2, 4, 6, 9, 14, 25, 1500];

/// Sends a request and kills the server so many milliseconds later; the answer, where one came.
fn kill_during(server: &mut Server, after: u64, path: &str, body: &Value) -> Option<Answer> {
    let process = server.id().to_string();
    let answer = thread::scope(|scope| {
        let asking = {
            let server = &*server;
            scope.spawn(move || server.try_call("PUT", path, &server.root, body.clone()).ok())
        };
        thread::sleep(Duration::from_millis(after));
        std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap();
        asking.join().unwrap()
    });
    server.kill();
    server.start_again();
    answer
}

#[test]
fn a_rekey_that_is_cut_off_leaves_keys_that_somebody_has_and_that_work() {
    for after in KILL_AFTER {
        let mut server = Server::start("");
        server.init(3, 2);
        server.unseal();
        assert_eq!(server.put("cubbyhole/kept", json!({"value": after})).0, 204);
        let nonce = begin(&server, "rekey/init", json!({"secret_shares": 4, "secret_threshold": 3}));
        let first = json!({"key": server.keys[0], "nonce": nonce});
        assert_eq!(server.call("PUT", "sys/rekey/update", "", first).0, 200);
        let last = json!({"key": server.keys[1], "nonce": nonce});
        let answer = kill_during(&mut server, after, "sys/rekey/update", &last);
        match answer {
            Some((200, made)) => {
                let new = keys(&made);
                if after > 1000 {
                    assert!(!unseals(&server, &server.keys), "the new keys were answered long ago");
                }
                assert!(unseals(&server, &new), "the new keys were answered, after {after} ms");
                assert_eq!(server.put("sys/seal", json!({})).0, 204);
                assert!(!unseals(&server, &server.keys), "the new keys were used");
                assert!(unseals(&server, &new));
            }
            Some(other) => panic!("{other:?}"),
            None => assert!(unseals(&server, &server.keys), "nobody has the new keys, after {after} ms"),
        }
        assert_eq!(server.get("cubbyhole/kept").1["data"]["value"], json!(after));
    }
}

#[test]
fn a_rotation_that_is_cut_off_leaves_all_readable_and_goes_on() {
    let mut server = Server::ready();
    assert_eq!(server.put("sys/mounts/kv", json!({"type": "kv"})).0, 204);
    for n in 0..600 {
        assert_eq!(server.put(&format!("kv/{n}"), json!({ "n": n })).0, 204);
    }
    for after in [0, 2, 5, 10, 20, 40] {
        kill_during(&mut server, after, "sys/rotate", &json!({}));
        server.unseal();
        for n in [0, 1, 199, 200, 201, 399, 400, 599] {
            assert_eq!(server.get(&format!("kv/{n}")).1["data"]["n"], json!(n), "after {after} ms");
        }
    }
    assert_eq!(server.put("sys/rotate", json!({})).0, 204);
    wait_for("old values are sealed anew", PATIENCE, || {
        server.log().contains("all is sealed with the newest data key").then_some(())
    });
    assert_eq!(server.get("kv/300").1["data"]["n"], json!(300));
}
