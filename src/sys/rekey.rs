//! `sys/rekey/…` and, by the same handlers, `sys/rekey-recovery-key/…`: other keys for those who hold keys, made with the consent of
//! enough of them.

use crate::base::{Error, Result, Secret};
use crate::core::Call;
use crate::core::authentication::{Presented, Uses};
use crate::core::ceremonies::Target;
use crate::core::rekey::{Progress, Wanted};
use crate::logical::route::{PUBLIC, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const ATTEMPT: &str = "Which attempt is meant, as starting it has answered.";

pub(super) static START_FIELDS: &[Field] = &[
    Field::integer("secret_shares", "Into how many keys to split."),
    Field::integer("secret_threshold", "How many of them it takes."),
    Field::flag("require_verification", "The new keys count only when enough of them have been given to rekey/verify.")
        .default("false"),
    Field::integer("stored_shares", "Without effect."),
    Field::list("pgp_keys", "Not available here: encrypt the keys where they are received."),
    Field::flag("backup", "Not available here: it keeps keys that PGP has encrypted.").default("false"),
    Field::text("nonce", "To cancel: the attempt's nonce."),
];

pub(super) static KEY_FIELDS: &[Field] =
    &[Field::text("key", "One key, in hex or base64.").required(), Field::text("nonce", ATTEMPT).required()];

pub static INIT: Route<Call> = Route {
    pattern: "rekey/init",
    fields: START_FIELDS,
    actions: &[
        Action::new(Operation::Read, |call, _| status(call, Target::Unseal), "Shows how far the attempt is."),
        Action::new(
            Operation::Update,
            |call, input| begin(call, input, Target::Unseal),
            "Begins to make new unseal keys.",
        ),
        Action::new(Operation::Delete, |call, input| cancel(call, input, Target::Unseal), "Cancels the attempt."),
    ],
    exists: None,
    summary: "New unseal keys: begins, shows or cancels an attempt.",
    help: "Enough holders of the present keys give theirs to rekey/update; then the root key is replaced and split into new ones, \
           and the present ones open nothing any more. An attempt is cancelled by its nonce, by a token with sudo, or by anybody \
           ten minutes after its start. Where the seal opens by itself, its root key is replaced with the recovery keys.",
    flags: PUBLIC,
};

pub static UPDATE: Route<Call> = Route {
    pattern: "rekey/update",
    fields: KEY_FIELDS,
    actions: &[Action::new(
        Operation::Update,
        |call, input| update(call, input, Target::Unseal),
        "Takes one present key; the last one is answered with the new keys.",
    )],
    exists: None,
    summary: "New unseal keys: takes one present key.",
    help: "The new keys are answered once and stored nowhere.",
    flags: PUBLIC,
};

pub static VERIFY: Route<Call> = Route {
    pattern: "rekey/verify",
    fields: VERIFY_FIELDS,
    actions: &[
        Action::new(Operation::Read, |call, _| verify_status(call, Target::Unseal), "Shows how far verifying is."),
        Action::new(
            Operation::Update,
            |call, input| verify(call, input, Target::Unseal),
            "Takes one new key; with enough of them, they are in force.",
        ),
        Action::new(
            Operation::Delete,
            |call, input| restart_verify(call, input, Target::Unseal),
            "Begins verifying anew.",
        ),
    ],
    exists: None,
    summary: "New unseal keys: shows that they have arrived.",
    help: "Where the attempt asked for it, the present keys count until enough of the new ones have been given here.",
    flags: PUBLIC,
};

pub static BACKUP: Route<Call> = Route {
    pattern: "rekey/backup",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, no_backup, "There are none: it keeps keys that PGP has encrypted."),
        Action::new(Operation::Delete, nothing_to_delete, "Deletes what is not there."),
    ],
    exists: None,
    summary: "Kept copies of new keys, of which this server has none.",
    help: "Only keys that PGP has encrypted are kept, and this server encrypts none.",
    flags: SUDO,
};

pub(super) static VERIFY_FIELDS: &[Field] =
    &[Field::text("key", "One new key, in hex or base64."), Field::text("nonce", "As making them has answered.")];

pub(super) fn status(call: &mut Call, target: Target) -> Result<Response> {
    let live = call.live()?;
    let required = call.core.keys_required()?.threshold;
    let rekey = live.ceremonies.rekey(target);
    let mut body = json!({
        "nonce": "", "started": false, "t": 0, "n": 0, "progress": 0, "required": required,
        "pgp_fingerprints": null, "backup": false, "verification_required": false,
    });
    if let Some(rekey) = &*rekey {
        body["started"] = true.into();
        body["nonce"] = rekey.attempt.nonce.clone().into();
        body["t"] = rekey.threshold.into();
        body["n"] = rekey.shares.into();
        body["progress"] = rekey.attempt.quorum.given().into();
        body["verification_required"] = rekey.verify.into();
        if let Some(made) = &rekey.made {
            body["verification_nonce"] = made.attempt.nonce.clone().into();
        }
    }
    Ok(Response::bare(body))
}

