//! `revoke`, `revoke-self`, `revoke-accessor`, `revoke-orphan`: ends a token, with all below it or without.

use super::{ACCESSOR, TOKEN, accessor, named};
use crate::base::{Kind, Result};
use crate::core::Call;
use crate::core::causes::Event;
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Input, Operation, Response, Route};

pub static REVOKE: Route<Call> = Route {
    pattern: "revoke",
    fields: &[TOKEN, DRY_RUN],
    actions: &[Action::new(Operation::Update, revoke, "Revokes a token and all below it.")],
    exists: None,
    summary: "Revokes a token.",
    help: "The token, the tokens it made and their leases are dead at once; the credentials of the leases are ended right \
           after. A token that does not exist is no error.",
    flags: ORDINARY,
};

pub static REVOKE_SELF: Route<Call> = Route {
    pattern: "revoke-self",
    fields: &[TOKEN, DRY_RUN],
    actions: &[Action::new(Operation::Update, revoke_self, "Revokes the calling token and all below it.")],
    exists: None,
    summary: "Revokes the calling token.",
    help: "As revoke, for the token that the request is made with; a token in the body is passed over.",
    flags: ORDINARY,
};

pub static REVOKE_ACCESSOR: Route<Call> = Route {
    pattern: "revoke-accessor",
    fields: &[ACCESSOR, DRY_RUN],
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
    fields: &[TOKEN, DRY_RUN],
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
    let row = match live.token_by_id(&named(input)?) {
        Ok(lease) => lease.row.id,
        // There is nothing to end, and nothing has this id.
        Err(error) if error.kind() == Kind::Denied => 0,
        Err(error) => return Err(error),
    };
    revoke_row(call, input, row)
}

fn revoke_self(call: &mut Call, input: &Input) -> Result<Response> {
    let row = call.identity()?.row.id;
    revoke_row(call, input, row)
}

fn revoke_accessor(call: &mut Call, input: &Input) -> Result<Response> {
    let row = call.live()?.token_by_accessor(&accessor(input)?)?.row.id;
    revoke_row(call, input, row)
}

fn revoke_row(call: &Call, input: &Input, row: i64) -> Result<Response> {
    let live = call.live()?;
    if plan::is_asked_for(input) {
        return live.plan(&Selection::One(row), call.deadline);
    }
    live.revoke_row(row, &call.cause(Event::Revoked))?;
    Ok(Response::empty())
}

fn revoke_orphan(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let row = live.token_by_id(&named(input)?)?.row.id;
    if plan::is_asked_for(input) {
        return live.plan(&Selection::Alone(row), call.deadline);
    }
    live.revoke_alone(row, &call.cause(Event::Revoked))?;
    Ok(Response::empty())
}
