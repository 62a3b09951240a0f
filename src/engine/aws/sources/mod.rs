//! Where the engine's own keys come from when `config/root` has none: the environment, a web identity, the shared files, the
//! container, the instance; the first of these that is there at all is the one, whether or not it has keys to give.
//!
//! Owns the order and the memory of temporary keys, which are fetched anew before they end. They are kept in memory only.

mod environment;
mod instance;
mod metadata;
mod shared_files;
mod web_identity;

use crate::base::{Clock, Error, Result, Timestamp};
use crate::engine::aws::client::{Keys, Service};
use environment::Environment;
use metadata::Metadata;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use web_identity::WebIdentity;

/// Temporary keys with less than this left are replaced; AWS has new ones ready by then.
const REFRESH_BEFORE: Duration = Duration::from_secs(5 * 60);

/// After a failure to replace keys that still live.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Keys, and until when they work where they are temporary.
#[derive(Clone)]
struct Found {
    keys: Keys,
    ends: Option<Timestamp>,
}

/// Where keys come from. It names no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Environment,
    WebIdentity(WebIdentity),
    Profile(String),
    Metadata(Metadata),
}

/// Temporary keys in memory, by where they came from and the STS that made them.
static KEPT: Mutex<BTreeMap<(Source, String), Kept>> = Mutex::new(BTreeMap::new());

#[derive(Clone)]
struct Kept {
    found: Found,
    refresh_at: Timestamp,
}

/// The region that the environment names, if it does.
#[must_use]
pub fn region() -> Option<String> {
    let environment = Environment::of_this_process();
    environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).map(|(_, region)| region)
}

/// Where keys come from, in words; no call is made for it.
#[must_use]
pub fn describe() -> String {
    match Source::choose(&Environment::of_this_process()) {
        Ok(source) => source.to_string(),
        Err(error) => error.message().to_owned(),
    }
}

/// The keys that there are now. `sts` is where a web identity is turned into keys.
///
/// # Errors
/// `BadRequest` when there are none, `Upstream` when who has them does not answer.
pub fn keys(sts: &Service, clock: &Arc<dyn Clock>, deadline: Instant) -> Result<Keys> {
    let environment = Environment::of_this_process();
    let source = Source::choose(&environment)?;
    keep(&source, sts, clock.now(), || source.fetch(&environment, sts, clock, deadline))
        .map_err(|error| error.context(format!("config/root has no keys, and {source} gave none")))
}

/// Keys out of memory while they are good for some time, else new ones.
fn keep(source: &Source, sts: &Service, now: Timestamp, fetch: impl FnOnce() -> Result<Found>) -> Result<Keys> {
    let place = (source.clone(), sts.endpoint.clone());
    let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = lock().get(&place).cloned();
    if let Some(kept) = kept.as_ref().filter(|kept| now < kept.refresh_at) {
        return Ok(kept.found.keys.clone());
    }
    let alive = kept.filter(|kept| kept.found.ends.is_some_and(|ends| now < ends));
    match (fetch(), alive) {
        (Ok(found), _) => {
            if let Some(ends) = found.ends {
                // Some give the same keys until shortly before they end.
                let refresh_at = Timestamp(ends.0 - millis(REFRESH_BEFORE)).max(now.plus(RETRY_AFTER)).min(ends);
                lock().insert(place, Kept { found: found.clone(), refresh_at });
            }
            Ok(found.keys)
        }
        (Err(error), Some(alive)) => {
            log::warn!("the keys to AWS were not replaced yet, {source} failed: {}", error.for_log());
            lock().insert(place, Kept { refresh_at: now.plus(RETRY_AFTER), ..alive.clone() });
            Ok(alive.found.keys)
        }
        (Err(error), None) => Err(error),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Source {
    /// The first source that is there.
    fn choose(environment: &Environment) -> Result<Self> {
        if environment.has_keys() {
            return Ok(Self::Environment);
        }
        if let Some(identity) = WebIdentity::of(environment)? {
            return Ok(Self::WebIdentity(identity));
        }
        if let Some(profile) = shared_files::profile(environment)? {
            return Ok(Self::Profile(profile));
        }
        if let Some(metadata) = Metadata::of(environment)? {
            return Ok(Self::Metadata(metadata));
        }
        Err(Error::bad_request(
            "the engine has no keys to AWS yet: write access_key and secret_key to config/root (nothing is in the environment \
             or in the shared files, and the instance's metadata are turned off)",
        ))
    }

    fn fetch(
        &self,
        environment: &Environment,
        sts: &Service,
        clock: &Arc<dyn Clock>,
        deadline: Instant,
    ) -> Result<Found> {
        match self {
            Self::Environment => environment.keys(),
            Self::WebIdentity(identity) => identity.keys(sts, clock, deadline),
            Self::Profile(profile) => shared_files::keys(environment, profile, sts, clock, deadline),
            Self::Metadata(metadata) => metadata.keys(environment, deadline),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::WebIdentity(identity) => write!(f, "the web identity for {}", identity.role_arn),
            Self::Profile(profile) => write!(f, "the profile {profile:?} of the shared files"),
            Self::Metadata(metadata) => write!(f, "{metadata}"),
        }
    }
}

#[cfg(test)]
mod tests;
