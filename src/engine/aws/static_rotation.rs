//! Replacing the access key of a static role's user, by the task `static-role`, so that no crash leaves a key that nobody knows.
//!
//! A rotation is noted before it touches AWS: which keys the user has then. The new key is tried and stored in the transaction
//! that notes the old one as to be deleted. Whatever is found noted is cleaned up first: the old key, and a key that was made
//! meanwhile and whose secret never arrived. A create whose answer is lost may land late: its note stays until it no longer can.
//!
//! Invariant: the stored key works at every moment, and no key is deleted but the role's own, one that only a lost create of
//! this role can have made, and the oldest where both places are taken.

use crate::base::failpoint::step;
use crate::base::{Error, Result, Timestamp};
use crate::engine::aws::client::{Client, Failure};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::config::rotate_root::once_known;
use crate::engine::aws::iam::{self, ListedKey};
use crate::engine::aws::static_roles::{StaticRole, StoredKey, owner, record};
use crate::engine::aws::turn::Turn;
use crate::logical::{Ctx, Next, Records, TaskKind};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

pub const TASK: TaskKind = TaskKind { kind: "static-role", run };

/// How long a request that makes a role has for the first key, before the task does it.
pub const FIRST_KEY_PATIENCE: Duration = Duration::from_secs(120);

/// AWS answers or drops a call within minutes; a key may show up that much after the call for it failed.
const SETTLE: Duration = Duration::from_secs(15 * 60);

/// What AWS takes in requests as the difference between its clock and ours.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// AWS's limit.
const KEYS_OF_A_USER: usize = 2;

/// The record of a rotation that is under way, or was when the server ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rotation {
    username: String,
    user_id: String,
    /// The ids of the keys that are none of a lost create's.
    known: Vec<String>,
    began: Timestamp,
    /// Until when a key may show up whose making was never confirmed; none where no answer is open.
    unsure_until: Option<Timestamp>,
    /// The key that was replaced and is to be deleted.
    retired: Option<String>,
}

/// Where a rotation is noted. It outlives its role, if need be.
fn note(name: &str) -> String {
    format!("static-rotations/{name}")
}

/// Whether something is still to be done at AWS for the role of that name.
///
/// # Errors
/// `Internal` when the store fails.
pub fn is_open(records: &dyn Records, name: &str) -> Result<bool> {
    records.has(&note(name))
}

/// Sees that nothing is open for another user under the name of a role.
///
/// # Errors
/// `Conflict` naming that user.
pub fn check_is_of(records: &dyn Records, name: &str, username: &str) -> Result<()> {
    match crate::logical::ctx::load::<Rotation>(records, &note(name))? {
        Some(open) if open.username != username => Err(Error::conflict(format!(
            "an earlier static role of this name still waits for an access key of {} that may show up: try again in 15 minutes",
            open.username
        ))),
        _ => Ok(()),
    }
}

/// Has what a crash interrupted finished at once.
///
/// # Errors
/// `Internal` when the store fails.
pub fn recover(ctx: &mut Ctx) -> Result<()> {
    let now = ctx.now();
    let names = ctx.list("static-rotations/")?;
    if names.is_empty() {
        return Ok(());
    }
    ctx.write(|records| names.iter().try_for_each(|name| records.schedule(TASK.kind, name, now)))
}

fn run(ctx: &mut Ctx, name: &str) -> Result<Next> {
    run_within(ctx, name, Duration::ZERO)
}

/// Cleans up after an earlier rotation, and replaces the key if it is due. Where that is being done just now, it is waited for.
///
/// # Errors
/// AWS's; what is left stays noted.
pub fn run_within(ctx: &mut Ctx, name: &str, patience: Duration) -> Result<Next> {
    let words = "a rotation of this static role is under way";
    let _turn = Turn::take(&ctx.mount.uuid, &record(name), Instant::now() + patience, words)?;
    let outcome = clean_up(ctx, name).and_then(|()| rotate_if_due(ctx, name));
    let why = outcome.as_ref().err().map(|error| error.message().to_owned()).unwrap_or_default();
    let (role, rotation) = ctx.write(|records| {
        let role = note_outcome(records, name, &why)?;
        Ok((role, crate::logical::ctx::load::<Rotation>(records, &note(name))?))
    })?;
    outcome?;
    let looks = [role.map(|role| role.next_rotation), rotation.and_then(|rotation| rotation.due())];
    Ok(looks.into_iter().flatten().min().map_or(Next::Done, Next::At))
}

impl Rotation {
    /// When it is to be looked at again; none when nothing is left to do.
    fn due(&self) -> Option<Timestamp> {
        if self.retired.is_some() { Some(self.began) } else { self.unsure_until }
    }
}

