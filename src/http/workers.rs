//! The threads that connections live on. They grow with need up to a cap, are used again, and end after a while without
//! work.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Workers {
    shared: Arc<Shared>,
    most: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    waiting: usize,
    closed: bool,
}

/// How long a worker waits for the next job before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

impl Workers {
    pub fn new(most: usize) -> Self {
        Self { shared: Arc::default(), most }
    }

    /// Runs the job on a waiting worker, else on a new one, else on the next that becomes free.
    ///
    /// # Errors
    /// When the operating system gives no thread: the job would wait for a connection to end, and is dropped instead.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut state = self.shared.lock();
        state.queue.push_back(Box::new(job));
        if state.queue.len() <= state.waiting {
            self.shared.changed.notify_one();
        } else if state.threads < self.most {
            let shared = Arc::clone(&self.shared);
            let spawned = thread::Builder::new().name("http".to_owned()).spawn(move || shared.work());
            if let Err(error) = spawned {
                let job = state.queue.pop_back();
                drop(state);
                drop(job);
                return Err(error);
            }
            state.threads += 1;
        }
        Ok(())
    }

    /// Lets workers end as soon as the queue is empty.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next_job() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                log::error!("a connection ended in a panic");
            }
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            if state.closed {
                break;
            }
            state.waiting += 1;
            let (woken, timeout) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.waiting -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_worker_is_used_again_and_survives_a_panic() {
        let workers = Workers::new(1);
        let (send, receive) = mpsc::channel();
        let quiet = std::panic::resume_unwind;
        workers.run(move || quiet(Box::new("boom"))).unwrap();
        for number in 0..3 {
            let send = send.clone();
            workers.run(move || send.send((number, thread::current().id())).unwrap()).unwrap();
        }
        let answers: Vec<_> = receive.iter().take(3).collect();
        assert_eq!(answers.iter().map(|answer| answer.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(answers.iter().all(|answer| answer.1 == answers[0].1));
    }

    #[test]
    fn a_blocked_worker_does_not_hold_up_the_next_job() {
        let workers = Workers::new(2);
        let (release, blocked) = mpsc::channel::<()>();
        workers
            .run(move || {
                let _ = blocked.recv();
            })
            .unwrap();
        let (send, receive) = mpsc::channel();
        workers.run(move || send.send(()).unwrap()).unwrap();
        receive.recv_timeout(Duration::from_secs(10)).unwrap();
        drop(release);
    }
}
