//! Wrapping as clients see it, through the whole pipeline, on a clock that is turned by hand.

mod jwt;

use crate::base::{Kind, ManualClock, Result, Secret, Timestamp};
use crate::core::{Core, Settings, sweeper, workers};
use crate::logical::{Auth, Body, CanonicalPath, Operation, Outcome, Request, Response, WrapFormat, WrapInfo};
use crate::seal::SealConfig;
use crate::server;
use crate::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
const INVALID: &str = "wrapping token is not valid or does not exist";

struct Server {
    core: Arc<Core>,
    clock: Arc<ManualClock>,
    root: String,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_800_000_000_000)));
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            default_lease_ttl: MINUTE * 60,
            max_lease_ttl: MINUTE * 120,
            cluster_name: "test".to_owned(),
            api_addr: String::new(),
            audit_directories: vec![folder.path().canonicalize().unwrap()],
            version: crate::VERSION,
            ..Settings::default()
        };
        let storage = Arc::new(SqliteStorage::in_memory().unwrap());
        let core = Core::new(settings, server::registry(), storage, clock.clone());
        let made = core.initialize(&SealConfig::new(1, 1).unwrap(), None).unwrap();
        core.unseal(made.shares[0].clone()).unwrap();
        let server = Self { core, clock, root: made.root_token.expose().clone(), folder };
        server.write("sys/mounts/kv", json!({ "type": "kv" })).unwrap();
        server.write("kv/app", json!({ "password": "horse" })).unwrap();
        server
    }

    fn ask(
        &self,
        token: &str,
        operation: Operation,
        path: &str,
        data: Value,
        wrap_ttl: Option<Duration>,
    ) -> Result<Response> {
        self.core.handle(&mut Self::request(token, operation, path, data, wrap_ttl))
    }

    fn request(token: &str, operation: Operation, path: &str, data: Value, wrap_ttl: Option<Duration>) -> Request {
        Request {
            id: format!("request for {path}"),
            operation,
            path: CanonicalPath::from_text(path).unwrap(),
            data: data.as_object().cloned().unwrap_or_default(),
            token: Some(Secret::from(token)),
            peer: None,
            certificates: Arc::default(),
            wrap_ttl,
            wrap_format: WrapFormat::Plain,
            deadline: Instant::now() + Duration::from_secs(30),
            idempotency_key: None,
            allowance: None,
        }
    }

    fn audit_to_file(&self) {
        let device = json!({ "type": "file", "options": { "file_path": self.audit_file() } });
        self.write("sys/audit/file", device).unwrap();
    }

    fn write(&self, path: &str, data: Value) -> Result<Response> {
        self.ask(&self.root, Operation::Update, path, data, None)
    }

    fn wrapped(&self, path: &str) -> WrapInfo {
        let mut response = self.ask(&self.root, Operation::Read, path, Value::Null, Some(MINUTE)).unwrap();
        assert!(matches!(response.body, Body::Empty) && response.auth.is_none() && response.lease.is_none());
        response.wrap_info.take().unwrap()
    }

    /// With the wrapping token as the caller's own.
    fn unwrap(&self, token: &Secret<String>) -> Result<Response> {
        self.ask(token.expose(), Operation::Update, "sys/wrapping/unwrap", Value::Null, None)
    }

    fn made_token(&self, wrap_ttl: Option<Duration>, body: Value) -> Response {
        self.ask(&self.root, Operation::Update, "auth/token/create", body, wrap_ttl).unwrap()
    }

    fn rows(&self) -> u64 {
        let counts = self.core.live().unwrap().storage.reading(|snapshot| snapshot.lease_counts());
        counts.unwrap().iter().map(|count| count.count).sum()
    }

    fn sweep(&self) {
        let workers = Arc::new(workers::Workers::default());
        sweeper::sweep(&self.core.live().unwrap(), &workers).unwrap();
        workers.wait_idle();
    }

    fn audited(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.audit_file()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn audit_file(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("audit.log")
    }
}

fn data(response: &Response) -> Value {
    match &response.body {
        Body::Data(data) => Value::Object(data.clone()),
        _ => Value::Null,
    }
}

fn refused(answer: Result<Response>) {
    let error = answer.err().unwrap();
    assert_eq!((error.kind(), error.message()), (Kind::BadRequest, INVALID));
}

