//! `entity-alias`, `entity-alias/id/{id}`: the names of entities at auth methods.

use super::entity::or_null;
use super::{auth_accessor, keys_with_info, moment, mount_of, or_not_found};
use crate::base::{Error, Result, Timestamp};
use crate::core::identity::{Alias, Entity, checked_name, entities, texts};
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Records, Response, Route};
use serde_json::{Value, json};

const FIELDS: &[Field] = &[
    Field::text("id", "The alias's id.").alike(),
    Field::text("name", "The name at the auth method, as it says who signed in."),
    Field::text("canonical_id", "The entity that the alias belongs to; a new one is made where none is given."),
    Field::text("mount_accessor", "The accessor of the auth method's mount."),
    Field::pairs("custom_metadata", "Notes on the alias, which policies' templates can use."),
];

pub static ROOT: Route<Call> = Route {
    pattern: "entity-alias",
    fields: FIELDS,
    actions: &[Action::new(Operation::Update, write, "Make an alias, or change the one of this name and mount.")],
    exists: None,
    summary: "Make or change an alias of an entity.",
    help: "An entity has one alias at a mount. Giving the canonical_id of another entity moves the alias to it.",
    flags: ORDINARY,
};

pub static BY_ID: Route<Call> = Route {
    pattern: "entity-alias/id/{id}",
    fields: FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Show an alias."),
        Action::new(Operation::Update, write_by_id, "Change an alias."),
        Action::new(Operation::Delete, delete, "Delete an alias; its entity stays."),
    ],
    exists: None,
    summary: "An alias of an entity, by its id.",
    help: "Whoever signs in by a name whose alias was deleted gets an entity of its own.",
    flags: ORDINARY,
};

pub static LIST: Route<Call> = Route {
    pattern: "entity-alias/id",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the aliases' ids.")],
    exists: None,
    summary: "The ids of all aliases of entities.",
    help: "Beside each id stand the alias's name, mount and entity.",
    flags: ORDINARY,
};

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.text("id").filter(|id| !id.is_empty());
    match id {
        Some(id) => change(call, input, &id),
        None => make(call, input),
    }
}

fn write_by_id(call: &mut Call, input: &Input) -> Result<Response> {
    change(call, input, &input.required("id")?)
}

fn make(call: &Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let (name, accessor) = (checked_name("alias", &input.required("name")?)?, input.required("mount_accessor")?);
    auth_accessor(live, &accessor)?;
    let now = live.now();
    let answer = live.change_identities(|records| {
        let owner = entities::by_alias(records, &accessor, &name)?;
        let mut alias = owner.as_ref().and_then(|owner| owner.alias_at(&accessor).cloned());
        let mut alias = alias.take().unwrap_or_else(|| Alias::new(&accessor, &name, now));
        apply(&mut alias, input, now);
        let target = target(records, input, owner.as_ref(), now)?;
        place(records, alias, owner, target, now)
    })?;
    Ok(Response::json(answer))
}

fn change(call: &Call, input: &Input, id: &str) -> Result<Response> {
    let live = call.live()?;
    let now = live.now();
    let answer = live.change_identities(|records| {
        let owner = entities::by_alias_id(records, id)?
            .ok_or_else(|| Error::bad_request(format!("invalid alias ID {id:?}")))?;
        let alias = owner.aliases.iter().find(|alias| alias.id == id).cloned();
        let mut alias =
            alias.ok_or_else(|| Error::internal("an entity was found by an alias that it does not have"))?;
        if let Some(name) = input.text("name").filter(|name| !name.is_empty()) {
            alias.name = checked_name("alias", &name)?;
        }
        if let Some(accessor) = input.text("mount_accessor").filter(|accessor| !accessor.is_empty()) {
            auth_accessor(live, &accessor)?;
            alias.mount_accessor = accessor;
        }
        apply(&mut alias, input, now);
        let target = target(records, input, Some(&owner), now)?;
        place(records, alias, Some(owner), target, now)
    })?;
    Ok(Response::json(answer))
}

