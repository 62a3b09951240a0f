//! Entries, devices and the broker's rule.

mod wire;

use super::broker::Broker;
use super::entry::{Auth, Disclosure, Event, Mount, Phase, Scribe};
use super::{Definition, Device, Salt, file, probe};
use crate::base::{Error, Result, Secret, Timestamp};
use crate::logical::{self, Body, CanonicalPath, LeaseAnswer, Map, Operation, Request, Response, WrapFormat};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CANARY: &str = "canary-8f3a";
const NOW: Timestamp = Timestamp(1_700_000_000_123);

fn map(value: Value) -> Map {
    value.as_object().cloned().unwrap()
}

fn request(data: Value) -> Request {
    Request {
        id: "request-id".to_owned(),
        operation: Operation::Update,
        path: CanonicalPath::from_text("secret/app").unwrap(),
        data: map(data),
        token: Some(Secret::from(format!("hvs.{CANARY}"))),
        peer: Some("127.0.0.1:4711".parse().unwrap()),
        certificates: Arc::default(),
        wrap_ttl: Some(Duration::from_secs(60)),
        wrap_format: WrapFormat::Plain,
        deadline: Instant::now(),
        idempotency_key: None,
        allowance: None,
    }
}

fn auth() -> Auth {
    Auth {
        accessor: format!("accessor-{CANARY}"),
        display_name: "token-app".to_owned(),
        policies: vec!["default".to_owned()],
        token_type: "service".to_owned(),
        allowed: Some(true),
        granting: vec!["default".to_owned()],
        ..Auth::default()
    }
}

fn mount() -> Mount {
    Mount { path: "secret/".to_owned(), kind: "kv".to_owned(), class: "secret".to_owned(), ..Mount::default() }
}

fn response() -> Response {
    let made = logical::Auth {
        token: Secret::from(format!("hvs.made-{CANARY}")),
        accessor: format!("made-{CANARY}"),
        policies: vec!["default".to_owned()],
        token_policies: vec![],
        identity_policies: vec![],
        metadata: None,
        ttl: Duration::from_secs(3600),
        renewable: true,
        entity_id: String::new(),
        token_type: "service",
        orphan: false,
        num_uses: 0,
    };
    let mut response = Response::keys(vec![CANARY.to_owned()]).warn("capped");
    response.auth = Some(made);
    response.lease = Some(LeaseAnswer { id: "aws/creds/app/1".to_owned(), ..LeaseAnswer::default() });
    response
}

fn scribe(options: Value) -> Scribe {
    Scribe::new(&Salt::generate().unwrap(), Disclosure::from_options(&map(options)).unwrap())
}

/// The entry of a request (or, with an answer, of that) as JSON, and its text.
fn entry(scribe: &Scribe, request: &Request, mount: &Mount, response: Option<&Response>) -> (Value, String) {
    let auth = auth();
    let phase = if response.is_some() { Phase::Response } else { Phase::Request };
    let event =
        Event { time: NOW, request, headers: &[], auth: Some(&auth), mount: Some(mount), response, error: None };
    let line = String::from_utf8(scribe.line(phase, &event).unwrap()).unwrap();
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
    (serde_json::from_str(&line).unwrap(), line)
}

#[test]
fn a_request_is_recorded_in_the_published_shape() {
    let scribe = scribe(json!({}));
    let (entry, _) = entry(&scribe, &request(json!({ "k": "v", "on": true, "none": null })), &mount(), None);
    let token = scribe.hash(&format!("hvs.{CANARY}"));
    let accessor = scribe.hash(&format!("accessor-{CANARY}"));
    let expected = json!({
        "time": "2023-11-14T22:13:20.123Z",
        "type": "request",
        "auth": {
            "client_token": token, "accessor": accessor, "display_name": "token-app", "policies": ["default"],
            "policy_results": {
                "allowed": true,
                "granting_policies": [{ "name": "default", "namespace_id": "root", "type": "acl" }],
            },
            "token_type": "service",
        },
        "request": {
            "id": "request-id", "client_token": token, "client_token_accessor": accessor, "operation": "update",
            "mount_class": "secret", "mount_point": "secret/", "mount_type": "kv", "namespace": { "id": "root" },
            "path": "secret/app", "data": { "k": scribe.hash("v"), "on": true, "none": null },
            "remote_address": "127.0.0.1", "remote_port": 4711, "wrap_ttl": 60,
        },
    });
    assert_eq!(entry, expected);
}

