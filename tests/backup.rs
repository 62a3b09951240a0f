//! Backups of a server that goes on meanwhile, and what puts them back; and files that are not the ones that were there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use serde_json::{Value, json};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use support::server::Server;

const HELD: &str = "revocations_held";

fn operator(server: &Server, arguments: &[&str]) -> Output {
    server.command().arg("operator").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn held(server: &Server) -> Value {
    server.get("sys/seal-status").1[HELD].clone()
}

fn with_values() -> Server {
    let server = Server::ready();
    assert_eq!(server.put("sys/mounts/kv", json!({"type": "kv"})).0, 204);
    for n in 0..50 {
        assert_eq!(server.put(&format!("kv/{n}"), json!({ "n": n })).0, 204);
    }
    server
}

/// A server on the file at `data`, which is put there by `place`.
fn another(from: &Server, place: impl FnOnce(&Server)) -> Server {
    let mut other = Server::start("");
    other.stop();
    for name in ["data.db", "data.db-wal", "data.db-shm", "data.db.generation"] {
        std::fs::remove_file(other.path(name)).ok();
    }
    place(&other);
    other.root = from.root.clone();
    other.keys = from.keys.clone();
    other.start_again();
    other.unseal();
    other
}

#[test]
fn a_backup_that_is_made_while_others_write_is_of_one_moment_and_opens_with_the_keys_of_then() {
    let server = with_values();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..3 {
            let (server, stop) = (&server, &stop);
            scope.spawn(move || {
                // Both halves are written in this order: a backup that has the second has the first.
                for n in 0.. {
                    assert_eq!(server.put(&format!("kv/{writer}-first"), json!({ "n": n })).0, 204);
                    assert_eq!(server.put(&format!("kv/{writer}-second"), json!({ "n": n })).0, 204);
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        let made = operator(&server, &["backup", "backup.db"]);
        stop.store(true, Ordering::SeqCst);
        assert!(made.status.success(), "{}", said(&made));
        assert!(said(&made).starts_with("Success! "), "{}", said(&made));
    });
    let backup = server.path("backup.db");
    let bytes = std::fs::read(&backup).unwrap();
    assert!(!bytes.windows(server.root.len()).any(|window| window == server.root.as_bytes()));
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&backup).unwrap()) & 0o777, 0o600);
    let again = operator(&server, &["backup", "backup.db"]);
    assert!(said(&again).contains("is there already"), "{}", said(&again));
    let left = std::fs::read_dir(server.path("")).unwrap().flatten().map(|entry| entry.file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().contains(".backup-")));

    let restored = another(&server, |other| {
        let configuration = format!("-config={}", other.path("server.hcl").display());
        let done = operator(other, &["restore", &configuration, backup.to_str().unwrap()]);
        assert!(done.status.success(), "{}", said(&done));
        assert!(said(&done).contains("leasehold operator adopt"), "{}", said(&done));
    });
    for n in 0..50 {
        assert_eq!(restored.get(&format!("kv/{n}")).1["data"]["n"], json!(n));
    }
    for writer in 0..3 {
        let number = |half: &str| restored.get(&format!("kv/{writer}-{half}")).1["data"]["n"].as_i64().unwrap_or(-1);
        let (first, second) = (number("first"), number("second"));
        assert!(first == second || first == second + 1, "{first} and {second} are not of one moment");
    }
    assert!(held(&restored).to_string().contains("it is a backup that was restored"));
    let (status, shown) = restored.get("sys/storage/adopt");
    assert_eq!((status, &shown["data"]["restored"]), (200, &json!(true)), "{shown}");
    assert_eq!(restored.call("PUT", "sys/storage/adopt", "", json!({})).0, 403);
    assert!(operator(&restored, &["adopt"]).status.success());
    assert_eq!(held(&restored), Value::Null);
    assert!(said(&operator(&restored, &["adopt"])).contains("Nothing was held"));
}

