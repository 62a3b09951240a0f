//! `sys/init`: whether the server was initialised, and doing so once. The answer is the only time that the unseal keys and
//! the root token are seen.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::SEALED_OK;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::seal::SealConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub static INIT: Route<Call> = Route {
    pattern: "init",
    fields: &[
        Field::integer("secret_shares", "Into how many unseal keys the root key is split.").required(),
        Field::integer("secret_threshold", "How many of the unseal keys it takes to unseal.").required(),
        Field::list("pgp_keys", "Not available here: encrypt the keys where they are received."),
        Field::text("root_token_pgp_key", "Not available here."),
        Field::integer("stored_shares", "Not available with this seal: every share is handed out."),
        Field::integer("recovery_shares", "Not available with this seal: it has no recovery keys."),
        Field::integer("recovery_threshold", "Not available with this seal: it has no recovery keys."),
        Field::list("recovery_pgp_keys", "Not available with this seal: it has no recovery keys."),
    ],
    actions: &[
        Action::new(Operation::Read, status, "Says whether the server was initialised."),
        Action::new(Operation::Update, initialize, "Initialises the server; it stays sealed."),
    ],
    exists: None,
    summary: "Initialises the server.",
    help: "Makes the root key, splits it into unseal keys, and makes the first root token. Both are answered once and stored \
           nowhere: keep the unseal keys apart from each other. A server can be initialised only once.",
    flags: SEALED_OK,
};

/// Fields of other seals: whoever sets them counts on something that would not happen.
const ELSEWHERE: [&str; 6] =
    ["pgp_keys", "root_token_pgp_key", "stored_shares", "recovery_shares", "recovery_threshold", "recovery_pgp_keys"];

fn status(call: &mut Call, _input: &Input) -> Result<Response> {
    Ok(Response::bare(json!({ "initialized": call.core.is_initialized()? })))
}

fn initialize(call: &mut Call, input: &Input) -> Result<Response> {
    if let Some(name) = ELSEWHERE.into_iter().find(|name| input.value(name).is_some_and(|value| !is_nothing(&value))) {
        return Err(Error::bad_request(format!("{name} is not available with the shamir seal of this server")));
    }
    let config = SealConfig::new(count(input, "secret_shares")?, count(input, "secret_threshold")?)?;
    let made = call.core.initialize(&config, None)?;
    let keys =
        |form: fn(&[u8]) -> String| -> Vec<String> { made.shares.iter().map(|share| form(share.expose())).collect() };
    Ok(Response::bare(json!({
        "keys": keys(|bytes| hex::encode(bytes)),
        "keys_base64": keys(|bytes| STANDARD.encode(bytes)),
        "root_token": made.root_token.expose(),
    })))
}

fn count(input: &Input, name: &str) -> Result<u64> {
    let count = input.integer(name).ok_or_else(|| Error::bad_request(format!("missing {name}")))?;
    u64::try_from(count).map_err(|_| Error::bad_request(format!("{name} must not be negative")))
}

/// What older clients send for a field that they do not use.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        other => other.as_i64() == Some(0),
    }
}
