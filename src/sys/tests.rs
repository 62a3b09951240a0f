use super::ROUTES;
use crate::base::clock::ManualClock;
use crate::base::{Kind, Result, Secret, Timestamp};
use crate::core::{Core, Registry, Settings};
use crate::engine::{cubbyhole, kv};
use crate::logical::{Body, CanonicalPath, Engine, Operation, Request, Response, WrapFormat};
use crate::seal::SealConfig;
use crate::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

static ENGINES: &[&Engine] = &[&kv::ENGINE, &cubbyhole::ENGINE];

pub(super) struct Server {
    pub(super) core: Arc<Core>,
    root: Secret<String>,
    shares: Vec<Secret<Vec<u8>>>,
}

impl Server {
    pub(super) fn start(audit_directories: &[&Path]) -> Result<Self> {
        let settings = Settings {
            default_lease_ttl: Duration::from_secs(3600),
            max_lease_ttl: Duration::from_secs(7200),
            cluster_name: String::new(),
            api_addr: String::new(),
            audit_directories: audit_directories.iter().map(|path| path.to_path_buf()).collect(),
            version: "1.17.0",
            ..Settings::default()
        };
        let registry = Registry { engines: ENGINES, system: ROUTES, ..Registry::EMPTY };
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_700_000_000)));
        let core = Core::new(settings, registry, Arc::new(SqliteStorage::in_memory()?), clock);
        let made = core.initialize(&SealConfig::new(1, 1)?, None)?;
        let server = Self { core, root: made.root_token, shares: made.shares };
        server.unseal()?;
        Ok(server)
    }

    fn unseal(&self) -> Result<()> {
        self.core.unseal(self.shares[0].clone())
    }

    fn request(token: Option<&Secret<String>>, operation: Operation, path: &str, data: Value) -> Result<Request> {
        Ok(Request {
            id: "request".to_owned(),
            operation,
            path: CanonicalPath::from_text(path)?,
            data: data.as_object().cloned().unwrap_or_default(),
            token: token.cloned(),
            peer: None,
            certificates: Arc::default(),
            wrap_ttl: None,
            wrap_format: WrapFormat::Plain,
            deadline: Instant::now() + Duration::from_secs(10),
            idempotency_key: None,
            allowance: None,
        })
    }

    fn ask_as(&self, token: Option<&Secret<String>>, operation: Operation, path: &str, data: Value) -> Result<Value> {
        let response = self.core.handle(&mut Self::request(token, operation, path, data)?)?;
        assert!(response.warnings.is_empty(), "{path}: {:?}", response.warnings);
        Ok(match &response.body {
            Body::Data(data) | Body::DataAndTop(data) => Value::Object(data.clone()),
            Body::Bare(value) => value.clone(),
            _ => Value::Null,
        })
    }

    /// The whole answer to root, warnings and all.
    fn answer(&self, operation: Operation, path: &str, data: Value) -> Result<Response> {
        self.core.handle(&mut Self::request(Some(&self.root), operation, path, data)?)
    }

    /// What is read once the mount serves: an upgrade takes a moment.
    fn once_upgraded(&self, path: &str) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.read(path) {
                Err(error) if error.message().starts_with("Upgrading") && Instant::now() < deadline => {
                    std::thread::yield_now();
                }
                outcome => return outcome,
            }
        }
    }

    pub(super) fn read(&self, path: &str) -> Result<Value> {
        self.ask_as(Some(&self.root), Operation::Read, path, Value::Null)
    }

    pub(super) fn write(&self, path: &str, data: Value) -> Result<Value> {
        self.ask_as(Some(&self.root), Operation::Update, path, data)
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value> {
        self.ask_as(Some(&self.root), Operation::Delete, path, Value::Null)
    }
}

pub(super) fn refused(answer: Result<Value>, kind: Kind, words: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.message().contains(words), "{error:?} should say {words:?}");
}

