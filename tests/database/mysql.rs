//! MySQL's driver on a real MariaDB: users made, renewed and ended, and nothing else touched.

use crate::bench::{Bench, refusal};
use crate::support::mariadb::{MariaDb, PASSWORD};
use crate::support::python::repository;
use crate::support::server::text;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::process::Stdio;

const CREATE: &str =
    "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON app.* TO '{{name}}'@'%';";

/// A connection of this name for the administrator, less what is given.
fn config(mariadb: &MariaDb, more: Value) -> Value {
    let mut config = json!({
        "plugin_name": "mysql-database-plugin",
        "connection_url": mariadb.url(),
        "username": "root",
        "password": PASSWORD,
        "allowed_roles": "*",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name.as_str()] = value.clone();
    }
    config
}

fn configured(mariadb: &MariaDb, more: Value) -> Bench {
    mariadb.sql("CREATE DATABASE IF NOT EXISTS app");
    let bench = Bench::new();
    bench.write("config/db", config(mariadb, more));
    bench.write("roles/app", json!({ "db_name": "db", "creation_statements": CREATE, "default_ttl": "1h" }));
    bench
}

#[test]
fn a_creation_that_fails_takes_back_what_its_role_says_and_tells_what_is_left() {
    let mariadb = MariaDb::shared();
    let bench = configured(mariadb, json!({ "username_template": "rolled_back" }));
    let create = "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; CREATE DATABASE `{{name}}`; \
                  GRANT nothing ON *.* TO '{{name}}'@'%'";
    bench.write(
        "roles/app",
        json!({ "creation_statements": create, "rollback_statements": "DROP DATABASE `{{name}}`" }),
    );
    let databases =
        || mariadb.sql("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'rolled_back'");
    let error = bench.no_issue("app");
    assert!(error.contains("creation_statements: statement 3") && !error.contains("and then"), "{error}");
    assert_eq!((databases().as_str(), accounts(mariadb, "rolled_back").as_str()), ("0", ""));

    bench.write("roles/app", json!({ "rollback_statements": "DROP DATABASE no_such_database" }));
    let error = bench.no_issue("app");
    assert!(error.contains("statement 3") && error.contains("; and then rollback_statements: statement 1"), "{error}");
    assert_eq!((databases().as_str(), accounts(mariadb, "rolled_back").as_str()), ("1", ""));
    // What was there before is not rolled back.
    mariadb.sql("CREATE USER 'rolled_back'@'%'");
    bench.write("roles/app", json!({ "rollback_statements": "DROP DATABASE `{{name}}`" }));
    assert!(bench.no_issue("app").contains("there is a user"));
    assert_eq!(databases(), "1");
    mariadb.sql("DROP DATABASE rolled_back; DROP USER 'rolled_back'@'%'");
}

/// The hosts of a user's accounts.
fn accounts(mariadb: &MariaDb, like: &str) -> String {
    mariadb.sql(&format!("SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE User LIKE '{like}'"))
}

#[test]
fn a_user_is_made_for_a_lease_and_goes_with_it_and_its_sessions() {
    let mariadb = MariaDb::shared();
    let bench = configured(mariadb, json!({}));
    let login = bench.issue("app");
    assert!(login.username.starts_with("v-root-app-") && login.username.len() <= 32, "{login:?}");
    assert!(mariadb.accepts(&login.username, &login.password));
    assert!(!mariadb.accepts(&login.username, ""));
    assert_eq!(bench.look_up(&login).0, 200);

    let sleeper = "SELECT SLEEP(300)";
    let mut session =
        mariadb.client(&login.username, &login.password).args(["-e", sleeper]).stderr(Stdio::null()).spawn().unwrap();
    let asked = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}'", login.username);
    wait_for("the session is open", PATIENCE, || (mariadb.sql(&asked) == "1").then_some(()));

    let (status, renewed) = bench.server.put("sys/leases/renew", json!({ "lease_id": login.lease, "increment": 7200 }));
    assert_eq!(status, 200, "{renewed}");
    bench.revoke(&login);
    assert_eq!(mariadb.sql(&asked), "0");
    assert!(!wait_for("the session ends", PATIENCE, || session.try_wait().unwrap()).success());
    assert!(!mariadb.accepts(&login.username, &login.password));
    assert_eq!(accounts(mariadb, &login.username), "");
}