#[test]
fn a_snapshot_comes_over_http_and_is_not_taken_back_there() {
    let server = with_values();
    let request = http::Request::get(format!("{}/v1/sys/storage/snapshot", server.address))
        .header("X-Vault-Token", &server.root)
        .body(())
        .unwrap();
    let mut answer = support::http_client().run(request).unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    let bytes = answer.body_mut().read_to_vec().unwrap();
    let pages = u32::from_be_bytes(bytes[28..32].try_into().unwrap());
    let page_size = u16::from_be_bytes(bytes[16..18].try_into().unwrap());
    assert_eq!(bytes.len(), pages as usize * usize::from(page_size));
    assert!(bytes.starts_with(b"SQLite format 3\0"));
    assert_eq!(server.call("GET", "sys/storage/snapshot", "", Value::Null).0, 403);
    assert_eq!(server.get("kv/1").0, 200);

    let post = http::Request::post(format!("{}/v1/sys/storage/snapshot", server.address))
        .header("X-Vault-Token", &server.root)
        .body(bytes)
        .unwrap();
    let mut refused = support::http_client().run(post).unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.body_mut().read_to_string().unwrap().contains("operator restore -config="));
}

#[test]
fn what_is_no_backup_or_in_the_way_is_refused() {
    let mut server = with_values();
    assert!(operator(&server, &["backup", "backup.db"]).status.success());
    let configuration = format!("-config={}", server.path("server.hcl").display());
    let restore = |server: &Server, arguments: &[&str]| {
        said(&operator(server, &[&["restore", &configuration], arguments].concat()))
    };
    assert!(restore(&server, &["-force", "backup.db"]).contains("another process holds it"));
    server.stop();
    assert!(restore(&server, &["backup.db"]).contains("is there already: it is moved aside with -force"));
    std::fs::write(server.path("text.db"), "no database at all, and long enough to look at").unwrap();
    assert!(restore(&server, &["-force", "text.db"]).contains("it is not a database"));
    let whole = std::fs::read(server.path("backup.db")).unwrap();
    std::fs::write(server.path("half.db"), &whole[..whole.len() / 2]).unwrap();
    let half = restore(&server, &["-force", "half.db"]);
    assert!(half.contains("damaged"), "{half}");
    assert!(restore(&server, &["-force", "missing.db"]).contains("missing.db"));
    let done = restore(&server, &["-force", "backup.db"]);
    assert!(done.contains("What was there is "), "{done}");
    server.start_again();
    server.unseal();
    assert_eq!(server.get("kv/49").1["data"]["n"], json!(49));
}

/// The database of a stopped server, with its log where that was not folded in.
fn database(server: &Server) -> Vec<(&'static str, Vec<u8>)> {
    let read = |name: &'static str| Some((name, std::fs::read(server.path(name)).ok()?));
    ["data.db", "data.db-wal"].into_iter().filter_map(read).collect()
}

fn put(server: &Server, files: &[(&str, Vec<u8>)]) {
    for name in ["data.db-wal", "data.db-shm"] {
        std::fs::remove_file(server.path(name)).ok();
    }
    for (name, content) in files {
        std::fs::write(server.path(name), content).unwrap();
    }
}

#[test]
fn a_file_that_was_copied_or_put_back_is_noticed_and_the_one_that_was_there_is_not() {
    let mut server = with_values();
    for _ in 0..3 {
        server.crash_and_recover();
        server.stop();
        server.start_again();
        server.unseal();
        assert_eq!(held(&server), Value::Null, "nobody has touched the file");
    }
    server.stop();
    let alone = another(&server, |other| put(other, &database(&server)));
    assert!(held(&alone).to_string().contains("the file with its generation is not beside it"));
    let both = another(&server, |other| {
        put(other, &database(&server));
        std::fs::copy(server.path("data.db.generation"), other.path("data.db.generation")).unwrap();
    });
    let noticed = held(&both).to_string();
    assert!(noticed.contains("it is another file than the one that was here"), "{noticed}");

    // An older version of the same file, in its place.
    let older = database(&server);
    server.start_again();
    server.unseal();
    server.stop();
    put(&server, &older);
    server.start_again();
    server.unseal();
    assert!(held(&server).to_string().contains("another version of it was put in its place"));
    assert!(server.log().contains("another version of it was put in its place"));
}
