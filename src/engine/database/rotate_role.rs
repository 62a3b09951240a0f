//! `rotate-role/{name}`: changes the password of a static role now.

use crate::base::{Error, Result};
use crate::engine::database::static_role::{self, record};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "rotate-role/{name}",
    fields: &[Field::text("name", "Name of the static role.")],
    actions: &[Action::new(Operation::Update, rotate, "Change the user's password now.")],
    exists: None,
    summary: "Change the password of a static role now.",
    help: "Sets a new password for the user of a static role, whenever it would be due. A period counts from here.",
    flags: ORDINARY,
};

fn rotate(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    if !ctx.read(|records| records.has(&record(&name)))? {
        return Err(Error::bad_request(format!("no static role found for role name {name:?}")));
    }
    static_role::rotate(ctx, &name)?;
    Ok(Response::empty())
}
