//! A connection to PostgreSQL: its login and how that is rotated, its pool, TLS, and a database that is away for a while.

use crate::bench::{Bench, refusal};
use crate::postgresql::{CREATE, bench, connection, exists};
use crate::support::postgres::{PASSWORD, Postgres};
use crate::support::server::Server;
use crate::support::{PATIENCE, wait_for};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_connection_is_shown_as_it_was_written_but_for_its_password() {
    let (postgres, bench) = bench("shown");
    bench.write(
        "config/app",
        json!({
            "allowed_roles": ["readonly", "write*"],
            "max_open_connections": 3,
            "max_connection_lifetime": "5m",
            "private_key": "",
            "root_rotation_statements": "ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'",
        }),
    );
    assert_eq!(
        bench.read("config/app"),
        json!({
            "plugin_name": "postgresql-database-plugin",
            "plugin_version": "",
            "connection_details": {
                "connection_url": postgres.url("shown"),
                "username": "postgres",
                "max_open_connections": 3,
                "max_connection_lifetime": "5m",
            },
            "allowed_roles": ["readonly", "write*"],
            "root_credentials_rotate_statements": ["ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'"],
            "password_policy": "",
            "verify_connection": true,
            "skip_static_role_import_rotation": false,
        })
    );
    let literal_url = format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}/shown", postgres.port());
    let warnings = bench.write("config/app", json!({ "connection_url": literal_url }));
    assert!(warnings.iter().any(|warning| warning.contains("there is a password in connection_url")), "{warnings:?}");
    let shown = bench.read("config/app")["connection_details"]["connection_url"].to_string();
    assert!(shown.contains("postgres:*****@127.0.0.1") && !shown.contains(PASSWORD), "{shown}");
    assert!(bench.refused("rotate-root/app", json!({})).contains("{{password}}"));
}

#[test]
fn only_the_allowed_roles_use_a_connection() {
    let (_, bench) = bench("allowed");
    bench.write("config/app", json!({ "allowed_roles": "read*" }));
    bench.write("roles/writer", json!({ "db_name": "app", "creation_statements": CREATE }));
    bench.issue("readonly");
    let error = refusal(bench.server.get("database/creds/writer"));
    assert!(error.contains("\"writer\" is not an allowed role"), "{error}");
}

