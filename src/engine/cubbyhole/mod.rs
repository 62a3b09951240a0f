//! The cubbyhole: a private store for each token, reached with that token alone. The core deletes a token's folder when the
//! token ends; nothing in here looks at another's.
//!
//! Invariant: every path that reaches the records begins with the calling token's name and a slash.

#[cfg(test)]
mod tests;

use crate::base::{Error, Result};
use crate::logical::route::{OPEN, ORDINARY};
use crate::logical::{Action, Ctx, Engine, Field, Input, Map, Operation, Response, Route};

pub static ENGINE: Engine = Engine {
    name: "cubbyhole",
    summary: "Keeps values for one token, until it ends.",
    help: "\
Keeps whatever a token writes for that token alone: no other token, whatever its policies, reads, lists or deletes it. When
the token expires or is revoked, all that it kept here goes with it.",
    routes: &[&TOP, &ROUTE],
    ..Engine::BLANK
};

static ROUTE: Route<Ctx> = Route {
    pattern: "{path..}",
    fields: &[Field::text("path", "The name that the value is kept under; slashes make folders.")],
    actions: &[
        Action::new(Operation::Read, read, "Reads the token's own value."),
        Action::new(Operation::Create, write, "Stores a value where the token had none."),
        Action::new(Operation::Update, write, "Replaces the token's own value."),
        Action::new(Operation::Delete, delete, "Deletes the token's own value."),
        Action::new(Operation::List, list, "Lists the names in a folder of the token's."),
    ],
    exists: Some(exists),
    summary: "Stores, reads, lists and deletes the calling token's values.",
    help: "The whole body of a write is the value. It can be read with the token that wrote it, and with no other.",
    flags: OPEN,
};

static TOP: Route<Ctx> = Route {
    pattern: "",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the names at the top of the token's cubbyhole.")],
    exists: None,
    summary: "Lists the names at the top of the calling token's cubbyhole.",
    help: "A name that ends in a slash is a folder.",
    flags: ORDINARY,
};

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = own_path(ctx, input)?;
    ctx.load::<Map>(&path)?.map(Response::data).ok_or_else(|| Error::not_found(""))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = own_path(ctx, input)?;
    if path.ends_with('/') {
        return Err(Error::bad_request("cannot write to a path ending in '/'"));
    }
    if input.raw().is_empty() {
        return Err(Error::bad_request("missing data fields"));
    }
    ctx.store(&path, input.raw())?;
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = own_path(ctx, input)?;
    if !path.ends_with('/') {
        ctx.delete(&path)?;
    }
    Ok(Response::empty())
}

fn list(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let mut folder = own_path(ctx, input)?;
    if !folder.ends_with('/') {
        folder.push('/');
    }
    let names = ctx.list(&folder)?;
    if names.is_empty() {
        return Err(Error::not_found(""));
    }
    Ok(Response::keys(names))
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = own_path(ctx, input)?;
    ctx.read(|records| records.has(&path))
}

/// The input's path below the calling token's own folder.
fn own_path(ctx: &Ctx, input: &Input) -> Result<String> {
    let token = &ctx.caller.token_name;
    if token.is_empty() || token.contains('/') {
        return Err(Error::bad_request("cubbyhole operations are only supported by service tokens"));
    }
    Ok(format!("{token}/{}", input.text("path").unwrap_or_default()))
}