#[test]
fn an_answer_is_recorded_beside_its_request() {
    let scribe = scribe(json!({}));
    let (entry, _) = entry(&scribe, &request(json!({})), &mount(), Some(&response()));
    assert_eq!(entry["type"], "response");
    assert_eq!(entry["request"]["path"], "secret/app");
    let answer = &entry["response"];
    assert_eq!(answer["secret"], json!({ "lease_id": "aws/creds/app/1" }));
    assert_eq!(answer["data"], json!({ "keys": [scribe.hash(CANARY)] }));
    assert_eq!(answer["auth"]["client_token"], json!(scribe.hash(&format!("hvs.made-{CANARY}"))));
    assert_eq!(answer["warnings"], json!(["capped"]));
    assert_eq!(answer["mount_type"], "kv");
}

#[test]
fn a_denial_names_its_reason_without_an_answer() {
    let request = request(json!({}));
    let denied = Error::permission_denied().because(json!({ "code": "no_rule" }));
    let event = Event {
        time: NOW,
        request: &request,
        headers: &[],
        auth: None,
        mount: None,
        response: None,
        error: Some(&denied),
    };
    let line = scribe(json!({})).line(Phase::Response, &event).unwrap();
    let entry: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((&entry["error"], &entry["reason"]), (&json!("permission denied"), &json!({ "code": "no_rule" })));
    assert!(entry["request"]["client_token"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert!(entry.get("response").is_none() && entry.get("auth").is_none());
}

/// Bodies that carry the canary in every place where a value can stand.
fn telling_bodies() -> Vec<Body> {
    let deep = json!({ "text": CANARY, "list": [CANARY, [CANARY]], "map": { "keys": [CANARY], "k": CANARY } });
    vec![
        Body::Data(map(deep.clone())),
        Body::DataAndTop(map(deep.clone())),
        Body::Bare(deep.clone()),
        Body::Bare(json!([CANARY])),
        Body::Bare(json!(CANARY)),
        Body::Raw { media_type: "text/plain".into(), bytes: CANARY.as_bytes().to_vec() },
    ]
}

#[test]
fn no_value_is_in_a_line_unless_the_device_logs_raw() {
    for body in telling_bodies() {
        let mut answer = response();
        answer.body = body;
        let asked = request(json!({ "k": CANARY, "deep": [{ "k": [CANARY] }] }));
        let (_, hidden) = entry(&scribe(json!({})), &asked, &mount(), Some(&answer));
        assert!(!hidden.contains(CANARY), "{hidden}");
        let (raw, _) = entry(&scribe(json!({ "log_raw": "true" })), &asked, &mount(), Some(&answer));
        assert_eq!(raw["request"]["data"]["deep"][0]["k"][0], CANARY);
        assert!(raw["response"]["data"].to_string().contains(CANARY));
    }
}

#[test]
fn a_number_is_hidden_like_a_text() {
    let scribe = scribe(json!({}));
    let (entry, line) = entry(&scribe, &request(json!({ "pin": 49_151_623 })), &mount(), None);
    assert!(!line.contains("49151623"));
    assert_eq!(entry["request"]["data"]["pin"], json!(scribe.hash("49151623")));
}

#[test]
fn keys_that_the_mount_names_stand_in_clear_and_what_is_below_them_does_not() {
    let scribe = scribe(json!({}));
    let mount = Mount { clear_request_keys: vec!["ttl".to_owned()], ..mount() };
    let asked = request(json!({ "ttl": ["1h", { "k": "v" }], "other": "x" }));
    let (entry, _) = entry(&scribe, &asked, &mount, None);
    let expected = json!({ "ttl": ["1h", { "k": scribe.hash("v") }], "other": scribe.hash("x") });
    assert_eq!(entry["request"]["data"], expected);
}

#[test]
fn accessors_stand_in_clear_only_where_the_device_says_so() {
    let (entry, line) = entry(&scribe(json!({ "hmac_accessor": false })), &request(json!({})), &mount(), None);
    assert_eq!(entry["request"]["client_token_accessor"], format!("accessor-{CANARY}"));
    assert!(!line.contains(&format!("hvs.{CANARY}")));
}

/// A device that can be told to refuse.
#[derive(Default, Clone)]
struct Double {
    lines: Arc<Mutex<Vec<Vec<u8>>>>,
    refuses: Arc<AtomicBool>,
}

impl Device for Double {
    fn write(&self, line: &[u8]) -> Result<()> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Error::internal("the double refuses"));
        }
        self.lines.lock().unwrap().push(line.to_vec());
        Ok(())
    }
}

