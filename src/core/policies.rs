//! Policies as they are stored and as they are compiled. All are kept compiled while unsealed; what several policies add up
//! to is remembered until one of them changes, and where they have templates, for each who asks apart.

use crate::barrier::{Barrier, Place};
use crate::base::{Error, Result};
use crate::core::denial;
use crate::policy::{self, Acl, Policy, Subject};
use crate::storage::{Catalog, Hash, Snapshot, Storage, Tx};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// How many different combinations of policies are kept compiled.
const KEPT: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    text: String,
}

pub struct Policies {
    state: RwLock<State>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
struct State {
    texts: BTreeMap<String, (String, Arc<Policy>)>,
    /// Keys of rows that did not open, or that no longer parse.
    damaged: HashSet<Hash>,
    /// What combinations of policies add up to; none where that depends on who asks.
    compiled: HashMap<Vec<String>, Option<Arc<Acl>>>,
    /// Those, for who asked.
    resolved: HashMap<(Vec<String>, Subject), Arc<Acl>>,
    /// Counts the changes, so that nothing is kept that was made before the last one.
    generation: u64,
}

impl Policies {
    pub fn load(snapshot: &dyn Snapshot, barrier: &Barrier) -> Result<Self> {
        let mut state = State::default();
        for row in snapshot.catalog(Catalog::Policies)? {
            let policy = open(barrier, &row.key, &row.sealed)
                .and_then(|stored| Policy::parse(&stored.name, &stored.text).map(|policy| (stored, policy)));
            match policy {
                Ok((stored, policy)) => {
                    state.texts.insert(stored.name, (stored.text, Arc::new(policy)));
                }
                Err(error) => {
                    log::error!("a policy is damaged; tokens that name it are denied: {}", error.for_log());
                    state.damaged.insert(row.key);
                }
            }
        }
        // Kept nowhere, so that no stored text takes their place.
        for (name, text) in [
            (policy::RESPONSE_WRAPPING_NAME, policy::RESPONSE_WRAPPING),
            (policy::CONTROL_GROUP_NAME, policy::CONTROL_GROUP),
        ] {
            state.texts.insert(name.to_owned(), (text.to_owned(), Arc::new(Policy::parse(name, text)?)));
        }
        Ok(Self { state: RwLock::new(state), hits: AtomicU64::new(0), misses: AtomicU64::new(0) })
    }

    /// What these policies allow together. Names that no policy has add nothing. `subject` tells who asks; it is called
    /// where that can matter.
    ///
    /// # Errors
    /// `Denied` when one of them is damaged: it might have denied.
    pub fn acl(&self, barrier: &Barrier, names: &[String], subject: impl FnOnce() -> Subject) -> Result<Arc<Acl>> {
        if names.iter().any(|name| name == "root") {
            return Ok(Arc::new(Acl::root()));
        }
        let known = self.read().compiled.get(names).cloned();
        let key = match known {
            Some(Some(acl)) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                return Ok(acl);
            }
            Some(None) => {
                let key = (names.to_vec(), subject());
                if let Some(acl) = self.read().resolved.get(&key) {
                    self.hits.fetch_add(1, Ordering::Relaxed);
                    return Ok(acl.clone());
                }
                key
            }
            None => (names.to_vec(), subject()),
        };
        self.misses.fetch_add(1, Ordering::Relaxed);
        let generation = self.read().generation;
        let policies = self.compiled(barrier, names)?;
        let acl = Arc::new(Acl::new(policies.iter().map(AsRef::as_ref), &key.1));
        let is_templated = policies.iter().any(|policy| policy.is_templated());
        self.remember(generation, |state| {
            state.compiled.insert(key.0.clone(), (!is_templated).then(|| acl.clone()));
            if is_templated {
                state.resolved.insert(key, acl.clone());
            }
        });
        Ok(acl)
    }

    /// How often what policies add up to was remembered, and how often it had to be made.
    #[must_use]
    pub fn uses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// The policies of these names, as they are now; unknown names are passed over.
    ///
    /// # Errors
    /// `Denied` when one of them is damaged.
    pub fn compiled(&self, barrier: &Barrier, names: &[String]) -> Result<Vec<Arc<Policy>>> {
        let state = self.read();
        let damaged =
            names.iter().find(|name| !state.damaged.is_empty() && state.damaged.contains(&key(barrier, name)));
        if let Some(name) = damaged {
            log::error!("a token was denied because its policy {name:?} is damaged");
            return Err(denial::damaged_policy(name));
        }
        Ok(names.iter().filter_map(|name| state.texts.get(name)).map(|(_, policy)| policy.clone()).collect())
    }

