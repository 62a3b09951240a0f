//! `tidy/secret-id`, and the tasks that do the same by themselves: deletes secret ids that have ended. They open nothing since
//! they ended; this frees their room.

use super::stored::{delete_all, delete_ended, hours_until};
use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Next, Operation, Response, Route};

/// Secret ids that are deleted in one transaction.
const BATCH: usize = 500;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "tidy/secret-id",
    fields: &[],
    actions: &[Action::new(Operation::Update, tidy, "Delete secret ids that have ended.")],
    exists: None,
    summary: "Deletes secret ids that have ended.",
    help: "The server does so by itself within an hour of their end; they open nothing in between.",
    flags: ORDINARY,
};

fn tidy(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let now = ctx.now();
    for hour in ctx.read(|records| hours_until(records, now))? {
        while ctx.write(|records| delete_ended(records, &hour, BATCH))? {}
    }
    Ok(Response::empty().accepted().warn(
        "Tidy operation successfully started. Any information from the operation will be printed to the server's log.",
    ))
}

/// Deletes what ended within an hour.
pub fn expire(ctx: &mut Ctx, hour: &str) -> Result<Next> {
    let is_more = ctx.write(|records| delete_ended(records, hour, BATCH))?;
    Ok(if is_more { Next::At(ctx.now()) } else { Next::Done })
}

/// Deletes the secret ids of a role that is gone.
pub fn forget(ctx: &mut Ctx, uid: &str) -> Result<Next> {
    let is_more = ctx.write(|records| delete_all(records, uid, BATCH))?;
    Ok(if is_more { Next::At(ctx.now()) } else { Next::Done })
}
