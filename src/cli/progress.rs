//! How far something has come, drawn for a person who waits at a terminal. Nothing is drawn for anybody else: what scripts
//! read is on standard output, and standard error stays clean.

use crate::cli::console;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How wide a bar is.
const WIDTH: u64 = 24;
/// What takes less than this is over before anybody wonders.
const PATIENCE: Duration = Duration::from_millis(400);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Shows steps that people take one after the other.
pub fn steps(what: &str, done: u64, all: u64) {
    if console::is_watched() && all > 0 {
        console::complain(format!("{what} {}\n", bar(done, all)));
    }
}

/// Does the work while `look` is asked again and again how far it has come: done and all, where that can be said.
pub fn while_working<T>(what: &str, look: impl FnMut() -> Option<(u64, u64)> + Send, work: impl FnOnce() -> T) -> T {
    if !console::is_watched() {
        return work();
    }
    let (finished, waiting) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || draw(what, look, &waiting));
        let outcome = work();
        drop(finished);
        outcome
    })
}

fn draw(what: &str, mut look: impl FnMut() -> Option<(u64, u64)>, waiting: &mpsc::Receiver<()>) {
    let began = Instant::now();
    let mut pause = PATIENCE;
    let mut drawn = false;
    while waiting.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let seconds = began.elapsed().as_secs();
        let shown = look().map(|(done, all)| bar(done, all)).unwrap_or_default();
        console::progress(format!("{what} {shown} {seconds}s").as_str());
        drawn = true;
        pause = BETWEEN_LOOKS;
    }
    if drawn {
        console::progress("");
    }
}

/// `[########----------------] 3/9`
#[must_use]
pub fn bar(done: u64, all: u64) -> String {
    let done = done.min(all);
    let filled = (done * WIDTH).checked_div(all).unwrap_or(WIDTH);
    let part = |mark: &str, length: u64| mark.repeat(usize::try_from(length).unwrap_or(0));
    format!("[{}{}] {done}/{all}", part("#", filled), part("-", WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_as_things_get_done() {
        assert_eq!(bar(0, 8), "[------------------------] 0/8");
        assert_eq!(bar(3, 8), "[#########---------------] 3/8");
        assert_eq!(bar(9, 8), "[########################] 8/8");
        assert_eq!(bar(0, 0), "[########################] 0/0");
    }

    #[test]
    fn the_work_is_done_whoever_watches() {
        assert_eq!(while_working("Working", || None, || 7), 7);
    }
}
