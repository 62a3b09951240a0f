//! Whether the server carries many leases: start, unseal and memory with a full file, and the death of a large token tree
//! while others go on working. Prints what was measured beside what is demanded, and fails when a demand is not met.
//!
//! `SCALE_LEASES` and `SCALE_CHILDREN` choose other sizes than those that the demands are made for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is the verdict")]

#[path = "../tests/support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::server::{Server, text};
use support::{http_client, wait_for};

const CLIENTS: usize = 32;

/// How many children of the revoked token are asked for whether they live.
const SAMPLE: usize = 20;

/// How long the bystanders work before the tree is revoked, for comparison.
const QUIET: Duration = Duration::from_secs(2);

/// A bystander rests so long between two requests: a client with work of its own, not a flood.
const PACE: Duration = Duration::from_millis(2);

/// One kept-alive connection to the server.
struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    fn of(server: &Server) -> Self {
        Self { agent: http_client(), base: format!("{}/v1", server.address) }
    }

    fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = http::Request::builder().method(method).uri(format!("{}/{path}", self.base));
        let request = request.header("X-Vault-Token", token);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let mut answer = self.agent.run(request.body(body).unwrap()).expect("the server answers");
        let bytes = answer.body_mut().read_to_vec().unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    fn create_token(&self, by: &str, body: &Value) -> String {
        let (status, answer) = self.call("POST", "auth/token/create", by, body);
        assert_eq!(status, 200, "{answer}");
        text(&answer["auth"]["client_token"])
    }

    fn is_alive(&self, token: &str) -> bool {
        match self.call("GET", "auth/token/lookup-self", token, &Value::Null).0 {
            200 => true,
            403 => false,
            other => panic!("looking a token up answers {other}"),
        }
    }

    fn leases(&self, root: &str) -> u64 {
        let (status, answer) = self.call("GET", "sys/leases/count", root, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["data"]["lease_count"].as_u64().expect("a count")
    }
}

/// What was measured, as lines of a table.
#[derive(Default)]
struct Report {
    failed: bool,
}

impl Report {
    fn note(&self, what: &str, measured: &str) {
        println!("{what:<58}{measured:>14}{:>14}", "");
    }

    fn time(&mut self, what: &str, measured: Duration, limit: Duration) {
        self.judge(what, &milliseconds(measured), &milliseconds(limit), measured <= limit);
    }

    fn judge(&mut self, what: &str, measured: &str, limit: &str, is_met: bool) {
        self.failed |= !is_met;
        let verdict = if is_met { "PASS" } else { "FAIL" };
        println!("{what:<58}{measured:>14}{limit:>14}  {verdict}");
    }

    fn memory(&mut self, what: &str, measured: u64, empty: u64) {
        let limit = empty + 32 * 1024;
        self.judge(what, &mebibytes(measured), &mebibytes(limit), measured <= limit);
    }
}

/// How long each request of a kind took.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn at(&self, share: f64) -> Duration {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[rank]
    }
}

