//! One suite over every seal that opens by itself: initialised through it, unsealed by it after each start, sealed and unsealed with
//! recovery keys, and not fooled by another key. And the moves from each seal to the others.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "seals/keys.rs"]
mod keys;
#[path = "seals/moves.rs"]
mod moves;
mod support;

use serde_json::json;
use std::path::{Path, PathBuf};
use support::server::{PROGRAM, Server};
use support::transit::{TOKEN, Transit};
use support::{PATIENCE, wait_for};

const KEY: [u8; 32] = *b"32 bytes that nobody would guess";
const OTHER_KEY: [u8; 32] = *b"32 other bytes, of another file!";

/// A seal as a configuration has it, and what its key is taken from.
struct Seal {
    kind: &'static str,
    stanza: String,
    directory: tempfile::TempDir,
    transit: Option<Transit>,
}

impl Seal {
    fn by_static_key() -> Self {
        let seal = Self::of("static", |directory| {
            format!(
                "seal \"static\" {{\n  current_key_id = \"first\"\n  current_key = \"file://{}\"\n}}",
                directory.join("key").display()
            )
        });
        seal.put("key", &KEY);
        seal
    }

    fn by_passphrase() -> Self {
        let seal =
            Self::of("passphrase", |_| "seal \"passphrase\" {\n  passphrase = \"credential://words\"\n}".to_owned());
        seal.put("words", b"correct horse battery staple\n");
        seal
    }

    fn by_transit() -> Self {
        let transit = Transit::start();
        let mut seal = Self::of("transit", |_| {
            format!(
                "seal \"transit\" {{\n  address = \"{}\"\n  token = \"{TOKEN}\"\n  key_name = \"leasehold\"\n  \
                 mount_path = \"transit/\"\n}}",
                transit.address
            )
        });
        seal.transit = Some(transit);
        seal
    }

    fn all() -> [Self; 3] {
        [Self::by_static_key(), Self::by_passphrase(), Self::by_transit()]
    }

    fn of(kind: &'static str, stanza: impl Fn(&Path) -> String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { kind, stanza: stanza(directory.path()), directory, transit: None }
    }

    fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self) -> Server {
        let credentials = self.directory.path().to_str().unwrap();
        Server::start_with(&self.stanza, &[("CREDENTIALS_DIRECTORY", credentials)])
    }

    /// From now on its key is another one.
    fn exchange(&self) {
        match self.kind {
            "static" => self.put("key", &OTHER_KEY),
            "passphrase" => self.put("words", b"incorrect horse battery staple\n"),
            _ => self.transit.as_ref().unwrap().forget(),
        }
    }

    /// What it says when it is not opened by its key.
    fn refusal(&self) -> &'static str {
        match self.kind {
            "static" => "the key \"first\" is not the one that the storage was sealed with",
            "passphrase" => "the passphrase is not the one that the storage was sealed with",
            _ => "answered 400 (cipher: message authentication failed)",
        }
    }
}

#[test]
fn every_seal_is_initialised_unseals_after_each_start_and_takes_recovery_keys() {
    for seal in Seal::all() {
        let mut server = seal.start();
        let status = server.get("sys/seal-status").1;
        assert_eq!((&status["type"], &status["recovery_seal"]), (&json!(seal.kind), &json!(true)), "{status}");
        let refused = server.call("PUT", "sys/init", "", json!({"secret_shares": 5, "secret_threshold": 3}));
        let words = format!("parameters secret_shares,secret_threshold not applicable to seal type {}", seal.kind);
        assert_eq!(refused, (400, json!({ "errors": [words] })));
        server.init_by_seal(3, 2);
        assert_eq!(server.keys.len(), 3);
        let status = server.get("sys/seal-status").1;
        assert_eq!((&status["t"], &status["n"], &status["sealed"]), (&json!(2), &json!(3), &json!(false)), "{status}");
        assert_eq!(server.put("cubbyhole/kept", json!({"value": "here"})).0, 204);

        server.kill();
        server.start_again();
        server.wait_until_it_serves();
        assert_eq!(server.get("cubbyhole/kept").1["data"]["value"], "here");

        assert_eq!(server.put("sys/seal", json!({})).0, 204);
        assert_eq!(server.get("sys/health").0, 503, "sealed by hand it waits for people");
        let wrong = server.call("PUT", "sys/unseal", "", json!({"key": "00".repeat(33)}));
        assert_eq!(wrong.0, 200, "one of two keys: {}", wrong.1);
        assert_eq!(server.call("PUT", "sys/unseal", "", json!({"reset": true})).0, 200);
        server.unseal();
        assert_eq!(server.get("cubbyhole/kept").1["data"]["value"], "here");
    }
}

