//! Merging entities: aliases, policies, metadata and memberships of several become those of one, and the others are gone.

use super::model::Entity;
use super::{entities, groups};
use crate::base::{Error, Result, Timestamp};
use crate::logical::Records;

/// Merges `from` into `to`. Where both have an alias at the same mount it is refused, unless `force` (then the one of `to`
/// stays) or the id of the one to keep is in `keep`.
///
/// # Errors
/// `BadRequest` for entities that are not there or the same, and for aliases at the same mount.
pub fn merge(
    records: &mut dyn Records,
    to: &str,
    from: &[String],
    keep: &[String],
    force: bool,
    now: Timestamp,
) -> Result<()> {
    let before = found(records, to)?;
    let mut after = before.clone();
    let mut others = Vec::new();
    for id in from {
        if *id == after.id || others.iter().any(|other: &Entity| other.id == *id) {
            return Err(Error::bad_request("to_entity_id should not be present in from_entity_ids, nor any id twice"));
        }
        others.push(found(records, id)?);
    }
    for other in &others {
        for alias in &other.aliases {
            take_alias(&mut after, other, alias.id.as_str(), keep, force, now)?;
        }
        after.policies.extend(other.policies.iter().cloned());
        for (name, value) in &other.metadata {
            after.metadata.entry(name.clone()).or_insert_with(|| value.clone());
        }
        after.merged.push(other.id.clone());
        after.merged.extend(other.merged.iter().cloned());
    }
    after.policies.sort_unstable();
    after.policies.dedup();
    after.updated = now.0;
    let memberships = others.iter().map(|other| groups::of_entity(records, &other.id)).collect::<Result<Vec<_>>>()?;
    others.iter().try_for_each(|other| entities::delete(records, other))?;
    entities::save(records, Some(&before), &after)?;
    for group in memberships.into_iter().flatten() {
        // It has changed since: the merged entity was taken out of it.
        let Some(group) = groups::by_id(records, &group.id)? else { continue };
        if !group.member_entities.contains(&after.id) {
            groups::join(records, &group, &after.id)?;
        }
    }
    Ok(())
}

fn take_alias(
    after: &mut Entity,
    other: &Entity,
    id: &str,
    keep: &[String],
    force: bool,
    now: Timestamp,
) -> Result<()> {
    let Some(alias) = other.aliases.iter().find(|alias| alias.id == id) else { return Ok(()) };
    let mut alias = alias.clone();
    alias.merged_from.push(other.id.clone());
    alias.updated = now.0;
    let Some(own) = after.aliases.iter().position(|own| own.mount_accessor == alias.mount_accessor) else {
        after.aliases.push(alias);
        return Ok(());
    };
    if keep.contains(&alias.id) {
        after.aliases[own] = alias;
        return Ok(());
    }
    if force || keep.contains(&after.aliases[own].id) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "conflicting aliases: {:?} and {:?} are both at mount {}; give the id of the one to keep in \
         conflicting_alias_ids_to_keep",
        after.aliases[own].name, alias.name, alias.mount_accessor
    )))
}

fn found(records: &dyn Records, id: &str) -> Result<Entity> {
    entities::by_id(records, id)?.ok_or_else(|| Error::bad_request(format!("entity id {id:?} is invalid")))
}
