//! The centre: it knows every mount, policy, token and lease, and leads each request through the pipeline. It is given the
//! engines and the system's endpoints as tables and names none of them.
//!
//! Its state is sealed or live. Sealed code cannot reach the barrier, because the barrier is inside [`Live`]; dropping
//! `Live` zeroises the keys.

pub mod absent;
pub mod ancestry;
pub mod answers;
pub mod audits;
pub mod authentication;
pub mod authorize;
pub mod batch;
pub mod call;
pub mod callers;
pub mod causes;
pub mod ceremonies;
pub mod cubbyholes;
pub mod denial;
pub mod errand;
pub mod handover;
pub mod headers;
pub mod hints;
pub mod holds;
pub mod identity;
pub mod issue;
pub mod leases;
pub mod listed;
pub mod live;
pub mod lockout;
pub mod metrics;
pub mod mounts;
pub mod named;
pub mod names;
pub mod passwords;
pub mod pipeline;
pub mod plan;
pub mod policies;
pub mod prefixes;
pub mod prepared;
pub mod quorum;
pub mod quotas;
pub mod reconcile;
pub mod records;
pub mod recovery;
pub mod recovery_key;
pub mod rekey;
pub mod renewal;
pub mod reseal;
pub mod revocation;
pub mod root_generation;
pub mod rotation;
pub mod routing;
pub mod sealing;
pub mod selection;
pub mod services;
pub mod sign_in;
pub mod sweeper;
pub mod targets;
pub mod tasks;
#[cfg(test)]
pub(crate) mod tests;
pub mod tidy;
pub mod time;
pub mod tokens;
pub mod tree;
pub mod ttl;
pub mod unsealing;
pub mod versions;
pub mod watch;
pub mod why;
pub mod workers;
pub mod wrapping;
pub mod wrapping_jwt;

use crate::base::{Clock, Error, Result};
use crate::logical::doc::Endpoint;
use crate::logical::{Engine, Route};
use crate::seal::auto::AutoSeal;
use crate::storage::Storage;
pub use authentication::Identity;
pub use call::Call;
pub use live::Live;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
pub use unsealing::Seals;

/// What the configuration says that the core must know.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub default_lease_ttl: Duration,
    pub max_lease_ttl: Duration,
    /// Empty: a name is made at initialisation.
    pub cluster_name: String,
    pub api_addr: String,
    /// The only directories in which file audit devices may write.
    pub audit_directories: Vec<PathBuf>,
    /// The API level with our own version as build metadata, as clients read it.
    pub version: &'static str,
    /// Values of templates in policies may hold slashes, and so reach over several segments of a path.
    pub slashes_in_templates: bool,
    /// After how many wrong passwords a name is locked.
    pub lockout: lockout::rules::Defaults,
}

/// The endpoints, as tables. Made in `main`'s layer, so that the core names no engine.
#[derive(Clone, Copy)]
pub struct Registry {
    pub engines: &'static [&'static Engine],
    pub system: &'static [&'static Route<Call>],
    pub token: &'static [&'static Route<Call>],
    pub identity: &'static [&'static Route<Call>],
    /// The auth methods besides tokens.
    pub methods: &'static [&'static Engine],
    /// The names of the database plug-ins that are built in.
    pub databases: fn() -> Vec<&'static str>,
    /// Published paths that nothing serves.
    pub absent: &'static [absent::Absent],
}

impl Registry {
    pub const EMPTY: Self =
        Self { engines: &[], system: &[], token: &[], identity: &[], methods: &[], databases: Vec::new, absent: &[] };

