//! Walking through an operation: once to see which steps it reaches, and then once for each of them, killed there.

use crate::support::server::{Answer, Server};
use crate::support::{PATIENCE, wait_for};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

/// What is done to the server, and what has to hold after it: whether it came to its end, or was killed on the way.
pub struct Operation<'o, S> {
    pub name: &'static str,
    /// Makes what the operation is about.
    pub prepare: &'o dyn Fn(&Server) -> S,
    pub act: &'o dyn Fn(&Server, &S) -> Result<Answer, ureq::Error>,
    /// The step that comes last where it goes on after the answer.
    pub last: Option<&'static str>,
    /// Sees that all is well, and clears away what the operation was about.
    pub check: &'o dyn Fn(&Server, &S),
}

/// Where a server was killed.
#[derive(Default)]
pub struct Seen {
    pub names: BTreeSet<String>,
    pub kills: usize,
}

impl Seen {
    pub fn add(&mut self, other: Seen) {
        self.names.extend(other.names);
        self.kills += other.kills;
    }
}

/// A server that ends where it is told to.
pub struct Walk {
    pub server: Server,
    /// For messages.
    place: &'static str,
    folder: tempfile::TempDir,
    pub seen: Seen,
}

impl Walk {
    /// A new server with these variables besides.
    pub fn new(place: &'static str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let failpoints = [("LEASEHOLD_FAILPOINTS", folder.path().to_str().unwrap())];
        let server = Server::ready_with(&[&failpoints[..], environment].concat());
        Self { server, place, folder, seen: Seen::default() }
    }

    pub fn through<S>(&mut self, operation: &Operation<'_, S>) {
        let start = Instant::now();
        self.restart();
        for (step, time) in self.steps_of(operation) {
            let subject = (operation.prepare)(&self.server);
            self.want(&format!("{step} {time}"));
            let answer = (operation.act)(&self.server, &subject);
            if answer.is_ok() {
                self.wait_for_the_last(operation);
            }
            let ended = answer.is_err() || self.reached().iter().filter(|reached| **reached == step).count() >= time;
            if ended {
                wait_for("the process is gone", PATIENCE, || self.server.has_ended().then_some(()));
            }
            self.want("");
            if ended {
                self.seen.kills += 1;
                self.seen.names.extend(step.split_once(' ').map(|(_, name)| name.to_owned()));
            }
            self.restart();
            eprintln!("{}: {}: killed at {step}, the time {time}: {ended}", self.place, operation.name);
            (operation.check)(&self.server, &subject);
        }
        eprintln!("{}: {}: {} kills so far, {:?}", self.place, operation.name, self.seen.kills, start.elapsed());
    }

    /// The failpoints that an operation reaches when nothing happens to it, each with how often it was reached by then. What
    /// is before one step is after the one that came first, and is left out unless none did.
    fn steps_of<S>(&mut self, operation: &Operation<'_, S>) -> Vec<(String, usize)> {
        let subject = (operation.prepare)(&self.server);
        self.want("");
        let (status, answer) = (operation.act)(&self.server, &subject).expect("nobody kills it");
        assert!(status < 300, "{}: {}: {status} {answer}", self.place, operation.name);
        self.wait_for_the_last(operation);
        let reached = self.reached();
        self.want("");
        (operation.check)(&self.server, &subject);
        assert!(!reached.is_empty(), "{}: {} reaches no step", self.place, operation.name);
        let times = |at: usize| reached[..=at].iter().filter(|name| *name == &reached[at]).count();
        let all = (0..reached.len()).filter(|at| *at == 0 || reached[*at].starts_with("after "));
        all.map(|at| (reached[at].clone(), times(at))).collect()
    }

    /// Says where to end, counting from now; nowhere for an empty text.
    fn want(&self, step: &str) {
        let (wanted, reached) = (self.folder.path().join("wanted"), self.folder.path().join("reached"));
        fs::write(&wanted, "").unwrap();
        fs::remove_file(reached).ok();
        fs::write(&wanted, step).unwrap();
    }

    /// Waits until the operation is over, be it by the server's end.
    fn wait_for_the_last<S>(&mut self, operation: &Operation<'_, S>) {
        let Some(last) = operation.last.map(|last| format!("after {last}")) else { return };
        wait_for(operation.name, PATIENCE, || {
            (self.server.has_ended() || self.reached().contains(&last)).then_some(())
        });
    }

    /// The failpoints that were reached since it was last said where to end.
    fn reached(&self) -> Vec<String> {
        let reached = fs::read_to_string(self.folder.path().join("reached")).unwrap_or_default();
        reached.lines().map(str::to_owned).collect()
    }

    fn restart(&mut self) {
        self.server.crash_and_recover();
    }
}

/// The lease ids under a path of credentials, in whatever state.
pub fn leases(server: &Server, path: &str) -> Vec<String> {
    let (_, answer) = server.list(&format!("sys/leases/lookup/{path}"));
    let keys = answer["data"]["keys"].as_array().cloned().unwrap_or_default();
    keys.iter().map(|key| format!("{path}/{}", key.as_str().unwrap())).collect()
}

pub fn put(server: &Server, path: &str, body: Value) -> Value {
    let (status, answer) = server.put(path, body);
    assert!(status == 200 || status == 204, "{path}: {status} {answer}");
    answer
}
