//! The sweeper: sleeps until the next row falls due, marks what lies below it, deletes what is ours alone, and hands what
//! must be ended outside to the workers. It keeps nothing in memory per lease; what is to be done is read from the store.

use crate::base::{Result, Timestamp};
use crate::core::cubbyholes;
use crate::core::live::Live;
use crate::core::mounts::{self, Mount};
use crate::core::revocation::{BATCH, CLAIM, ROWS_A_CHANGE};
use crate::core::tasks;
use crate::core::workers::{Job, Workers};
use crate::storage::{Hash, LeaseKind, LeaseRow, LeaseState, Tx};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The stored time floor is raised this often; also the longest sleep.
const FLOOR_EVERY: Duration = Duration::from_secs(600);

/// While something is due in the future, the wall clock is looked at this often: it may step, or the machine may have slept.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Leases of a mount whose workers have no room wait this long.
const NO_ROOM: Duration = Duration::from_secs(2);

/// The name of the time floor in the store's `meta`.
pub const CLOCK_FLOOR: &str = "clock_floor";

/// Wakes the sweeper, or ends it.
#[derive(Default, Clone)]
pub struct Bell(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Default)]
struct Waiting {
    ring: Ring,
    /// When the sweeper looks next by itself, while it sleeps only until then.
    next_look: Option<Instant>,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Ring {
    #[default]
    Quiet,
    Rung,
    Stop,
}

impl Bell {
    pub fn ring(&self) {
        self.ring_unless(|_| false);
    }

    /// Something falls due after so long. With many leases the sweeper looks every second anyway, and need not be woken for
    /// each that is made.
    pub fn ring_by(&self, left: Duration) {
        let due = Instant::now().checked_add(left);
        self.ring_unless(|next_look| next_look.is_some_and(|look| due.is_none_or(|due| look <= due)));
    }

    fn ring_unless(&self, is_needless: impl FnOnce(Option<Instant>) -> bool) {
        let mut waiting = self.lock();
        if waiting.ring == Ring::Quiet && !is_needless(waiting.next_look) {
            waiting.ring = Ring::Rung;
            self.0.1.notify_all();
        }
    }

    pub fn stop(&self) {
        self.lock().ring = Ring::Stop;
        self.0.1.notify_all();
    }

