//! `group`, `group/id/{id}`, `group/name/{name}`.

use super::entity::or_null;
use super::{keys_with_info, moment, mount_of, or_not_found};
use crate::base::{Error, Result, Timestamp};
use crate::core::identity::{Group, GroupKind, checked_name, grantable, groups, texts};
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Records, Response, Route};
use serde_json::{Value, json};

const NAME: Field = Field::text("name", "The group's name.").alike();
const ID: Field = Field::text("id", "The group's id.").alike();
const TYPE: Field = Field::text(
    "type",
    "internal: its members are written here. external: the auth method of its alias says who is in it.",
);
const METADATA: Field = Field::pairs("metadata", "Notes on the group, which policies' templates can use.");
const POLICIES: Field = Field::list("policies", "Policies that the tokens of all in it have besides their own.");
const ENTITIES: Field = Field::list("member_entity_ids", "The ids of the entities in it.");
const GROUPS: Field = Field::list("member_group_ids", "The ids of the groups in it.");

pub static ROOT: Route<Call> = Route {
    pattern: "group",
    fields: &[NAME, ID, TYPE, METADATA, POLICIES, ENTITIES, GROUPS],
    actions: &[Action::new(Operation::Update, write, "Make a group, or change the one with this id or name.")],
    exists: None,
    summary: "Make or change a group.",
    help: "What is not given stays as it is. The policy root cannot be given to a group. Groups may be in groups, but in no \
           circle.",
    flags: ORDINARY,
};

pub static BY_ID: Route<Call> = Route {
    pattern: "group/id/{id}",
    fields: &[ID, NAME, TYPE, METADATA, POLICIES, ENTITIES, GROUPS],
    actions: &[
        Action::new(Operation::Read, read_by_id, "Show a group."),
        Action::new(Operation::Update, write_by_id, "Change a group."),
        Action::new(Operation::Delete, delete_by_id, "Delete a group; its members stay."),
    ],
    exists: None,
    summary: "A group, by its id.",
    help: "The next request of a member goes by what the group is then.",
    flags: ORDINARY,
};

pub static LIST: Route<Call> = Route {
    pattern: "group/id",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the groups' ids.")],
    exists: None,
    summary: "The ids of all groups.",
    help: "Beside each id stand the group's name, members and parents.",
    flags: ORDINARY,
};

pub static BY_NAME: Route<Call> = Route {
    pattern: "group/name/{name}",
    fields: &[NAME, TYPE, METADATA, POLICIES, ENTITIES, GROUPS],
    actions: &[
        Action::new(Operation::Read, read_by_name, "Show a group."),
        Action::new(Operation::Update, write, "Make or change a group of this name."),
        Action::new(Operation::Delete, delete_by_name, "Delete a group; its members stay."),
    ],
    exists: None,
    summary: "A group, by its name.",
    help: "Names compare without case.",
    flags: ORDINARY,
};

pub static LIST_NAMES: Route<Call> = Route {
    pattern: "group/name",
    fields: &[],
    actions: &[Action::new(Operation::List, list_names, "List the groups' names.")],
    exists: None,
    summary: "The names of all groups.",
    help: "As they were written.",
    flags: ORDINARY,
};

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.text("id").unwrap_or_default();
    let name = input.text("name").filter(|name| !name.is_empty());
    save(call, input, |records| match (id.is_empty(), &name) {
        (false, _) => groups::by_id(records, &id)?.map(Some).ok_or_else(|| unknown(&id)),
        (true, Some(name)) => groups::by_name(records, name),
        (true, None) => Ok(None),
    })
}

fn write_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    save(call, input, |records| groups::by_id(records, &id)?.map(Some).ok_or_else(|| unknown(&id)))
}

/// Makes or changes a group. One that was made is answered, a change is not, as the reference has it.
fn save(call: &Call, input: &Input, find: impl Fn(&dyn Records) -> Result<Option<Group>>) -> Result<Response> {
    let live = call.live()?;
    let now = live.now();
    let (group, is_new) = live.change_identities(|records| {
        let before = find(&*records)?;
        let mut after = before.clone().map_or_else(|| Group::new(now), Ok)?;
        apply(&mut after, input, before.is_some(), now)?;
        groups::save(records, before.as_ref(), &after)?;
        Ok((after, before.is_none()))
    })?;
    if !is_new {
        return Ok(Response::empty());
    }
    Ok(Response::json(json!({ "id": group.id, "name": group.name })))
}

