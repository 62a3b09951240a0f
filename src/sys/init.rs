//! `sys/init`: whether the server was initialised, and doing so once. The answer is the only time that the unseal keys and
//! the root token are seen.

use crate::base::{Error, Result, Secret};
use crate::core::Call;
use crate::logical::route::SEALED_OK;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::seal::{Kind, SealConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub static INIT: Route<Call> = Route {
    pattern: "init",
    fields: &[
        Field::integer("secret_shares", "Into how many unseal keys the root key is split."),
        Field::integer("secret_threshold", "How many of the unseal keys it takes to unseal."),
        Field::list("pgp_keys", "Not available here: encrypt the keys where they are received."),
        Field::text("root_token_pgp_key", "Not available here."),
        Field::integer("stored_shares", "Without effect: a seal that opens by itself stores its key, any other none."),
        Field::integer(
            "recovery_shares",
            "Into how many recovery keys to split the recovery key, where the seal opens by itself.",
        ),
        Field::integer("recovery_threshold", "How many of the recovery keys it takes."),
        Field::list("recovery_pgp_keys", "Not available here: encrypt the keys where they are received."),
    ],
    actions: &[
        Action::new(Operation::Read, status, "Says whether the server was initialised."),
        Action::new(Operation::Update, initialize, "Initialises the server; it stays sealed."),
    ],
    exists: None,
    summary: "Initialises the server.",
    help: "Makes the root key, splits it into unseal keys, and makes the first root token. Both are answered once and stored \
           nowhere: keep the unseal keys apart from each other. Where the seal opens by itself, recovery keys are made instead, \
           which it takes for rekeying and for a new root token, and the server is unsealed at once. A server can be \
           initialised only once.",
    flags: SEALED_OK,
};

/// Whoever sets these counts on something that would not happen.
const ELSEWHERE: [&str; 3] = ["pgp_keys", "root_token_pgp_key", "recovery_pgp_keys"];

const OF_SHARES: [&str; 2] = ["secret_shares", "secret_threshold"];
const OF_RECOVERY: [&str; 2] = ["recovery_shares", "recovery_threshold"];

fn status(call: &mut Call, _input: &Input) -> Result<Response> {
    Ok(Response::bare(json!({ "initialized": call.core.is_initialized()? })))
}

fn initialize(call: &mut Call, input: &Input) -> Result<Response> {
    if let Some(name) = ELSEWHERE.into_iter().find(|name| is_set(input, name)) {
        return Err(Error::bad_request(format!("{name} is not available: encrypt the keys where they are received")));
    }
    let kind = call.core.seal_status()?.kind;
    let (fields, others) = if kind.is_auto() { (OF_RECOVERY, OF_SHARES) } else { (OF_SHARES, OF_RECOVERY) };
    if others.iter().any(|name| is_set(input, name)) {
        let (others, kind) = (others.join(","), kind.name());
        return Err(Error::bad_request(format!("parameters {others} not applicable to seal type {kind}")));
    }
    let config = SealConfig::of(kind, count(input, fields[0], kind)?, count(input, fields[1], kind)?)?;
    let made = call.core.initialize(&config, None)?;
    if kind.is_auto()
        && let Err(error) = call.core.unseal_by_seal()
    {
        log::error!("initialised, and the seal does not open what it has sealed: {}", error.for_log());
    }
    let mut body = json!({
        "keys": texts(&made.shares, |bytes| hex::encode(bytes)),
        "keys_base64": texts(&made.shares, |bytes| STANDARD.encode(bytes)),
        "root_token": made.root_token.expose(),
    });
    if !made.recovery.is_empty() {
        body["recovery_keys"] = texts(&made.recovery, |bytes| hex::encode(bytes)).into();
        body["recovery_keys_base64"] = texts(&made.recovery, |bytes| STANDARD.encode(bytes)).into();
    }
    Ok(Response::bare(body))
}

fn texts(keys: &[Secret<Vec<u8>>], form: fn(&[u8]) -> String) -> Vec<String> {
    keys.iter().map(|key| form(key.expose())).collect()
}

fn is_set(input: &Input, name: &str) -> bool {
    input.value(name).is_some_and(|value| !is_nothing(&value))
}

/// Recovery keys may be left away; unseal keys may not.
fn count(input: &Input, name: &str, kind: Kind) -> Result<u64> {
    let count = input.integer(name).or(kind.is_auto().then_some(0));
    let count = count.ok_or_else(|| Error::bad_request(format!("missing {name}")))?;
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
