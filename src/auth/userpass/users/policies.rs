//! `users/{username}/policies`: the policies of a user's tokens, and nothing else.

use super::change;
use crate::auth::userpass::user::{OLDER, USERNAME};
use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "users/{username}/policies",
    fields: &[
        USERNAME,
        Field::list("policies", "The older name of token_policies."),
        Field::list("token_policies", "The policies of the tokens."),
    ],
    actions: &[Action::new(Operation::Update, write, "Change the policies of a user's tokens.")],
    exists: None,
    summary: "The policies of a user's tokens.",
    help: "Tokens that are there keep the policies that they were made with, and are not renewed any more.",
    flags: ORDINARY,
};

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("username")?;
    change(ctx, &name, |user| user.token.take(input, OLDER))
}
