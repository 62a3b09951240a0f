//! The unsealed part: the barrier and all that needs it. When the last reference goes, the keys are zeroised.

use crate::audit::Broker;
use crate::barrier::Barrier;
use crate::base::{Clock, Error, Result, Timestamp};
use crate::core::answers::Answers;
use crate::core::ceremonies::Ceremonies;
use crate::core::headers::Headers;
use crate::core::identity;
use crate::core::lockout::Failures;
use crate::core::mounts::{self, Class, Mount, Table};
use crate::core::policies::Policies;
use crate::core::quotas::Quotas;
use crate::core::sweeper::Bell;
use crate::core::targets::Targets;
use crate::core::ttl::Limits;
use crate::core::{Registry, Settings};
use crate::logical::Engine;
use crate::storage::restored::Restored;
use crate::storage::{Hash, Storage, Tx};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub struct Live {
    pub settings: Settings,
    pub registry: Registry,
    pub storage: Arc<dyn Storage>,
    pub barrier: Arc<Barrier>,
    pub clock: Arc<dyn Clock>,
    pub policies: Policies,
    pub audit: Broker,
    pub quotas: Quotas,
    pub headers: Headers,
    pub answers: Arc<Answers>,
    /// Wakes the sweeper.
    pub bell: Bell,
    pub resolver: identity::Resolver,
    /// Log-ins that failed.
    pub failures: Failures,
    /// Which targets answer.
    pub targets: Targets,
    /// What holders of keys are about to do together.
    pub ceremonies: Ceremonies,
    pub cluster_id: String,
    pub cluster_name: String,
    /// That the store was restored, until somebody adopts it.
    pub(super) restored: RwLock<Option<Restored>>,
    /// Whether a thread seals anew what older keys have sealed.
    pub resealing: AtomicBool,
    mounts: RwLock<Arc<Table>>,
    /// Held while the mount table changes, so that two changes do not overlook each other.
    changing: Mutex<()>,
    /// Held while keys are made anew, so that none is wrapped by one that is being replaced.
    keys: Mutex<()>,
}

/// What [`Live::new`] takes, made by unsealing.
pub struct Opened {
    pub barrier: Barrier,
    pub policies: Policies,
    pub audit: Broker,
    pub mounts: Table,
    pub cluster_id: String,
    pub cluster_name: String,
}

impl Live {
    #[must_use]
    pub fn new(
        settings: Settings,
        registry: Registry,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        opened: Opened,
    ) -> Self {
        Self {
            settings,
            registry,
            storage,
            barrier: Arc::new(opened.barrier),
            clock,
            policies: opened.policies,
            audit: opened.audit,
            quotas: Quotas::default(),
            headers: Headers::default(),
            answers: Arc::default(),
            bell: Bell::default(),
            resolver: identity::Resolver::default(),
            failures: Failures::default(),
            targets: Targets::default(),
            ceremonies: Ceremonies::default(),
            cluster_id: opened.cluster_id,
            cluster_name: opened.cluster_name,
            restored: RwLock::default(),
            resealing: AtomicBool::new(false),
            mounts: RwLock::new(Arc::new(opened.mounts)),
            changing: Mutex::new(()),
            keys: Mutex::new(()),
        }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until nobody else makes keys anew.
    pub fn changing_keys(&self) -> MutexGuard<'_, ()> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mount table as it is now.
    #[must_use]
    pub fn mounts(&self) -> Arc<Table> {
        self.mounts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The mount whose rows carry this hash, being disabled or not.
    ///
    /// # Errors
    /// `Internal`: a row of a mount that is not there.
    pub fn mount_of(&self, hash: &Hash) -> Result<Arc<Mount>> {
        self.mounts()
            .by_hash(hash)
            .cloned()
            .ok_or_else(|| Error::internal("a row belongs to a mount that is not there"))
    }

    /// The mount at a path (with its trailing slash).
    ///
    /// # Errors
    /// `BadRequest` when there is none.
    pub fn mount_at(&self, path: &str) -> Result<Arc<Mount>> {
        self.mounts().at(path).cloned().ok_or_else(|| Error::bad_request(format!("no matching mount at {path:?}")))
    }

    #[must_use]
    pub fn limits(&self, mount: &Mount) -> Limits {
        mount.limits(self.settings.default_lease_ttl, self.settings.max_lease_ttl)
    }

    /// The engine that serves a mount, in the version that its options name.
    ///
    /// # Errors
    /// `BadRequest` for a kind that is no engine of the registry.
    pub fn engine(&self, mount: &Mount) -> Result<&'static Engine> {
        Ok(self.definition(mount)?.for_options(&mount.options))
    }

    /// The engine or method that a mount is of, in whatever version.
    ///
    /// # Errors
    /// `BadRequest` for a kind that is none of the registry.
    pub fn definition(&self, mount: &Mount) -> Result<&'static Engine> {
        match mount.class {
            Class::Secret => self.registry.engine(&mount.kind),
            Class::Auth => self.registry.method(&mount.kind),
        }
    }

    /// Changes the mount table: `check` runs first, alone, on the current table; `change` is one transaction with the
    /// result; then the table is read anew.
    ///
    /// # Errors
    /// Those of `check` and `change`; then nothing has changed.
    pub fn change_mounts<T>(
        &self,
        check: impl FnOnce(&Table) -> Result<T>,
        mut change: impl FnMut(&mut dyn Tx, &T) -> Result<()>,
    ) -> Result<T> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = check(&self.mounts())?;
        self.storage.writing(|tx| change(tx, &checked))?;
        let table = self.storage.reading(|snapshot| Table::load(snapshot, &self.barrier))?;
        *self.mounts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(checked)
    }

    /// Replaces one mount's settings.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn update_mount(&self, before: &Mount, after: &Mount) -> Result<()> {
        self.change_mounts(|_| Ok(()), |tx, ()| mounts::store(tx, &self.barrier, after, Some(before)))
    }
}
