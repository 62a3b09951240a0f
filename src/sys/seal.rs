//! `sys/seal-status`, `sys/unseal` and `sys/seal`.

use crate::base::{Error, Result, Secret};
use crate::core::Call;
use crate::logical::route::{SEALED_OK, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

#[cfg(test)]
mod tests;

pub static SEAL_STATUS: Route<Call> = Route {
    pattern: "seal-status",
    fields: &[],
    actions: &[Action::new(Operation::Read, status, "Shows whether the server is sealed and how far unsealing is.")],
    exists: None,
    summary: "Shows the state of the seal.",
    help: "t of n unseal keys are needed; progress counts those given so far. The cluster's name and id are shown once the \
           server is unsealed.",
    flags: SEALED_OK,
};

pub static UNSEAL: Route<Call> = Route {
    pattern: "unseal",
    fields: &[
        Field::text("key", "One unseal key, in hex or base64."),
        Field::flag("reset", "Forget the unseal keys that were given so far.").default("false"),
        Field::flag("migrate", "Move to the seal that is configured; the keys are those of the seal that is left.")
            .default("false"),
    ],
    actions: &[Action::new(Operation::Update, unseal, "Takes one unseal key; with enough of them, unseals.")],
    exists: None,
    summary: "Takes an unseal key.",
    help: "Each holder of an unseal key sends theirs; the one that completes the number unseals the server. Keys that do not \
           belong together are all forgotten, and it begins anew.",
    flags: SEALED_OK,
};

pub static SEAL: Route<Call> = Route {
    pattern: "seal",
    fields: &[],
    actions: &[Action::new(Operation::Update, seal, "Seals the server.")],
    exists: None,
    summary: "Seals the server.",
    help: "The keys are wiped from memory and nothing is served until the server is unsealed again. Leases go on expiring: \
           those that fall due meanwhile are ended right after unsealing.",
    flags: SUDO,
};

fn status(call: &mut Call, _input: &Input) -> Result<Response> {
    answer(call)
}

fn unseal(call: &mut Call, input: &Input) -> Result<Response> {
    if input.flag("reset") == Some(true) {
        call.core.reset_unseal();
        return answer(call);
    }
    let Some(key) = input.text("key").filter(|key| !key.is_empty()).map(Secret::new) else {
        return Err(Error::bad_request("'key' must be specified in request body as JSON, or 'reset' set to true"));
    };
    match input.flag("migrate") {
        Some(true) => call.core.unseal_migrating(decode(&key)?)?,
        _ => call.core.unseal(decode(&key)?)?,
    }
    answer(call)
}

fn seal(call: &mut Call, _input: &Input) -> Result<Response> {
    call.core.seal();
    Ok(Response::empty())
}

/// Hex first: a text of hexadecimal digits alone is base64 as well, but of another length than a key.
pub(super) fn decode(key: &Secret<String>) -> Result<Secret<Vec<u8>>> {
    let text = key.expose().trim();
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
    bytes.map(Secret::new).ok_or_else(|| Error::bad_request("'key' must be a valid hex or base64 string"))
}

fn answer(call: &Call) -> Result<Response> {
    let status = call.core.seal_status()?;
    let mut body = json!({
        "type": status.kind.name(),
        "initialized": status.initialized,
        "sealed": status.sealed,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "nonce": status.nonce,
        "version": call.core.settings.version,
        "build_date": option_env!("LEASEHOLD_BUILD_DATE").unwrap_or_default(),
        "migration": status.migration,
        "recovery_seal": status.kind.is_auto(),
        "storage_type": call.core.storage.kind(),
    });
    if let Some(why) = call.core.revocations_held()? {
        body["revocations_held"] = why.into();
    }
    if let Some((name, id)) = status.cluster {
        body["cluster_name"] = name.into();
        body["cluster_id"] = id.into();
    }
    Ok(Response::bare(body))
}
