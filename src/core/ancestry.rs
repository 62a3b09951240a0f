//! What stands above a lease, and what follows from it: when the lease really ends, and by whom.

use crate::base::{Result, Timestamp};
use crate::core::leases::{Lease, Leases, MAX_DEPTH};
use crate::storage::{LeaseKind, LeaseRow, LeaseState, Snapshot};
use serde_json::{Value, json};

/// The tokens above a lease.
#[derive(Default)]
pub struct Ancestry {
    /// From the parent up.
    pub above: Vec<Lease>,
    /// One of them is gone or damaged, so that what is below it is dead.
    pub is_broken: bool,
}

/// When a lease ends: by itself, or with a token above it that ends before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub at: Timestamp,
    pub with: Option<Above>,
}

/// A token above a lease, as others see it: by its names, never by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Above {
    pub accessor: String,
    pub display_name: String,
    /// The lease's own parent: the token that made it.
    pub is_parent: bool,
}

impl Above {
    fn of(lease: &Lease, is_parent: bool) -> Self {
        let token = lease.payload.token.as_ref();
        let text =
            |take: fn(&crate::core::tokens::TokenRecord) -> &String| token.map(take).cloned().unwrap_or_default();
        Self { accessor: text(|token| &token.accessor), display_name: text(|token| &token.display_name), is_parent }
    }

    /// As answers show it; accessors are for those who may see them.
    #[must_use]
    pub fn shown(&self, with_accessor: bool) -> Value {
        let mut shown = json!({ "display_name": self.display_name });
        if with_accessor {
            shown["accessor"] = self.accessor.as_str().into();
        }
        shown
    }

    /// In a sentence: `the token "deploy" (accessor 0Vb…)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("the token {:?} (accessor {})", self.display_name, self.accessor)
    }
}

impl Leases<'_> {
    /// All tokens above a row, dead or alive.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn ancestry(&self, snapshot: &dyn Snapshot, row: &LeaseRow) -> Result<Ancestry> {
        let mut ancestry = Ancestry::default();
        let mut next = row.parent;
        while next != 0 && ancestry.above.len() <= MAX_DEPTH {
            let found = snapshot.lease(next)?.filter(|row| row.kind == LeaseKind::Token);
            let Some(Ok(ancestor)) = found.map(|row| self.open(row)) else {
                ancestry.is_broken = true;
                return Ok(ancestry);
            };
            next = ancestor.row.parent;
            ancestry.above.push(ancestor);
        }
        ancestry.is_broken = next != 0;
        Ok(ancestry)
    }
}

impl Ancestry {
    /// When this lease ends, itself or with one above; none where nothing of it ever ends by itself.
    #[must_use]
    pub fn end_of(&self, lease: &Lease) -> Option<End> {
        let above = self.above.iter().enumerate();
        let first = above
            .filter_map(|(at, above)| Some((above.row.expires?, at, above)))
            .min_by_key(|(end, at, _)| (*end, *at));
        match (lease.row.expires, first) {
            (Some(own), Some((end, ..))) if own <= end => Some(End { at: own, with: None }),
            (_, Some((end, at, above))) => Some(End { at: end, with: Some(Above::of(above, at == 0)) }),
            (own, None) => own.map(|at| End { at, with: None }),
        }
    }

    /// The highest token above that is dead: all below it died with it.
    #[must_use]
    pub fn dead(&self, now: Timestamp) -> Option<&Lease> {
        self.above.iter().rev().find(|above| !above.is_live_at(now))
    }

    /// The tokens above as others see them, from the parent up.
    pub fn seen(&self) -> impl Iterator<Item = Above> {
        self.above.iter().enumerate().map(|(at, above)| Above::of(above, at == 0))
    }
}

/// One word for what a lease is, given whether all above it lives.
#[must_use]
pub fn state_word(lease: &Lease, ancestors_live: bool, now: Timestamp) -> &'static str {
    match lease.row.state {
        LeaseState::Pending => "pending",
        LeaseState::Active if !ancestors_live => "ended with its parent",
        LeaseState::Active if !lease.is_live_at(now) => "expired",
        LeaseState::Active => "active",
        LeaseState::Revoking => "revoking",
        LeaseState::Irrevocable => "irrevocable",
    }
}

/// A moment as answers show it.
#[must_use]
pub fn moment(moment: Option<Timestamp>) -> Value {
    moment.map_or(Value::Null, |moment| moment.rfc3339().into())
}
