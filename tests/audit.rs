//! Audit devices that fail, on a running server: requests go on as long as one device accepts their entries, stop when none
//! does, and go on again by themselves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;
use support::server::Server;
use support::{PATIENCE, wait_for};

/// No file that the server writes may pass 1 MiB: what a full disk is to a file, by the kernel's own refusal.
const FULL_AT_A_MEGABYTE: &str = "trap '' XFSZ; ulimit -f $((1048576 / 512))";

fn server() -> Server {
    let mut server = Server::start("audit_directories = [\"/tmp\"]");
    server.init(1, 1);
    server.unseal();
    server
}

fn enable(server: &Server, name: &str, kind: &str, options: Value) {
    let (status, answer) = server.put(&format!("sys/audit/{name}"), json!({ "type": kind, "options": options }));
    assert_eq!(status, 204, "{name}: {answer}");
}

fn is_served(server: &Server) -> bool {
    match server.get("auth/token/lookup-self") {
        (200, _) => true,
        (500, answer) => {
            assert!(answer.to_string().contains("no audit device accepted"), "{answer}");
            false
        }
        (status, answer) => panic!("{status}: {answer}"),
    }
}

fn goes_on(server: &Server) {
    wait_for("requests are served again", PATIENCE, || is_served(server).then_some(()));
}

/// A listener that reads everything, and tells what.
fn reader(listener: TcpListener) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let tell = tell.clone();
            thread::spawn(move || {
                let lines = BufReader::new(stream.unwrap()).lines();
                lines.map_while(Result::ok).all(|line| tell.send(line).is_ok())
            });
        }
    });
    told
}

#[test]
fn a_full_disk_under_the_audit_file_stops_requests_until_there_is_room_or_another_device() {
    let mut server = server();
    server.kill();
    // The database and the log are files too, and must not be what is full.
    server.with_prelude(FULL_AT_A_MEGABYTE);
    server.start_again();
    server.unseal();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let file = folder.path().join("audit.log");
    let room = 1_048_576 - 64 * 1024;
    std::fs::write(&file, "x\n".repeat(room / 2)).unwrap();
    enable(&server, "file", "file", json!({ "file_path": file.to_str().unwrap() }));
    wait_for("the file is full", PATIENCE, || (!is_served(&server)).then_some(()));
    assert!(!is_served(&server), "nothing is served without a record");

    std::fs::write(&file, "").unwrap();
    goes_on(&server);
    let lines = std::fs::read_to_string(&file).unwrap();
    // The entry that did not fit leaves an empty line.
    let mut entries = lines.lines().filter(|line| !line.is_empty());
    assert!(entries.all(|line| serde_json::from_str::<Value>(line).is_ok()), "whole entries after the gap");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    enable(&server, "net", "socket", json!({ "address": listener.local_addr().unwrap().to_string() }));
    let entries = reader(listener);
    std::fs::write(&file, "x\n".repeat(1_048_576 / 2)).unwrap();
    for _ in 0..20 {
        assert!(is_served(&server), "the other device accepts");
    }
    let entry: Value = serde_json::from_str(&entries.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert!(entry["type"].is_string());
}

#[test]
fn a_dead_syslog_stops_requests_until_it_is_back() {
    let server = server();
    let socket = server.path("log");
    let syslog = UnixDatagram::bind(&socket).unwrap();
    enable(&server, "syslog", "syslog", json!({ "address": socket.to_str().unwrap() }));
    assert!(is_served(&server));
    drop(syslog);
    std::fs::remove_file(&socket).unwrap();
    assert!(!is_served(&server));
    let again = UnixDatagram::bind(&socket).unwrap();
    again.set_nonblocking(true).unwrap();
    goes_on(&server);
    let mut message = [0; 65536];
    assert!(again.recv(&mut message).unwrap() > 0);
}

#[test]
fn a_socket_that_swallows_holds_up_nobody_for_longer_than_its_time() {
    let server = server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    enable(&server, "net", "socket", json!({ "address": address, "write_timeout": "300ms", "log_raw": "true" }));
    assert_eq!(server.put("sys/mounts/kv", json!({"type": "kv"})).0, 204);
    // The kernel takes some megabytes for a listener that does not read.
    let long = json!({ "value": "x".repeat(1_000_000) });
    wait_for("the socket refuses", PATIENCE, || (server.put("kv/a", long.clone()).0 == 500).then_some(()));

    let file = tempfile::tempdir_in("/tmp").unwrap();
    let path = file.path().join("audit.log");
    // Enabling needs a request that is on record: the listener reads again, and stops.
    let entries = reader(listener);
    goes_on(&server);
    enable(&server, "file", "file", json!({ "file_path": path.to_str().unwrap() }));
    drop(entries);
    let start = Instant::now();
    for _ in 0..50 {
        assert!(is_served(&server));
    }
    assert!(start.elapsed() < PATIENCE);
}

/// The entries of a file, once there are any with this path.
fn entries(file: &std::path::Path, path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|entry| entry["request"]["path"] == path).collect()
}