#[test]
fn a_database_that_does_not_answer_is_told_at_once_or_when_it_is_first_used() {
    let (_, bench) = bench("absent");
    let absent = json!({
        "plugin_name": "postgresql-database-plugin",
        "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:1/app",
        "username": "postgres",
        "password": "secret-of-the-absent",
        "allowed_roles": "*",
    });
    let error = bench.refused("config/absent", absent.clone());
    assert!(error.contains("error verifying connection: 127.0.0.1:1: cannot connect"), "{error}");
    let mut unverified = absent;
    unverified["verify_connection"] = json!(false);
    bench.write("config/absent", unverified);
    bench.write("roles/absent", json!({ "db_name": "absent", "creation_statements": CREATE }));
    let (status, answer) = bench.server.get("database/creds/absent");
    assert_eq!(status, 502, "{answer}");
    assert!(!bench.server.log().contains("secret-of-the-absent"));
}

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let (_, bench) = bench("misfits");
    for (path, body, words) in [
        ("config/x", json!({}), "plugin_name"),
        ("config/x", json!({ "plugin_name": "oracle" }), "there is postgresql-database-plugin"),
        ("config/x", json!({ "plugin_name": "postgresql-database-plugin" }), "missing connection_url"),
        ("config/app", json!({ "connection_url": "postgresql://db/app" }), "names no user"),
        ("config/app", json!({ "connection_url": "postgresql://a@db/app?sslmode=perhaps" }), "sslmode"),
        ("config/app", json!({ "tls_ca": "no certificate" }), "tls_ca"),
        ("config/app", json!({ "username_template": "{{ nonsense }}" }), "username_template"),
        ("config/app", json!({ "password_authentication": "md5" }), "password_authentication"),
        ("config/app", json!({ "owned_objects": "burn" }), "owned_objects"),
        ("roles/x", json!({}), "database name is required"),
        (
            "roles/x",
            json!({ "db_name": "app", "credential_type": "rsa_private_key" }),
            "for PostgreSQL there is password",
        ),
        (
            "roles/x",
            json!({ "db_name": "app", "credential_type": "client_certificate" }),
            "unsupported credential_type",
        ),
        ("roles/x", json!({ "db_name": "app", "creation_statements": "x {{nmae}}" }), "{{nmae}}"),
        ("roles/x", json!({ "db_name": "app", "credential_config": { "key_bits": 2048 } }), "key_bits"),
        ("roles/x", json!({ "db_name": "app", "default_ttl": "2h", "max_ttl": "1h" }), "longer than max_ttl"),
        ("static-roles/x", json!({ "db_name": "app", "rotation_period": "1h" }), "username is a required field"),
        ("static-roles/x", json!({ "db_name": "app", "username": "a" }), "one of rotation_schedule or rotation_period"),
        (
            "static-roles/readonly",
            json!({ "db_name": "app", "username": "a", "rotation_period": 60 }),
            "must be unique",
        ),
        ("static-roles/x", json!({ "db_name": "app", "username": "a", "rotation_period": 4 }), "5 seconds or more"),
        ("static-roles/x", json!({ "db_name": "app", "username": "postgres", "rotation_period": 60 }), "rotate-root"),
        ("static-roles/x", json!({ "db_name": "app", "username": "a", "rotation_schedule": "61 * * * *" }), "parse"),
        (
            "static-roles/x",
            json!({ "db_name": "app", "username": "a", "rotation_schedule": "0 0 30 2 *" }),
            "never comes",
        ),
        (
            "static-roles/x",
            json!({ "db_name": "app", "username": "a", "rotation_schedule": "0 0 * * *", "rotation_window": 60 }),
            "rotation_window is invalid",
        ),
        (
            "static-roles/x",
            json!({ "db_name": "app", "username": "a", "rotation_schedule": "0 0 * * *", "rotation_period": 60 }),
            "mutually exclusive",
        ),
    ] {
        let error = bench.refused(path, body.clone());
        assert!(error.contains(words), "{path} {body}: {error}");
    }
}

#[test]
fn no_more_connections_are_open_than_are_allowed() {
    const AT_MOST: usize = 2;
    let (postgres, bench) = bench("pooled");
    bench.write("config/app", json!({ "max_open_connections": AT_MOST, "username": "postgres" }));
    let create = format!("{CREATE} SELECT pg_sleep(0.2)");
    bench.write("roles/slow", json!({ "db_name": "app", "creation_statements": create }));
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'pooled' AND application_name LIKE 'leasehold%'";
    let (most, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                most.fetch_max(postgres.sql("postgres", open).parse().unwrap(), Ordering::SeqCst);
            }
        });
        let issuers: Vec<_> = (0..8).map(|_| scope.spawn(|| bench.issue("slow"))).collect();
        let made: Vec<_> = issuers.into_iter().map(|issuer| issuer.join().unwrap()).collect();
        for made in &made {
            bench.revoke(made);
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(most.load(Ordering::SeqCst), AT_MOST);

    bench.write("reset/app", json!({}));
    wait_for("reset closes what is open", PATIENCE, || (postgres.sql("postgres", open) == "0").then_some(()));
    bench.write("config/app", json!({ "max_idle_connections": -1 }));
    bench.issue("readonly");
    wait_for("nothing stays open", PATIENCE, || (postgres.sql("postgres", open) == "0").then_some(()));
    bench.write("config/app", json!({ "max_idle_connections": 0, "max_connection_lifetime": "1s" }));
    bench.issue("readonly");
    assert_eq!(postgres.sql("postgres", open), "1");
    wait_for("its time is up", PATIENCE, || (postgres.sql("postgres", open) == "0").then_some(()));
    let (_, answer) = bench.server.put("database/reload/postgresql-database-plugin", json!({}));
    assert_eq!(answer["data"], json!({ "count": 1, "connections": ["app"] }));
}

