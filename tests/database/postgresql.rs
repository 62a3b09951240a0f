//! PostgreSQL: users made, renewed and ended in a real server.

use crate::bench::{Bench, refusal};
use crate::support::postgres::{PASSWORD, Postgres};
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};

pub const CREATE: &str = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; \
                          GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{{name}}\";";

/// A connection as the superuser.
pub fn connection(postgres: &Postgres, database: &str) -> Value {
    json!({
        "plugin_name": "postgresql-database-plugin",
        "connection_url": postgres.url(database),
        "username": "postgres",
        "password": PASSWORD,
        "allowed_roles": "*",
    })
}

/// A database of its own on the shared server, and a bench with a connection `app` to it and a role `readonly`.
pub fn bench(database: &str) -> (&'static Postgres, Bench) {
    let postgres = Postgres::shared();
    postgres.sql("postgres", &format!("CREATE DATABASE \"{database}\""));
    let bench = Bench::new();
    bench.write("config/app", connection(postgres, database));
    bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
    (postgres, bench)
}

pub fn exists(postgres: &Postgres, username: &str) -> bool {
    let count = format!("SELECT count(*) FROM pg_roles WHERE rolname = {}", literal(username));
    postgres.sql("postgres", &count) == "1"
}

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn a_user_is_made_for_a_lease_and_goes_with_it() {
    let (postgres, bench) = bench("made");
    let made = bench.issue("readonly");
    assert!(made.username.starts_with("v-root-readonly-"), "{}", made.username);
    assert!(postgres.accepts(&made.username, &made.password));
    let comment = postgres.sql(
        "postgres",
        &format!(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = {}",
            literal(&made.username)
        ),
    );
    assert!(comment.starts_with("leasehold server "), "{comment}");
    bench.revoke(&made);
    assert!(!exists(postgres, &made.username));
    assert_eq!(bench.look_up(&made).0, 400);
}

#[test]
fn a_renewal_moves_the_time_at_which_the_user_ends() {
    let (postgres, bench) = bench("renewed");
    bench.write("roles/readonly", json!({ "default_ttl": "10m", "max_ttl": "1h" }));
    let made = bench.issue("readonly");
    let until = || {
        let question = format!(
            "SELECT round(extract(epoch from rolvaliduntil - now()) / 60) FROM pg_roles WHERE rolname = {}",
            literal(&made.username)
        );
        postgres.sql("postgres", &question)
    };
    assert_eq!(until(), "10");
    let renew = |increment: &str| {
        bench.server.put("sys/leases/renew", json!({ "lease_id": made.lease, "increment": increment }))
    };
    assert_eq!(renew("30m").0, 200);
    assert_eq!(until(), "30");
    assert_eq!(renew("5h").1["lease_duration"].as_u64().map(|seconds| seconds.div_ceil(60)), Some(60));
    assert_eq!(until(), "60");
}

#[test]
fn an_expired_lease_takes_its_user_along() {
    let (postgres, bench) = bench("expired");
    bench.write("roles/readonly", json!({ "default_ttl": "1s" }));
    let made = bench.issue("readonly");
    wait_for("the user is gone", PATIENCE, || (!exists(postgres, &made.username)).then_some(()));
}

#[test]
fn a_deleted_role_leaves_its_leases_to_be_ended() {
    let (postgres, bench) = bench("roleless");
    bench.write(
        "roles/readonly",
        json!({ "revocation_statements": ["REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM \"{{name}}\"; DROP ROLE \"{{name}}\""] }),
    );
    let made = bench.issue("readonly");
    assert_eq!(bench.server.delete("database/roles/readonly").0, 204);
    let renewed = bench.server.put("sys/leases/renew", json!({ "lease_id": made.lease }));
    assert_eq!(refusal(renewed), "unknown role: readonly");
    bench.revoke(&made);
    assert!(!exists(postgres, &made.username));
}

#[test]
fn a_connection_with_leases_is_deleted_only_by_force_and_then_ends_them() {
    let (postgres, bench) = bench("deleted");
    let made = bench.issue("readonly");
    let error = refusal(bench.server.delete("database/config/app"));
    assert!(error.contains("has 1 leases"), "{error}");
    assert!(error.contains("leasehold lease revoke -prefix database/creds/readonly"), "{error}");
    assert_eq!(bench.server.delete("database/config/app?force=true").0, 200);
    assert_eq!(bench.server.get("database/config/app").0, 404);
    wait_for("the user is gone", PATIENCE, || (!exists(postgres, &made.username)).then_some(()));
    wait_for("the lease is gone", PATIENCE, || (bench.look_up(&made).0 == 400).then_some(()));
}

