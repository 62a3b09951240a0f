//! `:path` of a mount of version 1: the values themselves. What is read is what was last written; only its name tells where
//! it is.

use super::upgrade;
use crate::base::{Error, Result};
use crate::logical::ctx::{load, store};
use crate::logical::route::{OPEN, ORDINARY};
use crate::logical::{Action, Ctx, Field, Input, LeaseAnswer, Map, Operation, Response, Route};
use std::time::Duration;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "{path..}",
    fields: &[Field::text("path", "The name that the value is kept under; slashes make folders.")],
    actions: &[
        Action::new(Operation::Read, read, "Reads the value."),
        Action::new(Operation::Create, write, "Stores a value where there was none."),
        Action::new(Operation::Update, write, "Replaces the value."),
        Action::new(Operation::Delete, delete, "Deletes the value."),
        Action::new(Operation::List, list, "Lists the names in a folder."),
    ],
    exists: Some(exists),
    summary: "Stores, reads, lists and deletes values.",
    help: "The whole body of a write is the value. Reading answers it as it was written. A name in a listing that ends in a \
           slash is a folder.",
    flags: OPEN,
};

pub static TOP: Route<Ctx> = Route {
    pattern: "",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the names at the top of the mount.")],
    exists: None,
    summary: "Lists the names at the top of the mount.",
    help: "A name that ends in a slash is a folder.",
    flags: ORDINARY,
};

/// What the key `ttl` of a value takes.
const TTL: Field = Field::seconds("ttl", "How soon readers should come back for the value.");

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = path(input);
    let value = ctx.read(|records| {
        upgrade::refuse_if_begun(records)?;
        // A folder is no value, even if there is one of its name.
        if path.ends_with('/') { Ok(None) } else { load::<Map>(records, &path) }
    })?;
    let Some(value) = value else { return Err(Error::not_found("")) };
    let ttl = advised_ttl(&value).unwrap_or(ctx.mount.default_lease_ttl);
    let mut response = Response::data(value);
    response.lease = Some(LeaseAnswer { ttl, ..LeaseAnswer::default() });
    Ok(response)
}

/// What the value says of its own life, where that can be read as a duration.
fn advised_ttl(value: &Map) -> Option<Duration> {
    let said = value.get("ttl").or_else(|| value.get("lease"))?;
    TTL.parse(said).ok()?.as_u64().map(Duration::from_secs)
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = path(input);
    if path.ends_with('/') {
        return Err(Error::bad_request("cannot write to a path ending in '/'"));
    }
    if input.raw().is_empty() {
        return Err(Error::bad_request("missing data fields"));
    }
    ctx.write(|records| {
        upgrade::refuse_if_begun(records)?;
        store(records, &path, input.raw())
    })?;
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = path(input);
    ctx.write(|records| {
        upgrade::refuse_if_begun(records)?;
        if path.ends_with('/') { Ok(false) } else { records.delete(&path) }
    })?;
    Ok(Response::empty())
}

fn list(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let mut folder = path(input);
    if !folder.is_empty() && !folder.ends_with('/') {
        folder.push('/');
    }
    let names = ctx.read(|records| {
        upgrade::refuse_if_begun(records)?;
        records.list(&folder)
    })?;
    if names.is_empty() {
        return Err(Error::not_found(""));
    }
    Ok(Response::keys(names))
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = path(input);
    ctx.read(|records| records.has(&path))
}

/// Empty at the top of the mount.
fn path(input: &Input) -> String {
    input.text("path").unwrap_or_default()
}