/// Keeps in the role, if it is still there, why its rotation failed.
fn note_outcome(records: &mut dyn Records, name: &str, why: &str) -> Result<Option<StaticRole>> {
    let Some(mut role) = crate::logical::ctx::load::<StaticRole>(records, &record(name))? else { return Ok(None) };
    if role.last_error != why {
        role.last_error = why.to_owned();
        crate::logical::ctx::store(records, &record(name), &role)?;
    }
    Ok(Some(role))
}

/// Deletes what an earlier rotation left.
fn clean_up(ctx: &mut Ctx, name: &str) -> Result<()> {
    let Some(mut rotation) = ctx.load::<Rotation>(&note(name))? else { return Ok(()) };
    let stored = ctx.load::<StaticRole>(&record(name))?.and_then(|role| role.key).map(|key| key.access_key);
    let client = client(ctx)?;
    if same_user(&client, &rotation.username, &rotation.user_id)? {
        for key in iam::listed_keys(&client, &rotation.username)? {
            let retired = rotation.retired.as_ref() == Some(&key.id);
            if stored.as_ref() != Some(&key.id) && (retired || rotation.lost(&key)) {
                iam::delete_access_key(&client, Some(&rotation.username), &key.id)?;
            }
        }
    }
    rotation.retired = None;
    let now = ctx.now();
    rotation.unsure_until = rotation.unsure_until.filter(|until| *until > now);
    ctx.write(|records| put_away(records, name, &rotation))
}

/// Keeps the note for as long as it says something. With the last of a role that was deleted its user is free.
fn put_away(records: &mut dyn Records, name: &str, rotation: &Rotation) -> Result<()> {
    if rotation.due().is_some() {
        return crate::logical::ctx::store(records, &note(name), rotation);
    }
    records.delete(&note(name))?;
    if !records.has(&record(name))? {
        records.delete(&owner(&rotation.username))?;
    }
    Ok(())
}

impl Rotation {
    /// Whether a key can only be that of a create whose answer never came: it was not there before, and was made while such a
    /// create was under way.
    fn lost(&self, key: &ListedKey) -> bool {
        let Some(until) = self.unsure_until else { return false };
        let meanwhile = |made: Timestamp| made.plus(CLOCK_SKEW) >= self.began && made <= until.plus(CLOCK_SKEW);
        !self.known.contains(&key.id) && key.made.is_some_and(meanwhile)
    }
}

/// Replaces the key of the role if it is due, or there is none yet.
fn rotate_if_due(ctx: &mut Ctx, name: &str) -> Result<()> {
    let now = ctx.now();
    let Some(role) = ctx.load::<StaticRole>(&record(name))? else { return Ok(()) };
    if role.key.is_some() && role.next_rotation > now {
        return Ok(());
    }
    let client = client(ctx)?;
    if !same_user(&client, &role.username, &role.user_id)? {
        let words = "is not (any more) the one that this role was made for";
        return Err(Error::bad_request(format!("the IAM user {} {words}", role.username)));
    }
    let known = make_room(&client, &role)?;
    let (rotation, settled) = begin(ctx, name, &role, known)?;
    let created = match iam::create_access_key(&client, Some(&role.username)) {
        Err(failure @ Failure::Refused { .. }) => {
            ctx.write(|records| put_away(records, name, &settled))?;
            return Err(failure.into());
        }
        // Where nothing is known the note stays as it is: there may be a key to clean up.
        outcome => outcome?,
    };
    let fresh = StoredKey { access_key: created.id, secret_key: created.secret, made: now };
    if let Err(error) = step!("aws.static-role.adopt", adopt(ctx, name, &role, &fresh, &settled)) {
        return Err(take_back(ctx, &client, name, &settled, &fresh.access_key, error));
    }
    retire(ctx, &client, name, &role, &settled);
    log::info!("the access key of {} was replaced by {}", rotation.username, fresh.access_key);
    Ok(())
}

/// Sees that a key can be made: of two keys the oldest that is not the role's goes. The ids of those that stay.
fn make_room(client: &Client, role: &StaticRole) -> Result<Vec<String>> {
    let mut keys = iam::listed_keys(client, &role.username)?;
    if keys.len() >= KEYS_OF_A_USER {
        let stored = role.key.as_ref().map(|key| &key.access_key);
        let others = keys.iter().enumerate().filter(|(_, key)| Some(&key.id) != stored);
        if let Some(oldest) = others.min_by_key(|(_, key)| key.made).map(|(at, _)| at) {
            let oldest = keys.remove(oldest);
            iam::delete_access_key(client, Some(&role.username), &oldest.id)?;
        }
    }
    Ok(keys.into_iter().map(|key| key.id).collect())
}

