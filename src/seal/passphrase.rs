//! `seal "passphrase"`: the key is derived from words that somebody knows or the service manager keeps, by Argon2id, so that each
//! guess costs an attacker memory and time.

use crate::base::{Error, Result, Secret, random};
use crate::seal::auto::{self, AutoSeal, Opened, Wrapped};
use crate::seal::{Kind, source};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The shortest that is taken: below this no derivation helps.
const SHORTEST: usize = 12;

const KEY_ID: &str = "passphrase";

/// RFC 9106's second recommendation: 64 MiB, three passes, four lanes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;

pub struct PassphraseSeal {
    current: Secret<Vec<u8>>,
    previous: Option<Secret<Vec<u8>>>,
}

/// What a key was derived with; stored beside what it wrapped, so that later versions may ask for more.
#[derive(Serialize, Deserialize)]
struct Derivation {
    salt: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PassphraseSeal {
    /// Reads the passphrase, and the one before it where it is being changed.
    ///
    /// # Errors
    /// `BadRequest` naming what is missing or too short.
    pub fn new(current: &str, previous: Option<&str>) -> Result<Self> {
        let previous = previous.map(|source| words(source, "previous_passphrase")).transpose()?;
        Ok(Self { current: words(current, "passphrase")?, previous })
    }
}

impl AutoSeal for PassphraseSeal {
    fn kind(&self) -> Kind {
        Kind::Passphrase
    }

    fn key_id(&self) -> String {
        KEY_ID.to_owned()
    }

    fn wrap(&self, root_key: &Secret<[u8; 32]>) -> Result<Wrapped> {
        let derivation = Derivation {
            salt: STANDARD.encode(random::bytes::<16>()?),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
        };
        let key = derivation.key(&self.current)?;
        let derivation = serde_json::to_string(&derivation)
            .map_err(|error| Error::internal("a derivation cannot be written").caused_by(error))?;
        let ciphertext = STANDARD.encode(auto::close(key.expose(), KEY_ID, root_key)?);
        Ok(Wrapped { kind: Kind::Passphrase, key_id: KEY_ID.to_owned(), ciphertext, derivation })
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Opened> {
        let damaged = || Error::internal("the stored root key is damaged");
        let derivation: Derivation = serde_json::from_str(&wrapped.derivation).map_err(|_| damaged())?;
        let closed = STANDARD.decode(&wrapped.ciphertext).map_err(|_| damaged())?;
        let tried = [(Some(&self.current), false), (self.previous.as_ref(), true)];
        for (words, by_previous) in tried {
            let Some(words) = words else { continue };
            if let Some(root_key) = auto::open(derivation.key(words)?.expose(), KEY_ID, &closed) {
                return Ok(Opened { root_key, by_previous });
            }
        }
        Err(Error::bad_request("the passphrase is not the one that the storage was sealed with"))
    }
}

impl Derivation {
    fn key(&self, words: &Secret<Vec<u8>>) -> Result<Secret<[u8; 32]>> {
        let wrong = || Error::internal("what the passphrase's key is derived with is damaged");
        // What is stored decides how much memory is taken, within reason.
        if self.memory_kib > 4 * 1024 * 1024 || self.passes > 100 {
            return Err(wrong());
        }
        let salt = STANDARD.decode(&self.salt).map_err(|_| wrong())?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| wrong())?;
        let mut key = zeroize::Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(words.expose(), &salt, &mut *key)
            .map_err(|error| Error::internal("no key can be derived").caused_by(error.to_string()))?;
        Ok(Secret::new(*key))
    }
}

/// A line break at the end, which files and pipes tend to have, does not belong to it.
fn words(source: &str, what: &str) -> Result<Secret<Vec<u8>>> {
    let found = source::read(source, what)?;
    if found.is_inline {
        log::warn!(
            "{what} stands in clear in the configuration: who reads that file opens the storage; use prompt://, fd://, file:// \
             or credential://"
        );
    }
    let bytes = found.bytes.expose();
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    if end < SHORTEST {
        return Err(Error::bad_request(format!("{what} is shorter than {SHORTEST} characters")));
    }
    Ok(Secret::new(bytes[..end].to_vec()))
}
