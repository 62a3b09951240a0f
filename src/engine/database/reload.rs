//! `reload/{plugin_name}`: connects anew to all databases of one kind.

use crate::base::{Error, Result};
use crate::engine::database::connection::Connection;
use crate::engine::database::pool;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "reload/{plugin_name}",
    fields: &[Field::text("plugin_name", "The kind of database.")],
    actions: &[Action::new(Operation::Update, reload, "Close what is open to all databases of a kind.")],
    exists: None,
    summary: "Connect anew to all databases of a kind.",
    help: "Does for every connection with this plugin_name what reset/NAME does for one, and tells which these are.",
    flags: ORDINARY,
};

fn reload(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let plugin_name = input.required("plugin_name")?;
    let mut found = Vec::new();
    for name in ctx.list("config/")? {
        let connection = Connection::load(ctx, &name)?;
        if connection.plugin_name == plugin_name {
            pool::close(&ctx.mount.uuid, &connection.id);
            found.push(name);
        }
    }
    if found.is_empty() {
        return Err(Error::not_found(format!("no connection has the plugin_name {plugin_name:?}")));
    }
    Ok(Response::json(json!({ "count": found.len(), "connections": found })))
}
