//! The program as a server with a configuration of the test's own, and its command line against it.

use crate::support::server::PROGRAM;
use crate::support::{PATIENCE, wait_for};
use serde_json::Value;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub struct Program {
    pub folder: tempfile::TempDir,
    /// What the command line is told of the server.
    pub environment: Vec<(String, String)>,
    process: Option<Child>,
}

impl Program {
    /// A folder with nothing running in it yet.
    pub fn prepare() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new(), process: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Starts a server on a new file with these listeners, and waits until it serves.
    pub fn serve(&mut self, listeners: &str) {
        self.write("server.hcl", &format!("storage \"sqlite\" {{ path = \"data/data.db\" }}\n{listeners}\n"));
        fs::create_dir_all(self.path("data")).unwrap();
        let log = File::create(self.path("server.log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["server", "-config=server.hcl"]).current_dir(self.folder.path()).env("HOME", self.folder.path());
        let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.process = Some(process);
        wait_for("the server serves", PATIENCE, || {
            let ended = self.process.as_mut()?.try_wait().unwrap();
            assert!(ended.is_none(), "it left with {ended:?}:\n{}", self.log());
            self.log().contains("Vault server started!").then_some(())
        });
    }

    pub fn log(&self) -> String {
        fs::read(self.path("server.log")).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Where it listens, in the order of its configuration.
    pub fn places(&self) -> Vec<String> {
        let log = self.log();
        log.lines()
            .filter_map(|line| line.split_once("listening on "))
            .map(|(_, place)| place.trim().to_owned())
            .collect()
    }

    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap().success());
    }

    pub fn told(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The command line: whether it went well, and what it said.
    pub fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&told).into_owned())
    }

    pub fn runs(&self, arguments: &[&str]) -> String {
        let (well, told) = self.run(arguments);
        assert!(well, "{arguments:?}: {told}");
        told
    }

    /// Makes the server's keys and unseals it; the command line is root from then on.
    pub fn init(&mut self) -> String {
        let made = self.runs(&["operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.runs(&["operator", "unseal", &text(&made["unseal_keys_b64"][0])]);
        let root = text(&made["root_token"]);
        self.told("VAULT_TOKEN", &root);
        root
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        }
    }
}