fn apply(alias: &mut Alias, input: &Input, now: Timestamp) {
    if let Some(metadata) = input.map("custom_metadata") {
        alias.custom_metadata = texts(&metadata);
    }
    alias.updated = now.0;
}

/// The entity that the alias is to belong to: the one that is named, the one that has it, or a new one.
fn target(records: &dyn Records, input: &Input, owner: Option<&Entity>, now: Timestamp) -> Result<(Entity, bool)> {
    let named = input.text("canonical_id").filter(|id| !id.is_empty());
    match (named, owner) {
        (Some(id), _) => {
            let entity = entities::by_id(records, &id)?;
            Ok((
                entity.ok_or_else(|| {
                    Error::bad_request(format!("invalid canonical ID {id:?}: there is no such entity"))
                })?,
                false,
            ))
        }
        (None, Some(owner)) => Ok((owner.clone(), false)),
        (None, None) => Ok((Entity::new(now)?, true)),
    }
}

/// Puts the alias where it belongs, away from where it was.
fn place(
    records: &mut dyn Records,
    alias: Alias,
    owner: Option<Entity>,
    target: (Entity, bool),
    now: Timestamp,
) -> Result<Value> {
    let (mut target, is_new) = target;
    if let Some(before) = owner.filter(|owner| owner.id != target.id) {
        let mut after = before.clone();
        after.aliases.retain(|own| own.id != alias.id);
        after.updated = now.0;
        entities::save(records, Some(&before), &after)?;
    }
    let before = (!is_new).then(|| target.clone());
    target.aliases.retain(|own| own.id != alias.id);
    if target.alias_at(&alias.mount_accessor).is_some() {
        return Err(Error::bad_request(
            "alias already exists for the provided entity and mount: an entity has one alias at a mount",
        ));
    }
    let answer = json!({ "id": alias.id, "canonical_id": target.id });
    target.aliases.push(alias);
    target.updated = now.0;
    entities::save(records, before.as_ref(), &target)?;
    Ok(answer)
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let id = input.required("id")?;
    let owner = live.read_identities(|records| entities::by_alias_id(records, &id))?;
    let owner = owner.ok_or_else(|| Error::not_found(""))?;
    let alias = owner.aliases.iter().find(|alias| alias.id == id).ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(describe(live, &owner.id, alias)))
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let id = input.required("id")?;
    let now = live.now();
    live.change_identities(|records| {
        let Some(before) = entities::by_alias_id(records, &id)? else { return Ok(()) };
        let mut after = before.clone();
        after.aliases.retain(|alias| alias.id != id);
        after.updated = now.0;
        entities::save(records, Some(&before), &after)
    })?;
    Ok(Response::empty())
}

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let all = live.read_identities(|records| entities::all(records))?;
    let rows = all.iter().flat_map(|entity| {
        entity.aliases.iter().map(move |alias| {
            let (path, kind) = mount_of(live, &alias.mount_accessor);
            let info = json!({
                "canonical_id": entity.id, "name": alias.name, "custom_metadata": or_null(json!(alias.custom_metadata)),
                "mount_accessor": alias.mount_accessor, "mount_path": path, "mount_type": kind, "local": false,
            });
            (alias.id.clone(), info)
        })
    });
    let rows: Vec<_> = rows.collect();
    or_not_found(rows.is_empty())?;
    Ok(keys_with_info(rows))
}

/// An alias as answers show it.
pub(super) fn describe(live: &Live, entity: &str, alias: &Alias) -> Value {
    let (path, kind) = mount_of(live, &alias.mount_accessor);
    json!({
        "canonical_id": entity,
        "creation_time": moment(alias.created),
        "custom_metadata": or_null(json!(alias.custom_metadata)),
        "id": alias.id,
        "last_update_time": moment(alias.updated),
        "local": false,
        "merged_from_canonical_ids": or_null(json!(alias.merged_from)),
        "metadata": or_null(json!(alias.metadata)),
        "mount_accessor": alias.mount_accessor,
        "mount_path": path,
        "mount_type": kind,
        "name": alias.name,
        "namespace_id": "root",
    })
}