pub(super) fn begin(call: &mut Call, input: &Input, target: Target) -> Result<Response> {
    if input.list("pgp_keys").is_some_and(|keys| !keys.is_empty()) {
        return Err(Error::bad_request("pgp_keys is not available: encrypt the keys where they are received"));
    }
    if input.flag("backup") == Some(true) {
        return Err(Error::bad_request("backup is not available: it keeps keys that PGP has encrypted"));
    }
    let count = |name: &str| {
        let count = input.integer(name).ok_or_else(|| Error::bad_request(format!("missing {name}")))?;
        u64::try_from(count).map_err(|_| Error::bad_request(format!("{name} must not be negative")))
    };
    let wanted = Wanted {
        shares: count("secret_shares")?,
        threshold: count("secret_threshold")?,
        verify: input.flag("require_verification") == Some(true),
    };
    call.core.begin_rekey(&call.live()?.clone(), target, &wanted)?;
    status(call, target)
}

pub(super) fn cancel(call: &mut Call, input: &Input, target: Target) -> Result<Response> {
    let (sudo, live) = (may_cancel(call), call.live()?);
    let mut rekey = live.ceremonies.rekey(target);
    if let Some(rekey) = &*rekey {
        rekey.attempt.check_cancel(&input.text("nonce").unwrap_or_default(), sudo, live.now())?;
    }
    *rekey = None;
    Ok(Response::empty())
}

pub(super) fn update(call: &mut Call, input: &Input, target: Target) -> Result<Response> {
    let live = call.live()?.clone();
    let nonce = input.required("nonce")?;
    let verify = live.ceremonies.rekey(target).as_ref().is_some_and(|rekey| rekey.verify);
    let made = call.core.continue_rekey(&live, target, share(input)?, &nonce)?;
    let Progress::Made { shares, verification_nonce } = made else { return status(call, target) };
    let mut body = json!({
        "nonce": nonce,
        "complete": true,
        "keys": shares.iter().map(|share| hex::encode(share.expose())).collect::<Vec<_>>(),
        "keys_base64": shares.iter().map(|share| STANDARD.encode(share.expose())).collect::<Vec<_>>(),
        "pgp_fingerprints": null,
        "backup": false,
        "verification_required": verify,
    });
    if let Some(nonce) = verification_nonce {
        body["verification_nonce"] = nonce.into();
    }
    Ok(Response::bare(body))
}

pub(super) fn verify_status(call: &mut Call, target: Target) -> Result<Response> {
    let live = call.live()?;
    let rekey = live.ceremonies.rekey(target);
    let made = rekey.as_ref().and_then(|rekey| Some((rekey, rekey.made.as_ref()?)));
    let (rekey, made) = made.ok_or_else(|| Error::bad_request("no rekey verification operation in progress"))?;
    Ok(Response::bare(json!({
        "nonce": made.attempt.nonce,
        "started": true,
        "t": rekey.threshold,
        "n": rekey.shares,
        "progress": made.attempt.quorum.given(),
    })))
}

pub(super) fn verify(call: &mut Call, input: &Input, target: Target) -> Result<Response> {
    let live = call.live()?.clone();
    let nonce = input.required("nonce")?;
    if call.core.verify_rekey(&live, target, share(input)?, &nonce)? {
        return Ok(Response::bare(json!({ "nonce": nonce, "complete": true })));
    }
    verify_status(call, target)
}

pub(super) fn restart_verify(call: &mut Call, input: &Input, target: Target) -> Result<Response> {
    let (sudo, live) = (may_cancel(call), call.live()?.clone());
    if let Some(made) = live.ceremonies.rekey(target).as_mut().and_then(|rekey| rekey.made.as_mut()) {
        made.attempt.check_cancel(&input.text("nonce").unwrap_or_default(), sudo, live.now())?;
        made.attempt = crate::core::ceremonies::Attempt::new(live.now());
    }
    verify_status(call, target)
}

pub(super) fn no_backup(_: &mut Call, _: &Input) -> Result<Response> {
    Err(Error::not_found("no backed-up keys found"))
}

pub(super) fn nothing_to_delete(_: &mut Call, _: &Input) -> Result<Response> {
    Ok(Response::empty())
}

pub(super) fn share(input: &Input) -> Result<Secret<Vec<u8>>> {
    let key = input.text("key").filter(|key| !key.is_empty()).map(Secret::new);
    super::seal::decode(&key.ok_or_else(|| Error::bad_request("'key' must be specified in request body as JSON"))?)
}

/// Whether the token that came along has sudo here. These paths need none, so it is looked up and not used.
pub(super) fn may_cancel(call: &Call) -> bool {
    let Ok(live) = call.live() else { return false };
    let Some(token) = call.token.as_ref().filter(|token| !token.is_empty()) else { return false };
    let looked = Presented { peer: call.peer.map(|peer| peer.ip()), uses: Uses::Kept, ..Presented::default() };
    live.authenticate(token, looked)
        .is_ok_and(|identity| identity.acl.allows(&call.path, crate::policy::Operation::Delete, true).is_allowed())
}