#[test]
fn entries_show_the_headers_and_the_keys_that_are_asked_for_and_no_others() {
    let server = server();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let file = folder.path().join("audit.log");
    enable(&server, "file", "file", json!({ "file_path": file.to_str().unwrap() }));
    assert_eq!(server.put("sys/config/auditing/request-headers/X-Clear", json!({})).0, 204);
    assert_eq!(server.put("sys/config/auditing/request-headers/x-hashed", json!({ "hmac": true })).0, 204);
    assert_eq!(server.put("sys/config/auditing/request-headers/X-Vault-Token", json!({})).0, 400);
    let (_, listed) = server.get("sys/config/auditing/request-headers");
    assert_eq!(listed["headers"], json!({ "x-clear": { "hmac": false }, "x-hashed": { "hmac": true } }));
    assert_eq!(
        server.get("sys/config/auditing/request-headers/X-Clear").1["data"],
        json!({ "x-clear": { "hmac": false } })
    );
    assert_eq!(server.get("sys/config/auditing/request-headers/x-none").0, 400);
    let tuned = json!({ "type": "kv", "config": {
        "audit_non_hmac_request_keys": ["shown"], "audit_non_hmac_response_keys": ["shown", "answered"] } });
    assert_eq!(server.put("sys/mounts/kv", tuned).0, 204);
    let request = http::Request::put(format!("{}/v1/kv/a", server.address))
        .header("X-Vault-Token", &server.root)
        .header("X-Clear", "first")
        .header("X-Clear", "second")
        .header("X-Hashed", "canary-hashed")
        .header("X-Other", "canary-other")
        .body(json!({ "shown": "in-clear", "hidden": "canary-hidden" }).to_string().into_bytes());
    assert_eq!(support::http_client().run(request.unwrap()).unwrap().status().as_u16(), 204);
    assert_eq!(server.get("kv/a").0, 200);

    let entries = entries(&file, "kv/a");
    let (asked, read) = (&entries[0]["request"], &entries[3]["response"]["data"]);
    assert_eq!(asked["headers"]["x-clear"], json!(["first", "second"]));
    let hash = server.put("sys/audit-hash/file", json!({ "input": "canary-hashed" })).1["hash"].clone();
    assert_eq!(asked["headers"]["x-hashed"], json!([hash]));
    assert_eq!((&asked["data"]["shown"], &read["shown"]), (&json!("in-clear"), &json!("in-clear")));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("canary-"), "nothing else stands in clear");
    assert_eq!(server.delete("sys/config/auditing/request-headers/X-Clear").0, 204);
    assert_eq!(server.get("sys/config/auditing/request-headers/X-Clear").0, 400);
}

#[test]
fn lists_accessors_and_values_are_shown_as_each_device_is_told() {
    let server = server();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let file = |name: &str| folder.path().join(name);
    let path = |name: &str| file(name).to_str().unwrap().to_owned();
    enable(&server, "usual", "file", json!({ "file_path": path("usual") }));
    let told =
        json!({ "file_path": path("told"), "elide_list_responses": true, "hmac_accessor": false, "log_raw": true });
    enable(&server, "told", "file", told);
    assert_eq!(server.put("sys/mounts/kv", json!({ "type": "kv" })).0, 204);
    for name in ["one", "two"] {
        assert_eq!(server.put(&format!("kv/{name}"), json!({ "value": "canary-raw" })).0, 204);
    }
    assert_eq!(server.list("kv/").0, 200);
    let (_, own) = server.get("auth/token/lookup-self");
    let accessor = &own["data"]["accessor"];
    let last = |name: &str, path: &str| entries(&file(name), path).pop().unwrap();
    assert_eq!(last("told", "kv/")["response"]["data"], json!({ "keys": 2 }));
    assert_eq!(last("usual", "kv/")["response"]["data"]["keys"].as_array().unwrap().len(), 2);
    assert_eq!(&last("told", "kv/one")["auth"]["accessor"], accessor);
    assert_ne!(&last("usual", "kv/one")["auth"]["accessor"], accessor);
    assert_eq!(last("told", "kv/one")["request"]["data"]["value"], "canary-raw");
    assert!(!std::fs::read_to_string(file("usual")).unwrap().contains("canary-raw"));
}

#[test]
fn an_audit_file_that_is_taken_away_is_made_anew_at_once_and_on_a_signal() {
    let server = server();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let file = folder.path().join("audit.log");
    enable(&server, "file", "file", json!({ "file_path": file.to_str().unwrap() }));
    std::fs::remove_file(&file).unwrap();
    assert!(is_served(&server));
    assert!(!entries(&file, "auth/token/lookup-self").is_empty(), "an unlinked file is noticed");
    std::fs::rename(&file, folder.path().join("moved")).unwrap();
    let hung_up = std::process::Command::new("kill").args(["-s", "HUP", &server.id().to_string()]).status().unwrap();
    assert!(hung_up.success());
    wait_for("the file is opened afresh", PATIENCE, || file.exists().then_some(()));
}
