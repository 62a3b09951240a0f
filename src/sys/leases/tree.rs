//! `sys/leases/tree`, `sys/leases/tree-self`: what hangs below a token, and when each of it really ends.

use super::names::{ACCESSOR, ID, TOKEN, meant};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::leases::MAX_DEPTH;
use crate::core::tree::Extent;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::Value;

/// Leases in one answer, at most.
const MOST: i64 = 10_000;

const DEPTH: Field =
    Field::integer("depth", "How many levels below the first to show; 64 is all there can be.").default("64");
const LIMIT: Field = Field::integer("limit", "How many tokens and leases to show; 10000 at most.").default("1000");
const AFTER: Field =
    Field::text("after", "What an earlier answer gave as next: where to go on with the first one's children.");

const HELP: &str = "Shows a token or lease with all below it: whose it is, its state, its own end, and its effective end, \
                    which comes earlier where a token above it ends earlier (ends_with names that one). Tokens are shown by \
                    accessor and display name. What does not fit is counted in left_out, where it hangs and in all; whatever \
                    is near the top is whole before anything further down is shown.";

pub static TREE: Route<Call> = Route {
    pattern: "leases/tree",
    fields: &[ID, TOKEN, ACCESSOR, DEPTH, LIMIT, AFTER],
    actions: &[Action::new(Operation::Update, tree, "Shows a token or lease with all below it.")],
    exists: None,
    summary: "Shows the tree below a token.",
    help: HELP,
    flags: SUDO,
};

pub static OWN: Route<Call> = Route {
    pattern: "leases/tree-self",
    fields: &[DEPTH, LIMIT, AFTER],
    actions: &[Action::new(Operation::Read, own, "Shows the calling token with all below it.")],
    exists: None,
    summary: "Shows the tree below the calling token.",
    help: HELP,
    flags: ORDINARY,
};

fn tree(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let extent = extent(input, true)?;
    Ok(answer(live.tree(&live.lease_named(&meant(input)?)?, extent)?))
}

fn own(call: &mut Call, input: &Input) -> Result<Response> {
    let (live, row) = (call.live()?, call.identity()?.living.row.clone());
    let row = row.ok_or_else(|| Error::bad_request("nothing hangs at a batch token: its leases are its parent's"))?;
    let leases = crate::core::leases::Leases { barrier: &live.barrier };
    Ok(answer(live.tree(&leases.open(row)?, extent(input, false)?)?))
}

fn extent(input: &Input, names_above: bool) -> Result<Extent> {
    let number = |name, most: i64| -> Result<usize> {
        let given = input.integer(name).unwrap_or_default();
        usize::try_from(given.min(most)).map_err(|_| Error::bad_request(format!("{name} is a number from 0 up")))
    };
    let after = input.text("after").filter(|after| !after.is_empty()).map_or(Ok(0), |after| after.parse());
    Ok(Extent {
        depth: number("depth", i64::try_from(MAX_DEPTH).unwrap_or(MOST))?,
        limit: number("limit", MOST)?.max(1),
        after: after.map_err(|_| Error::bad_request("after takes what an earlier answer gave as next"))?,
        names_above,
    })
}

fn answer(tree: Value) -> Response {
    Response::json(tree)
}
