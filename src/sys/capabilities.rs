//! `sys/capabilities`, `-self` and `-accessor`: what a token may do at some paths.

use crate::base::{Error, Result, Secret};
use crate::core::Call;
use crate::core::authentication::LivingToken;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use crate::policy::Acl;
use serde_json::Value;
use std::sync::Arc;

const PATH: Field = Field::list("path", "The older name of \"paths\".");
const PATHS: Field = Field::list("paths", "The paths to ask about, below the root of the API: aws/creds/support.");
const HELP: &str = "The answer has one key per path, with the capabilities there: \"root\" alone for root, \"deny\" alone for \
                    nothing. Asked about one path, it has them under \"capabilities\" too.";

pub static TOKEN: Route<Call> = Route {
    pattern: "capabilities",
    fields: &[Field::text("token", "The token to ask about."), PATH, PATHS],
    actions: &[Action::new(Operation::Update, of_token, "Tells what a token may do at some paths.")],
    exists: None,
    summary: "Tells what a token may do at some paths.",
    help: HELP,
    flags: ORDINARY,
};

pub static OWN: Route<Call> = Route {
    pattern: "capabilities-self",
    fields: &[Field::text("token", "Without effect: it is the calling token that is asked about."), PATH, PATHS],
    actions: &[Action::new(Operation::Update, of_caller, "Tells what the calling token may do at some paths.")],
    exists: None,
    summary: "Tells what the calling token may do at some paths.",
    help: HELP,
    flags: ORDINARY,
};

pub static ACCESSOR: Route<Call> = Route {
    pattern: "capabilities-accessor",
    fields: &[Field::text("accessor", "The accessor of the token to ask about."), PATH, PATHS],
    actions: &[Action::new(
        Operation::Update,
        of_accessor,
        "Tells what the token of an accessor may do at some paths.",
    )],
    exists: None,
    summary: "Tells what the token of an accessor may do at some paths.",
    help: HELP,
    flags: ORDINARY,
};

fn of_token(call: &mut Call, input: &Input) -> Result<Response> {
    let token = Secret::new(input.required("token")?);
    let found = call.live()?.token_by_id(&token).map_err(|error| unknown(error, "invalid token"))?;
    answer(acl_of(call, &found)?.as_ref(), input)
}

fn of_caller(call: &mut Call, input: &Input) -> Result<Response> {
    answer(call.identity()?.acl.as_ref(), input)
}

fn of_accessor(call: &mut Call, input: &Input) -> Result<Response> {
    let accessor = input.required("accessor")?;
    let found = call.live()?.token_by_accessor(&accessor).map_err(|error| unknown(error, "invalid accessor"))?;
    answer(acl_of(call, &found)?.as_ref(), input)
}

fn acl_of(call: &Call, found: &LivingToken) -> Result<Arc<Acl>> {
    let live = call.live()?;
    let bearer = live.bearer(&found.token).map_err(|error| unknown(error, "invalid token"))?;
    live.policies.acl(&live.barrier, &bearer.policies, || bearer.subject)
}

/// It is the question that is wrong, not the caller's own token: a client that reads 403 would log in again.
fn unknown(error: Error, what: &'static str) -> Error {
    if error.kind() == crate::base::Kind::Internal { error } else { Error::bad_request(what) }
}

fn answer(acl: &Acl, input: &Input) -> Result<Response> {
    let mut paths = input.list("paths").unwrap_or_default();
    paths.extend(input.list("path").unwrap_or_default());
    if paths.is_empty() {
        return Err(Error::bad_request("paths must be supplied"));
    }
    let capabilities = |path: &str| Value::from(acl.capabilities(path.trim_start_matches('/')));
    let mut answer: Map = paths.iter().map(|path| (path.clone(), capabilities(path))).collect();
    if let [path] = paths.as_slice() {
        answer.insert("capabilities".to_owned(), capabilities(path));
    }
    Ok(Response::data_and_top(Value::Object(answer)))
}
