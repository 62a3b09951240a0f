//! Whether log-ins are limited by the disk and not by a lock: one client by approle alone, then many at once. What is demanded
//! is told in syncs of the disk that the server writes to, measured beside it: a log-in is one commit, and those who come
//! together share one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is the verdict")]

#[path = "../tests/support/mod.rs"]
mod support;

use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::http_client;
use support::server::{Server, text};

const CLIENTS: usize = 32;
const TIME: Duration = Duration::from_secs(3);

/// Log-ins that share a sync, at least, as long as the processor keeps up.
const PER_SYNC: f64 = 6.0;

/// As fast as that is fast enough, however fast the disk is.
const ENOUGH: f64 = 800.0;

/// Each client has a secret id of its own.
struct Client {
    agent: ureq::Agent,
    url: String,
    body: Vec<u8>,
}

impl Client {
    fn of(server: &Server, role_id: &str) -> Self {
        let (status, made) = server.put("auth/approle/role/web/secret-id", json!({ "num_uses": 1_000_000 }));
        assert_eq!(status, 200, "{made}");
        let body = json!({ "role_id": role_id, "secret_id": made["data"]["secret_id"] }).to_string().into_bytes();
        Self { agent: http_client(), url: format!("{}/v1/auth/approle/login", server.address), body }
    }

    fn sign_in(&self) {
        let request = http::Request::post(&self.url).body(self.body.clone()).unwrap();
        let mut answer = self.agent.run(request).expect("the server answers");
        let said = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{said}");
    }
}

fn main() -> ExitCode {
    let server = Server::ready();
    assert_eq!(server.put("sys/auth/approle", json!({ "type": "approle" })).0, 204);
    assert_eq!(server.put("auth/approle/role/web", json!({ "token_ttl": "1h" })).0, 204);
    let (_, shown) = server.get("auth/approle/role/web/role-id");
    let role_id = text(&shown["data"]["role_id"]);
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::of(&server, &role_id)).collect();
    clients[0].sign_in();

    let sync = sync_time();
    let alone = rate(&clients[..1]);
    let together = rate(&clients);
    let demanded = (PER_SYNC / sync.as_secs_f64()).min(ENOUGH);
    println!("{:<48}{:>12.3} ms", "one sync of this disk", sync.as_secs_f64() * 1000.0);
    println!("{:<48}{alone:>12.0} /s", "log-ins, one client");
    println!("{:<48}{together:>12.0} /s", format!("log-ins, {CLIENTS} clients"));
    println!("{:<48}{demanded:>12.0} /s", "demanded");
    if together >= demanded {
        println!("PASS");
        return ExitCode::SUCCESS;
    }
    println!("FAIL");
    ExitCode::FAILURE
}

/// Log-ins a second, all clients together.
fn rate(clients: &[Client]) -> f64 {
    let count = AtomicU64::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| {
                while began.elapsed() < TIME {
                    client.sign_in();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let count = count.load(Ordering::Relaxed) as f64;
    count / began.elapsed().as_secs_f64()
}

/// Half of the syncs of a page are faster, at the place where the servers of the tests keep their files.
fn sync_time() -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let mut file = File::create(directory.path().join("page")).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[7; 4096]).unwrap();
            file.sync_data().unwrap();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
