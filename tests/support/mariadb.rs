//! A real MariaDB: a data directory of its own with one administrator, `root`, whom a password lets in over TCP.
//!
//! What it answers is asked through `mariadb`, so that the program under test is judged by other code than its own.

use super::certificates::Certificates;
use super::daemon::{Daemon, Kind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

static KIND: Kind = Kind { name: "MariaDB", end: "KILL", stop: "TERM" };

/// The administrator's password.
pub const PASSWORD: &str = "root-of-the-tests";

pub struct MariaDb {
    daemon: Daemon,
    /// The authority that signed the server's certificate, in PEM; plain connections are taken as well.
    pub ca: String,
}

impl MariaDb {
    /// One for all tests of a binary that do not stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// A new server with these options (`--sql-mode=ANSI_QUOTES`) besides.
    pub fn start(options: &[&str]) -> Self {
        let mut daemon = Daemon::prepare(&KIND);
        let certificates = Certificates::new();
        daemon.write("server.pem", &certificates.certificate);
        daemon.write("server.key", &certificates.key);
        let data = format!("--datadir={}", daemon.path("data").display());
        let install = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal"];
        // A server that starts removes what others have left in the place for temporary tables, or have there still.
        let temporary = format!("--tmpdir={}", daemon.path("").display());
        let quick = ["--skip-test-db", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", &data, &temporary];
        daemon.tool(&install.iter().chain(&quick).map(|&part| part.to_owned()).collect::<Vec<_>>());
        // Read at every start, and so written to change nothing at the second. The installed users, who need no password,
        // would be found before this one.
        let administrator = format!(
            "CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;\n\
             DROP USER IF EXISTS 'root'@'localhost', 'root'@'127.0.0.1', 'root'@'::1';\n"
        );
        daemon.write("init.sql", &administrator);
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        daemon.launch(|directory, port| command(directory, port, &options), is_ready);
        Self { daemon, ca: certificates.authority }
    }

    pub fn port(&self) -> u16 {
        self.daemon.port
    }

    /// `{{username}}:{{password}}@tcp(127.0.0.1:port)/`, for a connection's configuration.
    pub fn url(&self) -> String {
        format!("{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{})/", self.port())
    }

    /// Statements as the administrator, which must succeed; rows as lines, columns parted by tabs.
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql("root", PASSWORD, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// Statements as somebody, whatever comes of it.
    pub fn try_sql(&self, user: &str, password: &str, statements: &str) -> Result<String, String> {
        let output = client(self.daemon.port, user, password).args(["-e", statements]).output().expect("mariadb runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Whether this user gets in with this password.
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        self.try_sql(user, password, "SELECT 1").is_ok()
    }

    /// `mariadb` as somebody, for sessions that stay open.
    pub fn client(&self, user: &str, password: &str) -> Command {
        client(self.daemon.port, user, password)
    }

    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    pub fn start_again(&mut self) {
        self.daemon.start_again(is_ready);
    }
}

fn command(directory: &Path, port: u16, options: &[String]) -> Vec<String> {
    let inside = |name: &str| directory.join(name).display().to_string();
    let mut command = vec![
        "mariadbd".into(),
        "--no-defaults".into(),
        format!("--datadir={}", inside("data")),
        format!("--init-file={}", inside("init.sql")),
        format!("--socket={}", inside("socket")),
        format!("--tmpdir={}", directory.display()),
        format!("--pid-file={}", inside("pid")),
        "--bind-address=127.0.0.1".into(),
        format!("--port={port}"),
        "--skip-name-resolve".into(),
        "--skip-log-bin".into(),
        "--innodb-flush-log-at-trx-commit=0".into(),
        "--innodb-buffer-pool-size=16M".into(),
        format!("--ssl-cert={}", inside("server.pem")),
        format!("--ssl-key={}", inside("server.key")),
    ];
    command.extend(options.iter().cloned());
    command
}

fn is_ready(daemon: &Daemon) -> bool {
    daemon.is_reachable()
        && client(daemon.port, "root", PASSWORD)
            .args(["-e", "SELECT 1"])
            .output()
            .is_ok_and(|asked| asked.status.success())
}

fn client(port: u16, user: &str, password: &str) -> Command {
    let mut client = Command::new("mariadb");
    client
        .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", &format!("--port={port}")])
        .args(["--batch", "--skip-column-names", "--connect-timeout=30", &format!("--user={user}")])
        .env("MYSQL_PWD", password)
        .stdin(Stdio::null());
    client
}
