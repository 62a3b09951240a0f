//! The core driven from inside, with a clock that is turned by hand: what the tree must always hold.

mod advisories;
mod answers;
mod batch;
mod doubt;
mod earlier;
mod ends;
mod holders;
mod outside;
mod places;
mod plan;
mod quotas;
mod rotation;
mod sign_in;
mod silence;
mod tasks;
mod tidy;
mod tree;
mod wrapped;

use crate::base::{Clock, ManualClock, Secret, SystemClock, Timestamp};
use crate::core::workers::Workers;
use crate::core::{Core, Live, Registry, Settings, sweeper};
use crate::logical::{CanonicalPath, Map, Operation, Request, Response, WrapFormat};
use crate::seal::SealConfig;
use crate::server;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An unsealed server in memory, without sockets, whose time stands still.
pub(crate) struct Bench {
    pub core: Arc<Core>,
    pub clock: Arc<ManualClock>,
    pub root: String,
    key: Secret<Vec<u8>>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(server::registry())
    }

    pub fn with(registry: Registry) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1_800_000_000_000)));
        let storage = Arc::new(SqliteStorage::in_memory().unwrap());
        let (core, root, key) = Self::unsealed(registry, storage, clock.clone());
        let bench = Self { core, clock, root, key };
        bench.sweep_alone();
        bench
    }

    /// Only the test's own sweeps work, so that what they do can be counted.
    fn sweep_alone(&self) {
        self.live().bell.stop_and_wait();
    }

    /// One on a storage of its own, whose time goes on.
    fn running(registry: Registry, storage: Arc<dyn Storage>) -> Self {
        let (core, root, key) = Self::unsealed(registry, storage, Arc::new(SystemClock::default()));
        Self { core, clock: Arc::new(ManualClock::at(Timestamp(0))), root, key }
    }

    fn unsealed(
        registry: Registry,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
    ) -> (Arc<Core>, String, Secret<Vec<u8>>) {
        let core = Self::sealed(registry, storage, clock);
        let made = core.initialize(&SealConfig::new(1, 1).unwrap(), None).unwrap();
        core.unseal(made.shares[0].clone()).unwrap();
        (core, made.root_token.expose().clone(), made.shares[0].clone())
    }

    fn sealed(registry: Registry, storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Arc<Core> {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let settings = Settings {
            default_lease_ttl: hours(768),
            max_lease_ttl: hours(768),
            cluster_name: "test".to_owned(),
            api_addr: String::new(),
            audit_directories: Vec::new(),
            version: crate::VERSION,
            ..Settings::default()
        };
        Core::new(settings, registry, storage, clock)
    }

    pub fn unseal(&self) {
        self.core.unseal(self.key.clone()).unwrap();
        self.sweep_alone();
    }

    pub fn live(&self) -> Arc<Live> {
        self.core.live().unwrap()
    }

    pub fn call(&self, token: &str, operation: Operation, path: &str, data: Value) -> crate::base::Result<Response> {
        let data: Map = data.as_object().cloned().unwrap_or_default();
        let mut request = Request {
            id: "r".to_owned(),
            operation,
            path: CanonicalPath::from_text(path).unwrap(),
            data,
            token: Some(Secret::from(token)),
            peer: None,
            certificates: Arc::default(),
            wrap_ttl: None,
            wrap_format: WrapFormat::Plain,
            deadline: Instant::now() + Duration::from_secs(30),
            idempotency_key: None,
            allowance: None,
        };
        self.core.handle(&mut request)
    }

    /// Stores a policy.
    pub fn policy(&self, name: &str, text: &str) {
        let live = self.live();
        live.policies.put(live.storage.as_ref(), &live.barrier, name, text).unwrap();
    }

    /// A token with these policies alone, that lives for an hour.
    pub fn holder(&self, policies: &[&str]) -> String {
        let body = json!({ "policies": policies, "no_default_policy": !policies.contains(&"default"), "ttl": "1h" });
        let made = self.call(&self.root, Operation::Update, "auth/token/create", body);
        made.unwrap().auth.as_ref().unwrap().token.expose().clone()
    }

    pub fn child(&self, parent: &str, ttl: &str) -> String {
        let made =
            self.call(parent, Operation::Update, "auth/token/create", json!({ "ttl": ttl, "policies": ["root"] }));
        made.unwrap().auth.as_ref().unwrap().token.expose().clone()
    }

    fn lives(&self, token: &str) -> bool {
        self.call(token, Operation::Read, "auth/token/lookup-self", Value::Null).is_ok()
    }

    /// Sweeps until nothing is due.
    pub fn sweep(&self) {
        let workers = Arc::new(Workers::default());
        sweeper::sweep(&self.live(), &workers).unwrap();
        workers.wait_idle();
    }

    fn rows(&self) -> u64 {
        self.live().storage.reading(|snapshot| snapshot.lease_counts()).unwrap().iter().map(|count| count.count).sum()
    }
}

