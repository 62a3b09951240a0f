//! `creds/{name}`: a user for a role, under a lease.

use crate::base::Result;
use crate::engine::database::user;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "creds/{name}",
    fields: &[Field::text("name", "Name of the role.")],
    actions: &[Action::new(Operation::Read, issue, "Make a user and hand out its name and password.")],
    exists: None,
    summary: "A user for a role.",
    help: "Makes a user in the role's database that nobody else has, and hands out its name and password under a lease. The \
        lease can be renewed up to the role's max_ttl. When it ends the user's sessions end and the user goes.",
    flags: ORDINARY,
};

fn issue(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    user::issue(ctx, &input.required("name")?)
}
