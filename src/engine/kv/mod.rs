//! The key/value engine, in two versions that share nothing but the name. Version 1 (`plain`) keeps one value under a name.
//! Version 2 keeps several versions of each, with metadata beside them.
//!
//! Of version 2 the files follow the URLs: `config`, `data`, `delete`, `undelete`, `destroy`, `metadata`, `subkeys`;
//! `elsewhere` is every other path. Below them: `key` (what is known of a key and its versions), `store` (how both are kept),
//! `versions` and `merge` (lists of versions, JSON merge patches), and `upgrade`, the way from version 1 to version 2.
//!
//! Invariant: what is read is what was written, key for key, numbers digit for digit.

mod config;
mod data;
mod delete;
mod destroy;
mod elsewhere;
mod key;
mod merge;
mod metadata;
mod plain;
mod store;
mod subkeys;
#[cfg(test)]
mod tests;
mod undelete;
mod upgrade;
mod versions;

use crate::logical::{Alias, Engine};

pub static ENGINE: Engine = Engine {
    name: "kv",
    summary: "Keeps values under names, one version of each or several.",
    help: "\
Keeps whatever is written to a path and gives it back when the path is read.

The body of a write is the value: any keys, any JSON. A write replaces what was there. A key named \"ttl\" tells the readers
how soon to come back for the value: it is answered as the lease's duration, and nothing expires by it. These answers carry
no lease that could be renewed or revoked.

This mount keeps one version of each value. A mount with the option version=2 keeps several; \"kv enable-versioning\" makes
this one such a mount.",
    routes: &[&plain::TOP, &plain::ROUTE],
    later: &[&VERSIONED],
    aliases: &[Alias { name: "kv-v1", version: "1" }, Alias { name: "kv-v2", version: "2" }],
    ..Engine::BLANK
};

/// The same engine by the name that it had first.
pub static GENERIC: Engine = Engine { name: "generic", aliases: &[], ..ENGINE };

/// Version 2.
pub static VERSIONED: Engine = Engine {
    name: "kv",
    summary: "Keeps values under names, several versions of each.",
    help: "\
Keeps values under names, with their earlier versions and metadata.

A value is written to and read from data/PATH. Each write makes a new version; the last ten are kept, or as many as
max_versions says. Deleting a version hides its value until it is undeleted; destroying it takes the value for good. What is
known of a key and its versions is at metadata/PATH, where names are listed and a key goes with all its versions, too.

A write with the option cas is done only if the key's current version is that one.",
    version: "2",
    routes: &[
        &config::ROUTE,
        &data::ROUTE,
        &delete::ROUTE,
        &undelete::ROUTE,
        &destroy::ROUTE,
        &metadata::TOP,
        &metadata::ROUTE,
        &subkeys::ROUTE,
        &elsewhere::TOP,
        &elsewhere::ROUTE,
    ],
    tasks: &[upgrade::TASK],
    recover: Some(upgrade::resume),
    upgrade: Some(upgrade::begin),
    ..Engine::BLANK
};
