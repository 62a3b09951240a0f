//! How much memory the bodies of all requests together may take, and how many requests are served at once: what comes when
//! there is none left is told so and costs nothing. Small bodies are free, so that large ones never hold them up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of each request that are not counted.
const FREE: usize = 16 * 1024;

pub(super) struct Budget {
    most: usize,
    used: AtomicUsize,
}

/// What one request holds of a budget; given back when dropped.
pub(super) struct Share {
    budget: Arc<Budget>,
    held: usize,
}

impl Budget {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, used: AtomicUsize::new(0) })
    }

    pub fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), held: 0 }
    }

    fn take(&self, amount: usize) -> bool {
        let taken = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
            used.checked_add(amount).filter(|used| *used <= self.most)
        });
        taken.is_ok()
    }

    /// Where nobody else holds anything, what is allowed by itself is not refused because of what it comes to.
    fn take_alone(&self, held: usize, needed: usize) -> bool {
        held > 0 && self.used.compare_exchange(held, needed, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Share {
    /// Makes the share what so many bytes need; false where there is not enough left.
    pub fn cover(&mut self, bytes: usize) -> bool {
        let needed = bytes.saturating_sub(FREE);
        needed <= self.held || self.hold(needed)
    }

    /// Makes the share this large.
    pub fn hold(&mut self, needed: usize) -> bool {
        let covered =
            needed <= self.held || self.budget.take(needed - self.held) || self.budget.take_alone(self.held, needed);
        if covered {
            self.held = self.held.max(needed);
        }
        covered
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_kept_from_others_until_it_is_given_back() {
        let budget = Budget::new(100_000);
        let (mut first, mut second, mut small) = (budget.share(), budget.share(), budget.share());
        assert!(first.cover(FREE + 60_000) && first.cover(FREE + 90_000));
        assert!(!second.cover(FREE + 20_000) && second.cover(FREE + 10_000));
        assert!(small.cover(FREE) && !small.cover(FREE + 1));
        drop(first);
        assert!(small.cover(FREE + 90_000) && !second.cover(FREE + 10_001));
        drop(second);
        assert!(small.cover(FREE + 150_000), "nobody else holds anything");
        drop(small);
        assert_eq!(budget.used.load(Ordering::SeqCst), 0);
    }
}