/// Notes the rotation, and with it one that is still open. Also answers the note as it will be once the outcome is known.
fn begin(ctx: &mut Ctx, name: &str, role: &StaticRole, known: Vec<String>) -> Result<(Rotation, Rotation)> {
    let now = ctx.now();
    // The keys of a user that was deleted since went with it.
    let earlier = ctx.load::<Rotation>(&note(name))?.filter(|earlier| earlier.user_id == role.user_id);
    let settled = Rotation {
        username: role.username.clone(),
        user_id: role.user_id.clone(),
        known,
        began: earlier.as_ref().map_or(now, |earlier| earlier.began),
        unsure_until: earlier.and_then(|earlier| earlier.unsure_until),
        retired: None,
    };
    let rotation = Rotation { unsure_until: Some(now.plus(SETTLE)), ..settled.clone() };
    step!("aws.static-role.intent", ctx.store(&note(name), &rotation))?;
    Ok((rotation, settled))
}

/// Tries the new key and stores it, together with what is to be done about the old one.
fn adopt(ctx: &mut Ctx, name: &str, role: &StaticRole, fresh: &StoredKey, settled: &Rotation) -> Result<()> {
    // Half of the time that is left is kept for taking the key back.
    let left = ctx.outside().deadline().saturating_duration_since(Instant::now());
    let root = Root::load(ctx)?;
    let client = root.sts(ctx, Instant::now() + left / 2).with_keys(&fresh.access_key, &fresh.secret_key);
    let identity = once_known(&client).map_err(|failure| Error::from(failure).context("the new key does not work"))?;
    log::debug!("the new access key is known as {}", identity.arn);
    let retired = role.key.as_ref().map(|key| key.access_key.clone());
    ctx.write(|records| {
        let mut now: StaticRole = crate::logical::ctx::load(records, &record(name))?
            .ok_or_else(|| Error::conflict("the static role was deleted meanwhile"))?;
        now.key = Some(fresh.clone());
        now.next_rotation = fresh.made.plus(now.period());
        crate::logical::ctx::store(records, &record(name), &now)?;
        put_away(records, name, &Rotation { retired: retired.clone(), ..settled.clone() })
    })
}

/// Deletes a key that was made and is not wanted. If even that fails, the note stays and says so.
fn take_back(ctx: &mut Ctx, client: &Client, name: &str, settled: &Rotation, id: &str, reason: Error) -> Error {
    let deleted = iam::delete_access_key(client, Some(&settled.username), id).map_err(Error::from);
    let undone = deleted.and_then(|()| ctx.write(|records| put_away(records, name, settled)));
    match undone {
        // What is known to have been undone is no longer open, as `Upstream` would say.
        Ok(()) => Error::bad_request(reason.message()),
        Err(error) => {
            log::error!("the unused access key {id} is left for now: {}", error.for_log());
            reason
        }
    }
}

/// Deletes the old key. What fails stays noted, and is done by the next run.
fn retire(ctx: &mut Ctx, client: &Client, name: &str, role: &StaticRole, settled: &Rotation) {
    let Some(old) = &role.key else { return };
    let deleted = iam::delete_access_key(client, Some(&role.username), &old.access_key).map_err(Error::from);
    let settle = |()| step!("aws.static-role.settle", ctx.write(|records| put_away(records, name, settled)));
    if let Err(error) = deleted.and_then(settle) {
        log::warn!("the replaced access key {} is not deleted yet: {}", old.access_key, error.for_log());
    }
}

/// Whether there is a user of that name, and the same as before.
fn same_user(client: &Client, username: &str, id: &str) -> Result<bool> {
    Ok(iam::user(client, username)?.is_some_and(|user| user.id == id))
}

fn client(ctx: &mut Ctx) -> Result<Client> {
    let root = Root::load(ctx)?;
    let deadline = ctx.outside().deadline();
    Ok(root.iam(ctx, deadline))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn only_a_key_that_was_made_while_a_create_was_open_can_be_a_lost_one() {
        let began = Timestamp(1_440_938_160_000);
        let rotation = Rotation {
            username: "alice".to_owned(),
            user_id: "AIDA1".to_owned(),
            known: vec!["AKIAKNOWN".to_owned()],
            began,
            unsure_until: Some(began.plus(SETTLE)),
            retired: None,
        };
        let key = |id: &str, made| ListedKey { id: id.to_owned(), made };
        let before = Timestamp(began.0 - 6 * 60_000);
        assert!(rotation.lost(&key("AKIANEW", Some(began.plus(MINUTE)))));
        assert!(rotation.lost(&key("AKIANEW", Some(began.plus(18 * MINUTE)))), "AWS's clock may run ahead of ours");
        assert!(!rotation.lost(&key("AKIAKNOWN", Some(began.plus(MINUTE)))), "it was there before");
        assert!(!rotation.lost(&key("AKIAHAND", Some(before))));
        assert!(
            !rotation.lost(&key("AKIAHAND", Some(began.plus(60 * MINUTE)))),
            "made by hand while the server was down"
        );
        assert!(!rotation.lost(&key("AKIAHAND", None)));
        let settled = Rotation { unsure_until: None, ..rotation };
        assert!(!settled.lost(&key("AKIANEW", Some(began.plus(MINUTE)))), "no create is open");
    }
}
