//! `sys/policies/acl`: the policies, by name.

pub mod explain;
pub mod password;

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::policy::{self, RESERVED_NAMES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

pub const NAME: Field = Field::text("name", "The policy's name; upper and lower case are the same.").folded();

pub static LIST: Route<Call> = Route {
    pattern: "policies/acl",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, list, "Lists the names of all policies."),
        Action::new(Operation::List, list, "Lists the names of all policies."),
    ],
    exists: None,
    summary: "Lists the names of all policies.",
    help: "The last one is root: it has no text and allows everything.",
    flags: ORDINARY,
};

pub static POLICY: Route<Call> = Route {
    pattern: "policies/acl/{name..}",
    fields: &[NAME, Field::text("policy", "The text, HCL or JSON, as it is or in base64.")],
    actions: &[
        Action::new(Operation::Read, read, "Shows a policy's text."),
        Action::new(Operation::Update, write, "Stores a policy."),
        Action::new(Operation::Delete, delete, "Deletes a policy."),
    ],
    exists: None,
    summary: "Stores, shows and deletes a policy.",
    help: "A change holds from the next request on, for all tokens that name the policy. A text that could not be enforced as \
           it is written is refused, with line and column.",
    flags: ORDINARY,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    Ok(Response::keys(call.live()?.policies.names()))
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let (name, text) = find(call, input)?;
    Ok(Response::json(json!({ "name": name, "policy": text })))
}

/// The name that a request names; one may hold slashes.
fn named(input: &Input) -> Result<String> {
    policy::canonical_name(input.required("name")?.trim_end_matches('/'))
}

/// The policy that a request names, and its text.
///
/// # Errors
/// `NotFound` with nothing to say, as the field answers.
pub fn find(call: &Call, input: &Input) -> Result<(String, String)> {
    let name = named(input)?;
    let text = call.live()?.policies.text(&name).ok_or_else(|| Error::not_found(""))?;
    Ok((name, text))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    store(call, input, input.text("policy"))
}

/// Stores the text under the name that the request names.
///
/// # Errors
/// `BadRequest` for a name that is reserved, and for a text that is missing or no policy.
pub fn store(call: &Call, input: &Input, text: Option<String>) -> Result<Response> {
    let live = call.live()?;
    let name = named(input)?;
    if policy::is_fixed(&name) {
        return Err(Error::bad_request(format!("cannot update {name:?} policy")));
    }
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Error::bad_request("'policy' parameter not supplied or empty"))?;
    live.policies.put(live.storage.as_ref(), &live.barrier, &name, &decoded(text))?;
    Ok(Response::empty())
}

/// No policy that grants or denies anything is base64: it would need a space or a quote.
pub(super) fn decoded(text: String) -> String {
    let bytes = STANDARD.decode(text.trim()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text)
}

/// Deletes the policy that the request names, if it is there.
///
/// # Errors
/// `BadRequest` for those that are always there.
pub fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let name = named(input)?;
    if RESERVED_NAMES.contains(&name.as_str()) {
        return Err(Error::bad_request(format!("cannot delete {name:?} policy")));
    }
    live.policies.delete(live.storage.as_ref(), &live.barrier, &name)?;
    Ok(Response::empty())
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_policy_may_come_in_base64() {
        let text = r#"path "a" { capabilities = ["read"] }"#;
        assert_eq!(decoded(text.to_owned()), text);
        assert_eq!(decoded("cGF0aCAiYSIgeyBjYXBhYmlsaXRpZXMgPSBbInJlYWQiXSB9".to_owned()), text);
    }
}
