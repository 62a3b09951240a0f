//! Unsealing: by shares that people bring, or by a seal that opens by itself; and moving from one seal to another, which is done
//! while unsealing, with the shares of the seal that is left.
//!
//! Invariant: what changes which key opens the store is one transaction: whenever the server is cut off, the keys from before it
//! open the store, or those from after it do, and never both.

use crate::barrier::Barrier;
use crate::base::{Error, Kind as Failure, Result, Secret, random};
use crate::core::handover::{self, Handover};
use crate::core::quorum::Quorum;
use crate::core::{Core, recovery_key};
use crate::seal::auto::{AutoSeal, Wrapped};
use crate::seal::{Kind, SealConfig};
use std::sync::{Arc, MutexGuard, PoisonError};

/// Shares given so far.
#[derive(Default)]
pub struct Progress {
    pub quorum: Quorum,
    pub nonce: String,
}

/// The seals that a server is configured with, besides people's shares.
#[derive(Default)]
pub struct Seals {
    /// None: shares.
    pub current: Option<Arc<dyn AutoSeal>>,
    /// The one that the server moves away from.
    pub disabled: Option<Arc<dyn AutoSeal>>,
}

/// How the store is unsealed, as it is stored and configured.
enum Way {
    Shares,
    Seal(Arc<dyn AutoSeal>),
    /// None is shares.
    Migrate {
        from: Option<Arc<dyn AutoSeal>>,
        to: Option<Arc<dyn AutoSeal>>,
    },
}

impl Core {
    /// Takes one share; with enough of them, unseals. Returns once the server serves.
    ///
    /// # Errors
    /// `BadRequest` for a share that is malformed, or shares that together are not the key (they are then forgotten), and
    /// while the server waits to be moved to another seal.
    pub fn unseal(self: &Arc<Self>, share: Secret<Vec<u8>>) -> Result<()> {
        self.take_share(share, false)
    }

    /// Takes one share of the seal that is left; with enough of them, moves to the configured seal and unseals.
    ///
    /// # Errors
    /// As [`Core::unseal`]; `BadRequest` when there is no other seal to move to.
    pub fn unseal_migrating(self: &Arc<Self>, share: Secret<Vec<u8>>) -> Result<()> {
        self.take_share(share, true)
    }

    /// Unseals without anybody's shares.
    ///
    /// # Errors
    /// `Upstream` when what the seal asks does not answer: trying again may help. `BadRequest` when it cannot be done this way.
    pub fn unseal_by_seal(self: &Arc<Self>) -> Result<()> {
        let config = self.seal_config()?.ok_or_else(|| Error::bad_request("server is not yet initialized"))?;
        match self.way(&config)? {
            Way::Seal(seal) => {
                let _alone = self.opening();
                if self.live_or_none().is_some() {
                    return Ok(());
                }
                let barrier = self.open_by(&*seal)?;
                self.go_live(barrier)
            }
            Way::Shares => Err(Error::bad_request("the storage is sealed by shares: enter them to unseal it")),
            Way::Migrate { .. } => Err(Error::bad_request(
                "the storage waits to be moved to another seal: enter the keys of the one it has, with \"operator unseal -migrate\"",
            )),
        }
    }

    /// Whether the configured seal unseals without anybody's doing.
    ///
    /// # Errors
    /// `BadRequest` when configuration and storage do not go together.
    pub fn unseals_itself(&self) -> Result<bool> {
        let Some(config) = self.seal_config()? else { return Ok(false) };
        Ok(matches!(self.way(&config)?, Way::Seal(_)))
    }

    /// Forgets the shares given so far.
    pub fn reset_unseal(&self) {
        *self.progress() = Progress::default();
    }

