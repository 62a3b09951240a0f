//! The open connections to one configured database: at most so many at a time, kept for the next use, closed when they have
//! lain idle or lived their time.
//!
//! Pools are the process's own and hold nothing that matters: closing them all costs a few handshakes. A pool belongs to one
//! writing of the configuration (its generation); another generation finds a new pool, and what the old one had
//! in use is closed when it comes back. Invariant: no lock is held while a connection is opened, used or closed.

use crate::base::{Error, Kind, Result};
use crate::engine::database::driver::Database;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What lies unused for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// How long an idle connection may take to show that it still works.
const ALIVE: Duration = Duration::from_secs(3);

/// The thread that closes them looks so often, at most and at least.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Which database: mount, and connection.
type Key = (String, String);

static POOLS: Mutex<BTreeMap<Key, Arc<Pool>>> = Mutex::new(BTreeMap::new());

/// Whether the thread runs that closes idle connections. Locked before any pool.
static JANITOR: Mutex<bool> = Mutex::new(false);

/// How many connections there may be, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub open: usize,
    pub idle: usize,
    /// None: as long as they work.
    pub lifetime: Option<Duration>,
}

impl Limits {
    /// By the published parameters: zero idle connections mean as many as may be open, a negative number none.
    #[must_use]
    pub fn new(open: Option<i64>, idle: Option<i64>, lifetime: Option<Duration>) -> Self {
        const DEFAULT_OPEN: usize = 4;
        let whole = |number: i64| usize::try_from(number).unwrap_or(0);
        let open = open.map(whole).filter(|open| *open > 0).unwrap_or(DEFAULT_OPEN);
        let idle = match idle.unwrap_or(0) {
            0 => open,
            number => whole(number).min(open),
        };
        Self { open, idle, lifetime: lifetime.filter(|lifetime| !lifetime.is_zero()) }
    }
}

pub struct Pool {
    generation: String,
    limits: Limits,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    /// In use or being opened.
    busy: usize,
    idle: Vec<Idle>,
    closed: bool,
}

struct Idle {
    connection: Box<dyn Database>,
    opened: Instant,
    since: Instant,
}

/// A place among the connections that may be open at a time.
struct Place<'p>(&'p Pool);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().busy -= 1;
        self.0.returned.notify_one();
    }
}

/// The pool of a connection as it is configured now.
#[must_use]
pub fn of(mount: &str, connection: &str, generation: &str, limits: Limits) -> Arc<Pool> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = pools.entry((mount.to_owned(), connection.to_owned())).or_default();
    if pool.generation == generation {
        return pool.clone();
    }
    let fresh = Arc::new(Pool { generation: generation.to_owned(), limits, ..Pool::default() });
    let former = std::mem::replace(pool, fresh.clone());
    drop(pools);
    former.close();
    fresh
}

/// Closes what is open to a connection; what is in use closes when it comes back.
pub fn close(mount: &str, connection: &str) {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = pools.remove(&(mount.to_owned(), connection.to_owned()));
    drop(pools);
    pool.into_iter().for_each(|pool| pool.close());
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            generation: String::new(),
            limits: Limits::new(None, None, None),
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }
}

impl Pool {
    /// Does some work on a connection that answers: one that lay idle, or a new one as soon as there may be one more. It is
    /// kept for the next, unless the work left open what state it is in.
    ///
    /// # Errors
    /// `Busy` when none came free by the deadline, else what opening it or the work says.
    pub fn with<T>(
        &self,
        deadline: Instant,
        open: impl FnOnce() -> Result<Box<dyn Database>>,
        work: impl FnOnce(&mut dyn Database) -> Result<T>,
    ) -> Result<T> {
        let place = self.place(deadline)?;
        let (mut connection, opened) = match self.idle(deadline) {
            Some(idle) => (idle.connection, idle.opened),
            None => (open()?, Instant::now()),
        };
        let outcome = work(connection.as_mut());
        let unsure = outcome.as_ref().is_err_and(|error| !matches!(error.kind(), Kind::BadRequest | Kind::Conflict));
        if unsure {
            drop(connection);
        } else {
            self.keep(Idle { connection, opened, since: Instant::now() });
        }
        drop(place);
        outcome
    }

    /// Takes a place; whoever has one finds an idle connection or may open one.
    fn place(&self, deadline: Instant) -> Result<Place<'_>> {
        let mut state = self.lock();
        while state.busy >= self.limits.open {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::busy(format!(
                    "all {} connections to the database are in use (max_open_connections), and none came free in time",
                    self.limits.open
                ))
                .answered());
            }
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.busy += 1;
        Ok(Place(self))
    }

    /// The idle connection that was used last, if it still works; those that do not are closed.
    fn idle(&self, deadline: Instant) -> Option<Idle> {
        loop {
            let mut idle = self.lock().idle.pop()?;
            // The rest of the time is for a new one.
            let soon = deadline.min(Instant::now() + ALIVE);
            if !self.is_old(idle.opened) && idle.connection.is_alive(soon) {
                return Some(idle);
            }
        }
    }

    /// Keeps a connection for the next use, if it may be kept.
    fn keep(&self, connection: Idle) {
        let mut state = self.lock();
        if state.closed || state.idle.len() >= self.limits.idle || self.is_old(connection.opened) {
            drop(state);
            drop(connection);
            return;
        }
        state.idle.push(connection);
        drop(state);
        wake_janitor();
    }

    fn is_old(&self, opened: Instant) -> bool {
        self.limits.lifetime.is_some_and(|lifetime| opened.elapsed() >= lifetime)
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// Closes what has lain idle or lived for long enough; when to look again, if anything is left.
    fn tidy(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let end = |idle: &Idle| {
            let by_age = self.limits.lifetime.map(|lifetime| idle.opened + lifetime);
            by_age.map_or(idle.since + IDLE, |end| end.min(idle.since + IDLE))
        };
        let (over, kept): (Vec<_>, Vec<_>) = state.idle.drain(..).partition(|idle| end(idle) <= now);
        let next = kept.iter().map(end).min();
        state.idle = kept;
        drop(state);
        drop(over);
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that closes idle connections, unless it runs.
fn wake_janitor() {
    let mut runs = JANITOR.lock().unwrap_or_else(PoisonError::into_inner);
    if !*runs {
        // Without a thread they are closed when they are next asked for.
        *runs = thread::Builder::new().name("database-idle".into()).spawn(tidy_all).is_ok();
    }
}

/// Runs for as long as anything is idle.
fn tidy_all() {
    loop {
        let now = Instant::now();
        let mut runs = JANITOR.lock().unwrap_or_else(PoisonError::into_inner);
        let pools: Vec<_> = POOLS.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let Some(next) = pools.iter().filter_map(|pool| pool.tidy(now)).min() else {
            *runs = false;
            return;
        };
        drop(runs);
        thread::sleep(next.saturating_duration_since(now).clamp(SHORTEST_SLEEP, LONGEST_SLEEP));
    }
}
