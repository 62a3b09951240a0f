//! The life of a server (initialised, unsealed, sealed) and of a lease, asked through the whole pipeline.

use crate::base::{Kind, ManualClock, Result, Secret, Timestamp};
use crate::core::authentication::Presented;
use crate::core::{Call, Core, Registry, Settings};
use crate::logical::{Body, CanonicalPath, Operation, Outcome, Request, Response, Route, WrapFormat};
use crate::storage::sqlite::SqliteStorage;
use crate::sys::{health, init, leases, revoke, seal};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

static ROUTES: &[&Route<Call>] = &[
    &init::INIT,
    &seal::SEAL_STATUS,
    &seal::UNSEAL,
    &seal::SEAL,
    &health::HEALTH,
    &leases::LOOKUP,
    &leases::LIST,
    &leases::count::COUNT,
    &revoke::REVOKE,
    &revoke::REVOKE_OLDER_URL,
    &revoke::REVOKE_PREFIX,
];

fn server() -> Arc<Core> {
    let settings = Settings {
        default_lease_ttl: Duration::from_secs(3600),
        max_lease_ttl: Duration::from_secs(7200),
        cluster_name: String::new(),
        api_addr: String::new(),
        audit_directories: Vec::new(),
        version: "test",
        ..Settings::default()
    };
    let registry = Registry { system: ROUTES, token: crate::auth::token::ROUTES, ..Registry::EMPTY };
    let clock = Arc::new(ManualClock::at(Timestamp(1_700_000_000_000)));
    Core::new(settings, registry, Arc::new(SqliteStorage::in_memory().unwrap()), clock)
}

fn ask(core: &Arc<Core>, operation: Operation, path: &str, token: &str, body: Value) -> Result<Response> {
    core.handle(&mut Request {
        id: "request".to_owned(),
        operation,
        path: CanonicalPath::from_text(path).unwrap(),
        data: body.as_object().cloned().unwrap_or_default(),
        token: Some(Secret::from(token)),
        peer: None,
        certificates: Arc::default(),
        wrap_ttl: None,
        wrap_format: WrapFormat::Plain,
        deadline: Instant::now() + Duration::from_secs(30),
        idempotency_key: None,
        allowance: None,
    })
}

fn body(outcome: Result<Response>) -> Value {
    match &outcome.unwrap().body {
        Body::Bare(value) => value.clone(),
        Body::Data(data) => Value::Object(data.clone()),
        _ => Value::Null,
    }
}

fn health(core: &Arc<Core>, query: Value) -> Outcome {
    ask(core, Operation::Read, "sys/health", "", query).unwrap().outcome
}

#[test]
fn a_server_is_initialised_unsealed_by_its_keys_and_sealed_by_sudo() {
    let core = server();
    assert_eq!(health(&core, json!({})), Outcome::NotInitialized);
    let refused = ask(
        &core,
        Operation::Update,
        "sys/init",
        "",
        json!({ "secret_shares": 3, "secret_threshold": 2, "pgp_keys": ["a"] }),
    );
    assert_eq!(refused.err().map(|error| error.kind()), Some(Kind::BadRequest));
    let made = body(ask(
        &core,
        Operation::Update,
        "sys/init",
        "",
        json!({ "secret_shares": 3, "secret_threshold": 2, "pgp_keys": [] }),
    ));
    assert_eq!(health(&core, json!({})), Outcome::Sealed);
    assert_eq!(health(&core, json!({ "sealedcode": "429" })), Outcome::AsAsked(429));
    let unseal = |key: &Value| ask(&core, Operation::Update, "sys/unseal", "", json!({ "key": key }));
    assert_eq!(body(unseal(&made["keys"][0]))["progress"], 1);
    assert_eq!(body(ask(&core, Operation::Update, "sys/unseal", "", json!({ "reset": true })))["progress"], 0);
    assert!(unseal(&json!("no key")).is_err());
    assert_eq!(body(unseal(&made["keys"][1]))["sealed"], true);
    let open = body(unseal(&made["keys_base64"][2]));
    assert_eq!((&open["sealed"], &open["t"], &open["n"]), (&json!(false), &json!(2), &json!(3)));
    assert!(open["cluster_id"].is_string());
    assert_eq!(health(&core, json!({})), Outcome::Ok);
    assert!(ask(&core, Operation::Update, "sys/seal", "", json!({})).is_err());
    let root = made["root_token"].as_str().unwrap();
    ask(&core, Operation::Update, "sys/seal", root, json!({})).unwrap();
    assert_eq!(health(&core, json!({})), Outcome::Sealed);
}

#[test]
fn a_lease_is_listed_counted_looked_up_and_revoked() {
    let core = server();
    let made =
        body(ask(&core, Operation::Update, "sys/init", "", json!({ "secret_shares": 1, "secret_threshold": 1 })));
    ask(&core, Operation::Update, "sys/unseal", "", json!({ "key": made["keys"][0] })).unwrap();
    let root = made["root_token"].as_str().unwrap();
    let auth = ask(&core, Operation::Update, "auth/token/create", root, json!({ "policies": ["a"] })).unwrap().auth;
    let token = auth.unwrap().token;
    let list = |path: &str| ask(&core, Operation::List, path, root, json!({}));
    assert_eq!(body(list("sys/leases/lookup/"))["keys"], json!(["auth/"]));
    let keys = body(list("sys/leases/lookup/auth/token/create/"));
    let id = format!("auth/token/create/{}", keys["keys"][0].as_str().unwrap());
    assert_eq!(list("sys/leases/lookup/auth/token/none/").err().map(|error| error.kind()), Some(Kind::NotFound));
    assert_eq!(
        body(ask(&core, Operation::Read, "sys/leases/count", root, json!({})))["counts_by_path"],
        json!({ "auth/token/": 2 })
    );
    let lookup = |id: &str| ask(&core, Operation::Update, "sys/leases/lookup", root, json!({ "lease_id": id }));
    assert_eq!(body(lookup(&id))["ttl"], 3600);
    assert_eq!(
        lookup("auth/token/create/x").err().map(|error| error.message().to_owned()),
        Some("invalid lease".to_owned())
    );
    let queued = ask(&core, Operation::Update, &format!("sys/revoke/{id}"), root, json!({ "sync": false })).unwrap();
    assert_eq!(queued.outcome, Outcome::Accepted);
    assert!(lookup(&id).is_err());
    let live = core.live().unwrap();
    assert!(live.authenticate(&token, Presented::default()).is_err());
    let other = ask(&core, Operation::Update, "auth/token/create", root, json!({ "policies": ["a"] })).unwrap().auth;
    ask(&core, Operation::Update, "sys/leases/revoke-prefix/auth/token/create", root, json!({})).unwrap();
    assert!(live.authenticate(&other.unwrap().token, Presented::default()).is_err());
    assert!(live.authenticate(&Secret::from(root), Presented::default()).is_ok(), "root lies beside the prefix");
}