#[test]
fn an_answer_is_wrapped_and_comes_out_once_as_it_was() {
    let server = Server::start();
    let wrapping = server.wrapped("kv/app");
    assert_eq!((wrapping.ttl, wrapping.creation_path.as_str()), (MINUTE, "kv/app"));
    assert!(wrapping.token.expose().starts_with("hvs.") && wrapping.wrapped_accessor.is_empty());

    let answer = server.unwrap(&wrapping.token).unwrap();
    assert_eq!(data(&answer), json!({ "password": "horse" }));
    assert_eq!((answer.mount_type.as_str(), answer.request_id.as_deref()), ("kv", Some("request for kv/app")));
    assert!(answer.lease.as_ref().is_some_and(|lease| lease.id.is_empty() && lease.ttl == MINUTE * 60));
    refused(server.unwrap(&wrapping.token));
    assert_eq!(server.rows(), 1, "the wrapping token is gone with its use");
}

#[test]
fn a_wrapping_token_may_be_named_by_another_or_by_itself() {
    let server = Server::start();
    let named = |token: &str, meant: &Secret<String>| {
        server.ask(token, Operation::Update, "sys/wrapping/unwrap", json!({ "token": meant.expose() }), None)
    };
    let wrapping = server.wrapped("kv/app");
    assert_eq!(data(&named(&server.root, &wrapping.token).unwrap())["password"], "horse");
    refused(named(&server.root, &wrapping.token));
    let wrapping = server.wrapped("kv/app");
    assert_eq!(data(&named(wrapping.token.expose(), &wrapping.token).unwrap())["password"], "horse");
    refused(named(&server.root, &Secret::from("hvs.nobody")));
    refused(named(&server.root, &Secret::from(server.root.as_str())));
    refused(server.unwrap(&Secret::from(server.root.as_str())));
    refused(server.unwrap(&Secret::from("hvs.nobody")));
    let empty = server.write("sys/wrapping/unwrap", json!({ "token": "" }));
    assert_eq!(empty.err().map(|error| error.kind()), Some(Kind::BadRequest));
}

