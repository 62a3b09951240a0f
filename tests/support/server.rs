//! The built program as a server in a directory of its own: started, unsealed, killed, started again.
//!
//! Owns the process, the configuration, the data file and the log. The server's own output goes to the log, so that a
//! test can look for what must not be there, and a panic can show what was.

use super::{PATIENCE, http_client, wait_for};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_leasehold");

/// An HTTP answer: the status, and the JSON body (`Null` when there is none).
pub type Answer = (u16, Value);

/// A server that may be running or not.
pub struct Server {
    pub address: String,
    /// The root token, once `init` has been called.
    pub root: String,
    /// The unseal keys, once `init` has been called.
    pub keys: Vec<String>,
    port: u16,
    arguments: Vec<String>,
    /// Run by a shell before the program takes its place: limits of the process.
    prelude: &'static str,
    environment: Vec<(String, String)>,
    process: Option<Child>,
    directory: tempfile::TempDir,
}

impl Server {
    /// A server on a new encrypted file, running, initialised with one key, and unsealed.
    pub fn ready() -> Self {
        let mut server = Server::start("");
        server.init(1, 1);
        server.unseal();
        server
    }

    /// The same, with these variables in its environment.
    pub fn ready_with(environment: &[(&str, &str)]) -> Self {
        let mut server = Server::start_with("", environment);
        server.init(1, 1);
        server.unseal();
        server
    }

    /// A running server on a new encrypted file. `extra` goes into its configuration as it stands.
    pub fn start(extra: &str) -> Self {
        Server::start_with(extra, &[])
    }