#[test]
fn a_connection_made_anew_knows_nothing_of_the_leases_of_the_old_one() {
    let (postgres, bench) = bench("anew");
    let old = bench.issue("readonly");
    assert_eq!(bench.server.delete("database/config/app?force=true").0, 200);
    bench.write("config/app", connection(postgres, "anew"));
    let new = bench.issue("readonly");
    wait_for("the old user is gone", PATIENCE, || (!exists(postgres, &old.username)).then_some(()));
    assert!(postgres.accepts(&new.username, &new.password));
    let error = refusal(bench.server.delete("database/config/app"));
    assert!(error.contains("has 1 leases"), "{error}");
}

#[test]
fn a_connection_does_not_lead_elsewhere_while_leases_live_unless_forced() {
    let (postgres, bench) = bench("here");
    postgres.sql("postgres", "CREATE DATABASE elsewhere");
    let made = bench.issue("readonly");
    let there = json!({ "connection_url": postgres.url("elsewhere") });
    let error = bench.refused("config/app", there);
    assert!(error.contains("has 1 leases in postgresql ") && error.contains("/elsewhere"), "{error}");
    let unseen = json!({ "connection_url": postgres.url("elsewhere"), "verify_connection": false });
    assert!(bench.refused("config/app", unseen).contains("has 1 leases"));
    // Written anew, it leads to where it led before: by whatever address.
    let same = postgres.url("here").replace("127.0.0.1", "localhost");
    bench.write("config/app", json!({ "connection_url": same }));

    bench.write("config/app", json!({ "connection_url": postgres.url("elsewhere"), "force": true }));
    let error = refusal(bench.try_revoke(&made));
    assert!(error.contains("target changed") && error.contains("/here"), "{error}");
    let (_, listed) = bench.server.list("sys/leases/lookup/database/creds/readonly");
    assert_eq!(listed["data"]["keys"].as_array().map(Vec::len), Some(1), "{listed}");
    assert!(exists(postgres, &made.username));

    bench.write("config/app", json!({ "connection_url": postgres.url("here") }));
    bench.revoke(&made);
    assert!(!exists(postgres, &made.username));
}

#[test]
fn a_user_that_was_there_before_is_left_alone() {
    let (postgres, bench) = bench("before");
    postgres.sql("postgres", "CREATE ROLE taken LOGIN PASSWORD 'its own'");
    bench.write("config/app", json!({ "username_template": "taken" }));
    let error = refusal(bench.server.get("database/creds/readonly"));
    assert!(error.contains("there is a role \"taken\" already"), "{error}");
    let gone = || {
        let (_, answer) = bench.server.list("sys/leases/lookup/database/creds/readonly");
        answer["data"]["keys"].as_array().is_none_or(Vec::is_empty).then_some(())
    };
    wait_for("no lease is left", PATIENCE, gone);
    assert!(postgres.accepts("taken", "its own"));
}

#[test]
fn a_user_whose_mark_is_gone_is_left_alone() {
    let (postgres, bench) = bench("unmarked");
    let made = bench.issue("readonly");
    postgres.sql("postgres", &format!("COMMENT ON ROLE \"{}\" IS 'somebody else now'", made.username));
    let error = refusal(bench.try_revoke(&made));
    assert!(error.contains("does not carry the mark of this lease"), "{error}");
    assert!(postgres.accepts(&made.username, &made.password));
}

#[test]
fn open_sessions_end_with_the_lease() {
    let (postgres, bench) = bench("sessions");
    let made = bench.issue("readonly");
    let mut session =
        postgres.psql(&made.username, &made.password, "sessions").args(["-c", "SELECT pg_sleep(120)"]).spawn().unwrap();
    let open = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = {}", literal(&made.username));
    wait_for("the session is open", PATIENCE, || (postgres.sql("postgres", &open) == "1").then_some(()));
    bench.revoke(&made);
    assert_eq!(postgres.sql("postgres", &open), "0");
    assert!(!session.wait().unwrap().success());
}

#[test]
fn what_a_user_owns_is_kept_and_named_unless_the_connection_says_otherwise() {
    let (postgres, bench) = bench("owner");
    let create = format!("{CREATE} GRANT CREATE ON SCHEMA public TO \"{{{{name}}}}\"");
    bench.write("roles/readonly", json!({ "creation_statements": create }));
    let make_table = |made: &crate::bench::Credential, table: &str| {
        let create = format!("CREATE TABLE {table} (n int)");
        postgres.try_sql(&made.username, &made.password, "owner", &create).unwrap();
    };
    let kept = bench.issue("readonly");
    make_table(&kept, "kept");
    let error = refusal(bench.try_revoke(&kept));
    assert!(error.contains("can sign in no more") && error.contains("it owns table kept"), "{error}");
    assert!(!postgres.accepts(&kept.username, &kept.password), "a user that cannot be dropped can sign in");

    postgres.sql("postgres", "CREATE ROLE heir");
    bench.write("config/app", json!({ "owned_objects": "reassign", "owned_objects_to": "heir" }));
    bench.revoke(&kept);
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'kept'";
    assert_eq!(postgres.sql("owner", owner), "heir");

    bench.write("config/app", json!({ "owned_objects": "drop", "owned_objects_to": "" }));
    let dropped = bench.issue("readonly");
    make_table(&dropped, "dropped");
    bench.revoke(&dropped);
    assert_eq!(postgres.sql("owner", "SELECT count(*) FROM pg_tables WHERE tablename = 'dropped'"), "0");
}

