//! A real PostgreSQL: a cluster of its own with one superuser, `postgres`, whom a password lets in over TCP.
//!
//! What it answers is asked through `psql`, so that the program under test is judged by other code than its own.

use super::certificates::Certificates;
use super::daemon::{Daemon, Kind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

static KIND: Kind = Kind { name: "PostgreSQL", end: "QUIT", stop: "INT" };

/// The superuser's password.
pub const PASSWORD: &str = "superuser-of-the-tests";

pub struct Postgres {
    daemon: Daemon,
    /// The authority that signed the server's certificate, in PEM; plain connections are taken as well.
    pub ca: String,
}

impl Postgres {
    /// One for all tests of a binary that do not stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// A new server with these settings (`log_statement=all`) besides.
    pub fn start(settings: &[&str]) -> Self {
        let mut daemon = Daemon::prepare(&KIND);
        let password = daemon.write("password", PASSWORD);
        let certificates = Certificates::new();
        daemon.write("server.pem", &certificates.certificate);
        daemon.write("server.key", &certificates.key);
        let data = daemon.path("data");
        let initdb = [
            program("initdb").display().to_string(),
            format!("--pgdata={}", data.display()),
            format!("--pwfile={}", password.display()),
            "--username=postgres".into(),
            "--auth=scram-sha-256".into(),
            "--encoding=UTF8".into(),
            "--locale=C.UTF-8".into(),
            "--no-sync".into(),
        ];
        daemon.tool(&initdb);
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        daemon.launch(|directory, port| command(directory, port, &settings), is_ready);
        Self { daemon, ca: certificates.authority }
    }

    pub fn port(&self) -> u16 {
        self.daemon.port
    }

    /// `postgresql://{{username}}:{{password}}@…/database?sslmode=disable`, for a connection's configuration.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/{database}?sslmode=disable", self.port())
    }

    /// Statements as the superuser, which must succeed; rows as lines, columns parted by `|`.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql("postgres", PASSWORD, database, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// Statements as somebody, whatever comes of it.
    pub fn try_sql(&self, user: &str, password: &str, database: &str, statements: &str) -> Result<String, String> {
        let output = self.psql(user, password, database).args(["-c", statements]).output().expect("psql runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Whether this user gets in with this password.
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        self.try_sql(user, password, "postgres", "SELECT 1").is_ok()
    }

    /// `psql` as somebody, for sessions that stay open.
    pub fn psql(&self, user: &str, password: &str, database: &str) -> Command {
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &self.port().to_string()])
            .args(["-U", user, "-d", database])
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "30")
            .stdin(Stdio::null());
        psql
    }

    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    pub fn start_again(&mut self) {
        self.daemon.start_again(is_ready);
    }

    /// The server's own log.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

fn command(directory: &Path, port: u16, settings: &[String]) -> Vec<String> {
    let inside = |name: &str| directory.join(name).display().to_string();
    let mut command = vec![program("postgres").display().to_string(), "-D".into(), inside("data")];
    let fixed = [
        "listen_addresses=127.0.0.1".into(),
        format!("port={port}"),
        "unix_socket_directories=".into(),
        "fsync=off".into(),
        "shared_buffers=16MB".into(),
        "max_connections=50".into(),
        "ssl=on".into(),
        format!("ssl_cert_file={}", inside("server.pem")),
        format!("ssl_key_file={}", inside("server.key")),
    ];
    for setting in fixed.into_iter().chain(settings.iter().cloned()) {
        command.extend(["-c".into(), setting]);
    }
    command
}

fn is_ready(daemon: &Daemon) -> bool {
    let mut ask = Command::new(program("pg_isready"));
    ask.args(["-q", "-h", "127.0.0.1", "-p", &daemon.port.to_string()]);
    ask.status().is_ok_and(|status| status.success())
}

/// A program of the newest PostgreSQL on this machine; Debian keeps them off the path.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin").join(name)))
        })
        .filter(|(_, program)| program.exists())
        .collect();
    found.sort();
    found.pop().map_or_else(|| PathBuf::from(name), |(_, program)| program)
}
