//! `group-alias`, `group-alias/id/{id}`: the names of external groups at auth methods.

use super::{auth_accessor, keys_with_info, moment, mount_of, or_not_found};
use crate::base::{Error, Result, random};
use crate::core::identity::{Group, GroupAlias, GroupKind, checked_name, groups};
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Records, Response, Route};
use serde_json::{Value, json};

const FIELDS: &[Field] = &[
    Field::text("id", "The alias's id.").alike(),
    Field::text("name", "The group's name at the auth method."),
    Field::text("mount_accessor", "The accessor of the auth method's mount."),
    Field::text("canonical_id", "The external group that the alias belongs to; a new one is made where none is given."),
];

pub static ROOT: Route<Call> = Route {
    pattern: "group-alias",
    fields: FIELDS,
    actions: &[Action::new(Operation::Update, write, "Make an alias of a group, or change the one with this id.")],
    exists: None,
    summary: "Make or change an alias of a group.",
    help: "Whoever signs in at the mount, and is in a group of this name there, is in the external group from then on; who no \
           longer is leaves it at the next log-in or renewal.",
    flags: ORDINARY,
};

pub static BY_ID: Route<Call> = Route {
    pattern: "group-alias/id/{id}",
    fields: FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Show an alias of a group."),
        Action::new(Operation::Update, write, "Change an alias of a group."),
        Action::new(Operation::Delete, delete, "Delete an alias; its group stays."),
    ],
    exists: None,
    summary: "An alias of a group, by its id.",
    help: "A group has one alias.",
    flags: ORDINARY,
};

pub static LIST: Route<Call> = Route {
    pattern: "group-alias/id",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the aliases' ids.")],
    exists: None,
    summary: "The ids of all aliases of groups.",
    help: "Beside each id stand the alias's name, mount and group.",
    flags: ORDINARY,
};

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let id = input.text("id").filter(|id| !id.is_empty());
    let now = live.now();
    if let Some(accessor) = input.text("mount_accessor").filter(|accessor| !accessor.is_empty()) {
        auth_accessor(live, &accessor)?;
    }
    let answer = live.change_identities(|records| {
        let owner = match &id {
            Some(id) => Some(groups::by_alias_id(records, id)?.ok_or_else(|| unknown(id))?),
            None => None,
        };
        let alias = wanted(input, owner.as_ref().and_then(|owner| owner.alias.as_ref()), now.0)?;
        let (before, mut after) = target(records, input, owner.as_ref(), now)?;
        if let Some(owner) = owner.filter(|owner| owner.id != after.id) {
            groups::save(records, Some(&owner), &Group { alias: None, ..owner.clone() })?;
        }
        let answer = json!({ "id": alias.id, "canonical_id": after.id });
        after.alias = Some(alias);
        after.updated = now.0;
        groups::save(records, before.as_ref(), &after)?;
        Ok(answer)
    })?;
    Ok(Response::json(answer))
}

/// The alias as it is to be: as it was, with what was given.
fn wanted(input: &Input, before: Option<&GroupAlias>, now: i64) -> Result<GroupAlias> {
    let given = |name: &str| input.text(name).filter(|text| !text.is_empty());
    let or_before = |name: &str, before: Option<&String>| {
        given(name).or_else(|| before.cloned()).ok_or_else(|| Error::bad_request(format!("missing {name}")))
    };
    Ok(GroupAlias {
        id: before.map_or_else(random::uuid, |before| before.id.clone()),
        name: checked_name("alias", &or_before("name", before.map(|before| &before.name))?)?,
        mount_accessor: or_before("mount_accessor", before.map(|before| &before.mount_accessor))?,
        created: before.map_or(now, |before| before.created),
        updated: now,
    })
}

/// The group that the alias is to belong to, as it is and as it will be.
fn target(
    records: &dyn Records,
    input: &Input,
    owner: Option<&Group>,
    now: crate::base::Timestamp,
) -> Result<(Option<Group>, Group)> {
    let named = input.text("canonical_id").filter(|id| !id.is_empty());
    let group = match (named, owner) {
        (Some(id), _) => groups::by_id(records, &id)?
            .ok_or_else(|| Error::bad_request(format!("invalid canonical ID {id:?}: there is no such group")))?,
        (None, Some(owner)) => owner.clone(),
        (None, None) => return Ok((None, Group { kind: GroupKind::External, ..Group::new(now)? })),
    };
    Ok((Some(group.clone()), group))
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let id = input.required("id")?;
    let group = live.read_identities(|records| groups::by_alias_id(records, &id))?;
    let group = group.ok_or_else(|| Error::not_found(""))?;
    let alias = group.alias.as_ref().ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(describe(live, &group.id, alias)))
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    call.live()?.change_identities(|records| {
        let Some(before) = groups::by_alias_id(records, &id)? else { return Ok(()) };
        groups::save(records, Some(&before), &Group { alias: None, ..before.clone() })
    })?;
    Ok(Response::empty())
}

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let all = live.read_identities(|records| groups::all(records))?;
    let row = |group: &Group| {
        let alias = group.alias.as_ref()?;
        let (path, kind) = mount_of(live, &alias.mount_accessor);
        let info = json!({
            "canonical_id": group.id, "name": alias.name, "mount_accessor": alias.mount_accessor, "mount_path": path,
            "mount_type": kind,
        });
        Some((alias.id.clone(), info))
    };
    let rows: Vec<_> = all.iter().filter_map(row).collect();
    or_not_found(rows.is_empty())?;
    Ok(keys_with_info(rows))
}

/// An alias as answers show it.
pub(super) fn describe(live: &Live, group: &str, alias: &GroupAlias) -> Value {
    let (path, kind) = mount_of(live, &alias.mount_accessor);
    json!({
        "canonical_id": group,
        "creation_time": moment(alias.created),
        "id": alias.id,
        "last_update_time": moment(alias.updated),
        "merged_from_canonical_ids": null,
        "metadata": null,
        "mount_accessor": alias.mount_accessor,
        "mount_path": path,
        "mount_type": kind,
        "name": alias.name,
        "namespace_id": "root",
    })
}

fn unknown(id: &str) -> Error {
    Error::bad_request(format!("invalid group alias ID {id:?}: there is none"))
}
