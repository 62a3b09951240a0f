//! What keeps a change of `config/root` from leaving leases behind: those whose users could no longer be reached are counted,
//! and the change is refused unless it is forced.
//!
//! AWS is asked only where leases live and other keys are given: without leases a configuration can be laid down while nobody
//! answers.

use crate::base::{Error, Result};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::{sts_api, target};
use crate::logical::{Ctx, Field, Which};

pub const FORCE: Field = Field::flag(
    "force",
    "Writing: go ahead although leases live that could not be ended then; they say \"target changed\" and stay listed. \
     Deleting: end the leases.",
)
.default("false");

/// Lets keys be replaced that lead to the same account and the same IAM.
///
/// # Errors
/// `Conflict` with the number of leases that would be left behind.
pub fn may_become(ctx: &mut Ctx, before: &Root, after: &Root) -> Result<()> {
    let Some((leases, account)) = live(ctx)? else { return Ok(()) };
    if before.iam_endpoint != after.iam_endpoint {
        return Err(left_behind(ctx, leases, &account, "iam_endpoint would name another IAM than theirs"));
    }
    if before.access_key == after.access_key && before.sts_endpoint == after.sts_endpoint {
        return Ok(());
    }
    let deadline = ctx.outside().deadline();
    let why = match sts_api::caller_identity(&after.sts(ctx, deadline)) {
        Ok(identity) if identity.account == account => return Ok(()),
        Ok(identity) => format!("these keys are for account {}", identity.account),
        Err(failure) => format!("which account these keys are for is not known ({})", Error::from(failure).message()),
    };
    Err(left_behind(ctx, leases, &account, &why))
}

/// Lets the configuration go that no lease needs.
///
/// # Errors
/// `Conflict` with the number of leases that do.
pub fn may_go(ctx: &Ctx) -> Result<()> {
    match live(ctx)? {
        Some((leases, account)) => {
            Err(left_behind(ctx, leases, &account, "they need these keys to be ended; with force they are"))
        }
        None => Ok(()),
    }
}

/// How many leases have users at AWS.
///
/// # Errors
/// `Internal` when the store fails.
pub fn leases(ctx: &Ctx) -> Result<u64> {
    Ok(live(ctx)?.map_or(0, |(leases, _)| leases))
}

/// How many leases have users at AWS, and in which account; none where there are none.
fn live(ctx: &Ctx) -> Result<Option<(u64, String)>> {
    let Some(account) = target::known(ctx)? else { return Ok(None) };
    let leases = ctx.count_leases(&Which::Target(&target::identity(&account)))?;
    Ok((leases > 0).then_some((leases, account)))
}

fn left_behind(ctx: &Ctx, leases: u64, account: &str, why: &str) -> Error {
    let mount = ctx.mount.path.trim_end_matches('/');
    Error::conflict(format!(
        "{leases} leases have users in AWS account {account}, and {why}: end them first (leasehold lease revoke -sync -prefix \
         {mount}), or go ahead with force=true"
    ))
}