#[test]
fn a_full_server_or_one_that_hangs_costs_a_request_its_time_and_no_more() {
    let (postgres, bench) = bench("stuck");
    let create = format!("SELECT pg_sleep(60); {CREATE}");
    bench.write("roles/stuck", json!({ "db_name": "app", "creation_statements": create }));
    // The dead connection's neighbour is served meanwhile.
    thread::scope(|scope| {
        let stuck =
            scope.spawn(|| bench.server.try_call("GET", "database/creds/stuck", &bench.server.root, json!(null)));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let made = bench.issue("readonly");
            bench.revoke(&made);
        }
        postgres.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND pid <> pg_backend_pid()");
        let (status, answer) = stuck.join().unwrap().unwrap();
        assert_eq!(status, 502, "{answer}");
    });
    let left = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-root-stuck-%'";
    assert_eq!(postgres.sql("postgres", left), "0");
}

#[test]
fn leases_that_end_while_the_database_is_away_end_there_when_it_is_back() {
    let mut postgres = Postgres::start(&[]);
    let bench = Bench::new();
    bench.write("config/app", connection(&postgres, "postgres"));
    bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
    let made: Vec<_> = (0..3).map(|_| bench.issue("readonly")).collect();
    postgres.stop();
    let error = refusal(bench.try_revoke(&made[0]));
    assert!(error.contains("cannot connect"), "{error}");
    assert_eq!(bench.server.put("sys/leases/revoke", json!({ "lease_id": made[1].lease, "sync": false })).0, 202);
    postgres.start_again();
    for gone in &made[..2] {
        wait_for("the user is gone", PATIENCE, || (!exists(&postgres, &gone.username)).then_some(()));
    }
    assert!(postgres.accepts(&made[2].username, &made[2].password));
}

#[test]
fn passwords_reach_the_server_as_verifiers_where_that_is_asked_for() {
    let postgres = Postgres::start(&["log_statement=all"]);
    let bench = Bench::new();
    let mut configuration = connection(&postgres, "postgres");
    configuration["password_authentication"] = json!("scram-sha-256");
    bench.write("config/app", configuration);
    bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
    let made = bench.issue("readonly");
    assert!(postgres.accepts(&made.username, &made.password));
    postgres.sql("postgres", "CREATE ROLE batch LOGIN");
    bench.write("static-roles/batch", json!({ "db_name": "app", "username": "batch", "rotation_period": "1h" }));
    let password = crate::support::server::text(&bench.read("static-creds/batch")["password"]);
    assert!(postgres.accepts("batch", &password));
    bench.write("rotate-root/app", json!({}));
    bench.revoke(&made);
    let log = postgres.log();
    assert!(log.contains(&made.username), "the log does not show statements");
    assert!(!log.contains(&made.password) && !log.contains(&password));
}

#[test]
fn tls_is_used_and_the_server_known_as_far_as_sslmode_says() {
    let postgres = Postgres::shared();
    let bench = Bench::new();
    let with = |mode: &str, host: &str, ca: &str| {
        let mut configuration = connection(postgres, "postgres");
        configuration["connection_url"] = json!(
            postgres.url("postgres").replace("sslmode=disable", &format!("sslmode={mode}")).replace("127.0.0.1", host)
        );
        configuration["tls_ca"] = json!(ca);
        configuration
    };
    let other = crate::support::certificates::Certificates::new().authority;
    for (mode, ca) in
        [("verify-full", postgres.ca.as_str()), ("verify-ca", &postgres.ca), ("require", ""), ("prefer", "")]
    {
        bench.write("config/app", with(mode, "127.0.0.1", ca));
        bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
        bench.issue("readonly");
        let secured = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name = 'leasehold' AND ssl";
        assert_ne!(postgres.sql("postgres", secured), "0", "{mode}");
        bench.write("reset/app", json!({}));
    }
    for (mode, ca) in [("verify-full", other.as_str()), ("verify-ca", &other), ("require", &other), ("verify-full", "")]
    {
        let error = bench.refused("config/app", with(mode, "127.0.0.1", ca));
        assert!(error.contains("invalid peer certificate"), "{mode}: {error}");
    }
    bench.write("config/app", with("prefer", "127.0.0.1", &other));
}

