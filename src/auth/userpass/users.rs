//! `users` and `users/{username}`: who may sign in, and what their tokens are.

pub mod password;
pub mod policies;

use super::hashing::Password;
use super::user::{FOLDER, OLDER, USERNAME, User, checked_name, given_password, record};
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::token_parameters::OF_METHODS;
use crate::logical::{Action, Ctx, Field, Input, Operation, Records, Response, Route};

pub static LIST: Route<Ctx> = Route {
    pattern: "users",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the users.")],
    exists: None,
    summary: "The names of the users.",
    help: "Lists the names of all users of this mount, in order.",
    flags: ORDINARY,
};

const OWN: [Field; 7] = [
    USERNAME,
    PASSWORD,
    PASSWORD_HASH,
    Field::list("policies", "The older name of token_policies."),
    Field::seconds("ttl", "The older name of token_ttl."),
    Field::seconds("max_ttl", "The older name of token_max_ttl."),
    Field::list("bound_cidrs", "The older name of token_bound_cidrs."),
];

const PASSWORD: Field = Field::text("password", "The password. A new user needs one.");
const PASSWORD_HASH: Field = Field::text(
    "password_hash",
    "In place of the password: its bcrypt hash, made elsewhere. The first log-in replaces it by a hash of the server's own.",
);

static FIELDS: [Field; 16] = Field::joined(OWN, OF_METHODS);

pub static ROUTE: Route<Ctx> = Route {
    pattern: "users/{username}",
    fields: &FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Show a user, without the password."),
        Action::new(Operation::Create, write, "Make a user."),
        Action::new(Operation::Update, write, "Change the given parameters of a user."),
        Action::new(Operation::Delete, delete, "Delete a user."),
    ],
    exists: Some(exists),
    summary: "Who may sign in, and what their tokens are.",
    help: "What is not given stays as it is. Tokens that a user has live on until they end: of a user that is deleted, or whose \
           policies are others now, none is renewed. To end them at once, revoke what the user's entity has.",
    flags: ORDINARY,
};

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list(FOLDER)?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = record(&input.required("username")?);
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let user: User = ctx.load(&record(&input.required("username")?))?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::data(user.token.describe_with(OLDER)))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("username")?;
    checked_name(&name)?;
    let deadline = ctx.outside().deadline();
    let password = given_password(input, deadline)?;
    ctx.write(|records| {
        let user = changed(User::load_in(records, &name)?, password.clone(), input)?;
        user.store_in(records, &name)
    })?;
    Ok(Response::empty())
}

/// The user as it was, with what is given put over it.
fn changed(known: Option<User>, password: Option<Password>, input: &Input) -> Result<User> {
    let before = known.map(|user| (user.password, user.token));
    let (old, mut token) = before.map_or_else(Default::default, |(password, token)| (Some(password), token));
    let password = password.or(old).ok_or_else(|| Error::bad_request("missing password"))?;
    token.take(input, OLDER)?;
    Ok(User { password, token })
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    ctx.delete(&record(&input.required("username")?))?;
    Ok(Response::empty())
}

/// Changes a user that is there.
fn change(ctx: &mut Ctx, name: &str, mut change: impl FnMut(&mut User) -> Result<()>) -> Result<Response> {
    ctx.write(|records: &mut dyn Records| {
        let user = User::load_in(records, name)?;
        let mut user = user.ok_or_else(|| Error::bad_request("username does not exist"))?;
        change(&mut user)?;
        user.store_in(records, name)
    })?;
    Ok(Response::empty())
}
