//! `run` against a real server and a real PostgreSQL: what a command is given, that it stays good, and that it ends with the
//! command.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, which clippy does not take for tests.

mod endings;
mod gifts;
mod renewals;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::postgres::{PASSWORD, Postgres};
use support::server::Server;
use support::{PATIENCE, wait_for};

/// Who may read credentials of the role `app` and nothing else but the usual.
const POLICY: &str = r#"path "database/creds/app" { capabilities = ["read"] }"#;

/// A server with a database engine on a real database, and a role `app`.
struct Bench {
    server: Server,
}

impl Bench {
    fn new(postgres: &Postgres, default_ttl: &str, max_ttl: &str) -> Self {
        let server = Server::ready();
        done(server.put("sys/mounts/database", json!({ "type": "database" })));
        done(server.put(
            "database/config/app",
            json!({
                "plugin_name": "postgresql-database-plugin",
                "connection_url": postgres.url("postgres"),
                "username": "postgres",
                "password": PASSWORD,
                "allowed_roles": "*",
            }),
        ));
        done(server.put(
            "database/roles/app",
            json!({
                "db_name": "app",
                "creation_statements": "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';",
                "default_ttl": default_ttl,
                "max_ttl": max_ttl,
            }),
        ));
        done(server.put("sys/policies/acl/app", json!({ "policy": POLICY })));
        Self { server }
    }

    /// `leasehold run` with these words.
    fn run(&self, words: &[&str]) -> Command {
        let mut command = self.server.command();
        command.arg("run").args(words).env("XDG_RUNTIME_DIR", self.home()).env("VAULT_MAX_RETRIES", "0");
        command
    }

    /// The same, in the background, with a shell script for a command. The script's ready when it has made the file `ready`.
    fn start(&self, words: &[&str], script: &str) -> Running {
        let ready = self.home().join("ready");
        std::fs::remove_file(&ready).ok();
        let mut command = self.run(words);
        command.args(["--", "sh", "-c", script]).stderr(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        wait_for("the command runs", PATIENCE, || ready.exists().then_some(()));
        Running { child }
    }

    fn home(&self) -> PathBuf {
        self.server.path("data.db").parent().map(Path::to_owned).unwrap()
    }

    /// The private directories of runs that are there.
    fn places(&self) -> usize {
        let entries = std::fs::read_dir(self.home()).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("leasehold-run-")).count()
    }
}

struct Running {
    child: Child,
}

impl Running {
    fn kill(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    fn has_ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The users that the server has made and that are still there.
fn users(postgres: &Postgres) -> Vec<String> {
    let rows = postgres.sql("postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY 1");
    rows.lines().map(str::to_owned).filter(|name| !name.is_empty()).collect()
}

fn no_user_is_left(postgres: &Postgres, within: Duration) {
    wait_for("no database user is left", within, || users(postgres).is_empty().then_some(()));
}

fn done((status, answer): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{status} {answer}");
    answer
}
