//! The server as a service: what it tells the service manager, the credentials that it is handed, and the unit that the package
//! installs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod support;

use serde_json::json;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use support::server::{PROGRAM, Server};

/// What the service manager is told next.
fn told(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 512];
    let length = manager.recv(&mut bytes).expect("the service manager is told something");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn a_service_says_when_it_is_ready_and_unseals_by_its_credential_after_each_start() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let key = *b"32 bytes that nobody would guess";
    std::fs::write(directory.path().join("seal-key"), key).unwrap();
    let stanza = "seal \"static\" {\n  current_key_id = \"1\"\n  current_key = \"credential://seal-key\"\n}";
    let environment = [
        ("CREDENTIALS_DIRECTORY", directory.path().to_str().unwrap()),
        ("NOTIFY_SOCKET", socket.to_str().unwrap()),
        ("WATCHDOG_USEC", "400000"),
    ];
    let mut server = Server::start_with(stanza, &environment);
    assert_eq!(told(&manager), "READY=1");
    for _ in 0..3 {
        assert_eq!(told(&manager), "WATCHDOG=1");
    }
    server.init_by_seal(1, 1);
    assert_eq!(server.put("cubbyhole/kept", json!({"value": "here"})).0, 204);
    for _ in 0..2 {
        assert!(server.stop().success());
        let mut last = told(&manager);
        while last == "WATCHDOG=1" {
            last = told(&manager);
        }
        assert_eq!(last, "STOPPING=1");
        manager.set_nonblocking(true).unwrap();
        while manager.recv(&mut [0; 512]).is_ok() {}
        manager.set_nonblocking(false).unwrap();
        server.start_again();
        server.wait_until_it_serves();
        assert_eq!(told(&manager), "READY=1");
        assert_eq!(server.get("cubbyhole/kept").1["data"]["value"], "here");
    }
    let stored = [server.stored_bytes(), server.log().into_bytes()].concat();
    assert!(!stored.windows(key.len()).any(|window| window == key), "the key lies in clear on the disk");
    assert!(!server.log().contains("in clear"));
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/leasehold.service")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("leasehold.service");
    std::fs::write(&file, unit.replace("/usr/bin/leasehold", PROGRAM)).unwrap();
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().expect("systemd-analyze runs");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("leasehold.service"), "{said}");
}
