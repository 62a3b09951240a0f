//! `sys/plugins/catalog`: what is built in. Nothing can be registered: no program of somebody else's runs in this server.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::Live;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::{Value, json};

pub static CATALOG: Route<Call> = Route {
    pattern: "plugins/catalog",
    fields: &[],
    actions: &[Action::new(Operation::Read, all, "Lists everything that is built in.")],
    exists: None,
    summary: "Lists the auth methods, databases and secrets engines that are built in.",
    help: "By type, and in detail with their versions.",
    flags: ORDINARY,
};

const TYPE: Field = Field::text("type", "auth, database or secret.");

pub static OF_TYPE: Route<Call> = Route {
    pattern: "plugins/catalog/{type}",
    fields: &[TYPE],
    actions: &[Action::new(Operation::List, of_type, "Lists what is built in of a type.")],
    exists: None,
    summary: "Lists what is built in of a type.",
    help: "The names that sys/mounts, sys/auth and the connections of the database engine take.",
    flags: ORDINARY,
};

pub static PLUGIN: Route<Call> = Route {
    pattern: "plugins/catalog/{type}/{name}",
    fields: &[
        TYPE,
        Field::text("name", "The engine, method or database plug-in."),
        Field::text("version", "Its version."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows what is built in under a name."),
        Action::new(Operation::Update, refuse, "Refused: nothing can be registered here."),
        Action::new(Operation::Delete, refuse, "Refused: what is built in cannot be removed."),
    ],
    exists: None,
    summary: "Shows what is built in under a name.",
    help: "No program of somebody else's runs in this server, so that nothing can be registered or removed.",
    flags: SUDO,
};

const TYPES: [&str; 3] = ["auth", "database", "secret"];

fn names(live: &Live, kind: &str) -> Result<Vec<&'static str>> {
    let mut names: Vec<&'static str> = match kind {
        "auth" => live.registry.methods.iter().map(|method| method.name).collect(),
        "database" => (live.registry.databases)(),
        // Each server has its own of these, and takes no second one.
        "secret" => {
            let mounted = live.registry.engines.iter().map(|engine| engine.name);
            mounted.filter(|name| !["cubbyhole", "generic"].contains(name)).collect()
        }
        other => {
            return Err(Error::bad_request(format!(
                "{other:?} is not a supported plugin type: auth, database or secret"
            )));
        }
    };
    names.sort_unstable();
    Ok(names)
}

fn version(live: &Live) -> String {
    format!("v{}", live.settings.version)
}

fn all(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let mut answer = json!({});
    let mut detailed = Vec::new();
    for kind in TYPES {
        let names = names(live, kind)?;
        detailed.extend(names.iter().map(|name| {
            json!({
                "type": kind, "name": name, "builtin": true, "deprecation_status": "supported", "version": version(live),
            })
        }));
        answer[kind] = json!(names);
    }
    answer["detailed"] = Value::from(detailed);
    Ok(Response::json(answer))
}

fn of_type(call: &mut Call, input: &Input) -> Result<Response> {
    Ok(Response::json(json!({ "keys": names(call.live()?, &input.required("type")?)? })))
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let (kind, name) = (input.required("type")?, input.required("name")?);
    if !names(live, &kind)?.contains(&name.as_str()) {
        return Err(Error::not_found(format!("nothing built in is called {name:?} of type {kind}")));
    }
    Ok(Response::json(json!({
        "name": name,
        "builtin": true,
        "command": "",
        "args": [],
        "sha256": "",
        "version": version(live),
        "deprecation_status": "supported",
    })))
}

fn refuse(_: &mut Call, _: &Input) -> Result<Response> {
    Err(Error::bad_request(
        "plugins cannot be registered or removed here: engines, auth methods and databases are built in, and no other \
         program runs in this server",
    ))
}
