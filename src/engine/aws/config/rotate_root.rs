//! `config/rotate-root`: a new access key for the engine's own user, known to nobody else; the old one is deleted.
//!
//! Each step is noted before it is taken: the ids that were known go into a record first. Whatever is found interrupted is
//! cleaned up after the next unseal, or by the next call if that comes first: the keys that the record does not know are
//! deleted, and the old one where the new one was already stored.
//!
//! Invariant: the stored key works at every moment.

use crate::base::failpoint::step;
use crate::base::{Error, Result};
use crate::engine::aws::client::{Client, Failure};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::sts_api::{self, Identity};
use crate::engine::aws::turn::Turn;
use crate::engine::aws::{iam, sources, target};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Next, Operation, Records, Response, Route, TaskKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Instant;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/rotate-root",
    fields: &[],
    actions: &[Action::new(Operation::Update, rotate, "Replace the access key by a new one.")],
    exists: None,
    summary: "Replace the engine's own access key.",
    help: "Makes a new access key for the user of config/root, tries it, stores it and deletes the old one, so that the key in \
        use is known to this server alone. The user may have no second access key: AWS allows two.\n\n\
        A rotation that was interrupted is cleaned up after the next unseal, and by the next rotation.",
    flags: ORDINARY,
};

const RECORD: &str = "rotation";

/// The record of a rotation that is under way, or was when the server ended.
#[derive(Debug, Serialize, Deserialize)]
struct Rotation {
    user_arn: String,
    /// The ids of all the user's keys before.
    known: Vec<String>,
    old: String,
}

/// The schedule that `rotation_period` of `config/root` makes.
pub const TASK: TaskKind = TaskKind { kind: "rotate-root", run };
pub const TASK_NAME: &str = "root";
/// In seconds.
pub const SHORTEST_PERIOD: u64 = 60;

/// Puts the next rotation where the configuration wants it, or nowhere.
///
/// # Errors
/// `Internal` when the store fails.
pub fn schedule(records: &mut dyn Records, root: &Root) -> Result<()> {
    match root.rotate_at {
        Some(due) => records.schedule(TASK.kind, TASK_NAME, due),
        None => records.unschedule(TASK.kind, TASK_NAME).map(drop),
    }
}

fn run(ctx: &mut Ctx, _name: &str) -> Result<Next> {
    let now = ctx.now();
    if Root::load(ctx)?.rotate_at.is_some_and(|due| due <= now) {
        let (id, warning) = replace(ctx)?;
        log::info!("the engine's own access key was replaced by {id}{}", warning.unwrap_or_default());
    }
    Ok(Root::load(ctx)?.rotate_at.map_or(Next::Done, Next::At))
}

fn rotate(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let (id, warning) = replace(ctx)?;
    let answer = Response::json(json!({ "access_key": id }));
    Ok(match warning {
        Some(warning) => answer.warn(warning),
        None => answer,
    })
}

/// Replaces the key; the new one's id, and a warning where something is left to do.
fn replace(ctx: &mut Ctx) -> Result<(String, Option<String>)> {
    let _turn = turn(ctx)?;
    let root = Root::load(ctx)?;
    if root.access_key.is_empty() {
        return Err(Error::bad_request(format!(
            "config/root has no access_key to rotate: the engine works with keys from elsewhere ({})",
            sources::describe()
        )));
    }
    let deadline = ctx.outside().deadline();
    let client = root.iam(ctx, deadline);
    let identity = sts_api::caller_identity(&root.sts(ctx, deadline))?;
    clean_up(ctx, &client, &identity)?;
    let known = iam::access_keys(&client, None)?;
    if known != [root.access_key.clone()] {
        return Err(Error::conflict(format!(
            "the user has {} access keys; rotation needs the configured one to be the only one",
            known.len()
        )));
    }
    let rotation = Rotation { user_arn: identity.arn.clone(), known, old: root.access_key.clone() };
    step!("aws.rotate-root.intent", ctx.store(RECORD, &rotation))?;
    let key = match iam::create_access_key(&client, None) {
        Err(failure @ Failure::Refused { .. }) => {
            ctx.delete(RECORD)?;
            return Err(failure.into());
        }
        // Where nothing is known the record stays: there may be a key to clean up.
        outcome => outcome?,
    };
    let rotate_at = root.rotates_every().map(|period| ctx.now().plus(period));
    let fresh = Root { access_key: key.id, secret_key: key.secret, rotate_at, ..root.clone() };
    if let Err(error) = step!("aws.rotate-root.adopt", adopt(ctx, &root, &fresh, &identity)) {
        return Err(abandon(ctx, &client, &fresh.access_key, error));
    }
    let warning = retire(ctx, &fresh.iam(ctx, deadline), &root.access_key)?;
    Ok((fresh.access_key, warning))
}

