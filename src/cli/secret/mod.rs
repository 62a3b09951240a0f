//! Secrets as programs want them: one path, or one field of what a path answers.
//!
//! Owns how `PATH#FIELD` is written and how a path is read: where it lies in a key/value store of version 2, the `data` that
//! people leave out is put in, and the envelope of the version is taken off. Does not keep, renew or show anything.

mod reference;

#[cfg(test)]
mod tests;

pub use reference::{Reference, is_variable};

use crate::base::Secret;
use crate::cli::client::Call;
use crate::cli::kv::place::Place;
use crate::cli::{Answer, Client, Failure};
use serde_json::{Map, Value};
use std::time::Duration;

/// What a path answered.
pub struct Found {
    answer: Answer,
    /// It comes from a store of version 2, whose answers hold the secret one level deeper.
    versioned: bool,
}

/// The lease of what a path answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: String,
    pub duration: Duration,
    pub renewable: bool,
}

/// Reads a path. With a key, a repetition of the same read gets the same answer rather than another credential.
///
/// # Errors
/// Nothing at the path, and whatever keeps it from being read.
pub fn read(client: &Client, path: &str, idempotency_key: Option<&str>) -> Result<Found, Failure> {
    let place = Place::of(client, path).unwrap_or_else(|_| Place::unversioned(path));
    let mut call = Call::new("GET", place.read_path());
    if let Some(key) = idempotency_key {
        call = call.with_header("Idempotency-Key", key);
    }
    let answer = client.ask(&call).map_err(|failure| failure.context(format!("Error reading {path}")))?;
    let found = answer.map(|answer| Found { answer, versioned: place.versioned });
    let nothing = || Failure::refused(format!("There is nothing at {path}"));
    found.filter(|found| found.data().is_some()).ok_or_else(nothing)
}

impl Found {
    /// The secret's own fields.
    #[must_use]
    pub fn data(&self) -> Option<&Map<String, Value>> {
        let data = self.answer.data()?;
        if self.versioned { data.get("data")?.as_object() } else { Some(data) }
    }

    /// One field as text: a string as it is, anything else as JSON.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Secret<String>> {
        self.data()?.get(name).map(as_text)
    }

    /// What a reference means in this answer: its field, else the one field there is, else all of them as a JSON object.
    ///
    /// # Errors
    /// A field that is not there; the fields that are stand in the message.
    pub fn value(&self, reference: &Reference) -> Result<Secret<String>, Failure> {
        let Some(name) = &reference.field else {
            let whole = self.data().map(|data| Value::Object(data.clone()));
            return Ok(whole.as_ref().map(as_text).unwrap_or_default());
        };
        self.field(name).ok_or_else(|| {
            let fields: Vec<&str> = self.data().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            Failure::refused(format!("{} has no field {name:?}; it has: {}", reference.path, fields.join(", ")))
        })
    }

    /// The lease, where there is one: static secrets have none.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        let seconds = self.answer.member("lease_duration").and_then(Value::as_u64).unwrap_or_default();
        let id = self.answer.text("lease_id");
        (!id.is_empty() && seconds > 0).then(|| Lease {
            id: id.to_owned(),
            duration: Duration::from_secs(seconds),
            renewable: self.answer.member("renewable").and_then(Value::as_bool).unwrap_or_default(),
        })
    }

    #[must_use]
    pub fn warnings(&self) -> Vec<&str> {
        self.answer.warnings()
    }
}

fn as_text(value: &Value) -> Secret<String> {
    match value {
        Value::String(text) => Secret::from(text.as_str()),
        Value::Null => Secret::default(),
        other => Secret::from(other.to_string()),
    }
}