#[test]
fn the_root_password_is_rotated_and_known_to_nobody_else() {
    let (postgres, bench) = bench("rooted");
    postgres.sql("postgres", "CREATE ROLE rooted SUPERUSER LOGIN PASSWORD 'first'");
    bench.write("config/app", json!({ "username": "rooted", "password": "first" }));
    bench.write("rotate-root/app", json!({}));
    assert!(!postgres.accepts("rooted", "first"));
    bench.issue("readonly");
    bench.server.log().lines().for_each(|line| assert!(!line.contains("first"), "{line}"));
    assert!(bench.refused("rotate-root/nowhere", json!({})).contains("failed to find entry for connection"));
}

/// `COMMIT` makes the new password count, and what follows keeps the server from hearing of it.
const SLOWLY: [&str; 3] =
    ["ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'", "COMMIT", "SELECT pg_sleep(5) /* after the change */"];

fn wait_for_sleep(postgres: &Postgres) {
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%after the change%' AND pid <> pg_backend_pid()";
    wait_for("the password is changed", PATIENCE, || (postgres.sql("postgres", sleeping) != "0").then_some(()));
}

/// Asks for something that does not return, and kills the server once the database has done it.
fn kill_during(server: &mut Server, postgres: &Postgres, path: &str) {
    let process = server.id().to_string();
    thread::scope(|scope| {
        let server = &*server;
        scope.spawn(move || server.try_call("PUT", path, &server.root, json!({})).ok());
        wait_for_sleep(postgres);
        assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    });
    server.kill();
    server.start_again();
    server.unseal();
}

#[test]
fn a_rotation_of_root_that_the_server_did_not_survive_locks_nobody_out() {
    let postgres = Postgres::start(&[]);
    postgres.sql("postgres", "CREATE ROLE rooted SUPERUSER LOGIN PASSWORD 'first'");
    let mut bench = Bench::new();
    let mut configuration = connection(&postgres, "postgres");
    configuration["username"] = json!("rooted");
    configuration["password"] = json!("first");
    configuration["root_rotation_statements"] = json!(SLOWLY);
    bench.write("config/app", configuration);
    bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
    kill_during(&mut bench.server, &postgres, "database/rotate-root/app");
    assert!(!postgres.accepts("rooted", "first"), "the password was not changed before the kill");
    let made = bench.issue("readonly");
    assert!(postgres.accepts(&made.username, &made.password));
    bench.write("config/app", json!({ "root_rotation_statements": [] }));
    bench.write("rotate-root/app", json!({}));
    bench.issue("readonly");
}

#[test]
fn wherever_a_rotation_of_root_is_cut_off_a_stored_password_works() {
    let postgres = Postgres::start(&[]);
    postgres.sql("postgres", "CREATE ROLE rooted SUPERUSER LOGIN PASSWORD 'first'");
    let mut bench = Bench::new();
    let mut configuration = connection(&postgres, "postgres");
    configuration["username"] = json!("rooted");
    configuration["password"] = json!("first");
    bench.write("config/app", configuration);
    bench.write("roles/readonly", json!({ "db_name": "app", "creation_statements": CREATE }));
    for delay in [0, 2, 5, 9, 14, 20, 30] {
        let process = bench.server.id().to_string();
        thread::scope(|scope| {
            let server = &bench.server;
            scope.spawn(
                move || while server.try_call("PUT", "database/rotate-root/app", &server.root, json!({})).is_ok() {},
            );
            thread::sleep(Duration::from_millis(delay));
            assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
        });
        bench.server.kill();
        bench.server.start_again();
        bench.server.unseal();
        bench.issue("readonly");
    }
}

