//! What stands between the store and everybody else: it seals what is stored, binding it to its place, and hashes what the
//! store finds things by. It knows neither what is in a value nor how rows are kept.
//!
//! A sealed value is `term (4 bytes, big-endian) || nonce (24) || XChaCha20-Poly1305 ciphertext and tag`. The term names the
//! data key; data keys are in the keyring, wrapped by the root key in the same form.
//!
//! Invariant: a value opens only at the place it was sealed for, under the same term and with every granting column as it was.

mod place;

#[cfg(test)]
mod tests;

use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::storage::{Hash, KeyRow, Snapshot, Tx};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
pub use place::Place;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use zeroize::Zeroizing;

const TERM_SIZE: usize = 4;
const NONCE_SIZE: usize = 24;
const TAG_SIZE: usize = 16;

/// The first data key's term. Zero is the root key's own, for what it wraps.
const FIRST_TERM: u32 = 1;
const ROOT_TERM: u32 = 0;

/// Where the key of the look-up hashes is kept, wrapped. It is no data key: rotation leaves it, or nothing would be found.
const LOOKUP_KEY: &str = "lookup_key";

/// The keys of an unsealed store; dropping it wipes them from memory.
pub struct Barrier {
    keys: RwLock<Keys>,
    lookup_key: Secret<[u8; 32]>,
    /// How many values the newest data key has sealed since it was read.
    sealed: AtomicU64,
}

struct Keys {
    root: Secret<[u8; 32]>,
    /// In order of term; the last one seals.
    data: Vec<DataKey>,
}

/// The key that seals, as `sys/key-status` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    pub term: u32,
    pub installed: Timestamp,
    /// Values sealed with it since it was read or made.
    pub sealed: u64,
}

/// A data key that is in the store, and seals once it is installed.
pub struct NextKey(DataKey);

impl Barrier {
    /// Makes the first data key and the look-up key, wrapped by `root_key`.
    ///
    /// # Errors
    /// `Conflict` when the store has keys already: new ones would lose all that is in it.
    pub fn initialize(tx: &mut dyn Tx, root_key: &Secret<[u8; 32]>, now: Timestamp) -> Result<()> {
        if !tx.keyring()?.is_empty() || tx.meta(LOOKUP_KEY)?.is_some() {
            return Err(Error::conflict("the store is already initialized"));
        }
        let root = DataKey::new(ROOT_TERM, root_key.expose());
        let data_key = Secret::new(random::bytes::<32>()?);
        let wrapped =
            root.seal(&keyring_place(&FIRST_TERM.to_be_bytes(), &[&now.0.to_be_bytes()]), data_key.expose())?;
        tx.put_key(&KeyRow { term: FIRST_TERM, created: now, wrapped })?;
        let lookup_key = Secret::new(random::bytes::<32>()?);
        tx.set_meta(LOOKUP_KEY, &root.seal(&lookup_place(), lookup_key.expose())?)
    }

    /// Unwraps the keys with `root_key`.
    ///
    /// # Errors
    /// `NotInitialized` without keys, `BadRequest` when the root key is not theirs.
    pub fn unseal(snapshot: &dyn Snapshot, root_key: &Secret<[u8; 32]>) -> Result<Self> {
        let keyring = snapshot.keyring()?;
        let wrapped_lookup_key = snapshot.meta(LOOKUP_KEY)?;
        let (false, Some(wrapped_lookup_key)) = (keyring.is_empty(), wrapped_lookup_key) else {
            return Err(Error::not_initialized("the store is not initialized"));
        };
        let root = DataKey::new(ROOT_TERM, root_key.expose());
        let mut data_keys = Vec::with_capacity(keyring.len());
        for row in keyring {
            let (term, created) = (row.term.to_be_bytes(), row.created.0.to_be_bytes());
            let key = unwrap(&root, &keyring_place(&term, &[&created]), &row.wrapped)?;
            data_keys.push(DataKey { installed: row.created, ..DataKey::new(row.term, key.expose()) });
        }
        data_keys.sort_by_key(|key| key.term);
        let lookup_key = unwrap(&root, &lookup_place(), &wrapped_lookup_key)?;
        let keys = RwLock::new(Keys { root: root_key.clone(), data: data_keys });
        Ok(Self { keys, lookup_key, sealed: AtomicU64::new(0) })
    }

    /// The key that wraps the others, for whoever stores it anew.
    #[must_use]
    pub fn root_key(&self) -> Secret<[u8; 32]> {
        self.read().root.clone()
    }

    /// Wraps every key of the store with `new` instead of this barrier's root key. It takes effect here with
    /// [`Barrier::install_root`], after the transaction.
    ///
    /// # Errors
    /// `Internal` when what is stored does not open, or the store fails.
    pub fn rewrap(&self, tx: &mut dyn Tx, new: &Secret<[u8; 32]>) -> Result<()> {
        let (old, new) = (DataKey::new(ROOT_TERM, self.root_key().expose()), DataKey::new(ROOT_TERM, new.expose()));
        let damaged = |_| Error::internal("the stored keyring does not open");
        for row in tx.keyring()? {
            let (term, created) = (row.term.to_be_bytes(), row.created.0.to_be_bytes());
            let grants: [&[u8]; 1] = [&created];
            let place = keyring_place(&term, &grants);
            let key = unwrap(&old, &place, &row.wrapped).map_err(damaged)?;
            tx.put_key(&KeyRow { wrapped: new.seal(&place, key.expose())?, ..row })?;
        }
        let stored = tx.meta(LOOKUP_KEY)?.unwrap_or_default();
        let lookup_key = unwrap(&old, &lookup_place(), &stored).map_err(damaged)?;
        tx.set_meta(LOOKUP_KEY, &new.seal(&lookup_place(), lookup_key.expose())?)
    }

