//! From version 1 to version 2: each value becomes the first version of a key of its name. A note in the mount's records,
//! written together with the mount's new version, says that this is to be done; values are brought over in transactions of
//! some each, so that a crash in between leaves every value in exactly one of the two forms, and the rest goes on later.
//!
//! Invariant: once the note is there, no value is written in the old form any more: whoever would have to looks for it in the
//! same transaction.

use super::config::Config;
use super::key::Key;
use super::store::{self, FOLDER};
use crate::base::{Error, Result, Timestamp};
use crate::logical::ctx::{load, store};
use crate::logical::{Ctx, Next, Records, TaskKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const NOTE: &str = "\u{1}/upgrade";

pub const TASK: TaskKind = TaskKind { kind: "kv-upgrade", run: go_on };

/// How long the task works before it lets others have its thread.
const PIECE: Duration = Duration::from_secs(10);

/// Values that are looked up at once, and those in one transaction.
const VALUES: usize = 10_000;
const BATCH: usize = 100;

#[derive(Default, Serialize, Deserialize)]
struct Note {
    done: bool,
    /// Values that could not be read. They stay where they are, in the old form, where nothing reaches them.
    #[serde(default)]
    damaged: BTreeSet<String>,
}

/// Writes the note, and has the work begin.
///
/// # Errors
/// `Internal` when the store fails.
pub fn begin(records: &mut dyn Records, now: Timestamp) -> Result<()> {
    store(records, NOTE, &Note::default())?;
    records.schedule(TASK.kind, "", now)
}

/// After an unseal: what an earlier process had begun does not wait until its claim on the work has run out.
///
/// # Errors
/// `Internal` when the store fails.
pub fn resume(ctx: &mut Ctx) -> Result<()> {
    let now = ctx.now();
    ctx.write(|records| if is_under_way(records)? { records.schedule(TASK.kind, "", now) } else { Ok(()) })
}

/// Whether there are values still to be brought over.
///
/// # Errors
/// `Internal` when the note does not open.
pub fn is_under_way(records: &(impl Records + ?Sized)) -> Result<bool> {
    Ok(load::<Note>(records, NOTE)?.is_some_and(|note| !note.done))
}

/// For version 1: a request that was on its way when the mount left that version must not be served by it.
///
/// # Errors
/// `BadRequest` as for every request until the mount is upgraded.
pub fn refuse_if_begun(records: &(impl Records + ?Sized)) -> Result<()> {
    if records.has(NOTE)? { Err(unavailable()) } else { Ok(()) }
}

/// What a request is told until all is brought over, in the words that clients look for.
#[must_use]
pub fn unavailable() -> Error {
    Error::bad_request(
        "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will \
         resume service shortly.",
    )
}

/// Brings values over, until there are none or its time is up.
fn go_on(ctx: &mut Ctx, _: &str) -> Result<Next> {
    let until = Instant::now() + PIECE;
    while Instant::now() < until {
        let Some(note) = ctx.load::<Note>(NOTE)?.filter(|note| !note.done) else { return Ok(Next::Done) };
        let paths = ctx.read(|records| {
            let mut paths = Vec::new();
            collect(records, "", &note.damaged, &mut paths)?;
            Ok(paths)
        })?;
        if paths.is_empty() {
            finish(ctx)?;
            return Ok(Next::Done);
        }
        let now = ctx.now();
        for batch in paths.chunks(BATCH).take_while(|_| Instant::now() < until) {
            ctx.write(|records| batch.iter().try_for_each(|path| bring_over(records, path, now)))?;
        }
    }
    Ok(Next::At(ctx.now()))
}

/// The paths of values in the old form, folder by folder.
fn collect(records: &dyn Records, folder: &str, left: &BTreeSet<String>, paths: &mut Vec<String>) -> Result<()> {
    for name in records.list(folder)? {
        let path = format!("{folder}{name}");
        if paths.len() >= VALUES {
            return Ok(());
        }
        if path == FOLDER || left.contains(&path) {
            continue;
        }
        if path.ends_with('/') {
            collect(records, &path, left, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn bring_over(records: &mut dyn Records, path: &str, now: Timestamp) -> Result<()> {
    let value = match records.get(path) {
        Ok(Some(value)) => value,
        Ok(None) => return Ok(()),
        Err(error) => {
            log::error!("a value is damaged and was not upgraded: {}", error.for_log());
            let mut note: Note = load(records, NOTE)?.unwrap_or_default();
            note.damaged.insert(path.to_owned());
            return store(records, NOTE, &note);
        }
    };
    let mut key = Key::new(now)?;
    store::append(records, (path, &mut key), &value, &Config::default(), now)?;
    records.delete(path).map(drop)
}

fn finish(ctx: &mut Ctx) -> Result<()> {
    let mount = ctx.mount.path.clone();
    ctx.write(|records| {
        // Where the mount is being disabled, its note may be gone already.
        let Some(mut note) = load::<Note>(records, NOTE)? else { return Ok(()) };
        note.done = true;
        store(records, NOTE, &note)
    })?;
    log::info!("{mount} is upgraded to version 2");
    Ok(())
}