#[test]
fn the_password_of_a_static_role_changes_and_is_handed_out() {
    let (postgres, bench) = bench("fixed");
    postgres.sql("postgres", "CREATE ROLE \"o'batch\" LOGIN PASSWORD 'its own'");
    bench.write("static-roles/batch", json!({ "db_name": "app", "username": "o'batch", "rotation_period": "5s" }));
    assert!(!postgres.accepts("o'batch", "its own"));
    let first = bench.read("static-creds/batch");
    assert_eq!((&first["username"], &first["rotation_period"]), (&json!("o'batch"), &json!(5)));
    assert!(first["ttl"].as_u64().unwrap() <= 5 && first["last_vault_rotation"].is_string(), "{first}");
    let password = |creds: &serde_json::Value| crate::support::server::text(&creds["password"]);
    assert!(postgres.accepts("o'batch", &password(&first)));
    let second = wait_for("the password changes by itself", PATIENCE, || {
        Some(bench.read("static-creds/batch")).filter(|second| password(second) != password(&first))
    });
    assert!(postgres.accepts("o'batch", &password(&second)));

    bench.write("static-roles/batch", json!({ "rotation_schedule": "0 3 * * SAT", "rotation_window": "1h" }));
    bench.write("rotate-role/batch", json!({}));
    let third = bench.read("static-creds/batch");
    assert!(postgres.accepts("o'batch", &password(&third)) && password(&third) != password(&second));
    let role = bench.read("static-roles/batch");
    assert_eq!((&role["rotation_schedule"], &role["rotation_window"]), (&json!("0 3 * * SAT"), &json!(3600)));
    assert!(role.get("rotation_period").is_none() && role.get("password").is_none(), "{role}");
    assert!(bench.refused("static-roles/batch", json!({ "username": "another" })).contains("cannot update"));
    assert_eq!(bench.server.list("database/static-roles").1["data"]["keys"], json!(["batch"]));
    assert_eq!(bench.server.delete("database/static-roles/batch").0, 204);
    assert_eq!(bench.server.get("database/static-creds/batch").0, 400);
    assert!(postgres.accepts("o'batch", &password(&third)));
}

#[test]
fn a_static_role_may_keep_the_password_it_comes_with() {
    let (postgres, bench) = bench("imported");
    postgres.sql("postgres", "CREATE ROLE imported LOGIN PASSWORD 'its own'");
    let role =
        json!({ "db_name": "app", "username": "imported", "rotation_period": "1h", "skip_import_rotation": true });
    bench.write("static-roles/imported", role);
    let error = refusal(bench.server.get("database/static-creds/imported"));
    assert!(error.contains("is not known yet"), "{error}");
    bench.write("static-roles/imported", json!({ "password": "its own" }));
    assert_eq!(bench.read("static-creds/imported")["password"], json!("its own"));
    assert!(postgres.accepts("imported", "its own"));

    // Without a user of its own the connection has the role's change its own password.
    let alone = json!({
        "plugin_name": "postgresql-database-plugin",
        "connection_url": postgres.url("imported"),
        "self_managed": true,
        "allowed_roles": "*",
    });
    bench.write("config/alone", alone);
    let role = json!({ "db_name": "alone", "username": "imported", "rotation_period": "1h", "password": "its own" });
    bench.write("static-roles/alone", role);
    let creds = bench.read("static-creds/alone");
    assert_ne!(creds["password"], json!("its own"));
    assert!(postgres.accepts("imported", &crate::support::server::text(&creds["password"])));
    bench.write("roles/alone2", json!({ "db_name": "alone", "creation_statements": CREATE }));
    assert!(refusal(bench.server.get("database/creds/alone2")).contains("self_managed"));
}

#[test]
fn a_static_role_that_cannot_take_its_user_over_is_not_made() {
    let (_, bench) = bench("nobody");
    let error =
        bench.refused("static-roles/x", json!({ "db_name": "app", "username": "nobody", "rotation_period": 60 }));
    assert!(error.contains("there is no role \"nobody\""), "{error}");
    assert_eq!(bench.server.get("database/static-roles/x").0, 404);
}

#[test]
fn a_static_rotation_that_the_server_did_not_survive_hands_out_what_works() {
    let postgres = Postgres::start(&[]);
    postgres.sql("postgres", "CREATE ROLE batch LOGIN PASSWORD 'its own'");
    let mut bench = Bench::new();
    bench.write("config/app", connection(&postgres, "postgres"));
    bench.write("static-roles/batch", json!({ "db_name": "app", "username": "batch", "rotation_period": "1h" }));
    let before = bench.read("static-creds/batch");
    bench.write("static-roles/batch", json!({ "rotation_statements": SLOWLY }));
    kill_during(&mut bench.server, &postgres, "database/rotate-role/batch");
    let after = bench.read("static-creds/batch");
    assert_ne!(after["password"], before["password"]);
    assert!(postgres.accepts("batch", &crate::support::server::text(&after["password"])));
}
