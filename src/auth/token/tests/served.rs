//! The endpoints, asked through the whole pipeline of an unsealed server in memory.

use super::super::ROUTES;
use crate::base::clock::ManualClock;
use crate::base::{Kind, Result, Secret, Timestamp};
use crate::core::{Core, Registry, Settings};
use crate::logical::{Body, CanonicalPath, Map, Operation, Request, Response, WrapFormat};
use crate::seal::SealConfig;
use crate::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) struct Server {
    pub core: Arc<Core>,
    pub clock: Arc<ManualClock>,
    pub root: String,
}

impl Server {
    pub fn start() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_700_000_000_000)));
        let settings = Settings {
            default_lease_ttl: Duration::from_secs(3600),
            max_lease_ttl: Duration::from_secs(7200),
            cluster_name: String::new(),
            api_addr: String::new(),
            audit_directories: Vec::new(),
            version: "test",
            ..Settings::default()
        };
        let registry = Registry { token: ROUTES, ..Registry::EMPTY };
        let core = Core::new(settings, registry, Arc::new(SqliteStorage::in_memory().unwrap()), clock.clone());
        let made = core.initialize(&SealConfig::new(1, 1).unwrap(), None).unwrap();
        core.unseal(made.shares[0].clone()).unwrap();
        let live = core.live().unwrap();
        let text = "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"read\"] }";
        live.policies.put(core.storage.as_ref(), &live.barrier, "maker", text).unwrap();
        Self { core, clock, root: made.root_token.expose().clone() }
    }

    pub fn ask(&self, token: &str, operation: Operation, path: &str, body: Value) -> Result<Response> {
        self.ask_from("127.0.0.1", token, operation, path, body)
    }

    pub fn ask_from(&self, peer: &str, token: &str, operation: Operation, path: &str, body: Value) -> Result<Response> {
        let data = body.as_object().cloned().unwrap_or_default();
        self.core.handle(&mut Request {
            id: "request".to_owned(),
            operation,
            path: CanonicalPath::from_text(&format!("auth/token/{path}")).unwrap(),
            data,
            token: Some(Secret::from(token)),
            peer: peer.parse().ok().map(|address: IpAddr| (address, 4711).into()),
            certificates: std::sync::Arc::default(),
            wrap_ttl: None,
            wrap_format: WrapFormat::Plain,
            deadline: Instant::now() + Duration::from_secs(30),
            idempotency_key: None,
            allowance: None,
        })
    }

    pub fn post(&self, token: &str, path: &str, body: Value) -> Result<Response> {
        self.ask(token, Operation::Update, path, body)
    }

    pub fn create(&self, parent: &str, body: Value) -> String {
        let auth = self.post(parent, "create", body).unwrap().auth;
        auth.unwrap().token.expose().clone()
    }

    pub fn look(&self, token: &str) -> Result<Map> {
        data(self.ask(token, Operation::Read, "lookup-self", json!({}))?)
    }
}

pub(super) fn data(mut response: Response) -> Result<Map> {
    match std::mem::take(&mut response.body) {
        mut body @ Body::Data(_) => {
            let Body::Data(data) = &mut body else { unreachable!() };
            Ok(std::mem::take(data))
        }
        _ => Ok(Map::new()),
    }
}

pub(super) fn kind<T>(outcome: Result<T>) -> Option<Kind> {
    outcome.err().map(|error| error.kind())
}

#[test]
fn a_token_is_made_looked_up_and_ends_with_its_parent() {
    let server = Server::start();
    let parent =
        server.create(&server.root, json!({ "policies": ["maker"], "display_name": "ann", "meta": { "team": "a" } }));
    let child = server.create(&parent, json!({ "ttl": "10m" }));
    let seen = server.look(&child).unwrap();
    assert_eq!(seen["policies"], json!(["default", "maker"]));
    assert_eq!((seen["ttl"].as_u64(), seen["id"].as_str()), (Some(600), Some(child.as_str())));
    assert_eq!((seen["orphan"].as_bool(), seen["path"].as_str()), (Some(false), Some("auth/token/create")));
    assert_eq!(server.look(&parent).unwrap()["display_name"], "token-ann");
    let accessor = seen["accessor"].clone();
    let by_accessor =
        data(server.post(&server.root, "lookup-accessor", json!({ "accessor": accessor })).unwrap()).unwrap();
    assert_eq!(by_accessor["id"], "");
    server.post(&server.root, "revoke", json!({ "token": parent })).unwrap();
    assert_eq!(kind(server.look(&child)), Some(Kind::Denied));
    assert_eq!(kind(server.post(&server.root, "lookup-accessor", json!({ "accessor": accessor }))), Some(Kind::Denied));
}

#[test]
fn revoking_a_token_alone_leaves_its_children_without_a_parent() {
    let server = Server::start();
    let parent = server.create(&server.root, json!({ "policies": ["maker"] }));
    let child = server.create(&parent, json!({}));
    let grandchild = server.create(&child, json!({}));
    assert_eq!(
        kind(server.post(&parent, "revoke-orphan", json!({ "token": parent }))),
        Some(Kind::Denied),
        "needs sudo"
    );
    server.post(&server.root, "revoke-orphan", json!({ "token": parent })).unwrap();
    assert_eq!(kind(server.look(&parent)), Some(Kind::Denied));
    assert_eq!(server.look(&child).unwrap()["orphan"], true);
    assert_eq!(server.look(&grandchild).unwrap()["orphan"], false);
    server.post(&child, "revoke-self", json!({})).unwrap();
    assert_eq!(kind(server.look(&grandchild)), Some(Kind::Denied));
}