#[test]
fn a_mount_is_enabled_tuned_moved_and_disabled() -> Result<()> {
    let server = Server::start(&[])?;
    server.write(
        "sys/mounts/team/kv",
        json!({ "type": "kv", "description": "one", "config": { "max_lease_ttl": "2h" } }),
    )?;
    let listed = server.read("sys/mounts")?;
    assert_eq!(listed["team/kv/"]["type"], "kv");
    assert_eq!(listed["team/kv/"]["config"]["max_lease_ttl"], 7200);
    assert_eq!(listed["auth/token/"], Value::Null);

    server.write("sys/mounts/team/kv/tune", json!({ "default_lease_ttl": "30m", "listing_visibility": "unauth" }))?;
    let tuned = server.read("sys/mounts/team/kv/tune")?;
    assert_eq!((&tuned["default_lease_ttl"], &tuned["max_lease_ttl"]), (&json!(1800), &json!(7200)));
    assert_eq!(tuned["description"], "one");

    server.write("team/kv/a", json!({ "value": "kept" }))?;
    let moved = server.write("sys/remount", json!({ "from": "team/kv", "to": "kv/" }))?;
    let status = server.read(&format!("sys/remount/status/{}", moved["migration_id"].as_str().unwrap()))?;
    assert_eq!(
        status["migration_info"],
        json!({ "source_mount": "team/kv/", "target_mount": "kv/", "status": "success" })
    );
    assert_eq!(server.read("kv/a")?["value"], "kept");
    refused(server.read("sys/remount/status/none"), Kind::NotFound, "");

    server.delete("sys/mounts/kv")?;
    assert_eq!(server.read("sys/mounts")?["kv/"], Value::Null);
    server.delete("sys/mounts/kv")?;
    server.write("sys/mounts/kv", json!({ "type": "kv" }))?;
    refused(server.read("kv/a"), Kind::NotFound, "");
    Ok(())
}

#[test]
fn a_mount_that_cannot_be_is_refused() -> Result<()> {
    let server = Server::start(&[])?;
    server.write("sys/mounts/kv", json!({ "type": "kv" }))?;
    for (path, data, words) in [
        ("kv", json!({ "type": "kv" }), "path is already in use at kv/"),
        ("kv/below", json!({ "type": "kv" }), "path is already in use at kv/"),
        ("other", json!({ "type": "nomad" }), "nomad"),
        ("other", json!({ "type": "cubbyhole" }), "cubbyhole"),
        ("other", json!({ "type": "kv", "options": { "version": "3" } }), "not version 3"),
        ("other", json!({ "type": "kv", "config": { "options": { "version": 3 } } }), "not version 3"),
        ("other", json!({ "type": "kv", "config": { "default_lease_ttl": "5h" } }), "system max lease TTL of 7200"),
        ("other", json!({}), "missing type"),
        ("auth/kv", json!({ "type": "kv" }), "belongs to the server"),
    ] {
        refused(server.write(&format!("sys/mounts/{path}"), data), Kind::BadRequest, words);
    }
    refused(server.delete("sys/mounts/sys"), Kind::BadRequest, "cannot unmount");
    refused(server.write("sys/mounts/sys/tune", json!({ "description": "x" })), Kind::BadRequest, "cannot tune");
    refused(server.write("sys/remount", json!({ "from": "kv", "to": "auth/x" })), Kind::BadRequest, "auth/x/");
    assert_eq!(server.read("sys/mounts")?["other/"], Value::Null);
    Ok(())
}

