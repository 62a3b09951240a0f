//! Seals that open by themselves: each wraps the root key with a key that the server gets elsewhere (a file, a passphrase,
//! another server). What is wrapped lies in the store, under the name of the seal and of the key that opens it.
//!
//! A seal knows one key and, where keys are changed, the one before it. Invariant: what one key wrapped, no other opens.

use crate::base::{Error, Result, Secret, random};
use crate::seal::Kind;
use crate::storage::{Snapshot, Tx};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Where the wrapped root key lies in `meta`.
const META_KEY: &str = "root_key";

const NONCE_SIZE: usize = 24;

/// One way to keep the root key.
pub trait AutoSeal: Send + Sync {
    fn kind(&self) -> Kind;

    /// The name of the key that it wraps with now. It is shown and stored in clear.
    fn key_id(&self) -> String;

    /// # Errors
    /// `Upstream` when the server that does it does not answer; `BadRequest` when it refuses.
    fn wrap(&self, root_key: &Secret<[u8; 32]>) -> Result<Wrapped>;

    /// # Errors
    /// `Upstream` when the server that does it does not answer: trying again may help. `BadRequest` when the key is not the
    /// one that wrapped it: trying again does not.
    fn unwrap(&self, wrapped: &Wrapped) -> Result<Opened>;

    /// Keeps alive what the seal needs of others, and says when to do so again; none where it needs nothing.
    ///
    /// # Errors
    /// `Upstream` or `BadRequest` in the words of whoever refused.
    fn tend(&self) -> Result<Option<std::time::Duration>> {
        Ok(None)
    }
}

/// What a seal has opened.
pub struct Opened {
    pub root_key: Secret<[u8; 32]>,
    /// It was the key before the one that the seal wraps with now.
    pub by_previous: bool,
}

/// The root key as a seal has wrapped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub key_id: String,
    /// In the form of the seal.
    pub ciphertext: String,
    /// What a key is derived with, where it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub derivation: String,
}

impl Wrapped {
    /// # Errors
    /// `Internal` when what is stored is damaged, or the store fails.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let Some(stored) = snapshot.meta(META_KEY)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&stored);
        parsed.map(Some).map_err(|error| Error::internal("the stored root key is damaged").caused_by(error))
    }

    /// # Errors
    /// Those of the store.
    pub fn store(&self, tx: &mut dyn Tx) -> Result<()> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Error::internal("the root key cannot be written").caused_by(error))?;
        tx.set_meta(META_KEY, &json)
    }

    /// # Errors
    /// Those of the store.
    pub fn delete(tx: &mut dyn Tx) -> Result<()> {
        tx.delete_meta(META_KEY)
    }
}

/// Wraps with a key that is at hand; bound to the name of the key.
///
/// # Errors
/// `Internal` without randomness.
pub fn close(key: &[u8; 32], key_id: &str, root_key: &Secret<[u8; 32]>) -> Result<Vec<u8>> {
    let nonce = random::bytes::<NONCE_SIZE>()?;
    let mut closed = nonce.to_vec();
    closed.extend_from_slice(root_key.expose());
    let tag = XChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(&XNonce::from(nonce), &bound_to(key_id), (&mut closed[NONCE_SIZE..]).into())
        .map_err(|_| Error::internal("the root key cannot be wrapped"))?;
    closed.extend_from_slice(&tag);
    Ok(closed)
}

/// None when another key, or another name of it, has wrapped this.
#[must_use]
pub fn open(key: &[u8; 32], key_id: &str, closed: &[u8]) -> Option<Secret<[u8; 32]>> {
    let (nonce, body) = closed.split_first_chunk::<NONCE_SIZE>()?;
    let mut opened = Zeroizing::new(body.to_vec());
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt_in_place(&XNonce::from(*nonce), &bound_to(key_id), &mut *opened).ok()?;
    <[u8; 32]>::try_from(opened.as_slice()).ok().map(Secret::new)
}

fn bound_to(key_id: &str) -> Vec<u8> {
    [b"leasehold root key\0", key_id.as_bytes()].concat()
}
