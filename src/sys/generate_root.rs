//! `sys/generate-root/…` and `sys/decode-token`: a new root token by the holders of keys.

use crate::base::{Error, Result, Secret};
use crate::core::Call;
use crate::core::root_generation::{OTP_LENGTH, decode};
use crate::logical::route::PUBLIC;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::sys::rekey;
use serde_json::{Value, json};

pub static ATTEMPT: Route<Call> = Route {
    pattern: "generate-root/attempt",
    fields: &[
        Field::text(
            "otp",
            "The password under which the token is answered, as long as a token; made where it is not given.",
        ),
        Field::text("pgp_key", "Not available here: use the one-time password."),
        Field::text("nonce", "To cancel: the attempt's nonce."),
    ],
    actions: &[
        Action::new(Operation::Read, status, "Shows how far the attempt is."),
        Action::new(Operation::Update, begin, "Begins to make a root token."),
        Action::new(Operation::Delete, cancel, "Cancels the attempt."),
    ],
    exists: None,
    summary: "A new root token: begins, shows or cancels an attempt.",
    help: "Enough holders of unseal keys (recovery keys, where the seal opens by itself) give theirs to generate-root/update. The \
           token is answered under the one-time password, which only the one who began knows. An attempt is cancelled by its \
           nonce, by a token with sudo, or by anybody ten minutes after its start.",
    flags: PUBLIC,
};

pub static UPDATE: Route<Call> = Route {
    pattern: "generate-root/update",
    fields: rekey::KEY_FIELDS,
    actions: &[Action::new(Operation::Update, update, "Takes one key; the last one is answered with the token.")],
    exists: None,
    summary: "A new root token: takes one key.",
    help: "The token comes under the one-time password: \"operator generate-root -decode\" or sys/decode-token take it off.",
    flags: PUBLIC,
};

pub static DECODE: Route<Call> = Route {
    pattern: "decode-token",
    fields: &[
        Field::text("encoded_token", "As generate-root/update has answered it.").required(),
        Field::text("otp", "The one-time password.").required(),
    ],
    actions: &[Action::new(Operation::Update, decode_token, "Takes the one-time password off a token.")],
    exists: None,
    summary: "Takes the one-time password off a root token.",
    help: "The password is as long as the token; the two are combined byte by byte.",
    flags: PUBLIC,
};

fn status(call: &mut Call, _: &Input) -> Result<Response> {
    shown(call, "", None)
}

fn begin(call: &mut Call, input: &Input) -> Result<Response> {
    if input.text("pgp_key").is_some_and(|key| !key.is_empty()) {
        return Err(Error::bad_request("pgp_key is not available: use the one-time password (otp)"));
    }
    let otp = input.text("otp").filter(|otp| !otp.is_empty()).map(Secret::new);
    let is_given = otp.is_some();
    let otp = call.core.begin_root_token(&call.live()?.clone(), otp)?;
    shown(call, if is_given { "" } else { otp.expose() }, None)
}

fn cancel(call: &mut Call, input: &Input) -> Result<Response> {
    let (sudo, live) = (rekey::may_cancel(call), call.live()?);
    let mut root = live.ceremonies.root();
    if let Some(root) = &*root {
        root.attempt.check_cancel(&input.text("nonce").unwrap_or_default(), sudo, live.now())?;
    }
    *root = None;
    Ok(Response::empty())
}

fn update(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?.clone();
    let nonce = input.required("nonce")?;
    let made = call.core.continue_root_token(&live, rekey::share(input)?, &nonce)?;
    shown(call, "", made.map(|token| (nonce, token)))
}

fn decode_token(_: &mut Call, input: &Input) -> Result<Response> {
    let otp = Secret::new(input.required("otp")?);
    let token = decode(&input.required("encoded_token")?, &otp)?;
    Ok(Response::json(json!({ "token": token.expose() })))
}

/// The state of the attempt; of one that has just ended, with what it made.
fn shown(call: &Call, otp: &str, made: Option<(String, Secret<String>)>) -> Result<Response> {
    let live = call.live()?;
    let required = call.core.keys_required()?.threshold;
    let root = live.ceremonies.root();
    let mut body = json!({
        "started": root.is_some(),
        "nonce": root.as_ref().map(|root| root.attempt.nonce.clone()).unwrap_or_default(),
        "progress": root.as_ref().map_or(0, |root| root.attempt.quorum.given()),
        "required": required,
        "complete": false,
        "encoded_token": "",
        "encoded_root_token": "",
        "pgp_fingerprint": "",
        "otp": otp,
        "otp_length": OTP_LENGTH,
    });
    if let Some((nonce, token)) = made {
        let token = Value::from(token.expose().as_str());
        body["started"] = true.into();
        body["nonce"] = nonce.into();
        body["progress"] = required.into();
        body["complete"] = true.into();
        body["encoded_token"] = token.clone();
        body["encoded_root_token"] = token;
    }
    Ok(Response::bare(body))
}