#[test]
fn another_key_opens_nothing_and_is_named() {
    for seal in Seal::all() {
        let mut server = seal.start();
        server.init_by_seal(1, 1);
        server.stop();
        seal.exchange();
        server.start_again();
        wait_for("the log says why", PATIENCE, || server.log().contains(seal.refusal()).then_some(()));
        assert!(server.log().contains("the server stays sealed"), "{}", server.log());
        assert_eq!(server.get("sys/health").0, 503);
        let (status, answer) = server.call("PUT", "sys/unseal", "", json!({"key": server.keys[0]}));
        assert_eq!(status, 400, "recovery keys open nothing: {answer}");
    }
}

#[test]
fn a_transit_server_that_is_sealed_is_waited_for_and_its_token_renewed() {
    let seal = Seal::by_transit();
    let transit = seal.transit.as_ref().unwrap();
    let mut server = seal.start();
    server.init_by_seal(1, 1);
    wait_for("the token is renewed", PATIENCE, || (transit.renewals() > 0).then_some(()));
    server.kill();
    transit.seal(true);
    server.start_again();
    wait_for("it says that it waits", PATIENCE, || {
        server.log().contains("not unsealed yet, trying again").then_some(())
    });
    assert_eq!(server.get("sys/health").0, 503);
    transit.seal(false);
    server.wait_until_it_serves();
    assert!(!server.log().contains(TOKEN), "the token is in the log");
}

#[test]
fn keys_are_changed_through_the_previous_one() {
    let seal = Seal::by_static_key();
    let mut server = seal.start();
    server.init_by_seal(1, 1);
    server.stop();
    seal.put("next", hex::encode(OTHER_KEY).as_bytes());
    let (key, next) = (seal.path("key"), seal.path("next"));
    let second = format!("current_key_id = \"second\"\n  current_key = \"file://{}\"", next.display());
    let previous = format!("previous_key_id = \"first\"\n  previous_key = \"file://{}\"", key.display());
    server.configure(&format!("seal \"static\" {{\n  {second}\n  {previous}\n}}"));
    server.start_again();
    server.wait_until_it_serves();
    server.stop();
    server.configure(&format!("seal \"static\" {{\n  {second}\n}}"));
    server.start_again();
    server.wait_until_it_serves();
    assert!(!server.log().contains("in clear"));

    let seal = Seal::by_passphrase();
    let mut server = seal.start();
    server.init_by_seal(1, 1);
    server.stop();
    seal.put("new-words", b"another horse with other batteries");
    let both = "passphrase = \"credential://new-words\"\n  previous_passphrase = \"credential://words\"";
    server.configure(&format!("seal \"passphrase\" {{\n  {both}\n}}"));
    server.start_again();
    server.wait_until_it_serves();
    server.stop();
    server.configure("seal \"passphrase\" {\n  passphrase = \"credential://new-words\"\n}");
    server.start_again();
    server.wait_until_it_serves();
}

#[test]
fn what_cannot_be_read_stops_the_start_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let start = |stanza: &str| {
        let file = directory.path().join("server.hcl");
        let data = directory.path().join("data.db");
        std::fs::write(
            &file,
            format!(
                "storage \"sqlite\" {{ path = \"{}\" }}\nlistener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_disable = true\n}}\n{stanza}",
                data.display()
            ),
        )
        .unwrap();
        let argument = format!("-config={}", file.display());
        let left = std::process::Command::new(PROGRAM)
            .args(["server", &argument])
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(!left.status.success());
        String::from_utf8_lossy(&left.stderr).into_owned()
    };
    let missing = start("seal \"static\" {\n current_key_id = \"a\"\n current_key = \"file:///no/such/key\"\n}");
    assert!(missing.contains("current_key cannot be read: /no/such/key: "), "{missing}");
    let short = start("seal \"static\" {\n current_key_id = \"a\"\n current_key = \"too short\"\n}");
    assert!(short.contains("current_key must be 32 bytes"), "{short}");
    assert!(short.contains("stands in clear in the configuration"), "{short}");
    let unmanaged = start("seal \"passphrase\" {\n passphrase = \"credential://words\"\n}");
    assert!(unmanaged.contains("CREDENTIALS_DIRECTORY is not set"), "{unmanaged}");
    let weak = start("seal \"passphrase\" {\n passphrase = \"short\"\n}");
    assert!(weak.contains("passphrase is shorter than 12 characters"), "{weak}");
    let twice = start("seal \"static\" {}\nseal \"transit\" {}");
    assert!(twice.contains("there is more than one seal"), "{twice}");
}

#[test]
fn a_passphrase_comes_through_a_file_descriptor() {
    let mut server = Server::start("");
    server.stop();
    std::fs::write(server.path("words"), "correct horse battery staple").unwrap();
    server.with_prelude("exec 7<words");
    server.configure("seal \"passphrase\" {\n  passphrase = \"fd://7\"\n}");
    server.start_again();
    server.init_by_seal(1, 1);
    server.kill();
    server.start_again();
    server.wait_until_it_serves();
}
