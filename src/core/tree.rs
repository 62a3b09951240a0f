//! The tree below a lease, for people to look at: who hangs below whom, and when each really ends. Bounded in depth and in
//! number, level by level, so that what is near the top is whole before anything further down is begun; what is left out is
//! counted.

use crate::base::{Result, Timestamp};
use crate::core::ancestry::{Above, Ancestry, End, moment, state_word};
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::named::identify;
use crate::core::revocation::BATCH;
use crate::logical::Map;
use crate::storage::{LeaseKind, LeaseRow, Snapshot};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What is left out is counted up to this number in all.
pub const COUNTED: usize = 100_000;

/// How much of the tree is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Levels below the first.
    pub depth: usize,
    /// Leases in all.
    pub limit: usize,
    /// Children of the first lease up to this one are passed over: where an earlier answer left off.
    pub after: i64,
    /// Whether the accessors of tokens above the first lease are shown.
    pub names_above: bool,
}

struct Node {
    row: i64,
    depth: usize,
    is_token: bool,
    lives: bool,
    /// What its children inherit: the earliest end up to here.
    end: Option<End>,
    /// Whether the accessor of the token that it ends with is shown: not that of one above the first lease, to its owner.
    names_end: bool,
    shown: Map,
    children: Vec<usize>,
    left_out: usize,
}

struct Growing<'a> {
    live: &'a Live,
    snapshot: &'a dyn Snapshot,
    extent: Extent,
    now: Timestamp,
    nodes: Vec<Node>,
    /// What may still be counted.
    countable: usize,
    is_at_least: bool,
    next: Option<i64>,
}

impl Live {
    /// The tree below a lease, and the lease itself.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn tree(&self, lease: &Lease, extent: Extent) -> Result<Value> {
        let leases = Leases { barrier: &self.barrier };
        self.storage.reading(|snapshot| {
            let ancestry = leases.ancestry(snapshot, &lease.row)?;
            let mut growing = Growing {
                live: self,
                snapshot,
                extent,
                now: self.now(),
                nodes: Vec::new(),
                countable: COUNTED,
                is_at_least: false,
                next: None,
            };
            growing.plant(lease, &ancestry);
            growing.grow()?;
            Ok(growing.answer())
        })
    }
}

