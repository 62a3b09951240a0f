//! The development server: in memory, initialised, unsealed, with a versioned key-value engine at `secret/`, and everything
//! that is needed to use it printed. Nothing of it outlives the process.

use crate::base::{Result, Secret};
use crate::config::{Config, ListenerConfig, Storage};
use crate::core::mounts::{self, Class, Mount};
use crate::logical::engine::VERSION;
use crate::seal::SealConfig;
use crate::server::Running;

/// What `server -dev` can be told.
pub struct Options {
    pub root_token: Option<Secret<String>>,
    pub address: String,
}

/// The configuration of a development server.
///
/// # Errors
/// `Internal`: the defaults do not go together.
pub fn config(mut config: Config, options: &Options) -> Result<Config> {
    config.storage = Some(Storage::InMemory);
    config.seals.clear();
    config.listeners = vec![ListenerConfig::plain(&options.address)?];
    Ok(config)
}

/// Initialises, unseals, mounts and prints; the root token, for whoever stores it.
///
/// # Errors
/// `BadRequest` for a root token that cannot be one.
pub fn prepare(running: &Running, options: &Options) -> Result<Secret<String>> {
    let core = &running.core;
    let made = core.initialize(&SealConfig::new(1, 1)?, options.root_token.clone())?;
    let key = made.shares.first().cloned().unwrap_or_default();
    core.unseal(key.clone())?;
    let live = core.live()?;
    let mut mount = Mount::new("secret/", Class::Secret, "kv", "key/value secret storage")?;
    mount.options.insert(VERSION.to_owned(), "2".into());
    live.change_mounts(|_| Ok(()), |tx, ()| mounts::store(tx, &live.barrier, &mount, None))?;
    print(running, &key, &made.root_token);
    Ok(made.root_token)
}

fn print(running: &Running, key: &Secret<Vec<u8>>, token: &Secret<String>) {
    use base64::Engine;
    let address = running.http.addresses().first().map(ToString::to_string).unwrap_or_default();
    let key = base64::engine::general_purpose::STANDARD.encode(key.expose());
    let text = format!(
        "==> leasehold server, development mode: everything is in memory and gone when it ends.\n\
         Do not use it for anything that matters.\n\n\
         You may need to set the following environment variables:\n\n    \
         $ export VAULT_ADDR='http://{address}'\n\n\
         The server is initialized and unsealed. To seal and unseal it, or to log in again, you need:\n\n\
         Unseal Key: {key}\nRoot Token: {}\n\n",
        token.expose()
    );
    super::say(&text);
}