fn main() -> ExitCode {
    let leases = size("SCALE_LEASES", 100_000);
    let children = size("SCALE_CHILDREN", 10_000);
    let mut report = Report::default();
    println!("{:<58}{:>14}{:>14}", "", "measured", "limit");

    let empty = memory_of_an_empty_server();
    report.note("memory of an empty server", &mebibytes(empty));

    let mut server = Server::ready();
    let tree = fill(&server, leases, children, &report);
    report.note("memory after all that", &mebibytes(memory(&server)));
    restart(&mut server, &tree, empty, &mut report);
    revoke_the_tree(&server, &tree, empty, &mut report);

    if report.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn memory_of_an_empty_server() -> u64 {
    let server = Server::ready();
    assert!(Client::of(&server).is_alive(&server.root));
    memory(&server)
}

/// A token with children, and one that has nothing to do with it.
struct Tree {
    parent: String,
    children: Vec<String>,
    bystander: String,
}

/// Makes the leases, and among them the tree.
fn fill(server: &Server, leases: usize, children: usize, report: &Report) -> Tree {
    let client = Client::of(server);
    let maker = "path \"auth/token/create\" { capabilities = [\"update\"] }";
    assert_eq!(server.put("sys/policies/acl/maker", json!({ "policy": maker })).0, 204);
    let parent = client.create_token(&server.root, &json!({ "policies": ["maker"], "ttl": "24h" }));

    let began = Instant::now();
    let mut made = create_tokens(server, &server.root, leases);
    let rate = leases as u128 * 1000 / began.elapsed().as_millis();
    report.note(&format!("tokens made in a second, {CLIENTS} clients, {leases} in all"), &rate.to_string());
    let children = create_tokens(server, &parent, children);
    Tree { parent, children, bystander: made.pop().expect("a token was made") }
}

fn create_tokens(server: &Server, by: &str, count: usize) -> Vec<String> {
    let body = json!({ "policies": ["default"], "ttl": "24h" });
    let left = AtomicUsize::new(count);
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let client = Client::of(server);
                    let mut made = Vec::new();
                    while take() {
                        made.push(client.create_token(by, &body));
                    }
                    made
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn restart(server: &mut Server, tree: &Tree, empty: u64, report: &mut Report) {
    server.stop();
    let began = Instant::now();
    server.start_again();
    report.time("start to first answer", began.elapsed(), Duration::from_secs(1));
    let began = Instant::now();
    server.unseal();
    assert!(Client::of(server).is_alive(&tree.bystander));
    report.time("unseal to first request served", began.elapsed(), Duration::from_secs(1));
    report.memory("memory with all leases in the file", memory(server), empty);
}

fn revoke_the_tree(server: &Server, tree: &Tree, empty: u64, report: &mut Report) {
    let client = Client::of(server);
    let sample: Vec<&String> = tree.children.iter().step_by((tree.children.len() / SAMPLE).max(1)).collect();
    assert!(sample.iter().all(|child| client.is_alive(child)), "the children live before their parent is revoked");
    let left = client.leases(&server.root) - tree.children.len() as u64 - 1;

    let (_, before) = beside(server, &tree.bystander, || thread::sleep(QUIET));
    let ((dead, gone), during) = beside(server, &tree.bystander, || {
        let began = Instant::now();
        let body = json!({ "token": tree.parent });
        assert_eq!(client.call("POST", "auth/token/revoke", &server.root, &body).0, 204);
        for child in &sample {
            while client.is_alive(child) {}
        }
        let dead = began.elapsed();
        wait_for("all rows of the tree are gone", support::PATIENCE, || {
            (client.leases(&server.root) <= left).then_some(())
        });
        (dead, began.elapsed())
    });

    let count = tree.children.len();
    report.time(&format!("revoking a token to its {count} children refused"), dead, Duration::from_millis(300));
    report.note("  and all their rows gone", &milliseconds(gone));
    for (kind, quiet, busy) in [("reads", &before.reads, &during.reads), ("writes", &before.writes, &during.writes)] {
        report.note(&format!("{kind} of others before: half within"), &milliseconds(quiet.at(0.5)));
        report.note(&format!("{kind} of others before: slowest"), &milliseconds(quiet.at(1.0)));
        report.note(&format!("{kind} of others meanwhile: half within"), &milliseconds(busy.at(0.5)));
        report.note(&format!("{kind} of others meanwhile: 99 % within"), &milliseconds(busy.at(0.99)));
        let slowest = format!("{kind} of others meanwhile: slowest of {}", busy.0.len());
        report.time(&slowest, busy.at(1.0), Duration::from_millis(100));
    }
    assert!(client.is_alive(&tree.bystander), "a token outside the tree lives on");
    report.memory("memory after that", memory(server), empty);
}

/// What bystanders saw.
struct Seen {
    reads: Latencies,
    writes: Latencies,
}

/// Does something while two clients read and two write.
fn beside<T>(server: &Server, token: &str, work: impl FnOnce() -> T) -> (T, Seen) {
    let is_over = AtomicBool::new(false);
    let read = |_, client: &Client| assert!(client.is_alive(token));
    let write = |number: usize, client: &Client| {
        let body = json!({ "value": number });
        assert_eq!(client.call("PUT", &format!("cubbyhole/{}", number % 100), token, &body).0, 204);
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| repeat(server, &is_over, read))).collect();
        let writers: Vec<_> = (0..2).map(|_| scope.spawn(|| repeat(server, &is_over, write))).collect();
        let result = work();
        is_over.store(true, Ordering::Relaxed);
        let all = |threads: Vec<thread::ScopedJoinHandle<'_, Vec<Duration>>>| {
            let mut latencies: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            latencies.sort_unstable();
            Latencies(latencies)
        };
        (result, Seen { reads: all(readers), writes: all(writers) })
    })
}

/// Makes one request after another until it is over; how long each took. At least one.
fn repeat(server: &Server, is_over: &AtomicBool, request: impl Fn(usize, &Client)) -> Vec<Duration> {
    let client = Client::of(server);
    let mut latencies = Vec::new();
    while latencies.is_empty() || !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        request(latencies.len(), &client);
        latencies.push(began.elapsed());
        thread::sleep(PACE);
    }
    latencies
}

/// What the kernel counts as the server's resident memory, in KiB.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line VmRSS");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn size(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |value| value.parse().expect("a number"))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{}.{} MiB", kibibytes / 1024, kibibytes % 1024 * 10 / 1024)
}