fn add(broker: &Broker, name: &str, device: &Double) {
    let plain = Disclosure::from_options(&Map::new()).unwrap();
    broker.add(name, Box::new(device.clone()), &Salt::generate().unwrap(), plain);
}

#[test]
fn an_entry_needs_one_device_where_there_are_any() {
    let request = request(json!({}));
    let event =
        Event { time: NOW, request: &request, headers: &[], auth: None, mount: None, response: None, error: None };
    let broker = Broker::new();
    assert!(broker.request(&event).is_ok());

    let (one, two) = (Double::default(), Double::default());
    add(&broker, "one/", &one);
    add(&broker, "two/", &two);
    one.refuses.store(true, Ordering::Relaxed);
    assert!(broker.request(&event).is_ok());
    assert_eq!((one.lines.lock().unwrap().len(), two.lines.lock().unwrap().len()), (0, 1));

    two.refuses.store(true, Ordering::Relaxed);
    assert!(broker.request(&event).unwrap_err().message().starts_with("no audit device accepted"));
    assert!(broker.response(&event).is_err());

    one.refuses.store(false, Ordering::Relaxed);
    assert!(broker.response(&event).is_ok());
    assert_eq!(one.lines.lock().unwrap().len(), 1);
    assert!(broker.remove("one/") && !broker.remove("one/"));
    assert_eq!(broker.list(), ["two/"]);
    assert!(broker.response(&event).is_err());
}

#[test]
fn a_damaged_device_counts_as_one_that_refuses() {
    let request = request(json!({}));
    let event =
        Event { time: NOW, request: &request, headers: &[], auth: None, mount: None, response: None, error: None };
    let broker = Broker::new();
    broker.add_damaged("lost/");
    assert!(broker.request(&event).is_err());
    assert!(broker.hash("lost/", "x").is_none());
    add(&broker, "good/", &Double::default());
    assert!(broker.request(&event).is_ok());
    assert!(broker.hash("good/", "x").unwrap().starts_with("hmac-sha256:"));
}

#[test]
fn a_definition_is_kept_and_comes_back() {
    let definition = Definition {
        path: "file/".to_owned(),
        kind: "file".to_owned(),
        description: String::new(),
        options: map(json!({ "file_path": "/x" })),
        salt: Salt::generate().unwrap(),
        local: false,
    };
    let stored = serde_json::to_string(&definition).unwrap();
    let back: Definition = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), stored);
}

fn opened(path: &Path, allowed: &[PathBuf]) -> Result<Box<dyn Device>> {
    file::open(&map(json!({ "file_path": path.to_str().unwrap() })), allowed)
}

fn refusal(answer: Result<Box<dyn Device>>) -> String {
    answer.err().unwrap().message().to_owned()
}

