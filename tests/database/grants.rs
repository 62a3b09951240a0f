//! The grants that `docs/database-postgresql.md` gives the engine's user, as they stand there, and all that the engine does with
//! no more than those.

use crate::bench::Bench;
use crate::postgresql::{exists, literal};
use crate::support::postgres::Postgres;
use crate::support::python::repository;
use crate::support::server::text;
use crate::support::{PATIENCE, wait_for};
use serde_json::json;

/// The page's blocks of this language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let parts = page.split("```").collect::<Vec<_>>();
    let inside = parts.iter().skip(1).step_by(2);
    inside.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// The page's `creation_statements`, as the shell would pass them on.
fn creation_statements(page: &str) -> String {
    let line = page.lines().find_map(|line| line.trim().strip_prefix("creation_statements=\"")).unwrap();
    line.strip_suffix('"').unwrap().replace("\\\"", "\"")
}

#[test]
fn the_grants_of_the_documentation_are_enough() {
    let page = std::fs::read_to_string(repository().join("docs/database-postgresql.md")).unwrap();
    let postgres = Postgres::start(&[]);
    postgres.sql("postgres", "CREATE DATABASE app");
    postgres.sql("postgres", "CREATE ROLE batch LOGIN PASSWORD 'its own'");
    postgres.sql("app", "CREATE TABLE orders (n int); INSERT INTO orders VALUES (7)");
    let grants = blocks(&page, "sql");
    assert_eq!(grants.len(), 3);
    for grant in &grants {
        postgres.sql("app", grant);
    }
    let bench = Bench::new();
    bench.write(
        "config/app",
        json!({
            "plugin_name": "postgresql-database-plugin",
            "connection_url": postgres.url("app"),
            "username": "leasehold",
            "password": "change-me",
            "allowed_roles": "*",
        }),
    );
    bench.write("rotate-root/app", json!({}));
    assert!(!postgres.accepts("leasehold", "change-me"));
    let direct = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}'; \
                  GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{{name}}\"";
    for statements in [creation_statements(&page), direct.to_owned()] {
        bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": statements }));
        let made = bench.issue("readonly");
        let read = postgres.try_sql(&made.username, &made.password, "app", "SELECT n FROM orders");
        assert_eq!(read.as_deref(), Ok("7"), "{statements}");
        assert_eq!(bench.server.put("sys/leases/renew", json!({ "lease_id": made.lease })).0, 200);
        let mut session =
            postgres.psql(&made.username, &made.password, "app").args(["-c", "SELECT pg_sleep(120)"]).spawn().unwrap();
        let open = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = {}", literal(&made.username));
        wait_for("the session is open", PATIENCE, || (postgres.sql("postgres", &open) == "1").then_some(()));
        bench.revoke(&made);
        assert!(!exists(&postgres, &made.username));
        assert!(!session.wait().unwrap().success(), "the session went on");
    }
    bench.write("static-roles/batch", json!({ "db_name": "app", "username": "batch", "rotation_period": "24h" }));
    let password = text(&bench.read("static-creds/batch")["password"]);
    assert!(postgres.accepts("batch", &password));
    bench.issue("readonly");
    let (_, compared) = bench.server.get("sys/leases/reconcile/database");
    assert_eq!((&compared["data"]["is_clean"], &compared["data"]["leases"]), (&json!(true), &json!(1)), "{compared}");
}
