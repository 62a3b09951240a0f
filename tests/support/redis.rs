//! A real Redis with users: the administrator `default`, whom a password lets in, and whatever ACLs the tests make.
//!
//! What it answers is asked through `redis-cli`, so that the program under test is judged by other code than its own.

use super::certificates::Certificates;
use super::daemon::{Daemon, Kind};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

static KIND: Kind = Kind { name: "Redis", end: "KILL", stop: "TERM" };

/// The administrator's password.
pub const PASSWORD: &str = "default-of-the-tests";

/// Where a server keeps its users over a restart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// In a file of their own, written by `ACL SAVE`.
    AclFile,
    /// In the configuration file, written by `CONFIG REWRITE`.
    Configuration,
}

pub struct Redis {
    daemon: Daemon,
    /// Speaks TLS.
    pub tls_port: u16,
    /// The authority that signed the server's certificate, in PEM.
    pub ca: String,
}

impl Redis {
    /// One for all tests of a binary that do not stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Users::AclFile))
    }

    pub fn start(users: Users) -> Self {
        let mut daemon = Daemon::prepare(&KIND);
        let certificates = Certificates::new();
        daemon.write("server.pem", &certificates.certificate);
        daemon.write("server.key", &certificates.key);
        daemon.write("ca.pem", &certificates.authority);
        let tls_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let administrator = match users {
            Users::AclFile => {
                daemon.write("users.acl", &format!("user default on >{PASSWORD} ~* &* +@all\n"));
                format!("aclfile {}", daemon.path("users.acl").display())
            }
            Users::Configuration => format!("requirepass {PASSWORD}"),
        };
        let inside = |name: &str| daemon.path(name).display().to_string();
        let settings = format!(
            "bind 127.0.0.1\ntls-port {tls_port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
             tls-auth-clients no\ndir {}\nsave \"\"\nappendonly no\n{administrator}\n",
            inside("server.pem"),
            inside("server.key"),
            inside("ca.pem"),
            daemon.path("").display(),
        );
        daemon.write("redis.conf", &settings);
        daemon.launch(
            |directory, port| {
                let file = directory.join("redis.conf").display().to_string();
                vec!["redis-server".into(), file, "--port".into(), port.to_string()]
            },
            is_ready,
        );
        Self { daemon, tls_port, ca: certificates.authority }
    }

    pub fn port(&self) -> u16 {
        self.daemon.port
    }

    /// A command as the administrator, which must succeed.
    pub fn command(&self, words: &[&str]) -> String {
        self.try_command("default", PASSWORD, words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// A command as somebody, whatever comes of it.
    pub fn try_command(&self, user: &str, password: &str, words: &[&str]) -> Result<String, String> {
        let output = self.client(user, password).args(words).output().expect("redis-cli runs");
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() && complaint.is_empty() { Ok(answer) } else { Err(answer + &complaint) }
    }

    /// Whether this user gets in with this password.
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        match self.try_command(user, password, &["PING"]) {
            Ok(_) => true,
            // In, but not allowed to ask.
            Err(error) => error.contains("NOPERM"),
        }
    }

    /// `redis-cli` as somebody, for sessions that stay open.
    pub fn client(&self, user: &str, password: &str) -> Command {
        client(self.daemon.port, user, password)
    }

    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    pub fn start_again(&mut self) {
        self.daemon.start_again(is_ready);
    }

    /// Started again without asking whether it answers: its administrator's password may be another one by now.
    pub fn start_unasked(&mut self) {
        self.daemon.start_again(Daemon::is_reachable);
    }

    /// The connections stay, and are not answered.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    pub fn thaw(&self) {
        self.daemon.thaw();
    }
}

fn is_ready(daemon: &Daemon) -> bool {
    let asked = client(daemon.port, "default", PASSWORD).arg("PING").output();
    asked.is_ok_and(|asked| asked.stdout.starts_with(b"PONG"))
}

fn client(port: u16, user: &str, password: &str) -> Command {
    let mut client = Command::new("redis-cli");
    client
        .args(["-e", "-h", "127.0.0.1", "-p", &port.to_string(), "--user", user, "--no-auth-warning"])
        .env("REDISCLI_AUTH", password)
        .stdin(Stdio::null());
    client
}
