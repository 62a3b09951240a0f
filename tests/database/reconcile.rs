//! What is outside, held against the leases: what differs is found, and only what is surely ours is ended.

use crate::bench::{Bench, Credential, refusal};
use crate::conformance::{bench as bench_at, lives as signs_in};
use crate::postgresql::{bench, connection, exists};
use crate::support::mariadb::MariaDb;
use crate::support::postgres::Postgres;
use crate::support::server::{Server, text};
use crate::support::sites;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::thread;

const PASSWORD: &str = "of-its-own-1A";

/// What reconciling tells; the servers are shared, so that only what a test has made may be looked at.
fn compare(bench: &Bench) -> Value {
    let (status, mut answer) = bench.server.get("sys/leases/reconcile/database");
    assert_eq!(status, 200, "{answer}");
    answer["data"].take()
}

fn fix(bench: &Bench) -> Value {
    let (status, mut answer) = bench.server.put("sys/leases/reconcile/database", json!({ "fix": true }));
    assert_eq!(status, 200, "{answer}");
    answer["data"].take()
}

/// The difference of this kind that is about a user.
fn about(report: &Value, kind: &str, username: &str) -> Option<Value> {
    report[kind].as_array().unwrap().iter().find(|item| item["subject"] == json!(username)).cloned()
}

/// The kinds of differences that are about a user.
fn kinds(report: &Value, username: &str) -> Vec<&'static str> {
    let all = ["orphans", "ghosts", "drift", "unknown"];
    all.into_iter().filter(|kind| about(report, kind, username).is_some()).collect()
}

fn lives(bench: &Bench, made: &Credential) -> bool {
    bench.look_up(made).0 == 200
}

/// A server whose file is put back to what it was before `work`; it runs again afterwards.
fn put_back_after<T>(bench: &mut Bench, work: impl FnOnce(&Bench) -> T) -> T {
    bench.server.stop();
    let copy = bench.server.copy_of_data();
    let start = |server: &mut Server| {
        server.start_again();
        server.unseal();
    };
    start(&mut bench.server);
    let done = work(bench);
    bench.server.kill();
    bench.server.restore(&copy);
    start(&mut bench.server);
    // It notices that; what it is asked here is what an operator asks once that is settled.
    let (status, answer) = bench.server.put("sys/storage/adopt", json!({}));
    assert_eq!(answer["warnings"], Value::Null, "it was not noticed: {status} {answer}");
    done
}

#[test]
fn in_every_database_ghosts_are_found_and_strangers_are_left_alone() {
    for site in sites::all() {
        let bench = bench_at(&site);
        let stranger = format!("{}a_stranger", site.beginning);
        (site.make)(&stranger, PASSWORD);
        let (kept, ghost) = (bench.issue("app"), bench.issue("app"));
        (site.drop)(&ghost.username);
        let report = compare(&bench);
        assert_eq!(kinds(&report, &ghost.username), ["ghosts"], "{}: {report}", site.kind);
        assert_eq!(about(&report, "ghosts", &ghost.username).unwrap()["lease_id"], json!(ghost.lease));
        assert_eq!(kinds(&report, &stranger), ["unknown"], "{}: {report}", site.kind);
        assert_eq!(kinds(&report, &kept.username), [""; 0], "{}: {report}", site.kind);
        assert!(lives(&bench, &ghost), "looking changes nothing");

        let fixed = fix(&bench);
        assert_eq!(about(&fixed, "ghosts", &ghost.username).unwrap()["outcome"]["state"], json!("ended"), "{fixed}");
        assert!(!lives(&bench, &ghost) && lives(&bench, &kept) && signs_in(&site, &kept), "{}", site.kind);
        assert!((site.accepts)(&stranger, PASSWORD), "{}", site.kind);
        assert_eq!(kinds(&compare(&bench), &ghost.username), [""; 0], "{}", site.kind);
        (site.drop)(&stranger);
    }
}

#[test]
fn in_every_database_what_an_older_copy_of_the_file_does_not_know_is_an_orphan() {
    for site in sites::all() {
        let mut bench = bench_at(&site);
        let (kept, ended) = (bench.issue("app"), bench.issue("app"));
        let lost = put_back_after(&mut bench, |bench| {
            bench.revoke(&ended);
            [bench.issue("app"), bench.issue("app")]
        });
        let report = compare(&bench);
        for lost in &lost {
            let orphan = about(&report, "orphans", &lost.username).unwrap_or_else(|| panic!("{}: {report}", site.kind));
            assert_eq!(orphan["proof"], json!("it carries this server's mark"));
            assert!(signs_in(&site, lost), "looking changes nothing");
        }
        assert_eq!(kinds(&report, &ended.username), ["ghosts"], "{}: {report}", site.kind);
        assert_eq!(kinds(&report, &kept.username), [""; 0], "{}: {report}", site.kind);
        fix(&bench);
        for lost in &lost {
            assert!(!(site.exists)(&lost.username), "{}", site.kind);
        }
        assert!(!lives(&bench, &ended) && lives(&bench, &kept) && signs_in(&site, &kept), "{}", site.kind);
        assert_eq!(bench.server.list("sys/leases/lookup/database/reconciled").0, 404, "no lease is left");
    }
}