/// Asks until it is so.
fn wait_for(what: &str, within: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {within:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_revoked_parent_takes_its_children_in_that_instant() {
    let bench = Bench::new();
    let a = bench.child(&bench.root, "1h");
    let b = bench.child(&a, "2h");
    let c = bench.child(&b, "3h");
    assert!(bench.lives(&c));
    bench.call(&bench.root, Operation::Update, "auth/token/revoke", json!({ "token": a })).unwrap();
    for dead in [&a, &b, &c] {
        assert!(!bench.lives(dead));
    }
    bench.sweep();
    assert_eq!(bench.rows(), 1, "only the root token is left");
}

#[test]
fn an_expired_parent_takes_its_children_without_a_sweep() {
    let bench = Bench::new();
    let a = bench.child(&bench.root, "1h");
    let b = bench.child(&a, "2h");
    bench.clock.advance(Duration::from_secs(3600));
    assert!(!bench.lives(&a) && !bench.lives(&b));
    assert!(bench.lives(&bench.root));
    bench.sweep();
    assert_eq!(bench.rows(), 1);
}

#[test]
fn a_lease_of_an_ended_parent_does_not_outlive_it() {
    // CVE-2020-25816: leases kept alive by renewal after the token that made them had ended.
    let bench = Bench::new();
    let a = bench.child(&bench.root, "1h");
    let b = bench.child(&a, "2h");
    bench.clock.advance(Duration::from_secs(3599));
    let renewed = bench.call(&b, Operation::Update, "auth/token/renew-self", json!({ "increment": "2h" }));
    assert!(renewed.is_ok());
    bench.clock.advance(Duration::from_secs(1));
    assert!(!bench.lives(&b));
    assert!(bench.call(&b, Operation::Update, "auth/token/renew-self", Value::Null).is_err());
}

#[test]
fn a_token_with_a_use_count_ends_with_its_last_use() {
    let bench = Bench::new();
    let made =
        bench.call(&bench.root, Operation::Update, "auth/token/create", json!({ "num_uses": 2, "ttl": "1h" })).unwrap();
    let token = made.auth.as_ref().unwrap().token.expose().clone();
    assert!(bench.lives(&token));
    assert!(bench.lives(&token));
    assert!(!bench.lives(&token));
}

#[test]
fn a_sealed_server_answers_nothing_and_unseals_with_its_key() {
    let bench = Bench::new();
    let token = bench.child(&bench.root, "1h");
    bench.core.seal();
    let refused = bench.call(&token, Operation::Read, "auth/token/lookup-self", Value::Null);
    assert!(matches!(refused, Err(error) if error.message() == "Vault is sealed"));
}

#[test]
fn an_unknown_path_is_denied_to_those_without_permission_and_missing_to_others() {
    let bench = Bench::new();
    let made =
        bench.call(&bench.root, Operation::Update, "auth/token/create", json!({ "policies": ["default"] })).unwrap();
    let token = made.auth.as_ref().unwrap().token.expose().clone();
    let denied = bench.call(&token, Operation::Read, "no/such", Value::Null).err().unwrap();
    assert_eq!((denied.kind(), denied.message()), (crate::base::Kind::Denied, "permission denied"));
    let missing = bench.call(&bench.root, Operation::Read, "no/such", Value::Null).err().unwrap();
    assert_eq!(missing.kind(), crate::base::Kind::NotFound);
}

#[test]
fn a_disabled_mount_goes_with_its_records_and_frees_its_path() {
    let bench = Bench::new();
    let enable = || bench.call(&bench.root, Operation::Update, "sys/mounts/kv", json!({ "type": "kv" }));
    enable().unwrap();
    bench.call(&bench.root, Operation::Update, "kv/a/b", json!({ "x": "1" })).unwrap();
    bench.call(&bench.root, Operation::Delete, "sys/mounts/kv", Value::Null).unwrap();
    bench.sweep();
    enable().unwrap();
    assert!(bench.call(&bench.root, Operation::Read, "kv/a/b", Value::Null).is_err());
    assert!(bench.live().mounts().disabling().next().is_none());
}