impl Growing<'_> {
    fn plant(&mut self, lease: &Lease, ancestry: &Ancestry) {
        let above_lives = !ancestry.is_broken && ancestry.dead(self.now).is_none();
        let end = ancestry.end_of(lease);
        let node = self.node(lease, 0, above_lives, end, self.extent.names_above);
        self.nodes.push(node);
    }

    fn grow(&mut self) -> Result<()> {
        let mut open = VecDeque::from([0]);
        while let Some(at) = open.pop_front() {
            if !self.nodes[at].is_token {
                continue;
            }
            let last = self.add_children(at)?;
            open.extend(self.nodes[at].children.iter().copied());
            if let Some(last) = last {
                self.leave_out(at, last)?;
            }
        }
        Ok(())
    }

    /// Adds the children that there is room for. Where some may be left over, answers the last one that was taken.
    fn add_children(&mut self, at: usize) -> Result<Option<i64>> {
        let leases = Leases { barrier: &self.live.barrier };
        let mut after = if at == 0 { self.extent.after } else { 0 };
        loop {
            let room = self.extent.limit.saturating_sub(self.nodes.len()).min(BATCH);
            if room == 0 || self.nodes[at].depth >= self.extent.depth {
                return Ok(Some(after));
            }
            let page = self.snapshot.lease_children(self.nodes[at].row, after, room)?;
            let is_last = page.len() < room;
            for row in page {
                after = row.id;
                let child = self.child(&leases, at, row);
                let number = self.nodes.len();
                self.nodes[at].children.push(number);
                self.nodes.push(child);
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    fn child(&self, leases: &Leases<'_>, at: usize, row: LeaseRow) -> Node {
        let parent = &self.nodes[at];
        let (id, depth, is_token) = (row.id, parent.depth + 1, row.kind == LeaseKind::Token);
        let lease = match leases.open(row) {
            Ok(lease) => lease,
            Err(error) => {
                log::error!("lease {id} is damaged: {}", error.for_log());
                let shown = json!({ "type": if is_token { "token" } else { "lease" }, "state": "damaged" });
                let shown = shown.as_object().cloned().unwrap_or_default();
                return Node {
                    row: id,
                    depth,
                    is_token,
                    lives: false,
                    end: None,
                    names_end: false,
                    shown,
                    children: Vec::new(),
                    left_out: 0,
                };
            }
        };
        let end = match (&parent.end, lease.row.expires) {
            (Some(above), own) if own.is_none_or(|own| above.at < own) => {
                let with = above.with.clone().or_else(|| self.named(at));
                Some(End { at: above.at, with })
            }
            (_, own) => own.map(|at| End { at, with: None }),
        };
        let inherits_name = parent.end.as_ref().is_some_and(|end| end.with.is_some());
        self.node(&lease, depth, parent.lives, end, !inherits_name || parent.names_end)
    }

    /// The token at a node, as the one with which its children end.
    fn named(&self, at: usize) -> Option<Above> {
        let text = |name: &str| self.nodes[at].shown.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Above { accessor: text("accessor")?, display_name: text("display_name")?, is_parent: true })
    }

    fn node(&self, lease: &Lease, depth: usize, above_lives: bool, end: Option<End>, names_end: bool) -> Node {
        let mut shown = identify(self.live, lease);
        let mut show = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
        show("state", state_word(lease, above_lives, self.now).into());
        show("issue_time", moment(Some(lease.row.issued)));
        show("expire_time", moment(lease.row.expires));
        show("effective_expire_time", moment(end.as_ref().map(|end| end.at)));
        if let Some(with) = end.as_ref().and_then(|end| end.with.as_ref()) {
            show("ends_with", with.shown(names_end));
        }
        Node {
            row: lease.row.id,
            depth,
            is_token: lease.row.kind == LeaseKind::Token,
            lives: above_lives && lease.is_live_at(self.now),
            end,
            names_end,
            shown,
            children: Vec::new(),
            left_out: 0,
        }
    }

    /// Counts the children that there was no room for.
    fn leave_out(&mut self, at: usize, last: i64) -> Result<()> {
        let count = self.snapshot.lease_children_count(self.nodes[at].row, last, self.countable + 1)?;
        let counted = count.min(self.countable);
        self.is_at_least |= count > self.countable;
        self.countable -= counted;
        self.nodes[at].left_out = counted.max(usize::from(count > 0));
        if at == 0 && count > 0 {
            self.next = Some(last);
        }
        Ok(())
    }

    fn answer(mut self) -> Value {
        let (shown, left_out) = (self.nodes.len(), self.nodes.iter().map(|node| node.left_out).sum::<usize>());
        // Children stand behind their parents.
        let mut trees: Vec<Option<Value>> = Vec::new();
        trees.resize_with(self.nodes.len(), || None);
        for (at, node) in self.nodes.drain(..).enumerate().rev() {
            let mut whole = node.shown;
            if node.left_out > 0 {
                whole.insert("left_out".to_owned(), node.left_out.into());
            }
            if node.is_token {
                let children: Vec<Value> = node.children.iter().filter_map(|child| trees[*child].take()).collect();
                whole.insert("children".to_owned(), children.into());
            }
            trees[at] = Some(Value::Object(whole));
        }
        let tree = trees.first_mut().and_then(Option::take);
        json!({
            "tree": tree,
            "shown": shown,
            "left_out": left_out,
            "left_out_is_at_least": self.is_at_least,
            "next": self.next.map(|next| next.to_string()),
        })
    }
}
