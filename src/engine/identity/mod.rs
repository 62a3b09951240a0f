//! `identity/`: entities, aliases and groups over the API. Unlike other engines it is given the core, for what is kept here
//! decides what tokens may do; what it all means is in `core::identity`.
//!
//! The files follow the URLs: `entity`, `entity-alias`, `group`, `group-alias`, `lookup`.

mod entity;
mod entity_alias;
mod group;
mod group_alias;
mod lookup;

use crate::base::{Error, Result, Timestamp};
use crate::core::{Call, Live};
use crate::logical::{Map, Route};
use serde_json::{Value, json};

pub static ROUTES: &[&Route<Call>] = &[
    &entity::ROOT,
    &entity::LIST,
    &entity::BY_ID,
    &entity::LIST_NAMES,
    &entity::BY_NAME,
    &entity::BATCH_DELETE,
    &entity::MERGE,
    &entity_alias::ROOT,
    &entity_alias::LIST,
    &entity_alias::BY_ID,
    &group::ROOT,
    &group::LIST,
    &group::BY_ID,
    &group::LIST_NAMES,
    &group::BY_NAME,
    &group_alias::ROOT,
    &group_alias::LIST,
    &group_alias::BY_ID,
    &lookup::ENTITY,
    &lookup::GROUP,
];

/// What a path-help of the mount says first.
pub const SUMMARY: &str = "Entities and groups: who is behind a token, however it was signed in.";

fn moment(milliseconds: i64) -> Value {
    Timestamp(milliseconds).rfc3339().into()
}

/// The mount that an alias is at, as answers show it.
fn mount_of(live: &Live, accessor: &str) -> (Value, Value) {
    let mounts = live.mounts();
    let mount = mounts.active().find(|mount| mount.accessor == accessor);
    mount.map_or((json!(""), json!("")), |mount| (json!(mount.path), json!(mount.kind)))
}

/// The accessor of an auth mount.
fn auth_accessor(live: &Live, accessor: &str) -> Result<()> {
    let mounts = live.mounts();
    let is_auth = mounts.active().any(|mount| mount.accessor == accessor && mount.path.starts_with("auth/"));
    if is_auth {
        Ok(())
    } else {
        Err(Error::bad_request(format!("invalid mount accessor {accessor:?}: no auth method has it")))
    }
}

/// A list of ids with what is worth knowing of each.
fn keys_with_info(mut rows: Vec<(String, Value)>) -> crate::logical::Response {
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let keys: Vec<&String> = rows.iter().map(|(key, _)| key).collect();
    let keys = json!(keys);
    let info: Map = rows.into_iter().collect();
    crate::logical::Response::json(json!({ "keys": keys, "key_info": info }))
}

/// A list that is empty is answered as nothing there, as every list is.
fn or_not_found(is_empty: bool) -> Result<()> {
    if is_empty { Err(Error::not_found("")) } else { Ok(()) }
}
