//! `seal "static"`: a key of 32 bytes that the server is given at its start, and the one before it while keys are changed.

use crate::base::{Error, Result, Secret};
use crate::seal::auto::{self, AutoSeal, Opened, Wrapped};
use crate::seal::{Kind, source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub struct StaticSeal {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    id: String,
    key: Secret<[u8; 32]>,
}

/// Where the keys are and what they are called.
pub struct Sources<'a> {
    pub current_key: &'a str,
    pub current_key_id: &'a str,
    pub previous: Option<(&'a str, &'a str)>,
}

impl StaticSeal {
    /// Reads the keys.
    ///
    /// # Errors
    /// `BadRequest` naming the key that is missing or not one.
    pub fn new(sources: &Sources<'_>) -> Result<Self> {
        let current = Key::read(sources.current_key, sources.current_key_id, "current_key")?;
        let previous = sources.previous.map(|(key, id)| Key::read(key, id, "previous_key")).transpose()?;
        if previous.as_ref().is_some_and(|previous| previous.id == current.id) {
            return Err(Error::bad_request("current_key_id and previous_key_id must differ"));
        }
        Ok(Self { current, previous })
    }
}

impl Key {
    fn read(source: &str, id: &str, what: &str) -> Result<Self> {
        let found = source::read(source, what)?;
        if found.is_inline {
            log::warn!(
                "{what} stands in clear in the configuration: who reads that file opens the storage; use file://, env:// or \
                 credential://"
            );
        }
        let key = decode(found.bytes.expose()).ok_or_else(|| {
            Error::bad_request(format!("{what} must be 32 bytes, as they are or in hex or base64: this is not"))
        })?;
        Ok(Self { id: id.to_owned(), key })
    }
}

impl AutoSeal for StaticSeal {
    fn kind(&self) -> Kind {
        Kind::Static
    }

    fn key_id(&self) -> String {
        self.current.id.clone()
    }

    fn wrap(&self, root_key: &Secret<[u8; 32]>) -> Result<Wrapped> {
        let closed = auto::close(self.current.key.expose(), &self.current.id, root_key)?;
        let ciphertext = STANDARD.encode(closed);
        Ok(Wrapped { kind: Kind::Static, key_id: self.current.id.clone(), ciphertext, derivation: String::new() })
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Opened> {
        let damaged = || Error::internal("the stored root key is damaged");
        let known = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        let key = known.into_iter().find(|key| key.id == wrapped.key_id).ok_or_else(|| {
            Error::bad_request(format!(
                "the storage was sealed with the key {:?}, and the configuration names none that is called so",
                wrapped.key_id
            ))
        })?;
        let closed = STANDARD.decode(&wrapped.ciphertext).map_err(|_| damaged())?;
        let root_key = auto::open(key.key.expose(), &key.id, &closed).ok_or_else(|| {
            Error::bad_request(format!("the key {:?} is not the one that the storage was sealed with", key.id))
        })?;
        Ok(Opened { root_key, by_previous: key.id != self.current.id })
    }
}

/// 32 bytes as they are, or as hex or base64, with or without a line break at the end.
fn decode(bytes: &[u8]) -> Option<Secret<[u8; 32]>> {
    let exactly = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok().map(Secret::new);
    if let Some(key) = exactly(bytes) {
        return Some(key);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let decoded = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok()).map(Zeroizing::new);
    decoded.and_then(|decoded| exactly(&decoded))
}
