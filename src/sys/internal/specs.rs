//! `sys/internal/specs/openapi`: every endpoint that the caller's server has, as an OpenAPI document made from the tables.

use crate::base::Result;
use crate::core::Call;
use crate::core::mounts::{Class, Mount};
use crate::logical::doc::Endpoint;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route, RouteDoc, openapi};

pub static OPENAPI: Route<Call> = Route {
    pattern: "internal/specs/openapi",
    fields: &[],
    actions: &[Action::new(Operation::Read, read, "Shows the OpenAPI document.")],
    exists: None,
    summary: "Describes every endpoint of this server (OpenAPI 3.0.2).",
    help: "Made from the tables that requests are served by, for the mounts that there are.",
    flags: ORDINARY,
};

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let mounts = live.mounts();
    let mut endpoints = Vec::new();
    for mount in mounts.active() {
        let routes: Vec<RouteDoc> = match mount.kind.as_str() {
            "system" => live.registry.system.iter().map(|route| route.doc()).collect(),
            "token" => live.registry.token.iter().map(|route| route.doc()).collect(),
            "identity" => live.registry.identity.iter().map(|route| route.doc()).collect(),
            _ => live.engine(mount)?.docs().collect(),
        };
        let at = |route| Endpoint { mount: mount.path.clone(), class: class(mount).to_owned(), route };
        endpoints.extend(routes.into_iter().map(at));
    }
    Ok(Response::bare(openapi::document(live.settings.version, endpoints.into_iter())))
}

fn class(mount: &Mount) -> &'static str {
    match mount.class {
        Class::Auth => "auth",
        Class::Secret if mount.kind == "system" => "system",
        Class::Secret => "secret",
    }
}