#[test]
fn a_user_of_another_mount_or_of_another_server_is_no_orphan() {
    for site in sites::all() {
        let (bench, other) = (bench_at(&site), bench_at(&site));
        let foreign = other.issue("app");
        assert_eq!(bench.server.put("sys/mounts/second", json!({ "type": "database" })).0, 204);
        let mut configuration = site.configuration.clone();
        configuration["allowed_roles"] = json!("*");
        assert_eq!(bench.server.put("second/config/db", configuration).0, 204);
        let made = bench.issue("app");
        let (status, mut answer) = bench.server.put("sys/leases/reconcile/second/", json!({ "fix": true }));
        assert_eq!(status, 200, "{answer}");
        let report = answer["data"].take();
        assert!(report["of_others"].as_u64() >= Some(1), "{}: {report}", site.kind);
        for living in [&foreign, &made] {
            assert_eq!(kinds(&report, &living.username), [""; 0], "{}: {report}", site.kind);
            assert!(signs_in(&site, living), "{}", site.kind);
        }
    }
}

#[test]
fn a_name_with_our_checksum_proves_whose_it_is_without_a_comment() {
    let (postgres, mut bench) = bench("checksummed");
    let lost = put_back_after(&mut bench, |bench| bench.issue("readonly"));
    postgres.sql("postgres", &format!("COMMENT ON ROLE \"{}\" IS NULL", lost.username));
    let report = compare(&bench);
    let orphan = about(&report, "orphans", &lost.username).unwrap();
    assert_eq!(orphan["proof"], json!("its name holds this server's checksum"), "{report}");
    fix(&bench);
    assert!(!exists(postgres, &lost.username));
}

#[test]
fn a_name_that_an_ended_lease_had_proves_it_only_where_names_are_made_once() {
    let site = sites::all().remove(1);
    let bench = bench_at(&site);
    let once = bench.issue("app");
    bench.revoke(&once);
    (site.make)(&once.username, PASSWORD);
    bench.write("config/db", json!({ "username_template": "ended_{{ .RoleName }}" }));
    let again = bench.issue("app");
    bench.revoke(&again);
    (site.make)(&again.username, PASSWORD);
    let report = fix(&bench);
    let unknown = about(&report, "unknown", &again.username).unwrap();
    assert!(text(&unknown["why"]).contains("made more than once"), "{report}");
    assert!((site.accepts)(&again.username, PASSWORD));
    assert!((site.accepts)(&once.username, PASSWORD), "by this template its name is not one of ours");

    bench.write("config/db", json!({ "username_template": "" }));
    let report = fix(&bench);
    let orphan = about(&report, "orphans", &once.username).unwrap();
    assert_eq!(orphan["proof"], json!("a lease of this server had its name"), "{report}");
    assert!(!(site.exists)(&once.username));
    (site.drop)(&again.username);
}

#[test]
fn what_is_just_being_made_is_no_orphan() {
    let site = sites::all().remove(1);
    let bench = bench_at(&site);
    let slow = "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; DO SLEEP(2)";
    bench.write("roles/slow", json!({ "db_name": "db", "creation_statements": slow }));
    let begun = || MariaDb::shared().sql("SELECT COUNT(*) FROM mysql.user WHERE User LIKE 'v-root-slow-%'") != "0";
    thread::scope(|scope| {
        let making = scope.spawn(|| bench.issue("slow"));
        wait_for("the user is there", PATIENCE, || begun().then_some(()));
        let report = fix(&bench);
        assert!(!report.to_string().contains("v-root-slow-"), "{report}");
        let made = making.join().unwrap();
        assert!(signs_in(&site, &made));
        bench.revoke(&made);
    });
}

