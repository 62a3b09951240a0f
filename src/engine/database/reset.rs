//! `reset/{name}`: closes what is open to a database, so that the next use connects anew.

use crate::base::Result;
use crate::engine::database::connection::Connection;
use crate::engine::database::pool;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "reset/{name}",
    fields: &[Field::text("name", "Name of the connection.")],
    actions: &[Action::new(Operation::Update, reset, "Close what is open to the database.")],
    exists: None,
    summary: "Connect to a database anew.",
    help: "Closes the open connections to a database; those in use close when they are done. The next use connects anew, by \
        the configuration as it is stored.",
    flags: ORDINARY,
};

fn reset(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let connection = Connection::load(ctx, &input.required("name")?)?;
    pool::close(&ctx.mount.uuid, &connection.id);
    Ok(Response::empty())
}
