//! The threads that end credentials outside: bounded in all and for each mount, so that one dead target never delays
//! another's leases. They start when there is work and end when there is none.

use crate::core::live::Live;
use crate::storage::Hash;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Threads in all, and at most for one mount.
const THREADS: usize = 16;
const THREADS_A_MOUNT: usize = 4;

/// Leases of one mount that wait or are being ended; the rest waits in the store.
pub const QUEUED_A_MOUNT: usize = 256;

/// What a worker does, by the row that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Ends a lease outside.
    End(i64),
    /// Runs a scheduled task.
    Task(i64),
}

#[derive(Default)]
pub struct Workers {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    queues: HashMap<Hash, Queue>,
    threads: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    running: usize,
}

impl Workers {
    /// How many more leases of this mount are taken now.
    #[must_use]
    pub fn room(&self, mount: &Hash) -> usize {
        let state = self.lock();
        QUEUED_A_MOUNT.saturating_sub(state.queues.get(mount).map_or(0, |queue| queue.waiting.len() + queue.running))
    }

    /// Takes on a claimed job of a mount.
    pub fn add(self: &Arc<Self>, live: &Arc<Live>, mount: Hash, job: Job) {
        let mut state = self.lock();
        state.queues.entry(mount).or_default().waiting.push_back(job);
        if state.threads >= THREADS {
            return;
        }
        state.threads += 1;
        drop(state);
        let (workers, live) = (self.clone(), live.clone());
        let spawned = thread::Builder::new().name("revoke".into()).spawn(move || workers.run(&live));
        if let Err(error) = spawned {
            log::error!("no thread for revocations: {error}; they are tried again later");
            self.lock().threads -= 1;
        }
    }

    /// Waits until nothing waits and nothing runs.
    pub fn wait_idle(&self) {
        let mut state = self.lock();
        while state.threads > 0 || state.queues.values().any(|queue| queue.running > 0) {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, live: &Arc<Live>) {
        while let Some((mount, job)) = self.take() {
            // Why it failed is stored with the row and logged there.
            let done = catch_unwind(AssertUnwindSafe(|| {
                drop(match job {
                    Job::End(lease) => live.end_outside(lease),
                    Job::Task(task) => live.run_task(task),
                })
            }));
            if done.is_err() {
                log::error!("an engine's work broke off; it is tried again");
            }
            self.done(&mount);
            live.bell.ring();
        }
    }

    /// The next job of a mount that has a thread left; none ends the thread.
    fn take(&self) -> Option<(Hash, Job)> {
        let mut state = self.lock();
        let ready =
            state.queues.iter_mut().find(|(_, queue)| queue.running < THREADS_A_MOUNT && !queue.waiting.is_empty());
        let taken = ready.and_then(|(mount, queue)| {
            queue.running += 1;
            Some((*mount, queue.waiting.pop_front()?))
        });
        if taken.is_none() {
            state.threads -= 1;
            self.idle.notify_all();
        }
        taken
    }

    fn done(&self, mount: &Hash) {
        let mut state = self.lock();
        if let Some(queue) = state.queues.get_mut(mount) {
            queue.running -= 1;
            if queue.running == 0 && queue.waiting.is_empty() {
                state.queues.remove(mount);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
