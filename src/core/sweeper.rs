//! The sweeper: sleeps until the next row falls due, marks what lies below it, deletes what is ours alone, and hands what
//! must be ended outside to the workers. It keeps nothing in memory per lease; what is to be done is read from the store.
//!
//! What is due waits in the store, in a line for each target, and is claimed only when a worker can begin with it soon. So a
//! line that nobody can work on, however long, costs one look in an index and no write.

use crate::base::failpoint::step;
use crate::base::{Doubt, Result, Timestamp};
use crate::core::causes::{self, Cause, Event, Outcome};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::{self, Mount};
use crate::core::revocation::{BATCH, CLAIM, ROWS_A_CHANGE};
use crate::core::targets::Access;
use crate::core::tasks;
use crate::core::workers::{Job, Line, Workers};
use crate::core::{answers, cubbyholes};
use crate::storage::{Hash, Lane, LeaseKind, LeaseRow, LeaseState, Tx};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The stored time floor is raised this often; also the longest sleep.
const FLOOR_EVERY: Duration = Duration::from_secs(600);

/// While something is due in the future, the wall clock is looked at this often: it may step, or the machine may have slept.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The outside names of ended leases are kept so long, and so many of them, for whoever finds one of them still there.
const NAMES_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
const MOST_NAMES: usize = 100_000;

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
    /// The sweeper has stopped.
    Stopped,
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
        let mut waiting = self.lock();
        if waiting.ring != Ring::Stopped {
            waiting.ring = Ring::Stop;
        }
        self.0.1.notify_all();
    }

    /// Stops the sweeper and waits until it has stopped.
    #[cfg(test)]
    pub fn stop_and_wait(&self) {
        self.stop();
        let waited = self.0.1.wait_while(self.lock(), |waiting| waiting.ring != Ring::Stopped);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn stopped(&self) {
        self.lock().ring = Ring::Stopped;
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
    let thread = thread::Builder::new().name("sweeper".into()).spawn(move || {
        run(&weak, &bell);
        bell.stopped();
    });
    thread.map(drop).map_err(|error| crate::base::Error::internal("no thread for the sweeper").caused_by(error))
}

fn run(live: &Weak<Live>, bell: &Bell) {
    let workers = Arc::new(Workers::default());
    let (mut is_held, mut rounds_made) = (None, None);
    loop {
        let Some(live) = live.upgrade() else { return };
        let doubt = live.clock.doubt();
        if is_held != Some(doubt.is_some()) {
            begin(&live, is_held, doubt);
            (is_held, rounds_made) = (Some(doubt.is_some()), None);
        }
        if rounds_made.is_none_or(|made: Instant| made.elapsed() >= FLOOR_EVERY) {
            rounds_made = Some(Instant::now());
            make_rounds(&live);
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

/// At the start, and when the clock's standing has changed.
fn begin(live: &Live, was_held: Option<bool>, doubt: Option<Doubt>) {
    let taken_up = match (was_held, doubt) {
        (_, Some(_)) => return,
        // Nobody ends any more what an earlier process had claimed, and a target that was silent then may answer now.
        (None, None) => live.retry_all().and_then(|()| live.retry_tasks()),
        (Some(_), None) => {
            log::warn!("the machine's clock is believed now; revocations that were held go on");
            live.take_up_what_was_held()
        }
    };
    if let Err(error) = taken_up {
        log::error!("what had been begun before is tried again later: {}", error.for_log());
    }
}

/// What is done every so often.
fn make_rounds(live: &Arc<Live>) {
    if let Some(doubt) = live.clock.doubt() {
        return log::error!("revocations are held: {doubt}; set the clock, or accept it with: operator clock accept");
    }
    if let Err(error) = live.store_floor() {
        log::error!("the time floor could not be stored: {}", error.for_log());
    }
    if let Err(error) = live.tend_keys() {
        log::error!("the data key is looked at again later: {}", error.for_log());
    }
    if let Err(error) = tidy(live) {
        log::error!("what is kept of ended leases is tidied later: {}", error.for_log());
    }
}

/// Drops what has been kept of ended leases for long enough.
///
/// # Errors
/// `Internal` when the store fails.
pub(super) fn tidy(live: &Live) -> Result<()> {
    let now = live.now();
    let (causes, names) = (now.minus(causes::KEPT), now.minus(NAMES_KEPT));
    live.in_batches(|tx| tx.causes_tidy(causes, ROWS_A_CHANGE))?;
    live.in_batches(|tx| tx.ended_tidy(names, MOST_NAMES, ROWS_A_CHANGE))
}

/// Does all that is due; how long there is nothing more to do.
pub fn sweep(live: &Arc<Live>, workers: &Arc<Workers>) -> Result<Duration> {
    // Asked before any look at the time, so that no time by which this goes is one that was in doubt.
    let held = live.clock.doubt().is_some();
    for mount in live.mounts().disabling() {
        clear_mount(live, mount)?;
    }
    // Ending a token makes what lies below it due, tokens too.
    while end_due_tokens(live, held)? {}
    live.put_off_what_is_held()?;
    hand_out(live, workers, held)?;
    run_tasks(live, workers, held || live.restored().is_some())?;
    if held {
        return Ok(LOOK_EVERY);
    }
    answers::clear(live)?;
    let clearing = live.mounts().disabling().next().is_some();
    Ok(match next_look(live, workers)? {
        // What is due, could be worked on and was not listed does not open: it is reported, and looking again at once would
        // not help.
        Some(next) if next <= live.now() => LOOK_EVERY,
        Some(next) => live.now().until(next).min(LOOK_EVERY),
        None if clearing => LOOK_EVERY,
        None => FLOOR_EVERY,
    })
}

/// When there is something to do next that nobody rings for.
fn next_look(live: &Live, workers: &Workers) -> Result<Option<Timestamp>> {
    let (tokens, secrets, task) = live.storage.reading(|snapshot| {
        Ok((snapshot.lanes(LeaseKind::Token)?, snapshot.lanes(LeaseKind::Secret)?, snapshot.next_chore()?))
    })?;
    let now = live.now();
    let secret = |lane: Lane| match live.targets.access(&lane.id, now) {
        Access::Closed(until) => Some(lane.due.max(until)),
        // The workers ring when they have room again.
        _ if lane.due <= now && workers.room(&live.targets, Line::Leases(lane.id), now) == 0 => None,
        _ => Some(lane.due),
    };
    Ok(tokens.into_iter().map(|lane| lane.due).chain(secrets.into_iter().filter_map(secret)).chain(task).min())
}

/// What is due in a line: while the clock is in doubt, what was revoked alone, and nothing that only its time ends.
fn due(
    live: &Live,
    kind: LeaseKind,
    lane: &Hash,
    (now, held): (Timestamp, bool),
    limit: usize,
) -> Result<Vec<LeaseRow>> {
    live.storage.reading(|snapshot| match held {
        true => snapshot.leases_due_dead(kind, lane, now, limit),
        false => snapshot.leases_due(kind, lane, now, limit),
    })
}

/// Ends a page of due tokens in each line; whether there were any.
fn end_due_tokens(live: &Live, held: bool) -> Result<bool> {
    let now = live.now();
    let lanes = live.storage.reading(|snapshot| snapshot.lanes(LeaseKind::Token))?;
    let mut any = false;
    for lane in lanes.into_iter().filter(|lane| lane.due <= now) {
        let due = due(live, LeaseKind::Token, &lane.id, (now, held), BATCH)?;
        any |= !due.is_empty();
        for batch in due.chunks(ROWS_A_CHANGE) {
            end_tokens(live, batch, now)?;
        }
    }
    Ok(any)
}

/// Tokens need nothing from outside: in one transaction their children are marked, their cubbyholes cleared, and those that
/// have nothing left go.
fn end_tokens(live: &Live, rows: &[LeaseRow], now: Timestamp) -> Result<()> {
    let cubbyholes = live.cubbyhole_mount().map(|mount| mount.hash());
    let ended = live.storage.writing(|tx| {
        let (mut room, mut ended) = (ROWS_A_CHANGE, Vec::new());
        for row in rows {
            room = room.saturating_sub(end_token(live, tx, row, cubbyholes.as_ref(), (now, room), &mut ended)?);
            if room == 0 {
                break;
            }
        }
        Ok(ended)
    })?;
    let leases = Leases { barrier: &live.barrier };
    // What ended by its own time is told on audit devices alone.
    let told = ended.into_iter().filter(|row| row.cause.is_some() || !live.audit.is_empty());
    let told: Vec<_> = told.filter_map(|row| Some((leases.open(row).ok()?, Outcome::Token))).collect();
    live.tell_ended(&told);
    Ok(())
}

/// Ends one token as far as `room` rows allow, and puts it with the `ended` when nothing is left of it; how many rows it took.
fn end_token(
    live: &Live,
    tx: &mut dyn Tx,
    row: &LeaseRow,
    cubbyholes: Option<&Hash>,
    (now, room): (Timestamp, usize),
    ended: &mut Vec<LeaseRow>,
) -> Result<usize> {
    // It may have been renewed, or be gone, since it was read.
    let Some(row) = tx.lease(row.id)?.filter(|row| row.due.is_some_and(|due| due <= now)) else { return Ok(0) };
    if row.state != LeaseState::Revoking {
        tx.lease_advance(row.id, row.state, LeaseState::Revoking, Some(now), 0)?;
    }
    let marked = mark_children(live, tx, &row, now, room)?;
    if marked == room {
        return Ok(marked);
    }
    let cleared = match cubbyholes {
        Some(cubbyholes) => cubbyholes::clear(live, tx, cubbyholes, &row.key)?,
        None => true,
    };
    if cleared {
        live.delete_lease(tx, &row)?;
        ended.push(row);
    } else {
        // A large cubbyhole goes a batch at a time, and others are not kept waiting for it.
        tx.lease_advance(row.id, LeaseState::Revoking, LeaseState::Revoking, Some(now.plus(LOOK_EVERY)), 0)?;
    }
    Ok(marked + 1)
}

/// What ends the token ends its children. Where that is its own time, it becomes their cause.
fn mark_children(live: &Live, tx: &mut dyn Tx, row: &LeaseRow, now: Timestamp, room: usize) -> Result<usize> {
    if let Some(cause) = &row.cause {
        return tx.lease_mark_children(row.id, Some(cause), now, room);
    }
    if tx.lease_children_count(row.id, 0, 1)? == 0 {
        return Ok(0);
    }
    let cause = live.prepare_cause_at(&Cause::of(Event::Expired), row)?;
    cause.put_on(tx, row.id)?;
    tx.lease_mark_children(row.id, Some(&cause.key), now, room)
}

/// Claims due secrets for the workers: of each line as many as they can take.
fn hand_out(live: &Arc<Live>, workers: &Arc<Workers>, held: bool) -> Result<()> {
    let now = live.now();
    let lanes = live.storage.reading(|snapshot| snapshot.lanes(LeaseKind::Secret))?;
    let mut taken = Vec::new();
    for lane in lanes.into_iter().filter(|lane| lane.due <= now) {
        let room = workers.room(&live.targets, Line::Leases(lane.id), now);
        if room > 0 {
            taken.extend(due(live, LeaseKind::Secret, &lane.id, (now, held), room)?);
        }
    }
    for batch in taken.chunks(ROWS_A_CHANGE) {
        for row in step!("revoke.claim", claim(live, batch, now))? {
            workers.add(live, Line::Leases(row.lane()), Job::End(row.id));
        }
    }
    Ok(())
}

/// Takes due secrets for the workers until [`CLAIM`] has passed; those that were still due.
fn claim(live: &Live, rows: &[LeaseRow], now: Timestamp) -> Result<Vec<LeaseRow>> {
    live.storage.writing(|tx| {
        let mut claimed = Vec::new();
        for row in rows {
            let Some(row) = tx.lease(row.id)?.filter(|row| row.due.is_some_and(|due| due <= now)) else { continue };
            let to = if row.state == LeaseState::Active { LeaseState::Revoking } else { row.state };
            if tx.lease_advance(row.id, row.state, to, Some(now.plus(CLAIM)), row.attempts)? {
                claimed.push(row);
            }
        }
        Ok(claimed)
    })
}

/// Claims due tasks for the workers, as many as these take; the rest waits for the next look.
fn run_tasks(live: &Arc<Live>, workers: &Arc<Workers>, held: bool) -> Result<()> {
    let now = live.now();
    let due = live.storage.reading(|snapshot| snapshot.work_due(now, BATCH))?;
    for row in due {
        let Some(mount) = row.mount else { continue };
        // What is done outside waits with the revocations.
        if held && live.mount_of(&mount).is_ok_and(|mount| live.makes_credentials(&mount)) {
            continue;
        }
        let line = Line::Tasks(mount);
        if workers.room(&live.targets, line, now) > 0
            && step!("task.claim", live.storage.writing(|tx| tasks::claim(tx, row.id, now)))?.is_some()
        {
            workers.add(live, line, Job::Task(row.id));
        }
    }
    Ok(())
}

/// A mount that is being disabled: its leases first, then its records, then its row.
fn clear_mount(live: &Live, mount: &Mount) -> Result<()> {
    let disabled_by = mount.disabled_by.clone().unwrap_or_else(|| Cause::of(Event::MountDisabled));
    live.mark_mount(mount, &live.prepare_cause(&disabled_by.at(&mount.path))?)?;
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
