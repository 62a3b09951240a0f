//! `entity`, `entity/id/{id}`, `entity/name/{name}`, `entity/batch-delete`, `entity/merge`.

use super::{keys_with_info, moment, mount_of, or_not_found};
use crate::base::{Error, Result, fold};
use crate::core::identity::{Alias, Entity, Resolved, checked_name, entities, grantable, merge, texts};
use crate::core::{Call, Live};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Records, Response, Route};
use serde_json::{Map, Value, json};

const NAME: Field = Field::text("name", "The entity's name.").alike();
const ID: Field = Field::text("id", "The entity's id.").alike();
const METADATA: Field = Field::pairs("metadata", "Notes on the entity, which policies' templates can use.");
const POLICIES: Field = Field::list("policies", "Policies that each of its tokens has besides the token's own.");
const DISABLED: Field = Field::flag("disabled", "Whether its tokens are refused.");

pub static ROOT: Route<Call> = Route {
    pattern: "entity",
    fields: &[NAME, ID, METADATA, POLICIES, DISABLED],
    actions: &[Action::new(Operation::Update, write, "Make an entity, or change the one with this id or name.")],
    exists: None,
    summary: "Make or change an entity.",
    help: "What is not given stays as it is. The policy root cannot be given to an entity.",
    flags: ORDINARY,
};

pub static BY_ID: Route<Call> = Route {
    pattern: "entity/id/{id}",
    fields: &[ID, NAME, METADATA, POLICIES, DISABLED],
    actions: &[
        Action::new(Operation::Read, read_by_id, "Show an entity."),
        Action::new(Operation::Update, write_by_id, "Change an entity."),
        Action::new(Operation::Delete, delete_by_id, "Delete an entity, with its aliases and memberships."),
    ],
    exists: None,
    summary: "An entity, by its id.",
    help: "Deleting an entity denies the tokens that belong to it.",
    flags: ORDINARY,
};

pub static LIST: Route<Call> = Route {
    pattern: "entity/id",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the entities' ids.")],
    exists: None,
    summary: "The ids of all entities.",
    help: "Beside each id stand the entity's name and aliases.",
    flags: ORDINARY,
};

pub static BY_NAME: Route<Call> = Route {
    pattern: "entity/name/{name}",
    fields: &[NAME, METADATA, POLICIES, DISABLED],
    actions: &[
        Action::new(Operation::Read, read_by_name, "Show an entity."),
        Action::new(Operation::Update, write, "Make or change an entity of this name."),
        Action::new(Operation::Delete, delete_by_name, "Delete an entity, with its aliases and memberships."),
    ],
    exists: None,
    summary: "An entity, by its name.",
    help: "Names compare without case.",
    flags: ORDINARY,
};

pub static LIST_NAMES: Route<Call> = Route {
    pattern: "entity/name",
    fields: &[],
    actions: &[Action::new(Operation::List, list_names, "List the entities' names.")],
    exists: None,
    summary: "The names of all entities.",
    help: "As they were written.",
    flags: ORDINARY,
};

pub static BATCH_DELETE: Route<Call> = Route {
    pattern: "entity/batch-delete",
    fields: &[Field::list("entity_ids", "The ids of the entities to delete.").required()],
    actions: &[Action::new(Operation::Update, batch_delete, "Delete several entities.")],
    exists: None,
    summary: "Delete several entities.",
    help: "Ids that no entity has are passed over.",
    flags: ORDINARY,
};

pub static MERGE: Route<Call> = Route {
    pattern: "entity/merge",
    fields: &[
        Field::list("from_entity_ids", "The entities that are merged, and are gone then.").required(),
        Field::text("to_entity_id", "The entity that they become.").required(),
        Field::flag("force", "Where both have an alias at a mount, drop the one of the merged entity."),
        Field::list("conflicting_alias_ids_to_keep", "Where both have an alias at a mount, the ids of those to keep."),
    ],
    actions: &[Action::new(Operation::Update, merge_entities, "Merge entities into one.")],
    exists: None,
    summary: "Merge entities into one.",
    help: "The one entity gets the aliases, policies, metadata and groups of the others. Tokens of the others \
           belong to it from then on.",
    flags: SUDO,
};

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.text("id").unwrap_or_default();
    let name = input.text("name").filter(|name| !name.is_empty());
    save(call, input, |records| match (id.is_empty(), &name) {
        (false, _) => entities::by_id(records, &id)?.map(Some).ok_or_else(|| unknown(&id)),
        (true, Some(name)) => entities::by_name(records, name),
        (true, None) => Ok(None),
    })
}

fn write_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    save(call, input, |records| entities::by_id(records, &id)?.map(Some).ok_or_else(|| unknown(&id)))
}

/// Makes or changes an entity. One that was made is answered, a change is not, as the reference has it.
fn save(call: &Call, input: &Input, find: impl Fn(&dyn Records) -> Result<Option<Entity>>) -> Result<Response> {
    let live = call.live()?;
    let now = live.now();
    let (entity, is_new) = live.change_identities(|records| {
        let before = find(&*records)?;
        let mut after = before.clone().map_or_else(|| Entity::new(now), Ok)?;
        apply(&mut after, input)?;
        after.updated = now.0;
        entities::save(records, before.as_ref(), &after)?;
        Ok((after, before.is_none()))
    })?;
    if !is_new {
        return Ok(Response::empty());
    }
    Ok(Response::json(json!({ "id": entity.id, "name": entity.name, "aliases": null })))
}

