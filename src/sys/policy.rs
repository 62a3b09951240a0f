//! `sys/policy`: the policies once more, in the shapes of older clients: `rules` for the text, and the data repeated at the
//! top of the answer.

use super::policies::{self, NAME};
use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static LIST: Route<Call> = Route {
    pattern: "policy",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, list, "Lists the names of all policies."),
        Action::new(Operation::List, list, "Lists the names of all policies."),
    ],
    exists: None,
    summary: "Lists the names of all policies, in the older shape.",
    help: "As sys/policies/acl, with the names under \"policies\" too.",
    flags: ORDINARY,
};

pub static POLICY: Route<Call> = Route {
    pattern: "policy/{name..}",
    fields: &[
        NAME,
        Field::text("policy", "The text, HCL or JSON, as it is or in base64."),
        Field::text("rules", "The older name of \"policy\"."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows a policy's text."),
        Action::new(Operation::Update, write, "Stores a policy."),
        Action::new(Operation::Delete, policies::delete, "Deletes a policy."),
    ],
    exists: None,
    summary: "Stores, shows and deletes a policy, in the older shape.",
    help: "As sys/policies/acl/{name}, with the text under \"rules\".",
    flags: ORDINARY,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let names = call.live()?.policies.names();
    Ok(Response::data_and_top(json!({ "keys": names, "policies": names })))
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let (name, text) = policies::find(call, input)?;
    Ok(Response::data_and_top(json!({ "name": name, "rules": text })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    policies::store(call, input, input.text("policy").or_else(|| input.text("rules")))
}
