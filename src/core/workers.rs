//! The threads that end credentials outside and run scheduled work: bounded in all and for each line (the leases of one
//! target, the tasks of one mount), so that one dead target never delays another's leases. They start when there is work and
//! end when there is none.
//!
//! How much of a line is taken is decided by what is known of its target: four at once where it answers, one where nothing is
//! known yet or it is silent. What a call keeps waiting costs its line's threads and no other's: for a live target to find
//! none, more than twenty others would have to fall silent within one deadline.

use crate::base::Timestamp;
use crate::core::live::Live;
use crate::core::revocation::TRY_DEADLINE;
use crate::core::targets::{Access, Targets};
use crate::storage::Hash;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Threads in all, and at most for one line.
const THREADS: usize = 128;
const THREADS_A_LINE: usize = 4;

/// Silent targets that are asked at once, so that the dead leave room for the living however many they are.
const PROBES: usize = 32;

/// Jobs of one line that wait or run; the rest waits in the store.
pub const QUEUED_A_LINE: usize = 64;

/// What a worker does, by the row that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Ends a lease outside.
    End(i64),
    /// Runs a scheduled task.
    Task(i64),
}

/// What a job waits in line with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// The leases of one target.
    Leases(Hash),
    /// The tasks of one mount.
    Tasks(Hash),
}

#[derive(Default)]
pub struct Workers {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    lines: HashMap<Line, Queue>,
    /// Every job that waits or runs.
    taken: HashSet<Job>,
    threads: usize,
    running: usize,
    /// Of those that run, the ones that ask a silent target.
    probes: usize,
    /// Jobs begun so far.
    begun: u64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    running: usize,
    /// The number of its job that was begun last.
    last: u64,
}

struct Waiting {
    job: Job,
    claimed: Instant,
}

struct Taken {
    line: Line,
    job: Job,
    is_probe: bool,
}

impl Workers {
    /// How many more jobs of this line are taken now.
    #[must_use]
    pub fn room(&self, targets: &Targets, line: Line, now: Timestamp) -> usize {
        let state = self.lock();
        let taken = state.lines.get(&line).map_or(0, |queue| queue.waiting.len() + queue.running);
        let most = match access(targets, line, now) {
            Access::Open => QUEUED_A_LINE,
            Access::Unproven => 1,
            Access::Probe if state.probes < PROBES => 1,
            Access::Probe | Access::Closed(_) => 0,
        };
        most.saturating_sub(taken)
    }

    /// Takes on a claimed job of a line; one that is taken on already is not done twice.
    pub fn add(self: &Arc<Self>, live: &Arc<Live>, line: Line, job: Job) {
        let mut state = self.lock();
        if state.taken.insert(job) {
            let waiting = Waiting { job, claimed: Instant::now() };
            state.lines.entry(line).or_default().waiting.push_back(waiting);
        }
        drop(state);
        self.staff(live);
    }

    /// Waits until nothing waits and nothing runs.
    pub fn wait_idle(&self) {
        let mut state = self.lock();
        while state.threads > 0 {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Starts as many threads as there are jobs that could begin now.
    fn staff(self: &Arc<Self>, live: &Arc<Live>) {
        let mut state = self.lock();
        let free = state.threads - state.running;
        let wanted = state.ready(&live.targets, live.now()).min(THREADS - state.running);
        for _ in free..wanted {
            let (workers, live) = (self.clone(), live.clone());
            let spawned = thread::Builder::new().name("revoke".into()).spawn(move || workers.run(&live));
            match spawned {
                Ok(_) => state.threads += 1,
                Err(error) => return log::error!("no thread for revocations: {error}; they are tried again later"),
            }
        }
    }

    fn run(self: &Arc<Self>, live: &Arc<Live>) {
        while let Some(taken) = self.take(live) {
            // Why it failed is stored with the row and logged there.
            let done = catch_unwind(AssertUnwindSafe(|| {
                drop(match taken.job {
                    Job::End(lease) => live.end_outside(lease),
                    Job::Task(task) => live.run_task(task),
                })
            }));
            if done.is_err() {
                log::error!("an engine's work broke off; it is tried again");
            }
            if self.done(&taken) {
                live.bell.ring();
            }
            // What is known of the target may have changed, and more of its line may begin.
            self.staff(live);
        }
    }

    /// The next job; none ends the thread.
    fn take(&self, live: &Live) -> Option<Taken> {
        let mut state = self.lock();
        let taken = state.take(&live.targets, live.now());
        if taken.is_none() {
            state.threads -= 1;
            self.idle.notify_all();
        }
        taken
    }

    /// Whether the line has room for more by now.
    fn done(&self, taken: &Taken) -> bool {
        let mut state = self.lock();
        state.running -= 1;
        state.taken.remove(&taken.job);
        state.probes -= usize::from(taken.is_probe);
        let Some(queue) = state.lines.get_mut(&taken.line) else { return true };
        queue.running -= 1;
        let left = queue.waiting.len();
        if queue.running == 0 && left == 0 {
            state.lines.remove(&taken.line);
        }
        left <= QUEUED_A_LINE / 2
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins the job of the line that runs fewest, and of those the one that has waited longest for its turn.
    fn take(&mut self, targets: &Targets, now: Timestamp) -> Option<Taken> {
        self.drop_stale(targets, now);
        let probes = self.probes;
        let ready = self.lines.iter_mut().filter(|(line, queue)| {
            let access = access(targets, **line, now);
            !queue.waiting.is_empty() && queue.running < threads(access, probes)
        });
        let (line, queue) = ready.min_by_key(|(_, queue)| (queue.running, queue.last))?;
        let job = queue.waiting.pop_front()?.job;
        self.begun += 1;
        queue.running += 1;
        queue.last = self.begun;
        let line = *line;
        let is_probe = matches!(access(targets, line, now), Access::Probe);
        self.running += 1;
        self.probes += usize::from(is_probe);
        Some(Taken { line, job, is_probe })
    }

    /// How many of the jobs that wait could begin now.
    fn ready(&mut self, targets: &Targets, now: Timestamp) -> usize {
        self.drop_stale(targets, now);
        let ready = |(line, queue): (&Line, &Queue)| {
            threads(access(targets, *line, now), self.probes).saturating_sub(queue.running).min(queue.waiting.len())
        };
        self.lines.iter().map(ready).sum()
    }

    /// Lets go of jobs whose claim would end before their try does, or whose target has fallen silent: they are in the store,
    /// and fall due again.
    fn drop_stale(&mut self, targets: &Targets, now: Timestamp) {
        let taken = &mut self.taken;
        self.lines.retain(|line, queue| {
            let is_closed = matches!(access(targets, *line, now), Access::Closed(_));
            let is_stale = |first: &Waiting| is_closed || first.claimed.elapsed() >= TRY_DEADLINE;
            while queue.waiting.front().is_some_and(is_stale) {
                taken.remove(&queue.waiting.pop_front().map_or(Job::End(0), |stale| stale.job));
            }
            queue.running > 0 || !queue.waiting.is_empty()
        });
    }
}

fn access(targets: &Targets, line: Line, now: Timestamp) -> Access {
    match line {
        Line::Leases(target) => targets.access(&target, now),
        Line::Tasks(_) => Access::Open,
    }
}

/// How many threads a line may have.
fn threads(access: Access, probes: usize) -> usize {
    match access {
        Access::Open => THREADS_A_LINE,
        Access::Unproven => 1,
        Access::Probe => usize::from(probes < PROBES),
        Access::Closed(_) => 0,
    }
}

#[cfg(test)]
mod tests;