    /// The root key that the store's keys are wrapped with from now on.
    pub fn install_root(&self, new: Secret<[u8; 32]>) {
        self.write().root = new;
    }

    /// Makes the next data key and stores it. It seals once it is installed, after the transaction.
    ///
    /// # Errors
    /// `Internal` without randomness, or when the store fails.
    pub fn next_key(&self, tx: &mut dyn Tx, now: Timestamp) -> Result<NextKey> {
        let root = DataKey::new(ROOT_TERM, self.root_key().expose());
        let newest = tx.keyring()?.iter().map(|row| row.term).max().unwrap_or(ROOT_TERM);
        let term = newest.checked_add(1).ok_or_else(|| Error::internal("there are no more terms for keys"))?;
        let key = Secret::new(random::bytes::<32>()?);
        let grants: [&[u8]; 1] = [&now.0.to_be_bytes()];
        let wrapped = root.seal(&keyring_place(&term.to_be_bytes(), &grants), key.expose())?;
        tx.put_key(&KeyRow { term, created: now, wrapped })?;
        Ok(NextKey(DataKey { installed: now, ..DataKey::new(term, key.expose()) }))
    }

    /// Seals with a new data key from now on.
    pub fn install(&self, next: NextKey) {
        let mut keys = self.write();
        keys.data.push(next.0);
        keys.data.sort_by_key(|key| key.term);
        self.sealed.store(0, Ordering::Relaxed);
    }

    /// The data key that seals now.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let keys = self.read();
        let (term, installed) = keys.data.last().map_or((0, Timestamp(0)), |key| (key.term, key.installed));
        KeyStatus { term, installed, sealed: self.sealed.load(Ordering::Relaxed) }
    }

    /// Goes on counting where an earlier process has stopped.
    pub fn resume_count(&self, term: u32, sealed: u64) {
        if self.status().term == term {
            self.sealed.fetch_add(sealed, Ordering::Relaxed);
        }
    }

    /// Whether a value was sealed with an older data key than the one that seals now.
    #[must_use]
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        term_of(sealed).is_some_and(|term| self.read().data.last().is_some_and(|newest| term < newest.term))
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals `plaintext` for `place` with the newest data key.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no randomness.
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>> {
        self.sealed.fetch_add(1, Ordering::Relaxed);
        self.read().data.last().ok_or_else(|| Error::internal("the keyring is empty"))?.seal(place, plaintext)
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// `Internal` when it does not open: edited, moved here from another place, or its key is gone.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let table = place.table;
        let damaged = |why: &str| Error::internal(format!("a row of {table} does not open: {why}"));
        let term = term_of(sealed).ok_or_else(|| damaged("it is cut short"))?;
        let keys = self.read();
        let key = keys.data.iter().rev().find(|key| key.term == term);
        key.ok_or_else(|| damaged("its key is not in the keyring"))?
            .open(place, sealed)
            .ok_or_else(|| damaged("it was changed or moved"))
    }

    /// A keyed hash to find rows by. Nobody without the key can tell what was hashed, or which of two domains' hashes are of
    /// the same thing.
    #[must_use]
    pub fn hash(&self, domain: &'static str, parts: &[&[u8]]) -> Hash {
        let mut short = Hash::default();
        short.copy_from_slice(&self.hash32(domain, parts)[..16]);
        short
    }

    /// [`Barrier::hash`] at full length.
    #[must_use]
    pub fn hash32(&self, domain: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(self.lookup_key.expose());
        for part in [domain.as_bytes()].iter().chain(parts) {
            hasher.update(&place::length(part));
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// One key and its term. The cipher wipes the key when dropped.
struct DataKey {
    term: u32,
    installed: Timestamp,
    cipher: XChaCha20Poly1305,
}

impl DataKey {
    fn new(term: u32, key: &[u8; 32]) -> Self {
        Self { term, installed: Timestamp(0), cipher: XChaCha20Poly1305::new(key.into()) }
    }

    fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::bytes::<NONCE_SIZE>()?;
        let mut sealed = Vec::with_capacity(TERM_SIZE + NONCE_SIZE + plaintext.len() + TAG_SIZE);
        sealed.extend_from_slice(&self.term.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let body = &mut sealed[TERM_SIZE + NONCE_SIZE..];
        let tag = self
            .cipher
            .encrypt_inout_detached(&XNonce::from(nonce), &place.bound_to(self.term), body.into())
            .map_err(|_| Error::too_large("a value is too large to be sealed"))?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.get(TERM_SIZE..)?.split_first_chunk::<NONCE_SIZE>()?;
        let mut opened = Zeroizing::new(body.to_vec());
        self.cipher.decrypt_in_place(&XNonce::from(*nonce), &place.bound_to(self.term), &mut *opened).ok()?;
        Some(opened)
    }
}

fn term_of(sealed: &[u8]) -> Option<u32> {
    sealed.first_chunk().map(|term| u32::from_be_bytes(*term))
}

fn unwrap(root: &DataKey, place: &Place<'_>, wrapped: &[u8]) -> Result<Secret<[u8; 32]>> {
    let opened = (term_of(wrapped) == Some(ROOT_TERM)).then(|| root.open(place, wrapped)).flatten();
    let key = opened.and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
    key.map(Secret::new).ok_or_else(|| Error::bad_request("the key does not open this store's keyring"))
}

fn keyring_place<'a>(term: &'a [u8], created: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "keyring", column: "wrapped", row: term, grants: created }
}

fn lookup_place() -> Place<'static> {
    Place { table: "meta", column: "value", row: LOOKUP_KEY.as_bytes(), grants: &[] }
}
