//! `users/{username}/password`: another password for a user, and nothing else.

use super::{PASSWORD, PASSWORD_HASH, change};
use crate::auth::userpass::user::{USERNAME, given_password};
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "users/{username}/password",
    fields: &[USERNAME, PASSWORD, PASSWORD_HASH],
    actions: &[Action::new(Operation::Update, write, "Change a user's password.")],
    exists: None,
    summary: "A user's password.",
    help: "A policy that allows this path lets its holders change the password and nothing else of the user. Tokens that were \
           made with the old password live on.",
    flags: ORDINARY,
};

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("username")?;
    let deadline = ctx.outside().deadline();
    let password = given_password(input, deadline)?.ok_or_else(|| Error::bad_request("missing password"))?;
    change(ctx, &name, |user| {
        user.password = password.clone();
        Ok(())
    })
}
