//! Keys that were forgotten by force while leases lived: kept out of sight until those leases have ended, which they do from then
//! on.
//!
//! Invariant: as long as a lease needs them, keys by which its user can be ended are there: the configured ones, or these.

use crate::base::{Result, Timestamp};
use crate::engine::aws::config::root::{self, Root};
use crate::engine::aws::iam_user::Owed;
use crate::engine::aws::target;
use crate::logical::{Ctx, Next, TaskKind, Which};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub const TASK: TaskKind = TaskKind { kind: "forget-root", run: forget };
const TASK_NAME: &str = "root";

/// Below it one record for each account.
const FOLDER: &str = "retired/";

/// How often it is looked whether the last lease has ended.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Longer than any request takes that may be making a user with these keys.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// The record.
#[derive(Serialize, Deserialize)]
struct Retired {
    root: Root,
    deleted: Timestamp,
}

fn record(account: &str) -> String {
    format!("{FOLDER}{account}")
}

/// Forgets the configuration, and ends the leases in its account by keys that are kept for that.
///
/// # Errors
/// AWS's, when it has to be asked which account that is; `Internal` when the store fails.
pub fn retire(ctx: &mut Ctx, root: Root) -> Result<()> {
    let account = target::account(ctx, &root)?;
    let now = ctx.now();
    let retired = Retired { root, deleted: now };
    ctx.write(|records| {
        crate::logical::ctx::store(records, &record(&account), &retired)?;
        records.schedule(TASK.kind, TASK_NAME, now.plus(LOOK_EVERY))?;
        root::forget_in(records)
    })?;
    ctx.end_leases(&Which::Target(&target::identity(&account))).map(drop)
}

/// The configuration by which a lease's user is reached, and its account: the present one if it leads there, else one that
/// was forgotten.
///
/// # Errors
/// AWS's, when it has to be asked whose the present keys are.
pub fn reach(ctx: &mut Ctx, owed: &Owed) -> Result<(Root, String)> {
    let kept: Option<Retired> = ctx.load(&record(&owed.account))?;
    let Some(kept) = kept else {
        let root = Root::load(ctx)?;
        let account = target::account(ctx, &root)?;
        return Ok((root, account));
    };
    if ctx.read(|records| records.has(root::RECORD))? {
        let root = Root::load(ctx)?;
        if root.iam_endpoint == owed.iam_endpoint
            && target::account(ctx, &root).is_ok_and(|found| found == owed.account)
        {
            return Ok((root, owed.account.clone()));
        }
    }
    // It was this account's when it was forgotten; keys do not change their account.
    Ok((kept.root.in_its_region()?, owed.account.clone()))
}

/// Waits for the last lease to go. What was being made while the keys were forgotten is ended too, unless there are keys again.
fn forget(ctx: &mut Ctx, _task: &str) -> Result<Next> {
    let is_configured = ctx.read(|records| records.has(root::RECORD))?;
    let mut is_needed = false;
    for account in ctx.list(FOLDER)? {
        let Some(retired) = ctx.load::<Retired>(&record(&account))? else { continue };
        let identity = target::identity(&account);
        let leads_there = is_configured && target::known(ctx)?.is_some_and(|known| known == account);
        if ctx.now() < retired.deleted.plus(KEPT) {
            is_needed = true;
        } else if leads_there || ctx.count_leases(&Which::Target(&identity))? == 0 {
            ctx.delete(&record(&account))?;
        } else {
            ctx.end_leases(&Which::Target(&identity))?;
            is_needed = true;
        }
    }
    Ok(if is_needed { Next::At(ctx.now().plus(LOOK_EVERY)) } else { Next::Done })
}