    fn remember(&self, generation: u64, keep: impl FnOnce(&mut State)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.generation != generation {
            return;
        }
        if state.compiled.len() + state.resolved.len() >= KEPT {
            state.compiled.clear();
            state.resolved.clear();
        }
        keep(&mut state);
    }

    /// Stores and compiles a policy; the next request sees it.
    ///
    /// # Errors
    /// `BadRequest` with line and column for a text that is no policy, or a name that is reserved.
    pub fn put(&self, storage: &dyn Storage, barrier: &Barrier, name: &str, text: &str) -> Result<()> {
        let name = policy::canonical_name(name)?;
        if policy::is_fixed(&name) {
            return Err(Error::bad_request(format!("cannot update {name:?} policy")));
        }
        let policy = Arc::new(Policy::parse(&name, text)?);
        storage.writing(|tx| store(tx, barrier, &name, text))?;
        self.change(|state| {
            state.damaged.remove(&key(barrier, &name));
            state.texts.insert(name.clone(), (text.to_owned(), policy.clone()));
        });
        Ok(())
    }

    /// # Errors
    /// `BadRequest` for those that always exist.
    pub fn delete(&self, storage: &dyn Storage, barrier: &Barrier, name: &str) -> Result<()> {
        let name = policy::canonical_name(name)?;
        if policy::RESERVED_NAMES.contains(&name.as_str()) {
            return Err(Error::bad_request(format!("cannot delete {name:?} policy")));
        }
        storage.writing(|tx| tx.catalog_delete(Catalog::Policies, &key(barrier, &name)))?;
        self.change(|state| {
            state.damaged.remove(&key(barrier, &name));
            state.texts.remove(&name);
        });
        Ok(())
    }

    /// The text as it was written; the root policy has none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let name = policy::canonical_name(name).ok()?;
        if name == "root" {
            return Some(String::new());
        }
        self.read().texts.get(&name).map(|(text, _)| text.clone())
    }

    /// All names, `root` last, as the reference lists them: without those that nobody can change or assign.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.read()
            .texts
            .keys()
            .filter(|name| !policy::is_fixed(name))
            .cloned()
            .chain(std::iter::once("root".to_owned()))
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.compiled.clear();
        state.resolved.clear();
        state.generation += 1;
        change(&mut state);
    }
}

/// Writes a policy's row.
pub fn store(tx: &mut dyn Tx, barrier: &Barrier, name: &str, text: &str) -> Result<()> {
    let key = key(barrier, name);
    let stored = Stored { name: name.to_owned(), text: text.to_owned() };
    let bytes = serde_json::to_vec(&stored).map_err(|_| Error::internal("a policy cannot be written as JSON"))?;
    tx.catalog_put(Catalog::Policies, &key, &barrier.seal(&place(&key), &bytes)?)
}

/// Gives `default` its present text, where it still has one that an earlier version of the program made it with.
///
/// # Errors
/// `Internal` when the store fails.
pub fn renew_default(tx: &mut dyn Tx, barrier: &Barrier) -> Result<()> {
    let key = key(barrier, policy::DEFAULT_NAME);
    let Some(row) = tx.catalog_row(Catalog::Policies, &key)? else { return Ok(()) };
    // A damaged one is reported where all are loaded.
    let Ok(stored) = open(barrier, &key, &row) else { return Ok(()) };
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, stored.text.as_bytes());
    if !policy::EARLIER_DEFAULTS.contains(&hex::encode(digest.as_ref()).as_str()) {
        return Ok(());
    }
    log::info!("the policy \"default\", which nobody had changed, has the text of this version now");
    store(tx, barrier, policy::DEFAULT_NAME, policy::DEFAULT)
}

fn open(barrier: &Barrier, key: &Hash, sealed: &[u8]) -> Result<Stored> {
    let bytes = barrier.open(&place(key), sealed)?;
    serde_json::from_slice(&bytes).map_err(|_| Error::internal("a row of policies does not parse"))
}

fn key(barrier: &Barrier, name: &str) -> Hash {
    barrier.hash("policy name", &[name.as_bytes()])
}

fn place(key: &Hash) -> Place<'_> {
    Place { table: Catalog::Policies.table(), column: "sealed", row: key, grants: &[] }
}
