//! A database server as a process: on a free port, in a directory of its own, stopped and started again at will.
//!
//! Owns the process and its output. `setpriv` runs it as `nobody` where the test runs as root, as servers refuse to, and
//! lets the kernel end it when the test's process ends, however that happens; the directory goes then as well. Invariant: a
//! daemon outlives neither its value nor its test.

use super::{PATIENCE, wait_for};
use std::fs::OpenOptions;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// A signal by its name, as `kill` takes it.
type Signal = &'static str;

/// The user and the group that own nothing, by their number everywhere.
const NOBODY: &str = "65534";

/// How a kind of server is run.
pub struct Kind {
    pub name: &'static str,
    /// Ends it at once, leaving nothing behind outside its directory.
    pub end: Signal,
    /// Ends it with what it knows on disk.
    pub stop: Signal,
}

/// A server that may be running or not.
pub struct Daemon {
    kind: &'static Kind,
    pub port: u16,
    command: Vec<String>,
    process: Option<Process>,
    directory: tempfile::TempDir,
    heir: Child,
}

/// A process and the thread that waits for it. The kernel ends the process with the thread that started it, so that thread
/// has to be one that lasts.
struct Process {
    id: u32,
    keeper: JoinHandle<ExitStatus>,
}

impl Daemon {
    /// A free port and an empty directory that the server's user owns; nothing runs yet.
    pub fn prepare(kind: &'static Kind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let heir = heir(directory.path());
        let daemon = Daemon { kind, port: free_port(), command: Vec::new(), process: None, directory, heir };
        daemon.own(daemon.directory.path());
        daemon
    }

    /// Starts the command for the first time. The port may have been taken since it was free: then another is tried.
    pub fn launch(&mut self, command: impl Fn(&Path, u16) -> Vec<String>, mut answers: impl FnMut(&Self) -> bool) {
        for _ in 0..5 {
            self.command = command(self.directory.path(), self.port);
            match self.run(&mut answers) {
                Ok(()) => return,
                Err(_) if self.log().to_lowercase().contains("in use") => self.port = free_port(),
                Err(status) => panic!("{} left with {status}:\n{}", self.kind.name, self.log()),
            }
        }
        panic!("no port stayed free for long enough")
    }

    /// Runs a tool to its end, as the server's user.
    pub fn tool(&self, command: &[String]) {
        let made = self.as_user(command).stdin(Stdio::null()).output().expect("setpriv runs");
        let output = String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{}: {}\n{output}", command[0], made.status);
    }

    /// The same server again, on the same files and port.
    pub fn start_again(&mut self, mut answers: impl FnMut(&Self) -> bool) {
        assert!(self.process.is_none(), "{} still runs", self.kind.name);
        if let Err(status) = self.run(&mut answers) {
            panic!("{} left with {status}:\n{}", self.kind.name, self.log());
        }
    }

    /// Ends the server in order; its port refuses connections from then on.
    pub fn stop(&mut self) {
        let process = self.process.take().expect("the server runs");
        process.signal(self.kind.stop);
        process.keeper.join().expect("the server's keeper");
    }

    /// Freezes the server: connections are still taken by the kernel, nothing is answered.
    pub fn freeze(&self) {
        self.process.as_ref().expect("the server runs").signal("STOP");
    }

    pub fn thaw(&self) {
        self.process.as_ref().expect("the server runs").signal("CONT");
    }

    pub fn is_reachable(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// A file in the server's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only the server's user may read.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.own(&path);
        path
    }

    /// Everything the server has printed so far, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read(self.path("log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn run(&mut self, answers: &mut impl FnMut(&Self) -> bool) -> Result<(), ExitStatus> {
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.as_user(&self.command);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(Process::start(command));
        wait_for(&format!("{} answers", self.kind.name), PATIENCE, || {
            if self.process.as_ref()?.keeper.is_finished() {
                let process = self.process.take()?;
                return Some(Err(process.keeper.join().expect("the server's keeper")));
            }
            answers(self).then_some(Ok(()))
        })
    }

    /// The command as the server's user, to be ended when the thread ends that starts it.
    fn as_user(&self, command: &[String]) -> Command {
        let mut privileged = Command::new("setpriv");
        privileged.args(["--pdeathsig", self.kind.end]);
        if is_root() {
            privileged.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        }
        // Debian keeps servers where only administrators look for programs.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
        let home = self.directory.path();
        privileged.arg("--").args(command).current_dir(home).env("HOME", home).env("PATH", path);
        privileged
    }

    /// Gives a file to whom the server runs as.
    fn own(&self, path: &Path) {
        if is_root() {
            let nobody = NOBODY.parse().ok();
            chown(path, nobody, nobody).unwrap();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal("CONT");
            process.signal(self.kind.end);
            process.keeper.join().ok();
        }
        self.heir.kill().ok();
        self.heir.wait().ok();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "--- the end of {}'s log ---\n{}",
                self.kind.name,
                lines[lines.len().saturating_sub(60)..].join("\n")
            );
        }
    }
}

impl Process {
    fn start(mut command: Command) -> Self {
        let (tell, told) = mpsc::channel();
        let keeper = std::thread::spawn(move || {
            let mut process = command.spawn().expect("setpriv runs");
            tell.send(process.id()).expect("somebody waits for the id");
            process.wait().expect("the server is our child")
        });
        let id = told.recv().expect("the server's process starts");
        Process { id, keeper }
    }

    fn signal(&self, signal: Signal) {
        // The keeper has not collected the process yet, or it has and the id is nobody's: either way no stranger is hit soon.
        if !self.keeper.is_finished() {
            Command::new("kill").args(["-s", signal, &self.id.to_string()]).status().expect("kill runs");
        }
    }
}

/// Removes the directory once this process has ended without doing so: what is static is never dropped. The end of its
/// input tells it.
fn heir(directory: &Path) -> Child {
    let removal = "read -r _; for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- \"$0\" && exit; sleep 1; done";
    let mut heir = Command::new("sh");
    heir.arg("-c").arg(removal).arg(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    heir.spawn().expect("sh runs")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