#[test]
fn a_file_device_adds_lines_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    std::fs::write(&path, "{\"torn").unwrap();
    let device = opened(&path, &[folder.path().to_owned()]).unwrap();
    probe(&*device, NOW).unwrap();
    device.write(b"{}\n").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, "{\"torn", "{}"));
    assert!(lines[1].contains("sys/audit/test"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn after_a_rotation_the_file_is_made_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let device = opened(&path, &[folder.path().to_owned()]).unwrap();
    device.write(b"before\n").unwrap();
    std::fs::rename(&path, &old).unwrap();
    device.reopen().unwrap();
    device.write(b"after\n").unwrap();
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "before\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
}

#[test]
fn a_file_that_was_moved_or_deleted_is_noticed_though_nobody_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let device = opened(&path, &[folder.path().to_owned()]).unwrap();
    device.write(b"before\n").unwrap();
    std::fs::rename(&path, &old).unwrap();
    device.write(b"moved\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "moved\n");
    std::fs::remove_file(&path).unwrap();
    device.write(b"deleted\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "deleted\n");
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "before\n");
}

#[test]
fn no_path_leads_out_of_the_allowed_directories() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir_all(inside.join("deep")).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    symlink(&outside, inside.join("link")).unwrap();
    symlink(outside.join("target"), inside.join("file-link")).unwrap();
    let allowed = [folder.path().join("not-there"), inside.clone()];

    assert!(opened(&inside.join("deep/../deep/a.log"), &allowed).is_ok());
    for path in ["out/a.log", "in/link/a.log", "in/../out/a.log", "in-other/a.log", "in/none/a.log", "a.log"] {
        let message = refusal(opened(&folder.path().join(path), &allowed));
        assert!(message.contains("audit_directories"), "{path}: {message}");
    }
    for path in ["in/file-link", "in/deep", "in/deep/.."] {
        assert!(opened(&folder.path().join(path), &allowed).is_err(), "{path}");
    }
    assert!(opened(Path::new("in/a.log"), &allowed).is_err());
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn without_allowed_directories_a_caller_chooses_where_a_file_is_and_not_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    opened(&path, &[]).unwrap().write(b"{\"time\":\"now\",\"type\":\"request\"}\n").unwrap();
    assert!(opened(&path, &[]).is_ok(), "a file of entries goes on");
    let message = refusal(opened(&folder.path().join("profile.sh"), &[]));
    assert!(message.contains("ends in one of .log"), "{message}");
    let foreign = folder.path().join("foreign.log");
    std::fs::write(&foreign, "ssh-ed25519 key\n").unwrap();
    let message = refusal(opened(&foreign, &[]));
    assert!(message.contains("cannot be opened"), "{message}");
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "ssh-ed25519 key\n");
    let options = json!({ "file_path": folder.path().join("b.log"), "prefix": "* * * * * root id #" });
    let message = refusal(file::open(options.as_object().unwrap(), &[]));
    assert!(message.contains("name it with audit_directories"), "{message}");
    let message = refusal(opened(&folder.path().join("none/a.log"), &[]));
    assert!(message.contains("there is no directory for"), "{message}");
    symlink(&foreign, folder.path().join("link")).unwrap();
    assert!(opened(&folder.path().join("link"), &[]).is_err());
}

#[test]
fn an_option_that_has_no_effect_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    for (name, value, reason) in [
        ("filter", "x", "is not served here"),
        ("elide_list_responses", "maybe", "elide_list_responses"),
        ("file_pth", "x", "is no option"),
        ("format", "jsonx", "takes json"),
        ("mode", "0755", "octal mode"),
        ("mode", "rw", "octal mode"),
        ("log_raw", "maybe", "log_raw"),
    ] {
        let mut options = map(json!({ "file_path": path.to_str().unwrap() }));
        options.insert(name.to_owned(), Value::from(value));
        let message = refusal(file::open(&options, &[folder.path().to_owned()]));
        assert!(message.contains(reason), "{name}: {message}");
    }
    assert!(!path.exists());
}