/// Deletes the old key, by the new one.
fn retire(ctx: &mut Ctx, client: &Client, old: &str) -> Result<Option<String>> {
    match iam::delete_access_key(client, None, old) {
        Ok(()) => step!("aws.rotate-root.settle", ctx.delete(RECORD)).map(|_| None),
        Err(failure) => {
            let why = Error::from(failure);
            Ok(Some(format!(
                "the new key is in use, but the old one, {old}, was not deleted: {why}; the next rotation deletes it"
            )))
        }
    }
}

/// One rotation of a mount at a time: two would take each other's key for a stray one.
fn turn(ctx: &Ctx) -> Result<Turn> {
    Turn::take(&ctx.mount.uuid, RECORD, Instant::now(), "a rotation of this mount is under way")
}

/// Cleans up after a rotation that the server's end interrupted.
///
/// # Errors
/// AWS's; what is left stays noted.
pub fn recover(ctx: &mut Ctx) -> Result<()> {
    if ctx.load::<Rotation>(RECORD)?.is_none() {
        return Ok(());
    }
    let _turn = turn(ctx)?;
    let root = Root::load(ctx)?;
    let deadline = ctx.outside().deadline();
    let identity = sts_api::caller_identity(&root.sts(ctx, deadline))?;
    let client = root.iam(ctx, deadline);
    clean_up(ctx, &client, &identity)
}

/// Ends what an earlier rotation left: its stray key, or the old key that it had already replaced.
fn clean_up(ctx: &mut Ctx, client: &Client, identity: &Identity) -> Result<()> {
    let Some(rotation) = ctx.load::<Rotation>(RECORD)? else { return Ok(()) };
    let in_use = client.keys()?.map(|keys| keys.access_key).unwrap_or_default();
    // The keys of another user, configured since, are none of its business.
    if rotation.user_arn == identity.arn {
        for id in iam::access_keys(client, None)? {
            let stray = !rotation.known.contains(&id) || id == rotation.old;
            if stray && id != in_use {
                iam::delete_access_key(client, None, &id)?;
            }
        }
    } else {
        log::warn!("an interrupted rotation of {} may have left it an unused access key", rotation.user_arn);
    }
    ctx.delete(RECORD)?;
    Ok(())
}

/// Tries the new key and stores it.
fn adopt(ctx: &mut Ctx, old: &Root, fresh: &Root, expected: &Identity) -> Result<()> {
    // Half of the time that is left is kept for taking the key back.
    let left = ctx.outside().deadline().saturating_duration_since(Instant::now());
    let client = fresh.sts(ctx, Instant::now() + left / 2);
    let identity = once_known(&client).map_err(|failure| Error::from(failure).context("the new key does not work"))?;
    if identity != *expected {
        return Err(Error::upstream(format!("the new key belongs to {}, not to {}", identity.arn, expected.arn)));
    }
    ctx.write(|records| {
        if Root::load_in(records)?.is_none_or(|now| now.access_key != old.access_key) {
            return Err(Error::conflict("config/root was changed meanwhile"));
        }
        fresh.store_in(records)?;
        schedule(records, fresh)?;
        target::remember(records, fresh, &identity.account)
    })
}

/// A new key takes AWS some seconds to be known: until the deadline, being unknown is no refusal.
pub(in crate::engine::aws) fn once_known(client: &Client) -> Result<Identity, Failure> {
    let mut tries = 0;
    loop {
        match sts_api::caller_identity(client) {
            Err(failure) if failure.is("InvalidClientTokenId") && client.pause(tries) => tries += 1,
            outcome => return outcome,
        }
    }
}

/// Takes the new key back, by the old one. If even that fails, the record stays for the next rotation to do it.
fn abandon(ctx: &mut Ctx, client: &Client, id: &str, reason: Error) -> Error {
    let undone = iam::delete_access_key(client, None, id).map_err(Error::from).and_then(|()| ctx.delete(RECORD));
    match undone {
        Ok(_) => reason.context("the key was not rotated, the old one stays in use"),
        Err(error) => {
            log::error!("the unused access key {id} is left: {}", error.for_log());
            reason.context(format!("the key was not rotated; the unused new one, {id}, is left for the next rotation"))
        }
    }
}
