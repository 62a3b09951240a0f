//! Those who listen in on the log while it is written. Each has a queue of its own; one that reads too slowly misses lines and
//! is told how many.

use super::{Format, Line};
use log::{Level, LevelFilter};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Lines that wait for a listener; beyond that they are dropped.
const WAITING: usize = 512;

static LISTENERS: Mutex<Vec<Weak<Listener>>> = Mutex::new(Vec::new());

/// A listener's end. Dropping it ends the listening.
pub struct Monitor(Option<Arc<Listener>>);

struct Listener {
    level: LevelFilter,
    format: Format,
    queue: Mutex<Queue>,
    told: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<String>,
    dropped: usize,
}

impl Monitor {
    pub(super) fn new(level: LevelFilter, format: Format) -> Self {
        let listener = Arc::new(Listener { level, format, queue: Mutex::default(), told: Condvar::new() });
        listeners().push(Arc::downgrade(&listener));
        Self(Some(listener))
    }

    /// All lines that came since the last call; waits for the first, at most so long.
    #[must_use]
    pub fn next(&self, at_most: Duration) -> String {
        let Some(listener) = &self.0 else { return String::new() };
        let queue = listener.queue();
        let waited = listener.told.wait_timeout_while(queue, at_most, |queue| queue.lines.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let mut lines: String = queue.lines.drain(..).collect();
        if std::mem::take(&mut queue.dropped) > 0 && listener.format == Format::Standard {
            lines.push_str("(lines were dropped: they came faster than they were read)\n");
        }
        lines
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0 = None;
        listeners().retain(|listener| listener.strong_count() > 0);
        super::refresh();
    }
}

pub(super) fn loudest() -> LevelFilter {
    let levels = listeners().iter().filter_map(Weak::upgrade).map(|listener| listener.level).max();
    levels.unwrap_or(LevelFilter::Off)
}

pub(super) fn tell(level: Level, line: &Line) {
    for listener in listeners().iter().filter_map(Weak::upgrade).filter(|listener| level <= listener.level) {
        let mut queue = listener.queue();
        if queue.lines.len() < WAITING {
            queue.lines.push_back(line.text(listener.format));
            listener.told.notify_all();
        } else {
            queue.dropped += 1;
        }
    }
}

impl Listener {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listeners() -> MutexGuard<'static, Vec<Weak<Listener>>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}