    fn take_share(self: &Arc<Self>, share: Secret<Vec<u8>>, migrate: bool) -> Result<()> {
        let config = self.seal_config()?.ok_or_else(|| Error::bad_request("server is not yet initialized"))?;
        if self.live_or_none().is_some() {
            return Ok(());
        }
        let way = self.way(&config)?;
        match (&way, migrate) {
            (Way::Migrate { .. }, false) => {
                return Err(Error::bad_request("migrate option not provided and seal migration is pending"));
            }
            (Way::Shares | Way::Seal(_), true) => {
                return Err(Error::bad_request("can't perform a seal migration, no migration seal found"));
            }
            _ => {}
        }
        if config.shares == 0 {
            return Err(Error::bad_request(
                "this server has no recovery key: it was initialised without recovery shares",
            ));
        }
        let handover = match way {
            Way::Shares => self.storage.reading(|snapshot| Handover::load(snapshot))?,
            _ => None,
        };
        let threshold = config.threshold.max(handover.as_ref().map_or(0, Handover::threshold));
        let Some(key) = self.collect(share, threshold, |quorum| {
            handover.as_ref().and_then(|handover| self.early(quorum, &config, handover))
        })?
        else {
            return Ok(());
        };
        let _alone = self.opening();
        if self.live_or_none().is_some() {
            return Ok(());
        }
        let barrier = match way {
            Way::Shares => self.open_by_shares(&key, handover.as_ref()),
            Way::Seal(seal) => self.open_by(&*seal).and_then(|barrier| self.check_recovery(barrier, &key)),
            Way::Migrate { from, to } => self.migrate(&config, &key, from.as_deref(), to.as_deref()),
        };
        self.go_live(barrier?)
    }

    /// While old and new shares open the store, as many as either needs may be enough: the key that they make, if it does.
    fn early(&self, quorum: &Quorum, config: &SealConfig, handover: &Handover) -> Option<Secret<[u8; 32]>> {
        let opens = |key: &Secret<[u8; 32]>| self.storage.reading(|snapshot| Barrier::unseal(snapshot, key)).is_ok();
        let new = quorum.peek(config.threshold).filter(&opens);
        new.or_else(|| quorum.peek(handover.threshold()).filter(|old| handover.open(old).is_some()))
    }

    /// The key, once there are enough shares, or as early as `early` finds one.
    fn collect(
        &self,
        share: Secret<Vec<u8>>,
        threshold: u8,
        early: impl FnOnce(&Quorum) -> Option<Secret<[u8; 32]>>,
    ) -> Result<Option<Secret<[u8; 32]>>> {
        let mut progress = self.progress();
        if progress.nonce.is_empty() {
            progress.nonce = random::uuid();
        }
        let given = progress.quorum.given();
        let key = progress.quorum.add(share, threshold);
        if progress.quorum.given() < given || matches!(key, Ok(Some(_))) {
            *progress = Progress::default();
            return key.map_err(wrong);
        }
        if let Some(key) = early(&progress.quorum) {
            *progress = Progress::default();
            return Ok(Some(key));
        }
        key
    }

    fn open_by_shares(&self, key: &Secret<[u8; 32]>, handover: Option<&Handover>) -> Result<Barrier> {
        let by = |key: &Secret<[u8; 32]>| self.storage.reading(|snapshot| Barrier::unseal(snapshot, key));
        let Some(handover) = handover else { return by(key).map_err(wrong) };
        if let Ok(barrier) = by(key) {
            handover::finish(self)?;
            return Ok(barrier);
        }
        let new =
            handover.open(key).ok_or_else(|| wrong(Error::bad_request("they are neither the old nor the new keys")))?;
        log::warn!(
            "unsealed with keys from before a rekey that was cut off: they and the new ones open the storage until the new ones \
             are used, or the keys are made anew"
        );
        by(&new)
    }

    fn open_by(&self, seal: &dyn AutoSeal) -> Result<Barrier> {
        let wrapped = self.storage.reading(|snapshot| Wrapped::load(snapshot))?;
        let wrapped = wrapped.ok_or_else(|| Error::internal("the store holds no wrapped root key"))?;
        let opened = seal.unwrap(&wrapped)?;
        let barrier = self.storage.reading(|snapshot| Barrier::unseal(snapshot, &opened.root_key))?;
        if opened.by_previous {
            let anew = seal.wrap(&opened.root_key)?;
            self.storage.writing(|tx| anew.store(tx))?;
            log::info!(
                "the root key is wrapped with the seal's current key now: the previous one is not needed any more"
            );
        }
        Ok(barrier)
    }

