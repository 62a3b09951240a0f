//! Databases that do not answer, on real sockets: what they cost, and that they cost nobody else anything. A refusal is no
//! silence.

use crate::bench::{Bench, refusal};
use crate::conformance::bench as bench_at;
use crate::postgresql::{CREATE, connection, exists};
use crate::support::peers::Gateway;
use crate::support::postgres::Postgres;
use crate::support::sites;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// Leases on each database that is cut off.
const EACH: usize = 200;
const WORKERS: usize = 4;

/// Leases that fall due on the live one meanwhile.
const LIVING: usize = 7;

/// What the live database's leases last.
const SHORT: Duration = Duration::from_secs(2);

fn silent(bench: &Bench) -> Vec<Value> {
    bench.server.get("sys/leases/targets").1["data"]["silent"].as_array().cloned().unwrap_or_default()
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[values.len() / 2]
}

#[test]
fn leases_of_dead_databases_hold_up_neither_a_live_ones_nor_the_server() {
    let mut refusing = Postgres::start(&[]);
    let live = Postgres::shared();
    live.sql("postgres", "CREATE DATABASE muted");
    let gateway = Gateway::to(live.port());
    let bench = Bench::new();
    bench.write("config/refusing", connection(&refusing, "postgres"));
    bench.write("config/live", connection(live, "postgres"));
    let mut muted = connection(live, "muted");
    let address = live.url("muted").replace(&live.port().to_string(), &gateway.port().to_string());
    muted["connection_url"] = json!(format!("{address}&connect_timeout=2"));
    bench.write("config/muted", muted);
    for name in ["refusing", "muted", "live"] {
        bench.write(&format!("roles/{name}"), json!({ "db_name": name, "creation_statements": CREATE }));
    }
    bench.write("roles/live", json!({ "default_ttl": SHORT.as_secs() }));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            for role in ["refusing", "muted"] {
                let bench = &bench;
                scope.spawn(move || (0..EACH / WORKERS).for_each(|_| drop(bench.issue(role))));
            }
        }
    });
    refusing.stop();
    gateway.swallow(true);
    for role in ["refusing", "muted"] {
        let path = format!("sys/leases/revoke-prefix/database/creds/{role}");
        assert_eq!(bench.server.put(&path, json!({ "sync": false })).0, 202);
    }
    wait_for("both are known to be silent", PATIENCE, || (silent(&bench).len() == 2).then_some(()));

    let (mut late, mut health) = (Vec::new(), Vec::new());
    for _ in 0..LIVING {
        let made = bench.issue("live");
        let due = Instant::now() + SHORT;
        wait_for("the live one's user is gone", PATIENCE, || {
            let asked = Instant::now();
            assert_eq!(bench.server.get("sys/health").0, 200);
            health.push(asked.elapsed());
            (!exists(live, &made.username)).then_some(())
        });
        late.push(Instant::now().saturating_duration_since(due));
    }
    assert!(median(late.clone()) < Duration::from_secs(1), "{late:?}");
    assert!(median(health.clone()) < Duration::from_millis(100), "{health:?}");
    assert_eq!(silent(&bench).len(), 2, "nothing was heard of them meanwhile");

    refusing.start_again();
    gateway.swallow(false);
    let within = PATIENCE * 3;
    for role in ["refusing", "muted"] {
        wait_for(&format!("all leases of {role} have ended"), within, || {
            (bench.server.list(&format!("sys/leases/lookup/database/creds/{role}")).0 == 404).then_some(())
        });
    }
    let left = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-root-muted-%' OR rolname LIKE 'v-root-refusing-%'";
    assert_eq!((live.sql("postgres", left), refusing.sql("postgres", left)), ("0".to_owned(), "0".to_owned()));
    assert_eq!(silent(&bench), Vec::<Value>::new());
}

#[test]
fn an_error_that_a_server_answers_concerns_its_lease_alone() {
    for (site, fails) in sites::all().into_iter().zip([
        Some("DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '55P03'; END $$"),
        Some("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'in the way'"),
        // What it answers when it is out of room is in the driver's own tests.
        None,
    ]) {
        let Some(fails) = fails else { continue };
        let bench = bench_at(&site);
        bench.write("roles/app", json!({ "revocation_statements": [fails] }));
        let stuck = bench.issue("app");
        bench.write("roles/app", json!({ "revocation_statements": [] }));
        let (one, other) = (bench.issue("app"), bench.issue("app"));
        let error = refusal(bench.try_revoke(&stuck));
        assert!(error.contains("in the way"), "{}: {error}", site.kind);
        assert_eq!(silent(&bench), Vec::<Value>::new(), "{}", site.kind);
        bench.revoke(&one);
        bench.server.put("sys/leases/revoke", json!({ "lease_id": other.lease, "sync": false }));
        wait_for("the other one's user is gone", PATIENCE, || (!(site.exists)(&other.username)).then_some(()));
        assert_eq!(bench.server.put("sys/leases/revoke-force/database", json!({})).0, 200);
        (site.drop)(&stuck.username);
    }
}