fn apply(group: &mut Group, input: &Input, exists: bool, now: Timestamp) -> Result<()> {
    if let Some(name) = input.text("name").filter(|name| !name.is_empty()) {
        group.name = checked_name("group", &name)?;
    }
    if let Some(kind) = input.text("type").filter(|kind| !kind.is_empty()) {
        let kind = kind_of(&kind)?;
        if exists && kind != group.kind {
            return Err(Error::bad_request("group type cannot be changed"));
        }
        group.kind = kind;
    }
    if let Some(metadata) = input.map("metadata") {
        group.metadata = texts(&metadata);
    }
    if let Some(policies) = input.list("policies") {
        group.policies = grantable(&policies)?;
    }
    if let Some(members) = input.list("member_entity_ids") {
        match group.kind {
            // Those that are in it are there by their auth method's word.
            GroupKind::External if members.is_empty() => {}
            GroupKind::External => {
                return Err(Error::bad_request("member entities can't be set manually for external groups"));
            }
            GroupKind::Internal => group.member_entities = unique(members),
        }
    }
    if let Some(members) = input.list("member_group_ids") {
        if group.kind == GroupKind::External && !members.is_empty() {
            return Err(Error::bad_request("member groups can't be set for external groups"));
        }
        group.member_groups = unique(members);
    }
    group.updated = now.0;
    group.modify_index += 1;
    Ok(())
}

fn kind_of(kind: &str) -> Result<GroupKind> {
    match kind {
        "internal" => Ok(GroupKind::Internal),
        "external" => Ok(GroupKind::External),
        other => Err(Error::bad_request(format!("invalid group type {other:?}: it is internal or external"))),
    }
}

fn unique(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn read_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    shown(call.live()?, |records| groups::by_id(records, &id))
}

fn read_by_name(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    shown(call.live()?, |records| groups::by_name(records, &name))
}

fn delete_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    remove(call.live()?, |records| groups::by_id(records, &id))
}

fn delete_by_name(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    remove(call.live()?, |records| groups::by_name(records, &name))
}

fn remove(live: &Live, find: impl Fn(&dyn Records) -> Result<Option<Group>>) -> Result<Response> {
    live.change_identities(|records| match find(&*records)? {
        Some(group) => groups::delete(records, &group),
        None => Ok(()),
    })?;
    Ok(Response::empty())
}

/// A group's answer.
///
/// # Errors
/// `NotFound` when there is none.
pub(super) fn shown(live: &Live, find: impl Fn(&dyn Records) -> Result<Option<Group>>) -> Result<Response> {
    let (group, parents) = live.read_identities(|records| {
        let group = find(records)?.ok_or_else(|| Error::not_found(""))?;
        let parents = parent_ids(records, &group)?;
        Ok((group, parents))
    })?;
    let alias = group.alias.as_ref().map_or(json!({}), |alias| super::group_alias::describe(live, &group.id, alias));
    Ok(Response::json(json!({
        "alias": alias,
        "creation_time": moment(group.created),
        "id": group.id,
        "last_update_time": moment(group.updated),
        "member_entity_ids": group.member_entities,
        "member_group_ids": or_null(json!(group.member_groups)),
        "metadata": or_null(json!(group.metadata)),
        "modify_index": group.modify_index,
        "name": group.name,
        "namespace_id": "root",
        "parent_group_ids": or_null(json!(parents)),
        "policies": group.policies,
        "type": group.kind.name(),
    })))
}

fn parent_ids(records: &dyn Records, group: &Group) -> Result<Vec<String>> {
    Ok(groups::parents(records, &group.id)?.into_iter().map(|parent| parent.id).collect())
}

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let rows = live.read_identities(|records| {
        let row = |group: Group| {
            let parents = parent_ids(records, &group)?;
            Ok((group.id.clone(), info(live, &group, &parents)))
        };
        groups::all(records)?.into_iter().map(row).collect::<Result<Vec<_>>>()
    })?;
    or_not_found(rows.is_empty())?;
    Ok(keys_with_info(rows))
}

fn info(live: &Live, group: &Group, parents: &[String]) -> Value {
    let mut info = json!({
        "name": group.name, "num_member_entities": group.member_entities.len(), "num_parent_groups": parents.len(),
    });
    if let Some(alias) = &group.alias {
        let (path, kind) = mount_of(live, &alias.mount_accessor);
        info["alias"] = json!({
            "id": alias.id, "name": alias.name, "mount_accessor": alias.mount_accessor, "mount_path": path, "mount_type": kind,
        });
    }
    info
}

fn list_names(call: &mut Call, _: &Input) -> Result<Response> {
    let all = call.live()?.read_identities(|records| groups::all(records))?;
    or_not_found(all.is_empty())?;
    let mut names: Vec<String> = all.into_iter().map(|group| group.name).collect();
    names.sort_unstable();
    Ok(Response::keys(names))
}

fn unknown(id: &str) -> Error {
    Error::bad_request(format!("invalid group ID {id:?}: there is none"))
}
