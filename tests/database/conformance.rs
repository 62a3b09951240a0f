//! What every kind of database has to keep, asked of each in turn. A new one is a row of [`sites`].

use crate::bench::{Bench, Credential, refusal};
use crate::support::mariadb::{self, MariaDb};
use crate::support::postgres::{self, Postgres};
use crate::support::redis::{self, Redis};
use crate::support::server::text;
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};

/// A server, and how one asks it by other ways than the engine's.
pub struct Site {
    pub kind: &'static str,
    pub configuration: Value,
    creation: &'static str,
    /// Does nothing but fail.
    faulty: &'static str,
    /// What the names of the engine's users begin with.
    pub beginning: &'static str,
    pub accepts: fn(&str, &str) -> bool,
    pub exists: fn(&str) -> bool,
    /// Makes a user by hand, with this password.
    pub make: fn(&str, &str),
    /// Ends a user by hand, with all that it can sign in by.
    pub drop: fn(&str),
    /// Makes somebody who may do everything.
    make_administrator: fn(&str, &str),
}

pub fn sites() -> Vec<Site> {
    vec![postgresql(), mysql(), cache()]
}

fn postgresql() -> Site {
    Site {
        kind: "postgresql",
        configuration: json!({
            "plugin_name": "postgresql-database-plugin",
            "connection_url": Postgres::shared().url("postgres"),
            "username": "postgres",
            "password": postgres::PASSWORD,
        }),
        creation: "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'",
        faulty: "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}'; GRANT nothing TO \"{{name}}\"",
        beginning: "v-",
        accepts: |user, password| Postgres::shared().accepts(user, password),
        exists: |user| crate::postgresql::exists(Postgres::shared(), user),
        make: |user, password| {
            Postgres::shared().sql("postgres", &format!("CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'"));
        },
        drop: |user| {
            Postgres::shared().sql("postgres", &format!("DROP ROLE \"{user}\""));
        },
        make_administrator: |user, password| {
            let make = format!("CREATE ROLE \"{user}\" SUPERUSER LOGIN PASSWORD '{password}'");
            Postgres::shared().sql("postgres", &make);
        },
    }
}

