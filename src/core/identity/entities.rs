//! Entities and their aliases: found by id, name and alias, and kept so that each of these leads to one entity.
//!
//! Records: `entity/ID`, and as ways to it `entity-name/NAME`, `alias-id/ID`, `alias/ACCESSOR/NAME`, and `merged/ID` of entities
//! that it took in, each holding the entity's id. Names are folded.

use super::model::Entity;
use super::{groups, segment};
use crate::base::{Error, Result};
use crate::core::live::Live;
use crate::logical::Records;
use crate::logical::ctx::{load, store};
use std::collections::BTreeSet;

/// # Errors
/// `Internal` when a record does not open.
pub fn by_id(records: &(impl Records + ?Sized), id: &str) -> Result<Option<Entity>> {
    if id.is_empty() { Ok(None) } else { load(records, &format!("entity/{}", segment(id))) }
}

/// The entity that has this id, or that took in the one that had it: whom a token belongs to.
///
/// # Errors
/// As [`by_id`].
pub fn by_id_or_merged(records: &(impl Records + ?Sized), id: &str) -> Result<Option<Entity>> {
    match by_id(records, id)? {
        None if !id.is_empty() => by_way(records, &merged_way(id)),
        found => Ok(found),
    }
}

/// # Errors
/// As [`by_id`].
pub fn by_name(records: &(impl Records + ?Sized), name: &str) -> Result<Option<Entity>> {
    by_way(records, &name_way(name))
}

/// # Errors
/// As [`by_id`].
pub fn by_alias(records: &(impl Records + ?Sized), accessor: &str, name: &str) -> Result<Option<Entity>> {
    by_way(records, &alias_way(accessor, name))
}

/// # Errors
/// As [`by_id`].
pub fn by_alias_id(records: &(impl Records + ?Sized), id: &str) -> Result<Option<Entity>> {
    by_way(records, &alias_id_way(id))
}

/// All entities, in no order that means anything.
///
/// # Errors
/// As [`by_id`].
pub fn all(records: &(impl Records + ?Sized)) -> Result<Vec<Entity>> {
    let ids = records.list("entity/")?;
    ids.iter().filter_map(|id| by_id(records, id).transpose()).collect()
}

/// Stores an entity; `before` is how it is stored now.
///
/// # Errors
/// `BadRequest` for a name that another entity has, `Conflict` for an alias that does.
pub fn save(records: &mut dyn Records, before: Option<&Entity>, after: &Entity) -> Result<()> {
    if by_name(records, &after.name)?.is_some_and(|other| other.id != after.id) {
        return Err(Error::bad_request(format!("entity name {:?} is already in use", after.name)));
    }
    let ways = ways(after);
    for way in &ways {
        if owner(records, way)?.is_some_and(|owner| owner != after.id) {
            return Err(Error::conflict("an alias of this name and mount belongs to another entity"));
        }
    }
    for gone in before.map(self::ways).unwrap_or_default().difference(&ways) {
        records.delete(gone)?;
    }
    for way in &ways {
        store(records, way, &after.id)?;
    }
    store(records, &format!("entity/{}", segment(&after.id)), after)
}

/// Deletes an entity, its aliases and its memberships.
///
/// # Errors
/// `Internal` when the store fails.
pub fn delete(records: &mut dyn Records, entity: &Entity) -> Result<()> {
    groups::leave_all(records, &entity.id)?;
    for way in ways(entity) {
        records.delete(&way)?;
    }
    records.delete(&format!("entity/{}", segment(&entity.id))).map(drop)
}

/// Deletes the ways that lead to no entity, or to one that is found otherwise, at most `limit` in a transaction; how many there
/// were. One that does not open stays: whoever it belongs to must not become somebody new.
///
/// # Errors
/// `Internal` when the store fails.
pub fn drop_astray(live: &Live, limit: usize) -> Result<u64> {
    let mut total = 0;
    for folder in live.read_identities(|records| folders(records))? {
        let astray: Vec<String> = live.read_identities(|records| {
            let paths = records.list(&folder)?.into_iter().map(|name| format!("{folder}{name}"));
            Ok(paths.filter(|way| is_astray(records, way)).collect())
        })?;
        for batch in astray.chunks(limit) {
            total += live.change_identities(|records| {
                let mut dropped = 0;
                for way in batch.iter().filter(|way| is_astray(records, way)).collect::<Vec<_>>() {
                    dropped += u64::from(records.delete(way)?);
                }
                Ok(dropped)
            })?;
        }
    }
    Ok(total)
}

/// The folders of ways.
fn folders(records: &(impl Records + ?Sized)) -> Result<Vec<String>> {
    let mounts = records.list("alias/")?.into_iter().map(|mount| format!("alias/{mount}"));
    Ok(mounts.chain(["entity-name/".to_owned(), "alias-id/".to_owned()]).collect())
}

fn is_astray(records: &(impl Records + ?Sized), way: &str) -> bool {
    let Ok(Some(id)) = owner(records, way) else { return false };
    match by_id(records, &id) {
        Ok(Some(entity)) => !ways(&entity).contains(way),
        Ok(None) => true,
        Err(_) => false,
    }
}

fn by_way(records: &(impl Records + ?Sized), way: &str) -> Result<Option<Entity>> {
    match owner(records, way)? {
        Some(id) => by_id(records, &id),
        None => Ok(None),
    }
}

fn owner(records: &(impl Records + ?Sized), way: &str) -> Result<Option<String>> {
    load(records, way)
}

/// Every record that leads to an entity.
fn ways(entity: &Entity) -> BTreeSet<String> {
    let aliases = entity.aliases.iter();
    let aliases = aliases.flat_map(|alias| [alias_id_way(&alias.id), alias_way(&alias.mount_accessor, &alias.name)]);
    let merged = entity.merged.iter().map(|id| merged_way(id));
    aliases.chain(merged).chain([name_way(&entity.name)]).collect()
}

fn name_way(name: &str) -> String {
    format!("entity-name/{}", segment(name))
}

fn alias_way(accessor: &str, name: &str) -> String {
    format!("alias/{}/{}", segment(accessor), segment(name))
}

fn merged_way(id: &str) -> String {
    format!("merged/{}", segment(id))
}

fn alias_id_way(id: &str) -> String {
    format!("alias-id/{}", segment(id))
}
