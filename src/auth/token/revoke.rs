//! `revoke`, `revoke-self`, `revoke-accessor`, `revoke-orphan`: ends a token, with all below it or without.

use super::{ACCESSOR, TOKEN, accessor, named};
use crate::base::Result;
use crate::core::Call;
use crate::core::authentication::LivingToken;
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
    // Where there is none, there is nothing to end, and nothing has this id.
    let row = live.find_token(&named(input)?)?.map_or(Ok(0), |living| own_row(&living))?;
    revoke_row(call, input, row)
}

fn revoke_self(call: &mut Call, input: &Input) -> Result<Response> {
    let row = own_row(&call.identity()?.living)?;
    revoke_row(call, input, row)
}

fn revoke_accessor(call: &mut Call, input: &Input) -> Result<Response> {
    let row = own_row(&call.live()?.token_by_accessor(&accessor(input)?)?)?;
    revoke_row(call, input, row)
}

fn own_row(living: &LivingToken) -> Result<i64> {
    living.row_to_be("revoked").map(|row| row.id)
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
    let row = own_row(&live.token_by_id(&named(input)?)?)?;
    if plan::is_asked_for(input) {
        return live.plan(&Selection::Alone(row), call.deadline);
    }
    live.revoke_alone(row, &call.cause(Event::Revoked))?;
    Ok(Response::empty())
}
