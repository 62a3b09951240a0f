//! Groups: found by id, name and alias; who is in them, and what they are in.
//!
//! Records: `group/ID`; as ways to it `group-name/NAME`, `group-alias-id/ID`, `group-alias/ACCESSOR/NAME`, each holding the
//! group's id; and for each member an empty one, `of-entity/ENTITY/GROUP` or `of-group/MEMBER/GROUP`. Names are folded.

use super::model::{Group, GroupKind};
use super::{entities, segment};
use crate::base::{Error, Result};
use crate::logical::Records;
use crate::logical::ctx::{load, store};
use std::collections::BTreeSet;

/// # Errors
/// `Internal` when a record does not open.
pub fn by_id(records: &(impl Records + ?Sized), id: &str) -> Result<Option<Group>> {
    if id.is_empty() { Ok(None) } else { load(records, &format!("group/{}", segment(id))) }
}

/// # Errors
/// As [`by_id`].
pub fn by_name(records: &(impl Records + ?Sized), name: &str) -> Result<Option<Group>> {
    by_way(records, &name_way(name))
}

/// # Errors
/// As [`by_id`].
pub fn by_alias(records: &(impl Records + ?Sized), accessor: &str, name: &str) -> Result<Option<Group>> {
    by_way(records, &alias_way(accessor, name))
}

/// # Errors
/// As [`by_id`].
pub fn by_alias_id(records: &(impl Records + ?Sized), id: &str) -> Result<Option<Group>> {
    by_way(records, &alias_id_way(id))
}

/// # Errors
/// As [`by_id`].
pub fn all(records: &(impl Records + ?Sized)) -> Result<Vec<Group>> {
    let ids = records.list("group/")?;
    ids.iter().filter_map(|id| by_id(records, id).transpose()).collect()
}

/// The groups that an entity is in by itself.
///
/// # Errors
/// As [`by_id`].
pub fn of_entity(records: &(impl Records + ?Sized), entity: &str) -> Result<Vec<Group>> {
    listed(records, &format!("of-entity/{}/", segment(entity)))
}

/// The groups that a group is in.
///
/// # Errors
/// As [`by_id`].
pub fn parents(records: &(impl Records + ?Sized), group: &str) -> Result<Vec<Group>> {
    listed(records, &format!("of-group/{}/", segment(group)))
}

/// The groups that these are in, and those that they are in, and so on; without these.
///
/// # Errors
/// As [`by_id`].
pub fn above(records: &(impl Records + ?Sized), groups: &[Group]) -> Result<Vec<Group>> {
    let mut seen: BTreeSet<String> = groups.iter().map(|group| group.id.clone()).collect();
    let mut found: Vec<Group> = Vec::new();
    let mut open: Vec<String> = seen.iter().cloned().collect();
    while let Some(id) = open.pop() {
        for parent in parents(records, &id)? {
            if seen.insert(parent.id.clone()) {
                open.push(parent.id.clone());
                found.push(parent);
            }
        }
    }
    Ok(found)
}

/// Stores a group; `before` is how it is stored now.
///
/// # Errors
/// `BadRequest` for a name or alias that another group has, for members that are not there, and for a circle.
pub fn save(records: &mut dyn Records, before: Option<&Group>, after: &Group) -> Result<()> {
    check(records, before, after)?;
    let (old, new) = (before.map(links).unwrap_or_default(), links(after));
    for gone in old.difference(&new) {
        records.delete(gone)?;
    }
    for way in &new {
        store(records, way, &after.id)?;
    }
    store(records, &format!("group/{}", segment(&after.id)), after)?;
    // With its members in place, nobody may be above himself.
    let above = above(records, std::slice::from_ref(after))?;
    let circle = after
        .member_groups
        .iter()
        .find(|member| **member == after.id || above.iter().any(|group| group.id == **member));
    match circle {
        Some(member) => Err(Error::bad_request(format!("cyclic relationship detected for member group ID {member:?}"))),
        None => Ok(()),
    }
}