#[test]
fn what_was_changed_by_hand_is_drift_with_the_command_that_puts_it_right() {
    let (postgres, bench) = bench("drifted");
    bench.write("roles/readonly", json!({ "default_ttl": "1h", "max_ttl": "2h" }));
    let made: Vec<Credential> = (0..4).map(|_| bench.issue("readonly")).collect();
    let [early, locked, unmarked, moved] = made.as_slice() else { panic!() };
    let alter = |made: &Credential, how: &str| {
        postgres.sql("postgres", &format!("ALTER ROLE \"{}\" {how}", made.username));
    };
    alter(early, "VALID UNTIL 'yesterday'");
    alter(locked, "NOLOGIN");
    postgres.sql("postgres", &format!("COMMENT ON ROLE \"{}\" IS NULL", unmarked.username));
    let report = compare(&bench);
    for (made, words, remedy) in [
        (early, "before its lease ends", json!(format!("leasehold lease renew {}", early.lease))),
        (locked, "cannot sign in", json!(format!("leasehold lease revoke {}", locked.lease))),
        (unmarked, "does not carry its lease's mark", Value::Null),
    ] {
        let drift = about(&report, "drift", &made.username).unwrap();
        assert!(text(&drift["what"]).contains(words), "{drift}");
        assert_eq!((&drift["remedy"], &drift["lease_id"]), (&remedy, &json!(made.lease)), "{drift}");
    }
    assert_eq!(kinds(&report, &moved.username), [""; 0]);
    assert_eq!(bench.server.put("sys/leases/renew", json!({ "lease_id": early.lease })).0, 200);
    assert_eq!(kinds(&compare(&bench), &early.username), [""; 0]);

    postgres.sql("postgres", "CREATE DATABASE drifted_away");
    bench.write("config/app", json!({ "connection_url": postgres.url("drifted_away"), "force": true }));
    let drift = about(&compare(&bench), "drift", &moved.username).unwrap();
    assert!(text(&drift["what"]).contains("target changed"), "{drift}");
}

#[test]
fn a_static_roles_user_and_the_engines_own_are_nobodys_orphans() {
    let (postgres, bench) = bench("spared");
    postgres.sql("postgres", "CREATE ROLE \"v-engine\" SUPERUSER LOGIN PASSWORD 'p'; CREATE ROLE \"v-batch\" LOGIN");
    bench.write("config/app", json!({ "username": "v-engine", "password": "p" }));
    bench.write("static-roles/batch", json!({ "db_name": "app", "username": "v-batch", "rotation_period": "1h" }));
    let report = fix(&bench);
    for spared in ["v-engine", "v-batch"] {
        assert_eq!(kinds(&report, spared), [""; 0], "{report}");
        assert!(exists(postgres, spared));
    }
}

#[test]
fn reconciling_is_told_by_the_command_line_and_its_exit_code() {
    let mut postgres = Postgres::start(&[]);
    let bench = Bench::new();
    bench.write("config/app", connection(&postgres, "postgres"));
    bench.write("roles/app", json!({ "db_name": "app", "creation_statements": crate::postgresql::CREATE }));
    let made = bench.issue("app");
    let run = |arguments: &[&str]| {
        let output = bench.server.command().args(["lease", "reconcile"]).args(arguments).output().unwrap();
        let shown = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code(), shown)
    };
    let (code, shown) = run(&["database"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Compared 1 outside with 1 leases of database/: orphan 0, ghost 0"), "{shown}");
    postgres.sql("postgres", &format!("DROP OWNED BY \"{0}\"; DROP ROLE \"{0}\"", made.username));
    let (code, shown) = run(&["database/"]);
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains(&made.lease) && shown.contains("leasehold lease reconcile -fix database"), "{shown}");
    let (code, shown) = run(&["-fix", "database"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("is not there; ended"), "{shown}");
    assert_eq!(run(&["database"]).0, Some(0));
    let (code, shown) = run(&["cubbyhole"]);
    assert!(code == Some(2) && shown.contains("makes nothing outside"), "{shown}");

    bench.issue("app");
    postgres.stop();
    let (code, shown) = run(&["database"]);
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("Not compared: app: ") && shown.contains("cannot connect"), "{shown}");
    let log = bench.server.log();
    assert!(log.contains("(gone): reconciled"), "{log}");
}

#[test]
fn putting_right_takes_sudo_and_a_write() {
    let (_, bench) = bench("entitled");
    let policy = r#"path "sys/leases/reconcile/*" { capabilities = ["read", "update"] }"#;
    assert_eq!(bench.server.put("sys/policies/acl/looker", json!({ "policy": policy })).0, 204);
    let (_, token) = bench.server.put("auth/token/create", json!({ "policies": "looker" }));
    let token = text(&token["auth"]["client_token"]);
    let path = "sys/leases/reconcile/database";
    assert_eq!(bench.server.call("GET", path, &token, Value::Null).0, 200);
    assert_eq!(bench.server.call("PUT", path, &token, json!({})).0, 200);
    assert_eq!(bench.server.call("PUT", path, &token, json!({ "fix": true })).0, 403);
    assert!(refusal(bench.server.get(&format!("{path}?fix=true"))).contains("fix takes a write"));
    assert!(refusal(bench.server.get("sys/leases/reconcile/nowhere")).contains("no matching mount"));
}
