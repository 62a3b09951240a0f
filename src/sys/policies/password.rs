//! `sys/policies/password`: how the passwords are made that engines set for the users they make, by name.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

const NAME: Field = Field::text("name", "The password policy's name.");

pub static LIST: Route<Call> = Route {
    pattern: "policies/password",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, list, "Lists the names of the password policies."),
        Action::new(Operation::List, list, "Lists the names of the password policies."),
    ],
    exists: None,
    summary: "Lists the names of the password policies.",
    help: "The policy that holds where none is named is not among them: it is built in.",
    flags: ORDINARY,
};

pub static POLICY: Route<Call> = Route {
    pattern: "policies/password/{name}",
    fields: &[NAME, Field::text("policy", "The text, HCL or JSON, as it is or in base64.")],
    actions: &[
        Action::new(Operation::Read, read, "Shows a password policy's text."),
        Action::new(Operation::Update, write, "Stores a password policy."),
        Action::new(Operation::Delete, delete, "Deletes a password policy."),
    ],
    exists: None,
    summary: "Stores, shows and deletes a password policy.",
    help: "A policy says how long passwords are (length = 20; from 4 to 100) and of which characters: any number of rules as\n\n\
        rule \"charset\" {\n  charset = \"abcdefghijklmnopqrstuvwxyz\"\n  min-chars = 1\n}\n\n\
        All characters of all rules are drawn from evenly; min-chars says how many there are at least from a rule's own. A \
        policy is stored only if passwords can be made by it. A change holds from the next password on; deleting a policy that \
        a connection names makes that connection's next password an error.",
    flags: ORDINARY,
};

pub static GENERATE: Route<Call> = Route {
    pattern: "policies/password/{name}/generate",
    fields: &[NAME],
    actions: &[Action::new(Operation::Read, generate, "Makes a password.")],
    exists: None,
    summary: "Makes a password by a password policy.",
    help: "The password is kept nowhere.",
    flags: ORDINARY,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let names = call.live()?.password_policies()?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let text = call.live()?.password_policy(&input.required("name")?)?.ok_or_else(missing)?;
    Ok(Response::json(json!({ "policy": text })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let text = super::decoded(input.required("policy")?);
    call.live()?.put_password_policy(&input.required("name")?, &text)?;
    Ok(Response::empty())
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    call.live()?.delete_password_policy(&input.required("name")?)?;
    Ok(Response::empty())
}

fn generate(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let live = call.live()?;
    if live.password_policy(&name)?.is_none() {
        return Err(missing());
    }
    let password = live.generate_password(&name)?;
    Ok(Response::json(json!({ "password": password.expose() })))
}

fn missing() -> Error {
    Error::not_found("policy not found")
}

#[cfg(test)]
mod tests;