/// Deletes a group; what was in it, and what it was in, stays.
///
/// # Errors
/// `Internal` when the store fails.
pub fn delete(records: &mut dyn Records, group: &Group) -> Result<()> {
    for mut parent in parents(records, &group.id)? {
        let before = parent.clone();
        parent.member_groups.retain(|member| *member != group.id);
        save(records, Some(&before), &parent)?;
    }
    for way in links(group) {
        records.delete(&way)?;
    }
    records.delete(&format!("group/{}", segment(&group.id))).map(drop)
}

/// Takes an entity out of every group.
///
/// # Errors
/// `Internal` when the store fails.
pub fn leave_all(records: &mut dyn Records, entity: &str) -> Result<()> {
    of_entity(records, entity)?.iter().try_for_each(|group| leave(records, group, entity))
}

/// # Errors
/// `Internal` when the store fails.
pub fn leave(records: &mut dyn Records, group: &Group, entity: &str) -> Result<()> {
    let mut after = group.clone();
    after.member_entities.retain(|member| member != entity);
    save(records, Some(group), &after)
}

/// # Errors
/// `Internal` when the store fails.
pub fn join(records: &mut dyn Records, group: &Group, entity: &str) -> Result<()> {
    let mut after = group.clone();
    after.member_entities.push(entity.to_owned());
    save(records, Some(group), &after)
}

fn check(records: &dyn Records, before: Option<&Group>, group: &Group) -> Result<()> {
    if by_name(records, &group.name)?.is_some_and(|other| other.id != group.id) {
        return Err(Error::bad_request(format!("group name {:?} is already in use", group.name)));
    }
    if let Some(alias) = &group.alias {
        if group.kind == GroupKind::Internal {
            return Err(Error::bad_request("group aliases can only be set on external groups"));
        }
        if by_alias(records, &alias.mount_accessor, &alias.name)?.is_some_and(|other| other.id != group.id) {
            return Err(Error::bad_request(format!("group alias {:?} is already in use at this mount", alias.name)));
        }
    }
    // Those that are in it already were looked at when they came.
    let is_new =
        |member: &&String, of: fn(&Group) -> &Vec<String>| before.is_none_or(|before| !of(before).contains(member));
    for member in group.member_entities.iter().filter(|member| is_new(member, |group| &group.member_entities)) {
        if entities::by_id(records, member)?.is_none() {
            return Err(Error::bad_request(format!("entity ID {member:?} does not exist: it cannot be a member")));
        }
    }
    for member in group.member_groups.iter().filter(|member| is_new(member, |group| &group.member_groups)) {
        if *member != group.id && by_id(records, member)?.is_none() {
            return Err(Error::bad_request(format!("group ID {member:?} does not exist: it cannot be a member")));
        }
    }
    Ok(())
}

fn listed(records: &(impl Records + ?Sized), folder: &str) -> Result<Vec<Group>> {
    records.list(folder)?.iter().filter_map(|id| by_id(records, id).transpose()).collect()
}

fn by_way(records: &(impl Records + ?Sized), way: &str) -> Result<Option<Group>> {
    match load::<String>(records, way)? {
        Some(id) => by_id(records, &id),
        None => Ok(None),
    }
}

/// Every record that leads to a group, and every one that says who is in it.
fn links(group: &Group) -> BTreeSet<String> {
    let id = segment(&group.id);
    let alias = group.alias.iter();
    let alias = alias.flat_map(|alias| [alias_id_way(&alias.id), alias_way(&alias.mount_accessor, &alias.name)]);
    let entities = group.member_entities.iter().map(|member| format!("of-entity/{}/{id}", segment(member)));
    let groups = group.member_groups.iter().map(|member| format!("of-group/{}/{id}", segment(member)));
    alias.chain(entities).chain(groups).chain([name_way(&group.name)]).collect()
}

fn name_way(name: &str) -> String {
    format!("group-name/{}", segment(name))
}

fn alias_way(accessor: &str, name: &str) -> String {
    format!("group-alias/{}/{}", segment(accessor), segment(name))
}

fn alias_id_way(id: &str) -> String {
    format!("group-alias-id/{}", segment(id))
}
