//! `static-creds/{name}`: the password of a static role, as it is now.

use crate::base::{Error, Result, Timestamp};
use crate::engine::database::static_role;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "static-creds/{name}",
    fields: &[Field::text("name", "Name of the static role.")],
    actions: &[Action::new(Operation::Read, read, "Hand out the user's name and its password.")],
    exists: None,
    summary: "The password of a static role.",
    help: "Hands out the user's name and its password, and in ttl how many seconds it is until the password changes. There is \
        no lease: it works until then.",
    flags: ORDINARY,
};

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role = static_role::current(ctx, &name)?;
    if role.password.is_empty() {
        return Err(Error::bad_request(format!(
            "the password of {:?} is not known yet: it is set by the first rotation, at {}, or by rotate-role/{name}",
            role.username,
            Timestamp(role.next_rotation).rfc3339()
        )));
    }
    let mut data = role.rule();
    data.insert("username".into(), role.username.into());
    data.insert("password".into(), role.password.expose().as_str().into());
    data.insert("ttl".into(), ctx.now().until(Timestamp(role.next_rotation)).as_secs().into());
    Ok(Response::data(data))
}