    /// Waits for a ring, at most so long; false when it is over.
    fn wait(&self, at_most: Duration) -> bool {
        let mut waiting = self.lock();
        waiting.next_look = (at_most <= LOOK_EVERY).then(|| Instant::now() + at_most);
        let waited = self.0.1.wait_timeout_while(waiting, at_most, |waiting| waiting.ring == Ring::Quiet);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        waiting.next_look = None;
        if waiting.ring == Ring::Stop {
            return false;
        }
        waiting.ring = Ring::Quiet;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the sweeper's thread. It ends with the bell's stop, or when nobody else holds `live` any more.
///
/// # Errors
/// `Internal` when the system gives no thread.
pub fn start(live: &Arc<Live>) -> Result<()> {
    let (weak, bell) = (Arc::downgrade(live), live.bell.clone());
    let thread = thread::Builder::new().name("sweeper".into()).spawn(move || run(&weak, &bell));
    thread.map(drop).map_err(|error| crate::base::Error::internal("no thread for the sweeper").caused_by(error))
}

fn run(live: &Weak<Live>, bell: &Bell) {
    let workers = Arc::new(Workers::default());
    let mut floor_stored = None;
    loop {
        let Some(live) = live.upgrade() else { return };
        if floor_stored.is_none_or(|stored: Instant| stored.elapsed() >= FLOOR_EVERY) {
            floor_stored = Some(Instant::now());
            if let Err(error) = store_floor(&live) {
                log::error!("the time floor could not be stored: {}", error.for_log());
            }
        }
        let pause = match sweep(&live, &workers) {
            Ok(pause) => pause,
            Err(error) => {
                log::error!("the sweep broke off and is tried again: {}", error.for_log());
                LOOK_EVERY
            }
        };
        drop(live);
        if !bell.wait(pause) {
            return;
        }
    }
}

fn store_floor(live: &Live) -> Result<()> {
    let now = live.now();
    live.storage.writing(|tx| tx.set_meta(CLOCK_FLOOR, &now.0.to_be_bytes()))
}

/// Does all that is due; how long there is nothing more to do.
pub fn sweep(live: &Arc<Live>, workers: &Arc<Workers>) -> Result<Duration> {
    for mount in live.mounts().disabling() {
        clear_mount(live, mount)?;
    }
    loop {
        let now = live.now();
        let due = live.storage.reading(|snapshot| snapshot.leases_due(now, BATCH))?;
        let full = due.len() == BATCH;
        let (tokens, secrets): (Vec<_>, Vec<_>) = due.into_iter().partition(|row| row.kind == LeaseKind::Token);
        let any_tokens = !tokens.is_empty();
        for batch in tokens.chunks(ROWS_A_CHANGE) {
            end_tokens(live, batch, now)?;
        }
        hand_out(live, workers, secrets, now)?;
        // Ending a token makes what lies below it due.
        if !full && !any_tokens {
            break;
        }
    }
    run_tasks(live, workers)?;
    let next = live.storage.reading(|snapshot| snapshot.next_due())?;
    let clearing = live.mounts().disabling().next().is_some();
    Ok(match next {
        // What is due and was not listed does not open: it is reported, and looking again at once would not help.
        Some(next) if next <= live.now() => LOOK_EVERY,
        Some(next) => live.now().until(next).min(LOOK_EVERY),
        None if clearing => LOOK_EVERY,
        None => FLOOR_EVERY,
    })
}

/// Tokens need nothing from outside: in one transaction their children are marked, their cubbyholes cleared, and those that
/// have nothing left go.
fn end_tokens(live: &Live, rows: &[LeaseRow], now: Timestamp) -> Result<()> {
    let cubbyholes = live.cubbyhole_mount().map(|mount| mount.hash());
    live.storage.writing(|tx| {
        let mut room = ROWS_A_CHANGE;
        for row in rows {
            room = room.saturating_sub(end_token(live, tx, row, cubbyholes.as_ref(), now, room)?);
            if room == 0 {
                break;
            }
        }
        Ok(())
    })
}

/// Ends one token as far as `room` rows allow; how many rows it took.
fn end_token(
    live: &Live,
    tx: &mut dyn Tx,
    row: &LeaseRow,
    cubbyholes: Option<&Hash>,
    now: Timestamp,
    room: usize,
) -> Result<usize> {
    // It may have been renewed, or be gone, since it was read.
    let Some(row) = tx.lease(row.id)?.filter(|row| row.due.is_some_and(|due| due <= now)) else { return Ok(0) };
    if row.state != LeaseState::Revoking {
        tx.lease_advance(row.id, row.state, LeaseState::Revoking, Some(now), 0)?;
    }
    let marked = tx.lease_mark_children(row.id, now, room)?;
    if marked == room {
        return Ok(marked);
    }
    let cleared = match cubbyholes {
        Some(cubbyholes) => cubbyholes::clear(live, tx, cubbyholes, &row.key)?,
        None => true,
    };
    if cleared {
        live.delete_lease(tx, &row)?;
    } else {
        // A large cubbyhole goes a batch at a time, and others are not kept waiting for it.
        tx.lease_advance(row.id, LeaseState::Revoking, LeaseState::Revoking, Some(now.plus(LOOK_EVERY)), 0)?;
    }
    Ok(marked + 1)
}

/// Claims due secrets for the workers, as many as these take; the rest is put off for a moment.
fn hand_out(live: &Arc<Live>, workers: &Arc<Workers>, rows: Vec<LeaseRow>, now: Timestamp) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut room: HashMap<Hash, usize> = HashMap::new();
    let taken: Vec<(LeaseRow, bool)> = rows
        .into_iter()
        .map(|row| {
            let left = room.entry(row.mount).or_insert_with(|| workers.room(&row.mount));
            let take = *left > 0;
            *left = left.saturating_sub(1);
            (row, take)
        })
        .collect();
    let mut claimed = Vec::new();
    live.storage.writing(|tx| {
        claimed.clear();
        for (row, take) in &taken {
            let Some(row) = tx.lease(row.id)?.filter(|row| row.due.is_some_and(|due| due <= now)) else { continue };
            let to = if row.state == LeaseState::Active { LeaseState::Revoking } else { row.state };
            let due = now.plus(if *take { CLAIM } else { NO_ROOM });
            if tx.lease_advance(row.id, row.state, to, Some(due), row.attempts)? && *take {
                claimed.push((row.mount, row.id));
            }
        }
        Ok(())
    })?;
    for (mount, id) in claimed {
        workers.add(live, mount, Job::End(id));
    }
    Ok(())
}

/// Claims due tasks for the workers, as many as these take; the rest waits for the next look.
fn run_tasks(live: &Arc<Live>, workers: &Arc<Workers>) -> Result<()> {
    let now = live.now();
    let due = live.storage.reading(|snapshot| snapshot.work_due(now, BATCH))?;
    let mut room: HashMap<Hash, usize> = HashMap::new();
    for row in due {
        let Some(mount) = row.mount else { continue };
        let left = room.entry(mount).or_insert_with(|| workers.room(&mount));
        if *left == 0 {
            continue;
        }
        *left -= 1;
        if let Some(mount) = live.storage.writing(|tx| tasks::claim(tx, row.id, now))? {
            workers.add(live, mount, Job::Task(row.id));
        }
    }
    Ok(())
}

/// A mount that is being disabled: its leases first, then its records, then its row.
fn clear_mount(live: &Live, mount: &Mount) -> Result<()> {
    live.mark_mount(mount)?;
    let hash = mount.hash();
    if !live.storage.reading(|snapshot| snapshot.leases_of_mount(&hash, 0, 1))?.is_empty() {
        return Ok(());
    }
    while live.storage.writing(|tx| tx.purge_mount(&hash, ROWS_A_CHANGE))? > 0 {}
    live.change_mounts(|_| Ok(()), |tx, ()| mounts::delete(tx, &live.barrier, mount))?;
    log::info!("mount {} ({}) is gone with its data", mount.path, mount.kind);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_rung_by(next_look: Option<Duration>, left: Duration) -> bool {
        let bell = Bell::default();
        bell.lock().next_look = next_look.map(|after| Instant::now() + after);
        bell.ring_by(left);
        bell.lock().ring == Ring::Rung
    }

    #[test]
    fn the_sweeper_is_woken_only_for_what_falls_due_before_it_looks() {
        let soon = Some(LOOK_EVERY);
        assert!(!is_rung_by(soon, LOOK_EVERY * 60));
        assert!(!is_rung_by(soon, Duration::MAX));
        assert!(is_rung_by(soon, Duration::ZERO));
        assert!(is_rung_by(None, LOOK_EVERY * 60), "while it works or sleeps long it must be told");
    }
}
