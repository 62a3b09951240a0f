//! Redis's driver on a real server: users made and ended, over restarts as well, and nothing else touched.

use crate::bench::{Bench, refusal};
use crate::support::python::repository;
use crate::support::redis::{PASSWORD, Redis, Users};
use crate::support::server::text;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

const RULES: &str = r#"["~app:*", "+@read", "+@write", "+@blocking", "+@connection"]"#;

fn config(redis: &Redis, more: Value) -> Value {
    let mut config = json!({
        "plugin_name": "redis-database-plugin",
        "host": "127.0.0.1",
        "port": redis.port(),
        "username": "default",
        "password": PASSWORD,
        "allowed_roles": "*",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name.as_str()] = value.clone();
    }
    config
}

fn configured(redis: &Redis, more: Value) -> Bench {
    let bench = Bench::new();
    bench.write("config/cache", config(redis, more));
    bench.write("roles/app", json!({ "db_name": "cache", "creation_statements": RULES, "default_ttl": "1h" }));
    bench
}

fn exists(redis: &Redis, username: &str) -> bool {
    redis.command(&["ACL", "USERS"]).lines().any(|user| user == username)
}

#[test]
fn a_user_is_made_for_a_lease_and_goes_with_it_and_its_sessions() {
    let redis = Redis::shared();
    for plugin in ["redis-database-plugin", "valkey-database-plugin"] {
        let bench = configured(redis, json!({ "plugin_name": plugin }));
        let login = bench.issue("app");
        assert!(login.username.starts_with("V_ROOT_APP_"), "{login:?}");
        assert!(redis.accepts(&login.username, &login.password) && !redis.accepts(&login.username, "other"));
        let may = |words: &[&str]| redis.try_command(&login.username, &login.password, words);
        assert_eq!(may(&["SET", "app:a", "1"]).unwrap(), "OK");
        assert!(may(&["SET", "other", "1"]).unwrap_err().contains("NOPERM"));
        assert!(may(&["ACL", "USERS"]).unwrap_err().contains("NOPERM"));

        let mut waiting = redis.client(&login.username, &login.password);
        let mut waiting =
            waiting.args(["BLPOP", "app:none", "0"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let open = || redis.command(&["CLIENT", "LIST"]).contains(&format!("user={}", login.username));
        wait_for("the session is open", PATIENCE, || open().then_some(()));
        let (status, renewed) = bench.server.put("sys/leases/renew", json!({ "lease_id": login.lease }));
        assert_eq!(status, 200, "{renewed}");
        bench.revoke(&login);
        assert!(!open() && !exists(redis, &login.username));
        wait_for("the session ends", PATIENCE, || waiting.try_wait().unwrap());
        assert!(!redis.accepts(&login.username, &login.password));
    }
}

#[test]
fn a_role_without_rules_reads_and_no_more() {
    let redis = Redis::shared();
    let bench = configured(redis, json!({}));
    bench.write("roles/reader", json!({ "db_name": "cache" }));
    redis.command(&["SET", "anything", "1"]);
    let login = bench.issue("reader");
    assert_eq!(redis.try_command(&login.username, &login.password, &["GET", "anything"]).unwrap(), "1");
    assert!(redis.try_command(&login.username, &login.password, &["SET", "anything", "2"]).is_err());
    bench.revoke(&login);
}

#[test]
fn a_user_that_was_there_before_is_left_alone() {
    let redis = Redis::shared();
    redis.command(&["ACL", "SETUSER", "taken", "on", ">own", "~*", "+@read"]);
    let bench = configured(redis, json!({ "username_template": "taken" }));
    let words = bench.no_issue("app");
    assert!(words.contains("there is a user \"taken\" already; it is left alone"), "{words}");
    bench.nothing_leased("app");
    assert!(redis.accepts("taken", "own"));
}

#[test]
fn no_name_no_password_and_no_rule_is_more_than_that() {
    let redis = Redis::shared();
    let policy = "length = 20\nrule \"charset\" {\n  charset = \"'\\\\\\\"`;-# %>_\"\n}\n";
    for name in [r#"a";--"#, "o'brien", "a\\r\\nFLUSHALL", "*3", "$5"] {
        let bench = configured(redis, json!({ "username_template": format!("{name}{{{{random 4}}}}") }));
        assert_eq!(bench.server.put("sys/policies/password/odd", json!({ "policy": policy })).0, 204);
        bench.write("config/cache", json!({ "password_policy": "odd" }));
        let login = bench.issue("app");
        assert!(login.username.starts_with(name) && redis.accepts(&login.username, &login.password), "{login:?}");
        bench.revoke(&login);
        assert!(!redis.accepts(&login.username, &login.password), "{login:?}");
    }
    let bench = configured(redis, json!({ "username_template": "two words{{random 4}}" }));
    assert!(bench.no_issue("app").contains("username_template makes a name with spaces"));
    for (rules, words) in [
        (r#"["nopass"]"#, "creation_statements: rule 1: passwords, on and off are the engine's own business"),
        (r#"["+@read ~*"]"#, "creation_statements: rule 1: it has spaces"),
    ] {
        let refused = bench.refused("roles/app", json!({ "db_name": "cache", "creation_statements": rules }));
        assert!(refused.contains(words), "{refused}");
    }
    let role = json!({ "db_name": "cache", "creation_statements": RULES, "revocation_statements": "[\"off\"]" });
    assert!(bench.refused("roles/app", role).contains("creating users alone"));
}

#[test]
fn a_rule_that_the_server_does_not_know_makes_no_user() {
    let redis = Redis::shared();
    let bench = configured(redis, json!({ "username_template": "halfway{{random 8}}" }));
    bench.write("roles/app", json!({ "db_name": "cache", "creation_statements": r#"["~*", "+@nothing"]"# }));
    let words = bench.no_issue("app");
    assert!(words.contains("creation_statements: ") && words.contains("+@nothing"), "{words}");
    bench.nothing_leased("app");
    assert!(!redis.command(&["ACL", "USERS"]).contains("halfway"));
}

#[test]
fn users_and_their_end_outlast_a_restart_where_the_server_keeps_them() {
    for (users, mode) in [(Users::AclFile, "aclfile"), (Users::Configuration, "REWRITE")] {
        let mut redis = Redis::start(users);
        let bench = configured(&redis, json!({ "persistence_mode": mode }));
        let (kept, ended) = (bench.issue("app"), bench.issue("app"));
        bench.revoke(&ended);
        redis.stop();
        redis.start_again();
        assert!(redis.accepts(&kept.username, &kept.password), "{mode}");
        assert!(!redis.accepts(&ended.username, &ended.password), "{mode}");
        bench.revoke(&kept);
        redis.stop();
        redis.start_again();
        assert!(!redis.accepts(&kept.username, &kept.password), "{mode}");
        // The other way would keep nothing: it is refused, and what holds is what held.
        let other = if mode == "aclfile" { "rewrite" } else { "aclfile" };
        let words = bench.refused("config/cache", json!({ "persistence_mode": other }));
        assert!(words.contains(&format!("persistence_mode={other}: ")), "{words}");
        bench.revoke(&bench.issue("app"));
    }
}

#[test]
fn the_engines_own_password_is_rotated_and_outlasts_a_restart() {
    for (users, mode) in [(Users::AclFile, "aclfile"), (Users::Configuration, "rewrite")] {
        let mut redis = Redis::start(users);
        let bench = configured(&redis, json!({ "persistence_mode": mode }));
        bench.write("rotate-root/cache", json!({}));
        assert!(!redis.accepts("default", PASSWORD), "{mode}");
        let login = bench.issue("app");
        redis.stop();
        redis.start_unasked();
        wait_for("the server serves", PATIENCE, || redis.accepts(&login.username, &login.password).then_some(()));
        assert!(!redis.accepts("default", PASSWORD), "{mode}");
        bench.revoke(&login);
    }
}

#[test]
fn tls_is_spoken_with_the_server_that_the_certificate_is_for() {
    let redis = Redis::shared();
    let other = crate::support::certificates::Certificates::new();
    let bench = configured(redis, json!({ "port": redis.tls_port, "tls": true, "ca_cert": redis.ca }));
    let login = bench.issue("app");
    assert!(redis.accepts(&login.username, &login.password));
    bench.revoke(&login);
    bench.write("config/blind", config(redis, json!({ "port": redis.tls_port, "tls": true, "insecure_tls": true })));
    for more in [json!({}), json!({ "ca_cert": other.authority })] {
        let mut all = json!({ "port": redis.tls_port, "tls": true });
        more.as_object().into_iter().flatten().for_each(|(name, value)| all[name.as_str()] = value.clone());
        let words = bench.refused("config/refused", config(redis, all));
        assert!(words.contains("no TLS with the database"), "{words}");
    }
    let words = bench.refused("config/refused", config(redis, json!({ "password": "wrong-wrong" })));
    assert!(words.contains("WRONGPASS") && !words.contains("wrong-wrong"), "{words}");
    assert_eq!(bench.read("config/blind")["connection_details"]["insecure_tls"], json!(true));
}

#[test]
fn a_server_that_hangs_or_is_away_for_a_while_loses_nothing() {
    let mut redis = Redis::start(Users::AclFile);
    let bench = configured(&redis, json!({ "persistence_mode": "aclfile" }));
    let login = bench.issue("app");
    redis.stop();
    let words = refusal(bench.try_revoke(&login));
    assert!(words.contains("cannot connect"), "{words}");
    redis.start_again();
    bench.gone(&login);
    assert!(!exists(&redis, &login.username));
}

#[test]
fn the_grants_of_the_documentation_are_enough() {
    let redis = Redis::start(Users::AclFile);
    let page = std::fs::read_to_string(repository().join("docs/database-redis.md")).unwrap();
    for line in page.split("```redis\n").skip(1).flat_map(|block| block.split("```").next().unwrap().lines()) {
        let mut client =
            redis.client("default", PASSWORD).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(client.stdin.take().unwrap(), "{line}").unwrap();
        let output = client.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "OK", "{line}");
    }
    let own = json!({ "username": "leasehold", "password": "a-first-password", "persistence_mode": "aclfile" });
    let bench = configured(&redis, own);
    bench.write("rotate-root/cache", json!({}));
    assert!(!redis.accepts("leasehold", "a-first-password"));
    let login = bench.issue("app");
    assert!(redis.accepts(&login.username, &login.password));
    bench.revoke(&login);
    assert!(!exists(&redis, &login.username));
}

#[test]
fn the_password_of_a_user_that_was_there_before_is_rotated() {
    let redis = Redis::shared();
    redis.command(&["ACL", "SETUSER", "batch", "on", ">its-own", "~*", "+@read"]);
    let bench = configured(redis, json!({}));
    bench.write("static-roles/batch", json!({ "db_name": "cache", "username": "batch", "rotation_period": "24h" }));
    let first = text(&bench.read("static-creds/batch")["password"]);
    assert!(redis.accepts("batch", &first) && !redis.accepts("batch", "its-own"));
    bench.write("rotate-role/batch", json!({}));
    let second = text(&bench.read("static-creds/batch")["password"]);
    assert!(redis.accepts("batch", &second) && !redis.accepts("batch", &first));
    let absent = json!({ "db_name": "cache", "username": "absent", "rotation_period": "24h" });
    assert!(bench.refused("static-roles/absent", absent).contains("there is no user \"absent\""));
    assert!(!exists(redis, "absent"));
}
