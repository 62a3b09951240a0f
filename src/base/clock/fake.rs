//! A machine whose clocks a test sets.

use super::{Machine, SystemClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Default)]
pub(crate) struct Fake {
    wall: AtomicI64,
    boot: AtomicI64,
}

impl Machine for Arc<Fake> {
    fn wall(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }

    fn boot(&self) -> i64 {
        self.boot.load(Ordering::SeqCst)
    }
}

impl Fake {
    /// A machine that has just started, and a clock on it.
    pub(crate) fn showing(wall: Timestamp) -> (Arc<Self>, SystemClock) {
        let fake = Arc::new(Self { wall: AtomicI64::new(wall.0), boot: AtomicI64::new(5000) });
        (fake.clone(), SystemClock::on(fake))
    }

    pub(crate) fn set(&self, wall: Timestamp) {
        self.wall.store(wall.0, Ordering::SeqCst);
    }

    pub(crate) fn shown(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    pub(crate) fn pass(&self, milliseconds: i64) {
        self.wall.fetch_add(milliseconds, Ordering::SeqCst);
        self.boot.fetch_add(milliseconds, Ordering::SeqCst);
    }
}