#[test]
fn what_takes_sudo_or_root_is_refused_to_others() {
    let server = Server::start();
    let maker = server.create(&server.root, json!({ "policies": ["maker"] }));
    for body in [
        json!({ "no_parent": true }),
        json!({ "period": "1h" }),
        json!({ "id": "chosen" }),
        json!({ "policies": ["other"] }),
        json!({ "policies": ["root"] }),
        json!({ "num_uses": -1 }),
        json!({ "type": "other" }),
        json!({ "entity_alias": "ann" }),
    ] {
        assert_eq!(kind(server.post(&maker, "create", body.clone())), Some(Kind::BadRequest), "{body}");
    }
    assert_eq!(kind(server.post(&maker, "create-orphan", json!({}))), Some(Kind::Denied));
    assert_eq!(server.create(&server.root, json!({ "id": "chosen", "policies": ["maker"] })), "chosen");
    assert!(server.look("chosen").is_ok());
}

#[test]
fn a_token_of_few_uses_makes_no_other() {
    let server = Server::start();
    for uses in [1, 2] {
        let token = server.create(&server.root, json!({ "policies": ["maker"], "num_uses": uses }));
        assert_eq!(kind(server.post(&token, "create", json!({}))), Some(Kind::BadRequest), "{uses}");
    }
    let token = server.create(&server.root, json!({ "policies": ["maker"], "num_uses": 1 }));
    assert_eq!(server.look(&token).unwrap()["num_uses"], 0);
    assert_eq!(kind(server.look(&token)), Some(Kind::Denied));
}

#[test]
fn a_renewal_stops_at_the_maximum_and_a_period_does_not() {
    let server = Server::start();
    let usual = server.create(&server.root, json!({ "policies": ["maker"] }));
    let periodic = server.create(&server.root, json!({ "policies": ["maker"], "period": "1h" }));
    let renew = |token: &str| server.post(token, "renew-self", json!({ "increment": "1h" })).unwrap();
    for _ in 0..2 {
        server.clock.advance(Duration::from_secs(3000));
        renew(&usual);
        assert_eq!(renew(&periodic).auth.unwrap().ttl, Duration::from_secs(3600));
    }
    let last = renew(&usual);
    assert_eq!((last.auth.unwrap().ttl, last.warnings.len()), (Duration::from_secs(1200), 1));
    server.clock.advance(Duration::from_secs(3000));
    assert_eq!(kind(server.look(&usual)), Some(Kind::Denied));
    assert!(renew(&periodic).warnings.is_empty());
    let fixed = server.create(&server.root, json!({ "policies": ["maker"], "renewable": false }));
    assert_eq!(kind(server.post(&fixed, "renew-self", json!({}))), Some(Kind::BadRequest));
    assert_eq!(kind(server.post(&server.root, "renew-self", json!({}))), Some(Kind::BadRequest));
}

#[test]
fn accessors_are_listed_a_page_at_a_time() {
    let server = Server::start();
    let made: Vec<String> = (0..7).map(|_| server.create(&server.root, json!({ "policies": ["default"] }))).collect();
    let accessor = |token: &str| {
        let told = server.post(&server.root, "lookup", json!({ "token": token }));
        data(told.unwrap()).unwrap()["accessor"].as_str().unwrap().to_owned()
    };
    let made: Vec<(String, String)> = made.into_iter().map(|token| (accessor(&token), token)).collect();
    let page = |after: &str, limit: Value| -> Vec<String> {
        let query = json!({ "after": after, "limit": limit });
        match server.ask(&server.root, Operation::List, "accessors/", query) {
            Ok(page) => serde_json::from_value(data(page).unwrap()["keys"].clone()).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), Kind::NotFound);
                Vec::new()
            }
        }
    };
    let all = page("", json!(0));
    assert_eq!(all[1..], made.iter().map(|(accessor, _)| accessor.clone()).collect::<Vec<_>>(), "the oldest first");
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let next = page(&after, json!("3"));
        let Some(last) = next.last() else { break };
        after = last.clone();
        pages.push(next);
    }
    assert_eq!((pages.len(), pages.concat()), (3, all.clone()));
    // One that was revoked meanwhile is still a place to go on from.
    server.post(&server.root, "revoke", json!({ "token": made[2].1 })).unwrap();
    let rest = page(&made[2].0, json!(100));
    assert!(made[3..].iter().all(|(accessor, _)| rest.contains(accessor)) && !rest.contains(&made[2].0));
    assert!(server.ask(&server.root, Operation::List, "accessors/", json!({ "limit": "few" })).is_err());
}

#[test]
fn an_unknown_policy_is_a_warning_and_accessors_are_listed() {
    let server = Server::start();
    let made = server.post(&server.root, "create", json!({ "policies": ["nobody"] })).unwrap();
    assert_eq!(made.warnings, ["Policy \"nobody\" does not exist"]);
    let listed = data(server.ask(&server.root, Operation::List, "accessors/", json!({})).unwrap()).unwrap();
    assert!(listed["keys"].as_array().unwrap().contains(&json!(made.auth.unwrap().accessor)));
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(2));
}