#[test]
fn an_engine_goes_by_the_names_of_its_versions_too() -> Result<()> {
    let server = Server::start(&[])?;
    for (path, data, version) in [
        ("a", json!({ "type": "kv-v2" }), json!("2")),
        ("b", json!({ "type": "kv-v1" }), json!("1")),
        ("c", json!({ "type": "kv", "options": { "version": "2" } }), json!("2")),
        ("d", json!({ "type": "kv", "config": { "options": { "version": 2 } } }), json!("2")),
        ("e", json!({ "type": "kv" }), Value::Null),
    ] {
        server.write(&format!("sys/mounts/{path}"), data)?;
        let mount = server.read(&format!("sys/mounts/{path}"))?;
        assert_eq!((&mount["type"], &mount["options"]["version"]), (&json!("kv"), &version), "{path}");
        let seen = server.read(&format!("sys/internal/ui/mounts/{path}/some/key"))?;
        assert_eq!((&seen["path"], &seen["options"]["version"]), (&json!(format!("{path}/")), &version));
        let served = server.write(&format!("{path}/data/x"), json!({ "data": { "k": "v" } }))?;
        assert_eq!(served["version"], if version == json!("2") { json!(1) } else { Value::Null }, "{path}");
    }
    Ok(())
}

#[test]
fn a_mount_goes_to_a_later_version_with_all_it_holds_and_never_back() -> Result<()> {
    let server = Server::start(&[])?;
    server.write("sys/mounts/kv", json!({ "type": "kv" }))?;
    server.write("kv/team/app", json!({ "value": "kept" }))?;
    let tuned = server.answer(Operation::Update, "sys/mounts/kv/tune", json!({ "options": { "version": "2" } }))?;
    assert!(tuned.warnings[0].starts_with("Upgrading mount from version 1 to version 2"), "{:?}", tuned.warnings);
    let read = server.once_upgraded("kv/data/team/app")?;
    assert_eq!((&read["data"]["value"], &read["metadata"]["version"]), (&json!("kept"), &json!(1)));

    server.core.seal();
    server.unseal()?;
    assert_eq!(server.once_upgraded("kv/data/team/app")?["data"]["value"], "kept");
    let back = server.write("sys/mounts/kv/tune", json!({ "options": { "version": "1" } }));
    refused(back, Kind::BadRequest, "cannot downgrade mount from version 2");
    server.write("sys/mounts/kv/tune", json!({ "options": { "version": "2" }, "description": "still" }))?;
    assert_eq!(server.read("sys/mounts/kv/tune")?["options"], json!({ "version": "2" }));
    refused(
        server.write("sys/mounts/kv/tune", json!({ "options": { "version": "9" } })),
        Kind::BadRequest,
        "invalid version provided",
    );
    Ok(())
}

#[test]
fn policies_are_kept_in_both_forms_and_reserved_ones_stay() -> Result<()> {
    let server = Server::start(&[])?;
    let text = r#"path "kv/*" { capabilities = ["read"] }"#;
    server.write("sys/policies/acl/Support", json!({ "policy": text }))?;
    assert_eq!(server.read("sys/policies/acl/support")?, json!({ "name": "support", "policy": text }));
    assert_eq!(server.read("sys/policy/support")?, json!({ "name": "support", "rules": text }));
    assert_eq!(server.read("sys/policy")?["policies"], json!(["default", "support", "root"]));
    refused(
        server.write("sys/policies/acl/x", json!({ "policy": "path" })),
        Kind::BadRequest,
        "failed to parse policy",
    );
    refused(server.write("sys/policies/acl/x", json!({})), Kind::BadRequest, "not supplied");
    refused(server.write("sys/policies/acl/root", json!({ "policy": text })), Kind::BadRequest, "cannot update");
    refused(server.delete("sys/policies/acl/default"), Kind::BadRequest, "cannot delete");
    server.delete("sys/policy/support")?;
    refused(server.read("sys/policies/acl/support"), Kind::NotFound, "");
    Ok(())
}

