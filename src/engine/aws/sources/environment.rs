//! The environment variables that speak of AWS, and the keys in them.

use crate::base::{Error, Result, Secret};
use crate::engine::aws::client::Keys;
use crate::engine::aws::sources::Found;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables of the process that matter here. They may hold secrets.
pub struct Environment(BTreeMap<String, Secret<String>>);

/// Names under which the two halves of a key are known, the usual first.
const ACCESS_KEY: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"];
const SECRET_KEY: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"];

impl Environment {
    /// What the process was started with. Its unit tests run in one that has nothing.
    #[must_use]
    pub fn of_this_process() -> Self {
        if cfg!(test) {
            return Self::from_pairs([("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())]);
        }
        Self::from_pairs(std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name == "HOME"))
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        Self(filled.map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| value.expose().clone())
    }

    /// The first of these that is set, with its name.
    #[must_use]
    pub fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// A path below the home directory.
    #[must_use]
    pub fn home(&self, below: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(below))
    }

    /// Whether it means to give keys: either half of one is there.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.first(&ACCESS_KEY).is_some() || self.first(&SECRET_KEY).is_some()
    }

    /// # Errors
    /// `BadRequest` when a half of the key is missing.
    pub fn keys(&self) -> Result<Found> {
        let half = |names: &[&'static str]| {
            let (_, value) = self.first(names).ok_or_else(|| Error::bad_request(format!("{} is not set", names[0])))?;
            Ok::<_, Error>(value)
        };
        let keys = Keys {
            access_key: half(&ACCESS_KEY)?,
            secret_key: half(&SECRET_KEY)?.into(),
            session_token: self.get("AWS_SESSION_TOKEN").map(Secret::from),
        };
        Ok(Found { keys, ends: None })
    }
}
