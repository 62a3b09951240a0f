//! The seals, made from their stanzas and the environment, and the threads that unseal by them.

use crate::base::peer::Trust;
use crate::base::{Error, Kind, Result, Secret};
use crate::config::Config;
use crate::config::seals::Seal;
use crate::core::{Core, Seals};
use crate::seal::auto::AutoSeal;
use crate::seal::passphrase::PassphraseSeal;
use crate::seal::static_key::{Sources, StaticSeal};
use crate::seal::transit::{Settings, TransitSeal};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Between two tries to unseal by a seal that does not answer: doubled with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After the token for the other server could not be renewed.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

/// Makes the configured seals; whatever keys they have are read here.
///
/// # Errors
/// `BadRequest` naming what is missing.
pub fn make(config: &Config) -> Result<Seals> {
    let one = |disabled: bool| {
        let stanza = config.seals.iter().find(|seal| seal.disabled == disabled);
        stanza.map_or(Ok(None), |seal| seal_of(seal).map_err(|error| error.context(format!("seal {:?}", seal.kind))))
    };
    Ok(Seals { current: one(false)?, disabled: one(true)? })
}

fn seal_of(seal: &Seal) -> Result<Option<Arc<dyn AutoSeal>>> {
    Ok(match seal.kind.as_str() {
        "static" => Some(Arc::new(static_seal(seal)?)),
        "passphrase" => {
            let current = seal.parameter("passphrase").unwrap_or("prompt://");
            Some(Arc::new(PassphraseSeal::new(current, seal.parameter("previous_passphrase"))?))
        }
        "transit" => Some(Arc::new(transit(seal)?)),
        _ => None,
    })
}

fn static_seal(seal: &Seal) -> Result<StaticSeal> {
    let required = |name: &str| seal.parameter(name).ok_or_else(|| Error::bad_request(format!("{name} is missing")));
    let previous = match (seal.parameter("previous_key"), seal.parameter("previous_key_id")) {
        (Some(key), Some(id)) => Some((key, id)),
        (None, None) => None,
        _ => return Err(Error::bad_request("previous_key and previous_key_id go together")),
    };
    StaticSeal::new(&Sources {
        current_key: required("current_key")?,
        current_key_id: required("current_key_id")?,
        previous,
    })
}

/// Variables that name this seal go before its stanza; those that every client reads come after it.
fn transit(seal: &Seal) -> Result<TransitSeal> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = |parameter: &str| {
        let variable = format!("VAULT_TRANSIT_SEAL_{}", parameter.to_ascii_uppercase());
        environment(&variable).or_else(|| seal.parameter(parameter).map(str::to_owned))
    };
    let shared = |parameter: &str, variable: &str| named(parameter).or_else(|| environment(variable));
    let required = |found: Option<String>, what: &str| {
        found.ok_or_else(|| Error::bad_request(format!("{what} is missing, in the stanza and in the environment")))
    };
    let switch =
        |found: Option<String>| found.is_some_and(|value| matches!(value.as_str(), "1" | "t" | "true" | "TRUE"));
    let trust = Trust {
        ca_file: shared("tls_ca_cert", "VAULT_CACERT").map(PathBuf::from),
        client_cert_file: shared("tls_client_cert", "VAULT_CLIENT_CERT").map(PathBuf::from),
        client_key_file: shared("tls_client_key", "VAULT_CLIENT_KEY").map(PathBuf::from),
        server_name: shared("tls_server_name", "VAULT_TLS_SERVER_NAME"),
        skip_verify: switch(shared("tls_skip_verify", "VAULT_SKIP_VERIFY")),
    };
    if trust.skip_verify {
        log::warn!("seal \"transit\": tls_skip_verify is set: whoever answers is believed to be the other server");
    }
    if seal.parameter("token").is_some() {
        log::warn!("seal \"transit\": the token stands in clear in the configuration; VAULT_TOKEN can hold it instead");
    }
    TransitSeal::new(Settings {
        address: required(shared("address", "VAULT_ADDR"), "address")?,
        token: Secret::from(required(shared("token", "VAULT_TOKEN"), "token")?),
        key_name: required(named("key_name"), "key_name")?,
        mount_path: required(named("mount_path"), "mount_path")?,
        namespace: shared("namespace", "VAULT_NAMESPACE"),
        renew: !switch(named("disable_renewal")),
        trust,
    })
}

/// Unseals by the configured seal, and tries again for as long as that may help; looks after the seal from then on. Returns at
/// once: what takes time is done by a thread.
///
/// # Errors
/// `Internal` when the system gives no thread.
pub fn start(core: &Arc<Core>) -> Result<()> {
    if let Some(seal) = core.current_seal() {
        spawn("seal", move || tend(&*seal))?;
    }
    if !core.is_initialized()? {
        return Ok(());
    }
    match core.unseals_itself() {
        Ok(true) => {
            let core = core.clone();
            spawn("unseal", move || unseal(&core))
        }
        Ok(false) if core.seal_status()?.migration => {
            log::warn!(
                "a seal migration is pending: enter the keys of the seal that is left, with \"operator unseal -migrate\""
            );
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(error) => {
            log::error!("the server stays sealed: {}", error.for_log());
            Ok(())
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(|error| Error::internal("no thread for the seal").caused_by(error))
}

fn unseal(core: &Arc<Core>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match core.unseal_by_seal() {
            Ok(()) => return,
            Err(error) if error.kind() == Kind::Upstream => {
                log::warn!("not unsealed yet, trying again in {} s: {}", pause.as_secs(), error.for_log());
            }
            Err(error) => return log::error!("the server stays sealed: {}", error.for_log()),
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn tend(seal: &dyn AutoSeal) {
    loop {
        let pause = match seal.tend() {
            Ok(None) => return,
            Ok(Some(pause)) => pause,
            Err(error) => {
                log::warn!("the seal's token could not be renewed: {}", error.for_log());
                RENEW_AGAIN
            }
        };
        thread::sleep(pause);
    }
}