    pub fn start_with(extra: &str, environment: &[(&str, &str)]) -> Self {
        Server::launch(environment, |directory, port| {
            let file = directory.join("server.hcl");
            let data = directory.join("data.db");
            let configuration = format!(
                "storage \"sqlite\" {{\n  path = \"{}\"\n}}\n\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
                 tls_disable = true\n}}\n\n{extra}\n",
                data.display()
            );
            std::fs::write(&file, configuration).unwrap();
            vec![format!("-config={}", file.display())]
        })
    }

    /// `server -dev` with a root token that is known beforehand.
    pub fn dev() -> Self {
        let mut server = Server::launch(&[], |_, port| {
            vec![
                "-dev".into(),
                "-dev-root-token-id=root".into(),
                "-dev-no-store-token".into(),
                format!("-dev-listen-address=127.0.0.1:{port}"),
            ]
        });
        server.root = "root".into();
        wait_for("the development server serves", PATIENCE, || (server.get("sys/health").0 == 200).then_some(()));
        server
    }

    /// Another process may take a free port between the asking and the listening; then another port is tried.
    fn launch(environment: &[(&str, &str)], arguments: impl Fn(&Path, u16) -> Vec<String>) -> Self {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for _ in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let port = free_port();
            let mut server = Server {
                address: format!("http://127.0.0.1:{port}"),
                root: String::new(),
                keys: Vec::new(),
                port,
                arguments: arguments(directory.path(), port),
                prelude: "",
                environment: environment.clone(),
                process: None,
                directory,
            };
            match server.run() {
                Ok(()) => return server,
                Err(_) if server.log().to_lowercase().contains("in use") => {}
                Err(status) => panic!("the server left with {status}:\n{}", server.log()),
            }
        }
        panic!("no port stayed free for long enough")
    }

    /// Starts the process and waits until it answers, or tells how it left.
    fn run(&mut self) -> Result<(), ExitStatus> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = Command::new(if self.prelude.is_empty() { PROGRAM } else { "sh" });
        if !self.prelude.is_empty() {
            command.args(["-c", &format!("{}; exec \"$0\" \"$@\"", self.prelude), PROGRAM]);
        }
        // Nothing of what the tests run in leads to keys.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        let process = command
            .arg("server")
            .args(&self.arguments)
            .env("HOME", self.directory.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.process = Some(process);
        wait_for("the server answers", PATIENCE, || {
            if let Some(status) = self.process.as_mut()?.try_wait().unwrap() {
                self.process = None;
                return Some(Err(status));
            }
            self.answers().then_some(Ok(()))
        })
    }

    /// Whether it answers at all: sealed and uninitialised servers answer too.
    fn answers(&self) -> bool {
        http_client().get(format!("{}/v1/sys/health", self.address)).call().is_ok()
    }

    /// The process as the kernel ends it: no clean-up, nothing flushed.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.try_wait().unwrap().is_some())
    }

    /// SIGTERM, and the exit status it leaves with.
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the server runs");
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        wait_for("the server leaves on SIGTERM", PATIENCE, || process.try_wait().unwrap())
    }

    /// Has a shell set limits before each start from now on.
    pub fn with_prelude(&mut self, prelude: &'static str) {
        self.prelude = prelude;
    }

    /// The same server again, on the same file and port; still sealed.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server still runs");
        if let Err(status) = self.run() {
            panic!("the server left with {status}:\n{}", self.log());
        }
    }

    /// A copy of the stopped server's file, as a backup keeps it.
    pub fn copy_of_data(&self) -> Vec<u8> {
        assert!(self.process.is_none(), "the server still runs");
        std::fs::read(self.path("data.db")).unwrap()
    }

    /// Puts such a copy in the place of the stopped server's file.
    pub fn restore(&self, copy: &[u8]) {
        assert!(self.process.is_none(), "the server still runs");
        for beside in ["data.db-wal", "data.db-shm"] {
            std::fs::remove_file(self.path(beside)).ok();
        }
        std::fs::write(self.path("data.db"), copy).unwrap();
    }

    /// Killed, started and unsealed.
    pub fn crash_and_recover(&mut self) {
        self.kill();
        self.start_again();
        self.unseal();
    }

    pub fn init(&mut self, shares: usize, threshold: usize) {
        let (status, answer) =
            self.call("PUT", "sys/init", "", json!({"secret_shares": shares, "secret_threshold": threshold}));
        assert_eq!(status, 200, "{answer}");
        self.root = text(&answer["root_token"]);
        self.keys = answer["keys_base64"].as_array().expect("keys").iter().map(text).collect();
    }

    /// Initialises a server whose seal opens by itself; the keys are recovery keys then. Waits until it serves.
    pub fn init_by_seal(&mut self, shares: usize, threshold: usize) {
        let asked = json!({"recovery_shares": shares, "recovery_threshold": threshold});
        let (status, answer) = self.call("PUT", "sys/init", "", asked);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["keys"], json!([]), "nobody is given what unseals");
        self.root = text(&answer["root_token"]);
        self.keys = answer["recovery_keys_base64"].as_array().expect("keys").iter().map(text).collect();
        self.wait_until_it_serves();
    }

    pub fn wait_until_it_serves(&self) {
        wait_for("the server serves", PATIENCE, || (self.get("sys/health").0 == 200).then_some(()));
    }

    /// The same server with another configuration beside its storage and listener, once it is started again.
    pub fn configure(&self, extra: &str) {
        let file = self.path("server.hcl");
        let text = std::fs::read_to_string(&file).unwrap();
        let kept = text.split("tls_disable = true\n}\n").next().unwrap();
        std::fs::write(&file, format!("{kept}tls_disable = true\n}}\n\n{extra}\n")).unwrap();
    }

    /// Gives keys until the server is unsealed, and waits until it serves.
    pub fn unseal(&self) {
        for key in &self.keys {
            let (status, answer) = self.call("PUT", "sys/unseal", "", json!({ "key": key }));
            assert_eq!(status, 200, "{answer}");
            if answer["sealed"] == json!(false) {
                wait_for("the server serves", PATIENCE, || (self.get("sys/health").0 == 200).then_some(()));
                return;
            }
        }
        panic!("sealed after {} keys", self.keys.len());
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &self.root, Value::Null)
    }

    pub fn list(&self, path: &str) -> Answer {
        self.call("LIST", path, &self.root, Value::Null)
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, &self.root, body)
    }

    /// A PUT as root whose answer comes in a wrapping token that lives for a minute.
    pub fn put_wrapped(&self, path: &str, body: &Value) -> Answer {
        let request = http::Request::put(format!("{}/v1/{path}", self.address))
            .header("X-Vault-Token", &self.root)
            .header("X-Vault-Wrap-TTL", "60")
            .body(body.to_string().into_bytes());
        let mut answer = http_client().run(request.unwrap()).expect("the server answers");
        let bytes = answer.body_mut().read_to_vec().unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &self.root, Value::Null)
    }

    /// A request to `/v1/{path}` with this token; an empty token sends none.
    pub fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        self.try_call(method, path, token, body).expect("the server answers")
    }

    /// The same, for those who expect that the server may be gone.
    pub fn try_call(&self, method: &str, path: &str, token: &str, body: Value) -> Result<Answer, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("{}/v1/{path}", self.address));
        if !token.is_empty() {
            request = request.header("X-Vault-Token", token);
        }
        if method == "PATCH" {
            request = request.header("Content-Type", "application/merge-patch+json");
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let mut answer = http_client().run(request.body(body).unwrap())?;
        let bytes = answer.body_mut().read_to_vec()?;
        let body =
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
        Ok((answer.status().as_u16(), if bytes.is_empty() { Value::Null } else { body }))
    }

    /// The program's command line against this server, signed in as root.
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .env("HOME", self.directory.path())
            .env("VAULT_ADDR", &self.address)
            .env("VAULT_TOKEN", &self.root)
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Everything the server has printed so far, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read(self.log_path()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The database and, while there is one, its WAL: all that an attacker with the disk would see.
    pub fn stored_bytes(&self) -> Vec<u8> {
        let files = ["data.db", "data.db-wal"].map(|name| std::fs::read(self.path(name)).unwrap_or_default());
        files.concat()
    }

    /// A file in the server's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, for tests that look at memory or descriptors.
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    fn log_path(&self) -> PathBuf {
        self.path("server.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        }
    }
}

/// A string out of an answer, which must be one.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}")).to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