    fn check_recovery(&self, barrier: Barrier, key: &Secret<[u8; 32]>) -> Result<Barrier> {
        self.storage.reading(|snapshot| recovery_key::check(snapshot, &barrier, key))?;
        Ok(barrier)
    }

    /// Moves to another seal with the key of the one that is left: what were unseal keys are recovery keys then, or the other
    /// way round. A root key that people's shares made is replaced, so that they open nothing any more.
    fn migrate(
        &self,
        config: &SealConfig,
        key: &Secret<[u8; 32]>,
        from: Option<&dyn AutoSeal>,
        to: Option<&dyn AutoSeal>,
    ) -> Result<Barrier> {
        let barrier = match from {
            None => self.open_by_shares(key, None)?,
            Some(seal) => self.open_by(seal).and_then(|barrier| self.check_recovery(barrier, key))?,
        };
        let (root_key, wrapped) = match to {
            None => (key.clone(), None),
            Some(seal) => {
                let root_key = Secret::new(random::bytes::<32>()?);
                let wrapped = seal.wrap(&root_key)?;
                (root_key, Some(wrapped))
            }
        };
        let kind = to.map_or(Kind::Shamir, AutoSeal::kind);
        self.storage.writing(|tx| {
            barrier.rewrap(tx, &root_key)?;
            SealConfig { kind, ..*config }.store(tx)?;
            match &wrapped {
                Some(wrapped) => {
                    wrapped.store(tx)?;
                    recovery_key::store(tx, &barrier, key)
                }
                None => {
                    Wrapped::delete(tx)?;
                    recovery_key::delete(tx)
                }
            }
        })?;
        barrier.install_root(root_key);
        log::info!("moved from the seal {} to {}", config.kind.name(), kind.name());
        Ok(barrier)
    }

    /// What the stored seal and the configured ones lead to.
    fn way(&self, config: &SealConfig) -> Result<Way> {
        let Seals { current, disabled } = self.seals();
        let stored = config.kind;
        let Some(current) = current else {
            return match disabled {
                _ if !stored.is_auto() => Ok(Way::Shares),
                Some(from) if from.kind() == stored => Ok(Way::Migrate { from: Some(from.clone()), to: None }),
                _ => Err(mismatch(stored, "none of the kind")),
            };
        };
        let to = || Some(current.clone());
        if !stored.is_auto() {
            return Ok(Way::Migrate { from: None, to: to() });
        }
        let from = disabled.as_ref().filter(|from| from.kind() == stored);
        match from {
            Some(from) if current.kind() != stored => Ok(Way::Migrate { from: Some(from.clone()), to: to() }),
            // Two of one kind: the name of the key tells which of them wrapped.
            Some(from) => {
                let wrapped = self.storage.reading(|snapshot| Wrapped::load(snapshot))?;
                let is_moved = wrapped.is_none_or(|wrapped| wrapped.key_id == current.key_id());
                let from = Some(from.clone());
                Ok(if is_moved { Way::Seal(current.clone()) } else { Way::Migrate { from, to: to() } })
            }
            None if current.kind() == stored => Ok(Way::Seal(current.clone())),
            None => Err(mismatch(stored, current.kind().name())),
        }
    }

    pub(super) fn is_migrating(&self, config: &SealConfig) -> Result<bool> {
        match self.way(config) {
            Ok(way) => Ok(matches!(way, Way::Migrate { .. })),
            Err(error) if error.kind() == Failure::BadRequest => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.unsealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held while the store is opened, so that it is not opened twice.
    fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wrong(error: Error) -> Error {
    if error.kind() == Failure::Internal {
        return error;
    }
    Error::bad_request("unseal failed: the keys given do not make the root key; start again").caused_by(error)
}

fn mismatch(stored: Kind, configured: &str) -> Error {
    let name = stored.name();
    Error::bad_request(format!(
        "the storage was sealed by seal {name:?}, and the configuration has {configured}: write seal {name:?}, or to move away \
         from it the same with disabled = \"true\""
    ))
}
