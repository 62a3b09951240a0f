//! From old unseal keys to new ones. The new root key lies in the store for a moment, wrapped by the old one, so that who holds old
//! shares still gets in when the server was cut off before the new ones had arrived. It goes as soon as they have: a second after
//! they were answered, when the server is sealed or stopped, and when the new ones unseal.

use crate::base::{Error, Result, Secret};
use crate::core::{Core, recovery_key};
use crate::seal::SealConfig;
use crate::seal::auto;
use crate::storage::{Snapshot, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const META_KEY: &str = "previous_keys";
const NAME: &str = "handover";

/// An answer is on its way for less.
const SENT: Duration = Duration::from_secs(1);

/// What old shares still open.
#[derive(Serialize, Deserialize)]
pub struct Handover {
    /// Of the old shares.
    config: SealConfig,
    /// The new root key under the old one.
    wrapped: String,
}

impl Handover {
    /// # Errors
    /// `Internal` when what is stored is damaged, or the store fails.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let Some(stored) = snapshot.meta(META_KEY)? else { return Ok(None) };
        serde_json::from_slice(&stored).map(Some).map_err(|_| Error::internal("the note of earlier keys is damaged"))
    }

    /// How many old shares it takes.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.config.threshold
    }

    /// The new root key, by the old one.
    #[must_use]
    pub fn open(&self, old: &Secret<[u8; 32]>) -> Option<Secret<[u8; 32]>> {
        auto::open(old.expose(), NAME, &STANDARD.decode(&self.wrapped).ok()?)
    }
}

/// # Errors
/// `Internal` without randomness, or when the store fails.
pub fn store(tx: &mut dyn Tx, config: &SealConfig, old: &Secret<[u8; 32]>, new: &Secret<[u8; 32]>) -> Result<()> {
    let wrapped = STANDARD.encode(auto::close(old.expose(), NAME, new)?);
    let json = serde_json::to_vec(&Handover { config: *config, wrapped });
    tx.set_meta(META_KEY, &json.map_err(|_| Error::internal("the note of earlier keys cannot be written"))?)
}

/// Lets go of the old keys, where there are any.
///
/// # Errors
/// `Internal` when the store fails.
pub fn finish(core: &Core) -> Result<()> {
    let is_open = core
        .storage
        .reading(|snapshot| Ok(snapshot.meta(META_KEY)?.is_some() || recovery_key::has_previous(snapshot)?))?;
    if !is_open {
        return Ok(());
    }
    core.storage.writing(|tx| {
        tx.delete_meta(META_KEY)?;
        recovery_key::forget_previous(tx)
    })
}

/// Lets go of them when the answer with the new ones has been sent.
pub fn finish_soon(core: &Arc<Core>) {
    let core = core.clone();
    let thread = std::thread::Builder::new().name("handover".into()).spawn(move || {
        std::thread::sleep(SENT);
        if let Err(error) = finish(&core) {
            log::error!("the keys from before the rekey still open the store: {}", error.for_log());
        }
    });
    if let Err(error) = thread {
        log::error!("no thread to let go of the earlier keys: {error}; they go when the server is sealed");
    }
}
