//! What signing in does to the identities: the entity of an alias is found or made, and its external groups become those that
//! the auth method told of. It runs in the transaction that makes the token.

use super::model::{Alias, Entity, GroupKind};
use super::{entities, fold, groups};
use crate::base::{Result, Timestamp};
use crate::logical::Records;
use std::collections::{BTreeMap, BTreeSet};

/// Who signed in, by the auth method's word.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    pub mount_accessor: String,
    /// The name at the method; it compares folded.
    pub name: String,
    pub metadata: BTreeMap<String, String>,
    /// Names of groups at the method; none where it knows of no groups, which leaves memberships as they are.
    pub groups: Option<Vec<String>>,
}

/// The entity of whoever signed in; made if there is none yet. Nothing is written where nothing changed.
///
/// # Errors
/// `Internal` when the store fails.
pub fn entity_of(records: &mut dyn Records, presented: &Presented, now: Timestamp) -> Result<Entity> {
    let entity = match entities::by_alias(records, &presented.mount_accessor, &presented.name)? {
        Some(entity) => refreshed(records, entity, presented, now)?,
        None => made(records, presented, now)?,
    };
    if let Some(names) = &presented.groups {
        refresh_groups(records, &entity, &presented.mount_accessor, names)?;
    }
    Ok(entity)
}

fn made(records: &mut dyn Records, presented: &Presented, now: Timestamp) -> Result<Entity> {
    let mut entity = Entity::new(now)?;
    let mut alias = Alias::new(&presented.mount_accessor, &presented.name, now);
    alias.metadata.clone_from(&presented.metadata);
    entity.aliases.push(alias);
    entities::save(records, None, &entity)?;
    Ok(entity)
}

fn refreshed(records: &mut dyn Records, entity: Entity, presented: &Presented, now: Timestamp) -> Result<Entity> {
    let mut after = entity.clone();
    let is_it = |alias: &&mut Alias| {
        alias.mount_accessor == presented.mount_accessor && fold(&alias.name) == fold(&presented.name)
    };
    if let Some(alias) = after.aliases.iter_mut().find(is_it)
        && alias.metadata != presented.metadata
    {
        alias.metadata.clone_from(&presented.metadata);
        alias.updated = now.0;
        entities::save(records, Some(&entity), &after)?;
    }
    Ok(after)
}

/// What signing in again would write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Current,
    /// What the method says of the alias is new, and nothing that decides what a token may do.
    Renoted,
    Changed,
}

/// # Errors
/// `Internal` when a record does not open.
pub fn standing(records: &dyn Records, entity: &Entity, presented: &Presented) -> Result<Standing> {
    let is_it =
        |alias: &&Alias| alias.mount_accessor == presented.mount_accessor && fold(&alias.name) == fold(&presented.name);
    let same_metadata = entity.aliases.iter().find(is_it).is_some_and(|alias| alias.metadata == presented.metadata);
    let standing = if same_metadata { Standing::Current } else { Standing::Renoted };
    let Some(names) = &presented.groups else { return Ok(standing) };
    let wanted: BTreeSet<String> = names.iter().map(|name| fold(name)).collect();
    let mut told = BTreeSet::new();
    for group in groups::of_entity(records, &entity.id)? {
        let alias = group.alias.filter(|alias| alias.mount_accessor == presented.mount_accessor);
        told.extend(alias.map(|alias| fold(&alias.name)));
    }
    for name in wanted.difference(&told) {
        if groups::by_alias(records, &presented.mount_accessor, name)?.is_some() {
            return Ok(Standing::Changed);
        }
    }
    Ok(if told.is_subset(&wanted) { standing } else { Standing::Changed })
}

/// Only groups whose alias is at the very mount that was signed in at are touched.
///
/// # Errors
/// `Internal` when the store fails.
pub fn refresh_groups(records: &mut dyn Records, entity: &Entity, accessor: &str, names: &[String]) -> Result<()> {
    let wanted: BTreeSet<String> = names.iter().map(|name| fold(name)).collect();
    for group in groups::of_entity(records, &entity.id)? {
        let told = group.alias.as_ref().filter(|alias| alias.mount_accessor == accessor);
        if group.kind == GroupKind::External && told.is_some_and(|alias| !wanted.contains(&fold(&alias.name))) {
            groups::leave(records, &group, &entity.id)?;
        }
    }
    for name in &wanted {
        let Some(group) = groups::by_alias(records, accessor, name)? else { continue };
        if group.kind == GroupKind::External && !group.member_entities.contains(&entity.id) {
            groups::join(records, &group, &entity.id)?;
        }
    }
    Ok(())
}
