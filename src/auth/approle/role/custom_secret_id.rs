//! `role/{role_name}/custom-secret-id`: a secret id of somebody's own choosing.

use super::ROLE_NAME;
use super::secret_id::{CIDR_LIST, METADATA, NUM_USES, SECRET_ID, TOKEN_BOUND_CIDRS, TTL, register};
use crate::base::{Error, Result, Secret};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "role/{role_name}/custom-secret-id",
    fields: &[ROLE_NAME, SECRET_ID, METADATA, CIDR_LIST, TOKEN_BOUND_CIDRS, NUM_USES, TTL],
    actions: &[Action::new(Operation::Update, assign, "Give a role a secret id of your own.")],
    exists: None,
    summary: "A secret id of your own choosing.",
    help: "For those who hand out secrets by other means. What people choose can be guessed: let the server make secret ids \
           where you can.",
    flags: ORDINARY,
};

fn assign(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let secret_id: Secret<String> = input.required("secret_id")?.trim().into();
    if secret_id.is_empty() {
        return Err(Error::bad_request("missing secret_id"));
    }
    register(ctx, input, &secret_id)
}