#[test]
fn a_user_with_several_hosts_goes_with_all_of_them() {
    let mariadb = MariaDb::shared();
    let bench = configured(mariadb, json!({}));
    let creation =
        "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}', '{{name}}'@'10.%' IDENTIFIED BY '{{password}}'";
    bench.write("roles/hosts", json!({ "db_name": "db", "creation_statements": [creation] }));
    let login = bench.issue("hosts");
    assert_eq!(accounts(mariadb, &login.username).lines().count(), 3);
    bench.revoke(&login);
    assert_eq!(accounts(mariadb, &login.username), "");
}

#[test]
fn no_name_and_no_password_is_more_than_a_value() {
    let mariadb = MariaDb::shared();
    mariadb.sql("CREATE DATABASE IF NOT EXISTS app; CREATE TABLE IF NOT EXISTS app.x (a INT)");
    let hostile =
        [r#"a"; DROP TABLE app.x; --"#, "o'brien", r"b\', 'c", "`; DROP TABLE app.x; -- ", "'; DO SLEEP(9); #"];
    let policy = "length = 20\nrule \"charset\" {\n  charset = \"'\\\\\\\"`;-# %_\"\n}\n";
    for (at, name) in hostile.into_iter().enumerate() {
        let bench = configured(mariadb, json!({ "username_template": format!("{name}{{{{random 4}}}}") }));
        assert_eq!(bench.server.put("sys/policies/password/odd", json!({ "policy": policy })).0, 204);
        bench.write("config/db", json!({ "password_policy": "odd" }));
        let login = bench.issue("app");
        assert!(login.username.starts_with(name), "{at}: {login:?}");
        assert!(mariadb.accepts(&login.username, &login.password), "{at}: {login:?}");
        bench.revoke(&login);
        assert!(!mariadb.accepts(&login.username, &login.password), "{at}: {login:?}");
    }
    assert_eq!(mariadb.sql("SHOW TABLES IN app LIKE 'x'"), "x");
}

#[test]
fn a_user_that_was_there_before_is_left_alone() {
    let mariadb = MariaDb::shared();
    mariadb.sql("CREATE OR REPLACE USER 'taken'@'localhost' IDENTIFIED BY 'its own'");
    let bench = configured(mariadb, json!({ "username_template": "taken" }));
    let words = bench.no_issue("app");
    assert!(words.contains("there is a user 'taken' already; it is left alone"), "{words}");
    bench.nothing_leased("app");
    assert_eq!(accounts(mariadb, "taken"), "taken@localhost");
}

#[test]
fn a_creation_that_fails_halfway_leaves_nothing_and_tells_no_password() {
    let mariadb = MariaDb::shared();
    let bench = configured(mariadb, json!({ "username_template": "halfway-{{random 10}}" }));
    for (creation, words) in [
        (json!([CREATE, "GRANT NOTHING ON nowhere TO '{{name}}'@'%'"]), "creation_statements: statement 3: "),
        (json!(["CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}' AND '{{password}}'"]), "statement 1: "),
        (json!(["DO 1"]), "made no user"),
    ] {
        bench.write("roles/app", json!({ "db_name": "db", "creation_statements": creation }));
        let refused = bench.no_issue("app");
        assert!(refused.contains(words), "{refused}");
        assert!(!refused.contains("IDENTIFIED BY") && !refused.contains("AND '"), "{refused}");
        bench.nothing_leased("app");
        assert_eq!(accounts(mariadb, "halfway%"), "");
    }
    let words = bench.refused("roles/app", json!({ "db_name": "db", "creation_statements": ["X '{{nmae}}'"] }));
    assert!(words.contains("creation_statements: statement 1, line 1, column 4: {{nmae}}"), "{words}");
}

#[test]
fn revocation_statements_are_held_to_what_they_are_for() {
    let mariadb = MariaDb::shared();
    let bench = configured(mariadb, json!({}));
    let role = |revocation: &str| json!({ "db_name": "db", "creation_statements": CREATE, "revocation_statements": [revocation] });
    bench.write("roles/locked", role("ALTER USER '{{name}}'@'%' ACCOUNT LOCK"));
    let login = bench.issue("locked");
    bench.revoke(&login);
    assert!(!mariadb.accepts(&login.username, &login.password));
    assert_eq!(accounts(mariadb, &login.username), format!("{}@%", login.username));
    mariadb.sql(&format!("DROP USER '{}'@'%'", login.username));

    bench.write("roles/idle", role("DO 1"));
    let login = bench.issue("idle");
    let words = refusal(bench.try_revoke(&login));
    assert!(words.contains(&format!("the user '{}'@'%' can sign in as before", login.username)), "{words}");
}

#[test]
fn the_engines_own_password_is_rotated() {
    let mariadb = MariaDb::start(&[]);
    let bench = configured(&mariadb, json!({}));
    let before = bench.issue("app");
    bench.write("rotate-root/db", json!({}));
    assert!(!mariadb.accepts("root", PASSWORD));
    let after = bench.issue("app");
    for login in [before, after] {
        assert!(mariadb.accepts(&login.username, &login.password));
        bench.revoke(&login);
        assert!(!mariadb.accepts(&login.username, &login.password));
    }
}

#[test]
fn tls_is_spoken_with_the_server_that_the_certificate_is_for() {
    let mariadb = MariaDb::start(&[]);
    mariadb.sql(
        "CREATE USER 'secure'@'%' IDENTIFIED BY 'p' REQUIRE SSL; GRANT ALL ON *.* TO 'secure'@'%' WITH GRANT OPTION",
    );
    let secure = json!({ "username": "secure", "password": "p" });
    let with = |more: Value| {
        let mut all = secure.clone();
        more.as_object().into_iter().flatten().for_each(|(name, value)| all[name.as_str()] = value.clone());
        config(&mariadb, all)
    };
    let bench = configured(&mariadb, json!({ "tls_ca": mariadb.ca }));
    bench.write("config/db", with(json!({ "tls_ca": mariadb.ca })));
    let login = bench.issue("app");
    bench.revoke(&login);
    bench.write("config/named", with(json!({ "tls_ca": mariadb.ca, "tls_server_name": "localhost" })));
    bench.write("config/blind", with(json!({ "tls_skip_verify": true })));
    let other = crate::support::certificates::Certificates::new();
    for (more, words) in [
        (json!({}), "error verifying connection: "),
        (json!({ "connection_url": mariadb.url() + "?tls=true" }), "no TLS with the database: "),
        (json!({ "tls_ca": other.authority }), "no TLS with the database: "),
        (json!({ "tls_ca": mariadb.ca, "tls_server_name": "other.example" }), "no TLS with the database: "),
        (json!({ "tls_ca": "nothing" }), "tls_ca: there is no certificate in PEM in it"),
    ] {
        let refused = bench.refused("config/refused", with(more.clone()));
        assert!(refused.contains(words), "{more}: {refused}");
    }
}

#[test]
fn a_server_that_is_away_for_a_while_loses_nothing() {
    let mut mariadb = MariaDb::start(&[]);
    let bench = configured(&mariadb, json!({}));
    let login = bench.issue("app");
    mariadb.stop();
    let words = bench.no_issue("app");
    assert!(words.contains("connection \"db\": "), "{words}");
    let words = refusal(bench.try_revoke(&login));
    assert!(words.contains("cannot connect"), "{words}");
    mariadb.start_again();
    bench.gone(&login);
    bench.nothing_leased("app");
    assert_eq!(accounts(&mariadb, "v-%"), "");
}

#[test]
fn the_grants_of_the_documentation_are_enough() {
    let mariadb = MariaDb::start(&[]);
    mariadb.sql("CREATE DATABASE app");
    let page = std::fs::read_to_string(repository().join("docs/database-mysql.md")).unwrap();
    for block in page.split("```sql\n").skip(1) {
        mariadb.sql(block.split("```").next().unwrap());
    }
    let bench = configured(&mariadb, json!({ "username": "leasehold", "password": "a first password" }));
    bench.write("rotate-root/db", json!({}));
    assert!(!mariadb.accepts("leasehold", "a first password"));
    let login = bench.issue("app");
    let mut session = mariadb
        .client(&login.username, &login.password)
        .args(["-e", "SELECT SLEEP(300)"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let asked = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}'", login.username);
    wait_for("the session is open", PATIENCE, || (mariadb.sql(&asked) == "1").then_some(()));
    bench.revoke(&login);
    wait_for("the session ends", PATIENCE, || session.try_wait().unwrap());
    assert_eq!(accounts(&mariadb, "v-%"), "");
}

#[test]
fn sessions_that_cannot_be_seen_are_not_taken_for_ended() {
    let mariadb = MariaDb::start(&[]);
    mariadb.sql(
        "CREATE DATABASE app; CREATE USER 'short'@'%' IDENTIFIED BY 'p'; GRANT CREATE USER ON *.* TO 'short'@'%'; \
         GRANT SELECT ON mysql.* TO 'short'@'%'; GRANT SELECT ON app.* TO 'short'@'%' WITH GRANT OPTION",
    );
    let bench = configured(&mariadb, json!({ "username": "short", "password": "p" }));
    let login = bench.issue("app");
    let words = refusal(bench.try_revoke(&login));
    assert!(words.contains("cannot be seen: grant PROCESS"), "{words}");
    assert!(!mariadb.accepts(&login.username, &login.password));
    mariadb.sql("GRANT PROCESS ON *.* TO 'short'@'%'");
    // It is tried again by itself; whoever does not want to wait asks once more.
    bench.try_revoke(&login);
    bench.gone(&login);
}

#[test]
fn modes_in_which_quotes_mean_something_else_change_nothing() {
    let mariadb = MariaDb::start(&["--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES"]);
    let bench = configured(&mariadb, json!({ "username_template": r#"a'\"{{random 4}}"# }));
    bench.write(
        "roles/app",
        json!({ "db_name": "db", "creation_statements": CREATE.replace("'{{name}}'", "\"{{name}}\"") }),
    );
    let login = bench.issue("app");
    assert!(login.username.starts_with(r#"a'\""#), "{login:?}");
    assert!(mariadb.accepts(&login.username, &login.password));
    bench.revoke(&login);
    assert!(!mariadb.accepts(&login.username, &login.password));
}

#[test]
fn older_servers_get_names_that_they_take() {
    let mariadb = MariaDb::shared();
    for plugin in ["mysql-legacy-database-plugin", "mysql-rds-database-plugin", "mysql-aurora-database-plugin"] {
        let bench = configured(mariadb, json!({ "plugin_name": plugin }));
        let login = bench.issue("app");
        assert!(login.username.starts_with("v-app-") && login.username.len() == 16, "{login:?}");
        bench.revoke(&login);
    }
}

#[test]
fn the_password_of_a_user_that_was_there_before_is_rotated() {
    let mariadb = MariaDb::shared();
    mariadb.sql(
        "CREATE OR REPLACE USER 'batch'@'%' IDENTIFIED BY 'its own', 'several'@'a' IDENTIFIED BY 'x', 'several'@'b'",
    );
    let bench = configured(mariadb, json!({}));
    bench.write("static-roles/batch", json!({ "db_name": "db", "username": "batch", "rotation_period": "24h" }));
    let first = text(&bench.read("static-creds/batch")["password"]);
    assert!(mariadb.accepts("batch", &first) && !mariadb.accepts("batch", "its own"));
    bench.write("rotate-role/batch", json!({}));
    let second = text(&bench.read("static-creds/batch")["password"]);
    assert!(mariadb.accepts("batch", &second) && !mariadb.accepts("batch", &first));
    let several = json!({ "db_name": "db", "username": "several", "rotation_period": "24h" });
    let words = bench.refused("static-roles/several", several);
    assert!(words.contains("several accounts of 'several' (a, b)"), "{words}");
}

#[test]
fn a_user_that_was_being_made_when_the_server_died_is_found_and_ended() {
    let mariadb = MariaDb::start(&[]);
    let mut bench = configured(&mariadb, json!({}));
    let creation = format!("{CREATE} DO SLEEP(300);");
    bench.write("roles/app", json!({ "db_name": "db", "creation_statements": creation }));
    let sleeping = || mariadb.sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%'");
    let root = bench.server.root.clone();
    std::thread::scope(|scope| {
        let process = bench.server.id().to_string();
        let server = &bench.server;
        scope.spawn(move || server.try_call("GET", "database/creds/app", &root, Value::Null).unwrap_err());
        wait_for("the user is being made", PATIENCE, || (sleeping() == "1").then_some(()));
        assert_eq!(accounts(&mariadb, "v-root-app-%").lines().count(), 2);
        assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    });
    bench.server.kill();
    bench.server.start_again();
    bench.server.unseal();
    wait_for("the user is gone", 3 * PATIENCE, || accounts(&mariadb, "v-root-app-%").is_empty().then_some(()));
    assert_eq!(sleeping(), "0");
    bench.nothing_leased("app");
}
