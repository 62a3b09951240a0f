//! `revoke`, `revoke-self`, `revoke-accessor`, `revoke-orphan`: ends a token, with all below it or without.

use super::{ACCESSOR, TOKEN, accessor, named};
use crate::base::{Kind, Result};
use crate::core::Call;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Input, Operation, Response, Route};

pub static REVOKE: Route<Call> = Route {
    pattern: "revoke",
    fields: &[TOKEN],
    actions: &[Action::new(Operation::Update, revoke, "Revokes a token and all below it.")],
    exists: None,
    summary: "Revokes a token.",
    help: "The token, the tokens it made and their leases are dead at once; the credentials of the leases are ended right \
           after. A token that does not exist is no error.",
    flags: ORDINARY,
};

pub static REVOKE_SELF: Route<Call> = Route {
    pattern: "revoke-self",
    fields: &[TOKEN],
    actions: &[Action::new(Operation::Update, revoke_self, "Revokes the calling token and all below it.")],
    exists: None,
    summary: "Revokes the calling token.",
    help: "As revoke, for the token that the request is made with; a token in the body is passed over.",
    flags: ORDINARY,
};

pub static REVOKE_ACCESSOR: Route<Call> = Route {
    pattern: "revoke-accessor",
    fields: &[ACCESSOR],
    actions: &[Action::new(
        Operation::Update,
        revoke_accessor,
        "Revokes the token with this accessor and all below it.",
    )],
    exists: None,
    summary: "Revokes a token by its accessor.",
    help: "As revoke, for somebody who does not have the token.",
    flags: ORDINARY,
};

pub static REVOKE_ORPHAN: Route<Call> = Route {
    pattern: "revoke-orphan",
    fields: &[TOKEN],
    actions: &[Action::new(
        Operation::Update,
        revoke_orphan,
        "Revokes a token; the tokens it made stay, without a parent.",
    )],
    exists: None,
    summary: "Revokes a token but not its children.",
    help: "The tokens that it made become orphans. The leases of secrets that it read itself end with it.",
    flags: SUDO,
};

fn revoke(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    match live.token_by_id(&named(input)?) {
        Ok(lease) => live.revoke_row(lease.row.id)?,
        Err(error) if error.kind() == Kind::Denied => {}
        Err(error) => return Err(error),
    }
    Ok(Response::empty())
}

fn revoke_self(call: &mut Call, _input: &Input) -> Result<Response> {
    call.live()?.revoke_row(call.identity()?.row.id)?;
    Ok(Response::empty())
}

fn revoke_accessor(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let lease = live.token_by_accessor(&accessor(input)?)?;
    live.revoke_row(lease.row.id)?;
    Ok(Response::empty())
}

fn revoke_orphan(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let lease = live.token_by_id(&named(input)?)?;
    live.revoke_alone(lease.row.id)?;
    Ok(Response::empty())
}
