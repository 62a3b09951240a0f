//! Finishing what a crash interrupted: after each unseal every engine that keeps notes of unfinished work is asked to finish
//! it, and asked again for as long as it cannot.
//!
//! The work itself is durable in the engine's own records; nothing is lost when the server ends before it is done.

use crate::base::{Error, Result};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::revocation::TRY_DEADLINE;
use crate::logical::Caller;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Between two tries.
const RETRY: Duration = Duration::from_secs(30);

/// Starts a thread for it where any mount's engine wants to be asked.
///
/// # Errors
/// `Internal` when the system gives no thread.
pub fn start(live: &Arc<Live>) -> Result<()> {
    let mounts = live.mounts();
    let asking = |mount: &&Arc<Mount>| live.engine(mount).is_ok_and(|engine| engine.recover.is_some());
    let open: Vec<_> = mounts.active().filter(asking).cloned().collect();
    if open.is_empty() {
        return Ok(());
    }
    let weak = Arc::downgrade(live);
    let thread = thread::Builder::new().name("recover".into()).spawn(move || run(&weak, open));
    thread.map(drop).map_err(|error| Error::internal("no thread to finish interrupted work").caused_by(error))
}

fn run(live: &Weak<Live>, mut open: Vec<Arc<Mount>>) {
    loop {
        let Some(live) = live.upgrade() else { return };
        open.retain(|mount| match recover(&live, mount) {
            Ok(()) => false,
            Err(error) => {
                log::warn!("interrupted work of {} is not finished yet: {}", mount.path, error.for_log());
                true
            }
        });
        drop(live);
        if open.is_empty() {
            return;
        }
        thread::sleep(RETRY);
    }
}

fn recover(live: &Arc<Live>, mount: &Mount) -> Result<()> {
    let Some(recover) = live.engine(mount)?.recover else { return Ok(()) };
    recover(&mut live.context_for(mount, Caller::default(), None, Instant::now() + TRY_DEADLINE))
}
