//! Making the keys anew that people hold: the root key is replaced and split into other shares, so that the old ones open nothing.
//!
//! Invariant: at each moment there are shares that somebody has and that open the store. New ones that were not verified are in
//! force at once, and yet the old ones go on opening it until their answer has been sent (see `handover`): an answer that never
//! arrived because the server was cut off costs nobody the store.

use crate::base::{Error, Result, Secret, random};
use crate::core::ceremonies::{Attempt, Made, Rekey, Target};
use crate::core::{Core, Live, handover, recovery_key};
use crate::seal::{SealConfig, shamir};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// How errors call it.
const WHAT: &str = "rekey";

/// What an attempt has come to.
pub enum Progress {
    /// More shares are needed.
    Going,
    /// The new keys; where they have to be verified, with the nonce for that.
    Made { shares: Vec<Secret<Vec<u8>>>, verification_nonce: Option<String> },
}

/// What is asked for.
pub struct Wanted {
    pub shares: u64,
    pub threshold: u64,
    pub verify: bool,
}

impl Core {
    /// How many of the present keys an attempt needs.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn keys_required(&self) -> Result<SealConfig> {
        self.seal_config()?.ok_or_else(|| Error::not_initialized("server is not yet initialized"))
    }

    /// # Errors
    /// `BadRequest` when there is an attempt already, for impossible numbers, and where the seal has no such keys.
    pub fn begin_rekey(&self, live: &Live, target: Target, wanted: &Wanted) -> Result<()> {
        let config = self.keys_required()?;
        check_target(&config, target)?;
        let by_seal = target == Target::Unseal && config.kind.is_auto();
        if by_seal && (wanted.shares, wanted.threshold) != (1, 1) {
            return Err(Error::bad_request(
                "the seal keeps the root key itself: secret_shares and secret_threshold must be 1, and no keys are answered",
            ));
        }
        if by_seal && wanted.verify {
            return Err(Error::bad_request("the seal keeps the root key itself: there are no new keys to verify"));
        }
        let checked = SealConfig::new(wanted.shares, wanted.threshold)?;
        let mut rekey = live.ceremonies.rekey(target);
        if rekey.is_some() {
            return Err(Error::bad_request("rekey already in progress"));
        }
        let attempt = Attempt::new(live.now());
        let (shares, threshold) = (checked.shares, checked.threshold);
        *rekey = Some(Rekey { attempt, shares, threshold, verify: wanted.verify, made: None });
        Ok(())
    }

    /// Takes one of the present keys; with enough of them, makes the new ones.
    ///
    /// # Errors
    /// `BadRequest` for another attempt's nonce, what is no key, and keys that are not the present ones (all are then given
    /// anew).
    pub fn continue_rekey(
        self: &Arc<Self>,
        live: &Arc<Live>,
        target: Target,
        share: Secret<Vec<u8>>,
        nonce: &str,
    ) -> Result<Progress> {
        let config = self.keys_required()?;
        let mut slot = live.ceremonies.rekey(target);
        let rekey = slot.as_mut().ok_or_else(|| Error::bad_request("no barrier rekey in progress"))?;
        if rekey.made.is_some() {
            return Err(Error::bad_request("the new keys are made already and wait to be verified"));
        }
        rekey.attempt.check_nonce(nonce, WHAT)?;
        let Some(key) = rekey.attempt.add(share, config.threshold, WHAT)? else { return Ok(Progress::Going) };
        self.check_quorum(live, &config, &key)?;
        let new = Secret::new(random::bytes::<32>()?);
        if target == Target::Unseal && config.kind.is_auto() {
            *slot = None;
            drop(slot);
            self.replace_root_key(live)?;
            return Ok(Progress::Made { shares: Vec::new(), verification_nonce: None });
        }
        let shares = shamir::split(new.expose(), rekey.shares, rekey.threshold)?;
        if rekey.verify {
            let made = Made { attempt: Attempt::new(live.now()), key: new };
            let verification_nonce = Some(made.attempt.nonce.clone());
            rekey.made = Some(made);
            return Ok(Progress::Made { shares, verification_nonce });
        }
        let next = SealConfig { shares: rekey.shares, threshold: rekey.threshold, ..config };
        self.put_in_force(live, target, &next, &new, true)?;
        *slot = None;
        drop(slot);
        handover::finish_soon(self);
        Ok(Progress::Made { shares, verification_nonce: None })
    }

    /// Takes one of the new keys; with enough of them, they are in force. Whether they are.
    ///
    /// # Errors
    /// `BadRequest` for another attempt's nonce, what is no key, and keys that are not the new ones (all are then given anew).
    pub fn verify_rekey(&self, live: &Live, target: Target, share: Secret<Vec<u8>>, nonce: &str) -> Result<bool> {
        let config = self.keys_required()?;
        let mut slot = live.ceremonies.rekey(target);
        let nothing = || Error::bad_request("no rekey verification operation in progress");
        let rekey = slot.as_mut().ok_or_else(nothing)?;
        let next = SealConfig { shares: rekey.shares, threshold: rekey.threshold, ..config };
        let made = rekey.made.as_mut().ok_or_else(nothing)?;
        made.attempt.check_nonce(nonce, "rekey verification")?;
        let Some(key) = made.attempt.add(share, next.threshold, "rekey verification")? else { return Ok(false) };
        if !is_same(&key, &made.key) {
            return Err(Error::bad_request(
                "rekey verification failed: these are not the new keys; give them all again",
            ));
        }
        self.put_in_force(live, target, &next, &key, false)?;
        *slot = None;
        Ok(true)
    }

    /// Whether a key that enough people have put together is theirs.
    ///
    /// # Errors
    /// `BadRequest` when it is not.
    pub fn check_quorum(&self, live: &Live, config: &SealConfig, key: &Secret<[u8; 32]>) -> Result<()> {
        if config.kind.is_auto() {
            return self.storage.reading(|snapshot| recovery_key::check(snapshot, &live.barrier, key));
        }
        if is_same(key, &live.barrier.root_key()) {
            return Ok(());
        }
        Err(Error::bad_request("the keys given do not make the root key: give them all again"))
    }

    fn put_in_force(
        &self,
        live: &Live,
        target: Target,
        next: &SealConfig,
        key: &Secret<[u8; 32]>,
        with_handover: bool,
    ) -> Result<()> {
        let _alone = live.changing_keys();
        let before = self.keys_required()?;
        let old = live.barrier.root_key();
        self.storage.writing(|tx| {
            next.store(tx)?;
            match target {
                Target::Recovery if with_handover => recovery_key::replace(tx, &live.barrier, key),
                Target::Recovery => recovery_key::store(tx, &live.barrier, key),
                Target::Unseal => {
                    if with_handover {
                        handover::store(tx, &before, &old, key)?;
                    }
                    live.barrier.rewrap(tx, key)
                }
            }
        })?;
        if target == Target::Unseal {
            live.barrier.install_root(key.clone());
        }
        log::warn!("the {} were made anew: {} shares, {} of which count", named(target), next.shares, next.threshold);
        Ok(())
    }

    /// Replaces the root key where a seal keeps it.
    fn replace_root_key(&self, live: &Live) -> Result<()> {
        let seal =
            self.current_seal().ok_or_else(|| Error::internal("the seal that keeps the root key is not there"))?;
        let key = Secret::new(random::bytes::<32>()?);
        let wrapped = seal.wrap(&key)?;
        let _alone = live.changing_keys();
        self.storage.writing(|tx| {
            wrapped.store(tx)?;
            live.barrier.rewrap(tx, &key)
        })?;
        live.barrier.install_root(key);
        log::warn!("the root key was replaced");
        Ok(())
    }
}

fn check_target(config: &SealConfig, target: Target) -> Result<()> {
    match target {
        Target::Recovery if !config.kind.is_auto() => {
            Err(Error::bad_request("recovery rekeying not supported: the seal of this server has no recovery keys"))
        }
        _ if config.shares == 0 => {
            Err(Error::bad_request("this server has no recovery key: it was initialised without recovery shares"))
        }
        _ => Ok(()),
    }
}

fn is_same(left: &Secret<[u8; 32]>, right: &Secret<[u8; 32]>) -> bool {
    left.expose().ct_eq(right.expose()).into()
}

fn named(target: Target) -> &'static str {
    match target {
        Target::Unseal => "unseal keys",
        Target::Recovery => "recovery keys",
    }
}
