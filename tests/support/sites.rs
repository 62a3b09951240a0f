//! Each kind of database as the tests of all kinds see it: a shared server, how users are made there, and what it answers by other
//! ways than the engine's. A new kind is a row of [`all`].

use super::mariadb::{self, MariaDb};
use super::postgres::{self, Postgres};
use super::redis::{self, Redis};
use serde_json::{Value, json};

/// A server, and how one asks it by other ways than the engine's.
pub struct Site {
    pub kind: &'static str,
    pub configuration: Value,
    pub creation: &'static str,
    /// Does nothing but fail.
    pub faulty: &'static str,
    /// What the names of the engine's users begin with.
    pub beginning: &'static str,
    pub accepts: fn(&str, &str) -> bool,
    pub exists: fn(&str) -> bool,
    /// The names of all users.
    pub users: fn() -> Vec<String>,
    /// Makes a user by hand, with this password.
    pub make: fn(&str, &str),
    /// Ends a user by hand, with all that it can sign in by.
    pub drop: fn(&str),
    /// Makes somebody who may do everything.
    pub make_administrator: fn(&str, &str),
}

#[must_use]
pub fn all() -> Vec<Site> {
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
        exists: |user| names("SELECT rolname FROM pg_roles").contains(&user.to_owned()),
        users: || names("SELECT rolname FROM pg_roles"),
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
        users: || lines(&MariaDb::shared().sql("SELECT DISTINCT User FROM mysql.user")),
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
        users: || lines(&Redis::shared().command(&["ACL", "USERS"])),
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

fn names(question: &str) -> Vec<String> {
    lines(&Postgres::shared().sql("postgres", question))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
