//! `lookup/entity`, `lookup/group`: by whatever is known of them. Where nothing fits, the answer is empty.

use super::{entity, group};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::identity::{entities, groups};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};

const FIELDS: &[Field] = &[
    Field::text("name", "Its name."),
    Field::text("id", "Its id."),
    Field::text("alias_id", "The id of its alias."),
    Field::text("alias_name", "The name of its alias; goes with alias_mount_accessor."),
    Field::text("alias_mount_accessor", "The mount of its alias; goes with alias_name."),
];

pub static ENTITY: Route<Call> = Route {
    pattern: "lookup/entity",
    fields: FIELDS,
    actions: &[Action::new(Operation::Update, look_up_entity, "Find an entity.")],
    exists: None,
    summary: "Find an entity by what is known of it.",
    help: "By its name, its id, an alias's id, or an alias's name and mount: by one of them.",
    flags: ORDINARY,
};

pub static GROUP: Route<Call> = Route {
    pattern: "lookup/group",
    fields: FIELDS,
    actions: &[Action::new(Operation::Update, look_up_group, "Find a group.")],
    exists: None,
    summary: "Find a group by what is known of it.",
    help: "By its name, its id, its alias's id, or its alias's name and mount: by one of them.",
    flags: ORDINARY,
};

/// What is known.
enum Known {
    Name(String),
    Id(String),
    AliasId(String),
    Alias { accessor: String, name: String },
}

fn known(input: &Input) -> Result<Known> {
    let given = |name: &str| input.text(name).filter(|text| !text.is_empty());
    let alias = match (given("alias_mount_accessor"), given("alias_name")) {
        (Some(accessor), Some(name)) => Some(Known::Alias { accessor, name }),
        (None, None) => None,
        _ => return Err(Error::bad_request("both 'alias_name' and 'alias_mount_accessor' must be set")),
    };
    let found =
        [given("name").map(Known::Name), given("id").map(Known::Id), given("alias_id").map(Known::AliasId), alias];
    let mut found = found.into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(known), None) => Ok(known),
        (None, _) => Err(Error::bad_request(
            "query parameter not supplied: give name, id, alias_id, or alias_name and alias_mount_accessor",
        )),
        _ => Err(Error::bad_request(
            "give one of name, id, alias_id, or alias_name with alias_mount_accessor, not several",
        )),
    }
}

fn look_up_entity(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let known = known(input)?;
    let found = live.read_identities(|records| match &known {
        Known::Name(name) => entities::by_name(records, name),
        Known::Id(id) => entities::by_id(records, id),
        Known::AliasId(id) => entities::by_alias_id(records, id),
        Known::Alias { accessor, name } => entities::by_alias(records, accessor, name),
    })?;
    found.map_or_else(|| Ok(Response::empty()), |found| entity::shown(live, &found.id))
}

fn look_up_group(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let known = known(input)?;
    let found = live.read_identities(|records| match &known {
        Known::Name(name) => groups::by_name(records, name),
        Known::Id(id) => groups::by_id(records, id),
        Known::AliasId(id) => groups::by_alias_id(records, id),
        Known::Alias { accessor, name } => groups::by_alias(records, accessor, name),
    })?;
    let Some(found) = found else { return Ok(Response::empty()) };
    group::shown(live, |records| groups::by_id(records, &found.id))
}