    /// Every endpoint at its usual place: what the endpoint list is made from.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let at = |mount: &str, class: &str, route| Endpoint { mount: mount.to_owned(), class: class.to_owned(), route };
        let system = self.system.iter().map(|route| at("sys/", "system", route.doc()));
        let token = self.token.iter().map(|route| at("auth/token/", "auth", route.doc()));
        let identity = self.identity.iter().map(|route| at("identity/", "secret", route.doc()));
        let methods = self
            .methods
            .iter()
            .flat_map(|method| method.docs().map(move |route| at(&format!("auth/{}/", method.name), "auth", route)));
        let mut all: Vec<_> = system.chain(token).chain(methods).chain(identity).collect();
        for engine in self.engines {
            all.extend(engine.docs().map(|route| at(&format!("{}/", engine.name), "secret", route)));
            for later in engine.later {
                let names = engine.aliases.iter().filter(|alias| alias.version == later.version);
                all.extend(
                    names.flat_map(|alias| later.docs().map(|route| at(&format!("{}/", alias.name), "secret", route))),
                );
            }
        }
        all
    }

    /// The engine that goes by this name, and the version of it where the name says that too.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(&'static Engine, Option<&'static str>)> {
        let by_name = self.engines.iter().find(|engine| engine.name == name).map(|engine| (*engine, None));
        by_name.or_else(|| {
            let mut aliases =
                self.engines.iter().flat_map(|engine| engine.aliases.iter().map(move |alias| (*engine, alias)));
            aliases.find(|(_, alias)| alias.name == name).map(|(engine, alias)| (engine, Some(alias.version)))
        })
    }

    /// # Errors
    /// `BadRequest` naming the auth methods that there are.
    pub fn method(&self, kind: &str) -> Result<&'static Engine> {
        self.methods.iter().copied().find(|method| method.name == kind).ok_or_else(|| {
            let known: Vec<&str> = self.methods.iter().map(|method| method.name).collect();
            Error::bad_request(format!("there is no auth method {kind:?} here; there are: {}", known.join(", ")))
        })
    }

    /// # Errors
    /// `BadRequest` naming the engines that there are.
    pub fn engine(&self, kind: &str) -> Result<&'static Engine> {
        self.engines.iter().copied().find(|engine| engine.name == kind).ok_or_else(|| {
            let known: Vec<&str> = self.engines.iter().map(|engine| engine.name).collect();
            Error::bad_request(format!("there is no secrets engine {kind:?} here; there are: {}", known.join(", ")))
        })
    }
}

pub struct Core {
    pub settings: Settings,
    pub registry: Registry,
    pub storage: Arc<dyn Storage>,
    pub clock: Arc<dyn Clock>,
    pub watch: Arc<watch::Watch>,
    pub metrics: metrics::Metrics,
    /// The configuration as it may be shown.
    pub configuration: OnceLock<Value>,
    state: RwLock<Option<Arc<Live>>>,
    unsealing: Mutex<unsealing::Progress>,
    opening: Mutex<()>,
    seals: OnceLock<Seals>,
}

impl Core {
    #[must_use]
    pub fn new(settings: Settings, registry: Registry, storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            registry,
            storage,
            clock,
            watch: Arc::default(),
            metrics: metrics::Metrics::default(),
            configuration: OnceLock::new(),
            state: RwLock::new(None),
            unsealing: Mutex::default(),
            opening: Mutex::default(),
            seals: OnceLock::new(),
        })
    }

    /// Gives the core the seals that it is configured with, before it serves; without them it is sealed by shares.
    pub fn use_seals(&self, seals: Seals) {
        drop(self.seals.set(seals));
    }

    /// The seal that opens by itself, where one is configured.
    #[must_use]
    pub fn current_seal(&self) -> Option<Arc<dyn AutoSeal>> {
        self.seals().current.clone()
    }

    fn seals(&self) -> &Seals {
        self.seals.get_or_init(Seals::default)
    }

    /// The unsealed part.
    ///
    /// # Errors
    /// `Sealed` in the words that clients look for.
    pub fn live(&self) -> Result<Arc<Live>> {
        self.live_or_none().ok_or_else(|| Error::sealed("Vault is sealed"))
    }

    #[must_use]
    pub fn live_or_none(&self) -> Option<Arc<Live>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_live(&self, live: Option<Arc<Live>>) -> Option<Arc<Live>> {
        std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), live)
    }
}
