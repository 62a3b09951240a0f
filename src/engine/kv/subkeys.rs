//! `subkeys/:path`: the shape of a value, without what it says.

use super::data::{self, VERSION};
use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Map, Operation, Response, Route};
use serde_json::Value;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "subkeys/{path..}",
    fields: &[
        Field::text("path", "The name that the value is kept under."),
        VERSION,
        Field::integer("depth", "How many levels of keys to show. 0: all.").default("0"),
    ],
    actions: &[Action::new(Operation::Read, read, "Shows the keys of a value, with null in place of what they hold.")],
    exists: None,
    summary: "The keys of a value, with null in place of what they hold.",
    help: "For those who may know how a value is made up, but not what it is: a policy can grant subkeys without data.",
    flags: ORDINARY,
};

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let levels = input.integer("depth").filter(|depth| *depth > 0).unwrap_or(i64::MAX);
    data::read_version(ctx, input, "subkeys", |value| Value::Object(keys(value, levels)))
}

fn keys(value: &Map, levels: i64) -> Map {
    let below = |value: &Value| match value {
        Value::Object(members) if levels > 1 && !members.is_empty() => Value::Object(keys(members, levels - 1)),
        _ => Value::Null,
    };
    value.iter().map(|(name, value)| (name.clone(), below(value))).collect()
}
