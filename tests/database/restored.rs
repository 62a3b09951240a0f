//! A backup that is restored beside the server that it was taken of, with the same database behind both: nothing there is ended until
//! somebody says which of them is the one.

use crate::bench::{Bench, Credential, refusal};
use crate::postgresql::{CREATE, connection};
use crate::support::postgres::Postgres;
use crate::support::server::Server;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};

/// A second server, on the backup of the first.
fn restore(bench: &Bench, backup: &str) -> Bench {
    let backup = bench.server.path(backup);
    let mut other = Server::start("");
    other.stop();
    let configuration = format!("-config={}", other.path("server.hcl").display());
    let restored =
        other.command().args(["operator", "restore", &configuration, "-force"]).arg(&backup).output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    other.root = bench.server.root.clone();
    other.keys = bench.server.keys.clone();
    other.start_again();
    other.unseal();
    Bench { server: other }
}

fn back_up(bench: &Bench, name: &str) {
    let made = bench.server.command().args(["operator", "backup", name]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn exists(postgres: &Postgres, credential: &Credential) -> bool {
    let question = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", credential.username);
    postgres.sql("postgres", &question).trim() == "1"
}

/// Whether the lease has come to its end by this server's time.
fn is_over(bench: &Bench, credential: &Credential) -> bool {
    bench.look_up(credential).1["data"]["ttl"].as_i64().is_none_or(|left| left <= 0)
}

fn renews(bench: &Bench, credential: &Credential) -> bool {
    bench.server.put("sys/leases/renew", json!({ "lease_id": credential.lease })).0 == 200
}

#[test]
fn a_restored_backup_ends_nothing_outside_until_it_is_adopted() {
    let postgres = Postgres::shared();
    let bench = Bench::new();
    bench.write("config/restored", connection(postgres, "postgres"));
    let role = |ttl: &str| json!({ "db_name": "restored", "creation_statements": CREATE, "default_ttl": ttl });
    bench.write("roles/short", role("15s"));
    bench.write("roles/long", role("1h"));
    let (renewed, revoked) = (bench.issue("short"), bench.issue("long"));
    back_up(&bench, "backup.db");
    // What the backup does not know.
    let later = bench.issue("long");
    let body = json!({ "lease_id": renewed.lease, "increment": 3600 });
    let (status, answer) = bench.server.put("sys/leases/renew", body);
    assert_eq!(status, 200, "{answer}");

    let copy = restore(&bench, "backup.db");
    for path in ["sys/health", "sys/seal-status"] {
        let held = copy.server.get(path).1["revocations_held"].to_string();
        assert!(held.contains("it is a backup that was restored"), "{path}: {held}");
    }
    let status = copy.server.command().arg("status").output().unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("held: the storage is not the one that was here"));

    // The dry run names what the backup does not know, and nothing is put right by a copy.
    let (status, differences) = copy.server.get("sys/leases/reconcile/database");
    assert_eq!(status, 200, "{differences}");
    let orphans = differences["data"]["orphans"].to_string();
    let named = |credential: &Credential| orphans.contains(&credential.username);
    assert_eq!((named(&later), named(&revoked), named(&renewed)), (true, false, false), "{differences}");
    let (status, fixed) = copy.server.put("sys/leases/reconcile/database", json!({ "fix": true }));
    assert_eq!(status, 409, "{fixed}");

    // What has expired or is revoked there is dead there, and lives on outside.
    wait_for("the lease ends by the copy's time", PATIENCE, || is_over(&copy, &renewed).then_some(()));
    assert!(!renews(&copy, &renewed));
    let held = refusal(copy.try_revoke(&revoked));
    assert!(held.contains("its credential is not ended outside"), "{held}");
    assert!(!renews(&copy, &revoked));
    for credential in [&renewed, &revoked, &later] {
        assert!(exists(postgres, credential), "{} was ended by a copy", credential.username);
        assert!(postgres.accepts(&credential.username, &credential.password));
    }
    let why = copy.server.command().args(["lease", "why", &revoked.lease]).output().unwrap();
    assert!(String::from_utf8_lossy(&why.stdout).contains("The credential is not ended"), "{why:?}");

    // What the copy makes itself it ends as ever; and it still is a copy after the next start.
    let own = copy.issue("long");
    copy.revoke(&own);
    assert!(!exists(postgres, &own));
    let mut copy = copy;
    copy.server.crash_and_recover();
    assert!(copy.server.get("sys/health").1["revocations_held"].is_string());
    assert!(exists(postgres, &renewed) && exists(postgres, &revoked));

    let adopted = copy.server.command().args(["operator", "adopt"]).output().unwrap();
    assert!(adopted.status.success(), "{}", String::from_utf8_lossy(&adopted.stderr));
    for credential in [&renewed, &revoked] {
        wait_for("what was held is ended", PATIENCE, || (!exists(postgres, credential)).then_some(()));
    }
    assert!(exists(postgres, &later), "the copy does not know of it");
    assert_eq!(copy.server.get("sys/health").1["revocations_held"], Value::Null);
    bench.revoke(&later);
}
