//! Every other path of a versioned mount. Whoever asks for one most likely means a value and does not know that its path
//! begins with `data/`: the answer tells.

use crate::base::Result;
use crate::logical::route::OPEN;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "{path..}",
    fields: &[Field::text("path", "A path of version 1.")],
    actions: ACTIONS,
    exists: None,
    summary: "No path of this version: answers where to look.",
    help: "Values are at data/PATH, names and versions at metadata/PATH.",
    flags: OPEN,
};

pub static TOP: Route<Ctx> = Route { pattern: "", fields: &[], ..ROUTE };

static ACTIONS: &[Action<Ctx>] = &[
    Action::new(Operation::Read, hint, "Answers where values are."),
    Action::new(Operation::Update, hint, "Answers where values are."),
    Action::new(Operation::Delete, hint, "Answers where values are."),
    Action::new(Operation::List, hint, "Answers where names are."),
];

/// The answer of what has nothing at this path, with a warning that tells which path has.
pub fn hint(_: &mut Ctx, input: &Input) -> Result<Response> {
    let path = input.path.trim_end_matches('/');
    if matches!(path, "data" | "metadata" | "delete" | "undelete" | "destroy" | "subkeys") {
        return Ok(Response::empty().gone().warn(format!(
            "Non-listing operations on the root of a K/V v2 mount are not supported: the name of a value follows {path}/."
        )));
    }
    let command = match input.operation {
        Operation::Read | Operation::Help => "get",
        Operation::List => "list",
        Operation::Delete => "delete",
        Operation::Create | Operation::Update => "put",
        Operation::Patch => "patch",
    };
    Ok(Response::empty().gone().warn(format!(
        "Invalid path for a versioned K/V secrets engine: values are at data/PATH below the mount, their names and versions at \
         metadata/PATH. On the command line, \"kv {command}\" finds the right one."
    )))
}
