//! `sys/wrapping/pubkey`: the key by which wrapping tokens in the form of a JWT prove that they are this server's.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::PUBLIC;
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static PUBKEY: Route<Call> = Route {
    pattern: "wrapping/pubkey",
    fields: &[],
    actions: &[Action::new(Operation::Read, pubkey, "Shows the public key of wrapping tokens that are JWTs.")],
    exists: None,
    summary: "Shows the key that signs wrapping tokens.",
    help: "The coordinates of a point on the curve P-521, in decimal digits. Whoever is given a wrapping token in the form of a \
           JWT (X-Vault-Wrap-Format: jwt) checks its ES512 signature with it. Needs no token.",
    flags: PUBLIC,
};

fn pubkey(call: &mut Call, _input: &Input) -> Result<Response> {
    let key = call.live()?.wrapping_public_key()?;
    Ok(Response::json(json!({ "jwt_x": key.x, "jwt_y": key.y, "jwt_curve": key.curve })))
}