#[test]
fn capabilities_tell_what_a_token_may_do() -> Result<()> {
    let server = Server::start(&[])?;
    assert_eq!(
        server.write("sys/capabilities-self", json!({ "path": "kv/a" }))?,
        json!({ "kv/a": ["root"], "capabilities": ["root"] })
    );
    let several = server.write("sys/capabilities-self", json!({ "paths": ["a", "b"] }))?;
    assert_eq!(several, json!({ "a": ["root"], "b": ["root"] }));
    refused(
        server.write("sys/capabilities", json!({ "token": "none", "path": "a" })),
        Kind::BadRequest,
        "invalid token",
    );
    refused(
        server.write("sys/capabilities-accessor", json!({ "accessor": "x", "path": "a" })),
        Kind::BadRequest,
        "accessor",
    );
    Ok(())
}

#[test]
fn without_a_token_only_mounts_for_all_are_listed() -> Result<()> {
    let server = Server::start(&[])?;
    server.write("sys/mounts/open", json!({ "type": "kv", "config": { "listing_visibility": "unauth" } }))?;
    server.write("sys/mounts/closed", json!({ "type": "kv" }))?;
    let seen = server.ask_as(None, Operation::Read, "sys/internal/ui/mounts", Value::Null)?;
    assert_eq!(seen, json!({ "secret": { "open/": { "type": "kv", "description": "", "options": {} } }, "auth": {} }));
    assert_eq!(server.read("sys/internal/ui/mounts")?["secret"]["closed/"]["type"], "kv");
    assert_eq!(server.read("sys/internal/ui/mounts/closed/a/b")?["path"], "closed/");
    refused(server.read("sys/internal/ui/mounts/nowhere"), Kind::Denied, "access to path \"nowhere/\"");
    let hint = server.read("sys/internal/ui/mounts/colsed/a/b").err().and_then(|error| error.reason().cloned());
    assert_eq!(hint.unwrap()["did_you_mean"], "closed/a/b");
    refused(server.write("sys/leases/revoke", json!({ "lease_id": "" })), Kind::BadRequest, "");
    assert_eq!(server.write("sys/leases/revoke", json!({ "lease_id": "kv/none/1" }))?, Value::Null);
    server.write("sys/policies/acl/Team/web", json!({ "policy": "path \"a\" {}" }))?;
    assert_eq!(server.read("sys/policies/acl/team/web")?["name"], "team/web", "a name may hold slashes");
    server.delete("sys/policy/team/web/")?;
    refused(server.read("sys/policy/team/web"), Kind::NotFound, "");
    assert_eq!(server.read("sys/mounts/auth/token")?["type"], "token", "where the official client asks");
    refused(
        server.ask_as(None, Operation::Read, "sys/internal/ui/mounts/closed", Value::Null),
        Kind::Denied,
        "permission denied",
    );
    Ok(())
}

#[test]
fn an_audit_device_outlives_sealing_and_stays_where_it_is_allowed() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&[directory.path()])?;
    let file = directory.path().join("audit.log");
    let device = json!({ "type": "file", "options": { "file_path": file.to_str().unwrap() } });
    server.write("sys/audit/file", device.clone())?;
    refused(server.write("sys/audit/file", device), Kind::BadRequest, "path already in use");
    let elsewhere = json!({ "type": "file", "options": { "file_path": "/elsewhere/audit.log" } });
    refused(server.write("sys/audit/other", elsewhere), Kind::BadRequest, "");
    server.core.seal();
    server.unseal()?;
    let listed = server.read("sys/audit")?;
    assert_eq!(listed["file/"]["type"], "file");
    assert_eq!(listed["other/"], Value::Null);
    let hash = server.write("sys/audit-hash/file", json!({ "input": "value" }))?;
    assert!(hash["hash"].as_str().unwrap().starts_with("hmac-sha256:"));
    server.delete("sys/audit/file")?;
    assert_eq!(server.read("sys/audit")?, json!({}));
    Ok(())
}

#[test]
fn every_route_says_what_it_does() {
    for route in ROUTES {
        assert!(!route.summary.is_empty() && !route.help.is_empty() && !route.actions.is_empty(), "{}", route.pattern);
        for field in route.fields {
            assert!(!field.help.is_empty(), "{}: {}", route.pattern, field.name);
        }
    }
}