fn mysql() -> Site {
    Site {
        kind: "mysql",
        configuration: json!({
            "plugin_name": "mysql-database-plugin",
            "connection_url": MariaDb::shared().url(),
            "username": "root",
            "password": mariadb::PASSWORD,
        }),
        creation: "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'",
        faulty: "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT nothing TO '{{name}}'@'%'",
        beginning: "v-",
        accepts: |user, password| MariaDb::shared().accepts(user, password),
        exists: |user| MariaDb::shared().sql(&format!("SELECT COUNT(*) FROM mysql.user WHERE User = '{user}'")) != "0",
        make: |user, password| {
            MariaDb::shared().sql(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'"));
        },
        drop: |user| {
            let hosts = MariaDb::shared().sql(&format!("SELECT Host FROM mysql.user WHERE User = '{user}'"));
            for host in hosts.lines() {
                MariaDb::shared().sql(&format!("DROP USER '{user}'@'{host}'"));
            }
        },
        make_administrator: |user, password| {
            let make = format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'");
            MariaDb::shared().sql(&format!("{make}; GRANT ALL ON *.* TO '{user}'@'%' WITH GRANT OPTION"));
        },
    }
}

fn cache() -> Site {
    Site {
        kind: "redis",
        configuration: json!({
            "plugin_name": "redis-database-plugin",
            "host": "127.0.0.1",
            "port": Redis::shared().port(),
            "username": "default",
            "password": redis::PASSWORD,
        }),
        creation: r#"["~app:*", "+@read", "+@connection"]"#,
        faulty: r#"["~app:*", "+@nothing"]"#,
        beginning: "V_",
        accepts: |user, password| Redis::shared().accepts(user, password),
        exists: |user| Redis::shared().command(&["ACL", "USERS"]).lines().any(|line| line == user),
        make: |user, password| {
            Redis::shared().command(&["ACL", "SETUSER", user, "on", &format!(">{password}"), "~app:*", "+@read"]);
        },
        drop: |user| {
            Redis::shared().command(&["ACL", "DELUSER", user]);
        },
        make_administrator: |user, password| {
            Redis::shared().command(&["ACL", "SETUSER", user, "on", &format!(">{password}"), "~*", "&*", "+@all"]);
        },
    }
}

impl Site {
    /// A bench with a connection `db` and a role `app`.
    pub fn bench(&self) -> Bench {
        let bench = Bench::new();
        let mut configuration = self.configuration.clone();
        configuration["allowed_roles"] = json!("*");
        bench.write("config/db", configuration);
        bench.write("roles/app", json!({ "db_name": "db", "creation_statements": self.creation, "default_ttl": "1h" }));
        bench
    }

    pub fn lives(&self, made: &Credential) -> bool {
        (self.accepts)(&made.username, &made.password)
    }

    fn wait_gone(&self, made: &Credential) {
        let what = format!("{}: the user is gone", self.kind);
        wait_for(&what, PATIENCE, || (!(self.exists)(&made.username)).then_some(()));
        assert!(!self.lives(made), "{}", self.kind);
    }
}

#[test]
fn in_every_database_users_are_made_for_their_leases_and_end_with_them() {
    for site in sites() {
        let bench = site.bench();
        let (one, other) = (bench.issue("app"), bench.issue("app"));
        assert!(one.username != other.username && one.password != other.password, "{}", site.kind);
        assert!(site.lives(&one) && site.lives(&other), "{}", site.kind);
        assert_eq!(bench.server.put("sys/leases/renew", json!({ "lease_id": other.lease })).0, 200, "{}", site.kind);
        bench.revoke(&one);
        site.wait_gone(&one);
        assert!(site.lives(&other), "{}", site.kind);

        bench.write("roles/app", json!({ "default_ttl": "1s" }));
        let short = bench.issue("app");
        site.wait_gone(&short);
    }
}

#[test]
fn in_every_database_a_lease_ends_without_its_role_and_takes_its_connection_along_by_force() {
    for site in sites() {
        let bench = site.bench();
        let (one, other) = (bench.issue("app"), bench.issue("app"));
        assert_eq!(bench.server.delete("database/roles/app").0, 204);
        bench.revoke(&one);
        site.wait_gone(&one);
        let error = refusal(bench.server.delete("database/config/db"));
        assert!(error.contains("has 1 leases"), "{}: {error}", site.kind);
        assert_eq!(bench.server.delete("database/config/db?force=true").0, 200, "{}", site.kind);
        site.wait_gone(&other);
    }
}

#[test]
fn in_every_database_a_user_of_somebody_else_is_left_alone() {
    for site in sites() {
        let bench = site.bench();
        (site.make)("conform_taken", "of-its-own-1A");
        bench.write("config/db", json!({ "username_template": "conform_taken" }));
        let error = refusal(bench.server.get("database/creds/app"));
        assert!(error.contains("conform_taken"), "{}: {error}", site.kind);
        let nothing = || (bench.server.list("sys/leases/lookup/database/creds/app").0 == 404).then_some(());
        wait_for(&format!("{}: no lease is left", site.kind), PATIENCE, nothing);
        assert!((site.accepts)("conform_taken", "of-its-own-1A"), "{}", site.kind);
    }
}

#[test]
fn in_every_database_a_user_that_was_made_in_part_goes() {
    for site in sites() {
        let bench = site.bench();
        bench.write("config/db", json!({ "username_template": "conform_partly" }));
        // Where statements are looked over before they are stored, that is refusal enough.
        let written = bench.server.put("database/roles/app", json!({ "creation_statements": site.faulty }));
        if written.0 == 204 {
            let error = refusal(bench.server.get("database/creds/app"));
            assert!(!error.contains("{{password}}"), "{}: {error}", site.kind);
        }
        let gone = || (!(site.exists)("conform_partly")).then_some(());
        wait_for(&format!("{}: nothing is left of it", site.kind), PATIENCE, gone);
    }
}

#[test]
fn in_every_database_the_engines_own_password_is_rotated_and_never_shown() {
    for site in sites() {
        let bench = site.bench();
        (site.make_administrator)("conform_root", "First-Password-1");
        bench.write("config/db", json!({ "username": "conform_root", "password": "First-Password-1" }));
        bench.write("rotate-root/db", json!({}));
        assert!(!(site.accepts)("conform_root", "First-Password-1"), "{}", site.kind);
        let made = bench.issue("app");
        assert!(site.lives(&made), "{}", site.kind);
        bench.revoke(&made);
        assert!(!bench.read("config/db").to_string().contains("First-Password-1"), "{}", site.kind);
        assert!(!bench.server.log().contains("First-Password-1"), "{}", site.kind);
    }
}

#[test]
fn in_every_database_a_static_role_has_the_password_that_is_handed_out() {
    for site in sites() {
        let bench = site.bench();
        (site.make)("conform_static", "of-its-own-1A");
        let role = json!({ "db_name": "db", "username": "conform_static", "rotation_period": "1h" });
        bench.write("static-roles/batch", role);
        assert!(!(site.accepts)("conform_static", "of-its-own-1A"), "{}", site.kind);
        let first = text(&bench.read("static-creds/batch")["password"]);
        assert!((site.accepts)("conform_static", &first), "{}", site.kind);
        bench.write("rotate-role/batch", json!({}));
        let second = text(&bench.read("static-creds/batch")["password"]);
        assert!(
            (site.accepts)("conform_static", &second) && !(site.accepts)("conform_static", &first),
            "{}",
            site.kind
        );
    }
}
