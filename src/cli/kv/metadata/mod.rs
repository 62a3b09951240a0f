//! `kv metadata …`: what a store of version 2 knows of a secret beside its values.

pub mod delete;
pub mod get;
pub mod patch;
pub mod put;

use super::MOUNT;
use super::place::Place;
use crate::cli::command::Group;
use crate::cli::flags::{Flag, parse_bool};
use crate::cli::{Client, Failure, Invocation};
use serde_json::{Map, Value};

pub const GROUP: Group = Group {
    name: "kv metadata",
    summary: "Show and change what is known of a secret",
    about: "Shows and changes what a key-value store of version 2 knows of a secret beside its values: its versions, how many \
            of them are kept and for how long, and texts of your own.",
};

const MAX_VERSIONS: Flag =
    Flag::number("max-versions", "How many versions to keep. 0: as many as the store's configuration says.");
const CAS_REQUIRED: Flag =
    Flag::bool("cas-required", "Require -cas of each write, so that nobody writes over what they have not seen.");
const DELETE_VERSION_AFTER: Flag = Flag::duration(
    "delete-version-after",
    "How long after it was written a version is deleted. 0s: as the store's configuration says.",
);
const CUSTOM_METADATA: Flag = Flag::pairs("custom-metadata", "A text under a name of your own.");

/// The path of the secret's metadata.
fn path(invocation: &Invocation, client: &Client) -> Result<String, Failure> {
    let place = Place::find(invocation, client)?;
    place.must_be_versioned("Metadata")?;
    Ok(place.below("metadata"))
}

/// What is to be set: the flags that were given, no others.
fn settings(invocation: &Invocation) -> Map<String, Value> {
    let mut settings = Map::new();
    if let Some(required) = invocation.given("cas-required").and_then(parse_bool) {
        settings.insert("cas_required".to_owned(), Value::Bool(required));
    }
    let custom: Map<String, Value> =
        invocation.pairs("custom-metadata").map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    if !custom.is_empty() {
        settings.insert("custom_metadata".to_owned(), Value::Object(custom));
    }
    if let Some(after) = invocation.given("delete-version-after") {
        settings.insert("delete_version_after".to_owned(), Value::from(after));
    }
    if let Some(most) = invocation.number("max-versions").filter(|most| *most >= 0) {
        settings.insert("max_versions".to_owned(), Value::from(most));
    }
    settings
}