fn apply(entity: &mut Entity, input: &Input) -> Result<()> {
    if let Some(name) = input.text("name").filter(|name| !name.is_empty()) {
        entity.name = checked_name("entity", &name)?;
    }
    if let Some(metadata) = input.map("metadata") {
        entity.metadata = texts(&metadata);
    }
    if let Some(policies) = input.list("policies") {
        entity.policies = grantable(&policies)?;
    }
    if let Some(disabled) = input.flag("disabled") {
        entity.disabled = disabled;
    }
    Ok(())
}

fn read_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    shown(call.live()?, &id)
}

fn read_by_name(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let name = input.required("name")?;
    let entity = live.read_identities(|records| entities::by_name(records, &name))?;
    shown(live, &entity.ok_or_else(|| Error::not_found(""))?.id)
}

fn delete_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("id")?;
    remove(call.live()?, |records| entities::by_id(records, &id))
}

fn delete_by_name(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    remove(call.live()?, |records| entities::by_name(records, &name))
}

fn remove(live: &Live, find: impl Fn(&dyn Records) -> Result<Option<Entity>>) -> Result<Response> {
    live.change_identities(|records| match find(&*records)? {
        Some(entity) => entities::delete(records, &entity),
        None => Ok(()),
    })?;
    Ok(Response::empty())
}

fn batch_delete(call: &mut Call, input: &Input) -> Result<Response> {
    let ids = input.list("entity_ids").unwrap_or_default();
    call.live()?.change_identities(|records| {
        for id in &ids {
            if let Some(entity) = entities::by_id(records, id)? {
                entities::delete(records, &entity)?;
            }
        }
        Ok(())
    })?;
    Ok(Response::empty())
}

fn merge_entities(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let to = input.required("to_entity_id")?;
    let from = input.list("from_entity_ids").unwrap_or_default();
    let keep = input.list("conflicting_alias_ids_to_keep").unwrap_or_default();
    let force = input.flag("force").unwrap_or_default();
    live.change_identities(|records| merge::merge(records, &to, &from, &keep, force, live.now()))?;
    Ok(Response::empty())
}

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let all = live.read_identities(|records| entities::all(records))?;
    or_not_found(all.is_empty())?;
    let row = |entity: Entity| {
        let aliases: Vec<Value> = entity.aliases.iter().map(|alias| brief(live, alias)).collect();
        (entity.id.clone(), json!({ "name": entity.name, "aliases": aliases }))
    };
    Ok(keys_with_info(all.into_iter().map(row).collect()))
}

fn list_names(call: &mut Call, _: &Input) -> Result<Response> {
    let all = call.live()?.read_identities(|records| entities::all(records))?;
    or_not_found(all.is_empty())?;
    let mut names: Vec<String> = all.into_iter().map(|entity| entity.name).collect();
    names.sort_unstable();
    Ok(Response::keys(names))
}

/// An entity's answer.
///
/// # Errors
/// `NotFound` when there is none of this id.
pub(super) fn shown(live: &Live, id: &str) -> Result<Response> {
    // Tokens of one that was merged belong to another; itself it is gone.
    let resolved = live.resolve_entity(id)?.filter(|resolved| fold(&resolved.entity.id) == fold(id));
    let resolved = resolved.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(describe(live, &resolved)))
}

fn describe(live: &Live, resolved: &Resolved) -> Value {
    let entity = &resolved.entity;
    let ids = |groups: &[crate::core::identity::Group]| groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>();
    let (direct, inherited) = (ids(&resolved.direct), ids(&resolved.inherited));
    let all = [direct.clone(), inherited.clone()].concat();
    json!({
        "aliases": entity.aliases.iter().map(|alias| super::entity_alias::describe(live, &entity.id, alias)).collect::<Vec<_>>(),
        "creation_time": moment(entity.created),
        "direct_group_ids": direct,
        "disabled": entity.disabled,
        "group_ids": all,
        "id": entity.id,
        "inherited_group_ids": inherited,
        "last_update_time": moment(entity.updated),
        "merged_entity_ids": or_null(json!(entity.merged)),
        "metadata": or_null(json!(entity.metadata)),
        "name": entity.name,
        "namespace_id": "root",
        "policies": entity.policies,
    })
}

/// Nothing, where the reference shows nothing for what is empty.
pub(super) fn or_null(value: Value) -> Value {
    let is_empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    if is_empty { Value::Null } else { value }
}

fn brief(live: &Live, alias: &Alias) -> Value {
    let (path, kind) = mount_of(live, &alias.mount_accessor);
    json!({
        "id": alias.id, "name": alias.name, "mount_accessor": alias.mount_accessor, "mount_path": path, "mount_type": kind,
    })
}

fn unknown(id: &str) -> Error {
    Error::bad_request(format!("invalid entity ID {id:?}: there is none"))
}