#[test]
fn what_a_user_may_in_other_databases_goes_too() {
    let (postgres, bench) = bench("first");
    postgres.sql("postgres", "CREATE DATABASE second");
    let made = bench.issue("readonly");
    postgres.sql("second", &format!("CREATE TABLE t (n int); GRANT SELECT ON t TO \"{}\"", made.username));
    postgres.sql("postgres", &format!("GRANT CONNECT ON DATABASE second TO \"{}\"", made.username));
    bench.revoke(&made);
    assert!(!exists(postgres, &made.username));
    // The connection came home: the next user is made where the first was.
    let next = bench.issue("readonly");
    assert!(postgres.try_sql(&next.username, &next.password, "first", "SELECT 1").is_ok());
}

#[test]
fn a_database_that_cannot_be_reached_is_named() {
    let (postgres, bench) = bench("open");
    postgres.sql("postgres", "CREATE DATABASE closed");
    let made = bench.issue("readonly");
    postgres.sql("closed", &format!("CREATE TABLE t (n int); GRANT SELECT ON t TO \"{}\"", made.username));
    postgres.sql("postgres", "ALTER DATABASE closed ALLOW_CONNECTIONS false");
    let error = refusal(bench.try_revoke(&made));
    assert!(error.contains("the database \"closed\""), "{error}");
    assert!(!postgres.accepts(&made.username, &made.password));
    postgres.sql("postgres", "ALTER DATABASE closed ALLOW_CONNECTIONS true");
    bench.revoke(&made);
}

#[test]
fn revocation_statements_that_leave_the_user_a_login_are_an_error() {
    let (postgres, bench) = bench("idle");
    bench.write("roles/readonly", json!({ "revocation_statements": ["SELECT 1"] }));
    let made = bench.issue("readonly");
    let error = refusal(bench.try_revoke(&made));
    assert!(error.contains("can sign in as before"), "{error}");
    assert!(exists(postgres, &made.username));
}

#[test]
fn hostile_names_are_only_names() {
    let (postgres, bench) = bench("hostile");
    postgres.sql("hostile", "CREATE TABLE x (n int)");
    for (at, name) in
        ["a\"; DROP TABLE x; --", "o'brien", "\"; SELECT pg_sleep(9); --", "back\\slash'", "$$; DROP TABLE x; $$"]
            .iter()
            .enumerate()
    {
        postgres.sql("hostile", &format!("CREATE SCHEMA \"{}\"", name.replace('"', "\"\"")));
        bench.write("config/app", json!({ "username_template": format!("{name} {{{{random 8}}}}") }));
        let role = format!("role{at}");
        let create = format!(
            "CREATE ROLE \"{{{{name}}}}\" LOGIN PASSWORD '{{{{password}}}}'; GRANT USAGE ON SCHEMA \"{}\" TO \"{{{{name}}}}\"",
            name.replace('"', "\"\"")
        );
        bench.write(&format!("roles/{role}"), json!({ "db_name": "app", "creation_statements": create }));
        let made = bench.issue(&role);
        assert!(made.username.starts_with(name), "{}", made.username);
        assert!(postgres.accepts(&made.username, &made.password), "{name}");
        bench.revoke(&made);
        assert!(!exists(postgres, &made.username), "{name}");
    }
    assert_eq!(postgres.sql("hostile", "SELECT count(*) FROM x"), "0");
}

#[test]
fn errors_name_the_statement_and_hold_no_password() {
    let (_, bench) = bench("faulty");
    let create = ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}'", "GRANT SELECT ON nowhere TO \"{{name}}\""];
    bench.write("roles/readonly", json!({ "creation_statements": create }));
    let error = refusal(bench.server.get("database/creds/readonly"));
    assert!(error.contains("creation_statements: statement 2") && error.contains("SQLSTATE 42P01"), "{error}");
    let create = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' nonsense '{{password}}'";
    bench.write("roles/readonly", json!({ "creation_statements": create }));
    let error = refusal(bench.server.get("database/creds/readonly"));
    assert!(error.contains("SQLSTATE 42601"), "{error}");
    bench.write("config/app", json!({ "password": "not-the-password", "verify_connection": false }));
    let error = refusal(bench.server.get("database/creds/readonly"));
    assert!(error.contains("SQLSTATE 28P01") && !error.contains("not-the-password"), "{error}");
    assert!(!bench.server.log().contains("not-the-password"));
}