#[test]
fn of_many_who_unwrap_at_once_exactly_one_gets_the_answer() {
    const THREADS: usize = 8;
    let server = Server::start();
    for own in [true, false] {
        let wrapping = server.wrapped("kv/app");
        let (start, won, lost) = (Barrier::new(THREADS), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    let answer = match own {
                        true => server.unwrap(&wrapping.token),
                        false => server.write("sys/wrapping/unwrap", json!({ "token": wrapping.token.expose() })),
                    };
                    match answer {
                        Ok(answer) => {
                            assert_eq!(data(&answer)["password"], "horse");
                            won.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            assert_eq!(error.message(), INVALID);
                            lost.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!((won.into_inner(), lost.into_inner()), (1, THREADS - 1));
    }
}

#[test]
fn a_wrapping_token_does_nothing_else_and_is_not_spent_by_looking() {
    let server = Server::start();
    let wrapping = server.wrapped("kv/app");
    let own = wrapping.token.expose();
    for _ in 0..2 {
        let seen = server.ask(own, Operation::Read, "sys/wrapping/lookup", Value::Null, None).unwrap();
        let created = Timestamp(1_800_000_000_000).rfc3339();
        assert_eq!(data(&seen), json!({ "creation_path": "kv/app", "creation_time": created, "creation_ttl": 60 }));
        let named = server.ask("", Operation::Update, "sys/wrapping/lookup", json!({ "token": own }), None).unwrap();
        assert_eq!(data(&named), data(&seen), "and that without any other token");
    }
    refused(server.ask("", Operation::Read, "sys/wrapping/lookup", Value::Null, None));
    refused(server.ask("", Operation::Update, "sys/wrapping/lookup", json!({ "token": server.root }), None));
    let denied = |operation, path| server.ask(own, operation, path, Value::Null, None).err().map(|error| error.kind());
    assert_eq!(denied(Operation::Update, "sys/wrapping/rewrap"), Some(Kind::Denied));
    assert!(server.core.live().unwrap().wrapping_token(&wrapping.token).is_ok());
    assert_eq!(denied(Operation::Read, "kv/app"), Some(Kind::Denied));
    refused(server.unwrap(&wrapping.token));
    let wrapping = server.wrapped("kv/app");
    let by_accessor = server.write("auth/token/lookup-accessor", json!({ "accessor": wrapping.accessor })).unwrap();
    assert_eq!(data(&by_accessor)["policies"], json!(["response-wrapping"]));
    let renewed = server.write("auth/token/renew", json!({ "token": wrapping.token.expose() }));
    assert_eq!(renewed.err().map(|error| error.kind()), Some(Kind::BadRequest));
}

#[test]
fn the_older_way_to_unwrap_gives_the_answer_as_a_text() {
    let server = Server::start();
    let wrapping = server.wrapped("kv/app");
    let read = || server.ask(wrapping.token.expose(), Operation::Read, "cubbyhole/response", Value::Null, None);
    let text = data(&read().unwrap())["response"].as_str().map(str::to_owned).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&whole["data"]["password"], &whole["request_id"]), (&json!("horse"), &json!("request for kv/app")));
    assert_eq!(read().err().map(|error| error.kind()), Some(Kind::Denied));
    refused(server.unwrap(&wrapping.token));
    server.sweep();
    assert_eq!(server.rows(), 1);
}

#[test]
fn a_rewrapped_token_keeps_its_origin_and_the_old_one_is_spent() {
    let server = Server::start();
    let first = server.wrapped("kv/app");
    let rewrap = |token: &Secret<String>, at_most: Option<Duration>| {
        let body = json!({ "token": token.expose() });
        server.ask(&server.root, Operation::Update, "sys/wrapping/rewrap", body, at_most)
    };
    server.clock.advance(Duration::from_secs(50));
    let second = rewrap(&first.token, None).unwrap().wrap_info.take().unwrap();
    assert_eq!((second.ttl, second.creation_path.as_str()), (MINUTE, "kv/app"));
    refused(rewrap(&first.token, None));
    refused(server.unwrap(&first.token));
    server.clock.advance(Duration::from_secs(50));
    let third = rewrap(&second.token, Some(MINUTE / 2)).unwrap().wrap_info.take().unwrap();
    assert_eq!(third.ttl, MINUTE / 2);
    let fourth = rewrap(&third.token, Some(MINUTE)).unwrap().wrap_info.take().unwrap();
    assert_eq!(fourth.ttl, MINUTE / 2, "a request shortens it and never lengthens it");
    assert_eq!(data(&server.unwrap(&fourth.token).unwrap())["password"], "horse");
}

#[test]
fn of_two_who_rewrap_and_unwrap_at_once_one_wins() {
    let server = Server::start();
    for _ in 0..8 {
        let wrapping = server.wrapped("kv/app");
        let start = Barrier::new(2);
        let (rewrapped, unwrapped) = std::thread::scope(|scope| {
            let rewrapping = scope.spawn(|| {
                start.wait();
                server.write("sys/wrapping/rewrap", json!({ "token": wrapping.token.expose() })).is_ok()
            });
            start.wait();
            let unwrapped = server.unwrap(&wrapping.token).is_ok();
            (rewrapping.join().unwrap(), unwrapped)
        });
        assert!(rewrapped != unwrapped, "rewrapped {rewrapped}, unwrapped {unwrapped}");
    }
}

#[test]
fn a_wrapped_token_lives_by_itself_and_is_known_by_its_accessor() {
    let server = Server::start();
    let mut answer = server.made_token(Some(MINUTE), json!({ "policies": ["default"], "ttl": "1h" }));
    let wrapping = answer.wrap_info.take().unwrap();
    let inside: Auth = server.unwrap(&wrapping.token).unwrap().auth.clone().unwrap();
    assert_eq!((wrapping.wrapped_accessor.as_str(), inside.ttl), (inside.accessor.as_str(), MINUTE * 60));
    assert!(server.ask(inside.token.expose(), Operation::Read, "auth/token/lookup-self", Value::Null, None).is_ok());

    // One that nobody unwraps leaves the wrapped token alive, under its own parent.
    let mut answer = server.made_token(Some(MINUTE), json!({ "policies": ["default"], "ttl": "1h" }));
    let wrapping = answer.wrap_info.take().unwrap();
    server.clock.advance(MINUTE);
    refused(server.unwrap(&wrapping.token));
    server.sweep();
    let seen = server.write("auth/token/lookup-accessor", json!({ "accessor": wrapping.wrapped_accessor })).unwrap();
    assert_eq!(data(&seen)["ttl"], 3540);
}

#[test]
fn an_expired_wrapping_takes_what_it_holds_along() {
    let server = Server::start();
    let records = || {
        let live = server.core.live().unwrap();
        let cubbyholes = live.cubbyhole_mount().unwrap().hash();
        live.storage.reading(|snapshot| snapshot.node_children(&cubbyholes, 0, 0, 10)).unwrap().len()
    };
    let wrapping = server.wrapped("kv/app");
    assert_eq!(records(), 1);
    server.clock.advance(MINUTE);
    refused(server.unwrap(&wrapping.token));
    server.sweep();
    assert_eq!((records(), server.rows()), (0, 1));
    server.wrapped("kv/app");
    server.write("sys/leases/revoke-prefix/auth/token/wrapping", json!({})).unwrap();
    server.sweep();
    assert_eq!((records(), server.rows()), (0, 1), "a prefix ends them all");
}

#[test]
fn what_is_wrapped_by_hand_needs_a_length_and_comes_out_as_data() {
    let server = Server::start();
    let unasked = server.write("sys/wrapping/wrap", json!({ "a": 1 })).err().unwrap();
    assert_eq!(unasked.message(), "endpoint requires response wrapping to be used");
    let body = json!({ "a": { "b": [1, "two"] }, "token": "x" });
    let wrap = |ttl| server.ask(&server.root, Operation::Update, "sys/wrapping/wrap", body.clone(), ttl);
    assert!(wrap(Some(Duration::ZERO)).is_err());
    let wrapping = wrap(Some(MINUTE)).unwrap().wrap_info.take().unwrap();
    assert_eq!(wrapping.creation_path, "sys/wrapping/wrap");
    assert_eq!(data(&server.unwrap(&wrapping.token).unwrap()), body);
}

#[test]
fn an_answer_without_content_is_not_wrapped_and_an_error_neither() {
    let server = Server::start();
    let written = server.ask(&server.root, Operation::Update, "kv/b", json!({ "k": "v" }), Some(MINUTE)).unwrap();
    assert!(written.wrap_info.is_none() && written.is_empty());
    let missing = server.ask(&server.root, Operation::Read, "kv/none", Value::Null, Some(MINUTE)).err().unwrap();
    assert_eq!(missing.kind(), Kind::NotFound);
    assert_eq!(server.rows(), 1);
    let help = server.ask(&server.root, Operation::Help, "kv/app", Value::Null, Some(MINUTE)).unwrap();
    let inside = server.unwrap(&help.wrap_info.as_ref().unwrap().token).unwrap();
    assert!(matches!(&inside.body, Body::Bare(value) if value["help"].is_string()) && inside.outcome == Outcome::Ok);
}

#[test]
fn an_answer_that_is_not_audited_leaves_no_token_and_no_wrapping() {
    let server = Server::start();
    server.audit_to_file();
    let wrapping = server.wrapped("kv/app");
    let unwrapped = server.unwrap(&wrapping.token).unwrap();
    assert_eq!(data(&unwrapped)["password"], "horse");
    let lines = server.audited();
    let told = |path: &str, kind: &str| {
        let line = lines.iter().find(|line| line["request"]["path"] == path && line["type"] == kind);
        line.cloned().unwrap_or_default()
    };
    let shown = &told("kv/app", "response")["response"]["wrap_info"];
    assert_eq!((&shown["ttl"], &shown["creation_path"]), (&json!(60), &json!("kv/app")));
    assert_eq!(told("kv/app", "response")["response"]["data"], Value::Null);
    assert_eq!(told("kv/app", "request")["request"]["wrap_ttl"], 60);
    let opened = told("sys/wrapping/unwrap", "response");
    assert_eq!(opened["request"]["client_token"], shown["token"], "the hashes lead from one entry to the other");
    assert!(opened["response"]["data"]["password"].as_str().unwrap().starts_with("hmac-sha256:"));
    let text = std::fs::read_to_string(server.audit_file()).unwrap();
    assert!(!text.contains(wrapping.token.expose()) && !text.contains(&wrapping.accessor) && !text.contains("horse"));

    server.core.live().unwrap().audit.remove("file/");
    server.core.live().unwrap().audit.add_damaged("file/");
    let made = server.ask(&server.root, Operation::Update, "auth/token/create", json!({}), Some(MINUTE));
    assert_eq!(made.err().map(|error| error.kind()), Some(Kind::Internal));
    assert_eq!(server.rows(), 1);
}

#[test]
fn the_policies_of_wrapping_tokens_cannot_be_changed_or_given() {
    let server = Server::start();
    let path = "sys/policies/acl/response-wrapping";
    let text = json!({ "policy": "path \"*\" { capabilities = [\"read\"] }" });
    for answer in [
        server.write(path, text),
        server.ask(&server.root, Operation::Delete, path, Value::Null, None),
        server.write("auth/token/create", json!({ "policies": ["response-wrapping"] })),
    ] {
        assert_eq!(answer.err().map(|error| error.kind()), Some(Kind::BadRequest));
    }
    let read = server.ask(&server.root, Operation::Read, path, Value::Null, None).unwrap();
    assert!(
        matches!(&read.body, Body::Data(data) | Body::DataAndTop(data) if data["policy"].as_str().unwrap().contains("cubbyhole/response"))
    );
    assert_eq!(server.core.live().unwrap().policies.names(), ["default", "root"]);
}
