//! `sys/quotas`: how many requests may come and how many leases may live. What the endpoints of both kinds share is here.

pub mod config;
pub mod lease_count;
pub mod rate_limit;

use crate::base::{Error, Result};
use crate::core::Live;
use crate::core::quotas::{Kind, Quota, Scope};
use crate::logical::{Field, Input, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const NAME: Field = Field::text("name", "The quota's name.");
const PATH: Field = Field::text(
    "path",
    "What the quota holds for: empty for the whole server, a mount (aws/), or a path below one (aws/creds/support), where a \
     star at the end stands for anything.",
)
.default("");
const INHERITABLE: Field =
    Field::flag("inheritable", "There are no namespaces, so only a quota for the whole server is passed on.");

/// What a request says that its quota holds for.
fn scope(live: &Live, kind: Kind, input: &Input) -> Result<Scope> {
    let text = |name| input.text(name).unwrap_or_default();
    live.quota_scope(kind, text("path").trim(), text("role").trim())
}

fn inheritable(input: &Input, scope: &Scope) -> Result<bool> {
    let is_global = scope.mount.is_none();
    match input.flag("inheritable") {
        Some(true) if !is_global => {
            Err(Error::bad_request("inheritable is for a quota without path: there are no namespaces below a mount"))
        }
        given => Ok(given.unwrap_or(is_global)),
    }
}

/// One of a few words, as the words are written in JSON.
fn choice<T: DeserializeOwned + Default>(input: &Input, field: &'static str, words: &str) -> Result<T> {
    match input.text(field).filter(|word| !word.is_empty()) {
        None => Ok(T::default()),
        Some(word) => serde_json::from_value(Value::from(word.clone()))
            .map_err(|_| Error::bad_request(format!("{field} is one of {words}, not {word:?}"))),
    }
}

fn word(choice: &impl Serialize) -> Value {
    serde_json::to_value(choice).unwrap_or_default()
}

/// The names of those whose mount is still there.
fn names<Q: Quota>(live: &Live, quotas: &[Q]) -> Result<Response> {
    let mounts = live.mounts();
    let there = quotas.iter().filter(|quota| quota.scope().path(&mounts).is_some());
    let mut names: Vec<String> = there.map(|quota| quota.name().to_owned()).collect();
    names.sort_unstable();
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

/// A quota by its name, and its path.
fn find<'q, Q: Quota>(live: &Live, quotas: &'q [Q], input: &Input) -> Result<(&'q Q, String)> {
    let name = input.required("name")?;
    let found = quotas.iter().find(|quota| quota.name() == name);
    let path = found.and_then(|quota| quota.scope().path(&live.mounts()));
    found.zip(path).ok_or_else(|| Error::not_found(""))
}
