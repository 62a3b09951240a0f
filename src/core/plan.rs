//! Dry runs: what a revocation would end, told without ending anything. What hangs below a token ends with it, so it is gone
//! through like the revocation would go through it; each lease counts once, however many ways lead to it.

use crate::base::Result;
use crate::core::ancestry::moment;
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::named::identify;
use crate::core::selection::{Further, Selection, each_child};
use crate::logical::{Field, Input, Response};
use crate::storage::{Hash, LeaseKind, LeaseRow, LeaseState};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Leases that are gone through at most; beyond that the totals are lower bounds, and say so.
const MOST: usize = 250_000;

/// Leases that are shown one by one, and groups of them.
const SHOWN: usize = 100;
const GROUPS: usize = 1000;

/// Left of a request's time when it stops looking.
const MARGIN: Duration = Duration::from_secs(2);

/// What every endpoint that revokes takes.
pub const DRY_RUN: Field =
    Field::flag("dry_run", "Only tell what would end: how many, of which roles and targets. Nothing is changed.")
        .default("false");

/// Whether only a plan is asked for.
#[must_use]
pub fn is_asked_for(input: &Input) -> bool {
    input.flag("dry_run").unwrap_or_default()
}

/// Leases that have the same mount, role and target.
struct Group {
    /// Their names, from the first one that opened.
    names: Value,
    count: usize,
}

struct Planning<'l> {
    live: &'l Live,
    deadline: Instant,
    seen: HashSet<i64>,
    tokens: usize,
    leases: usize,
    ending_already: usize,
    groups: HashMap<(Hash, Option<Hash>, Option<Hash>), Group>,
    ungrouped: usize,
    shown: Vec<Value>,
    is_complete: bool,
}

impl Live {
    /// What revoking a selection would end.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn plan(&self, selection: &Selection, deadline: Instant) -> Result<Response> {
        let mut planning = Planning {
            live: self,
            deadline: deadline.checked_sub(MARGIN).unwrap_or(deadline),
            seen: HashSet::new(),
            tokens: 0,
            leases: 0,
            ending_already: 0,
            groups: HashMap::new(),
            ungrouped: 0,
            shown: Vec::new(),
            is_complete: true,
        };
        let alone = matches!(selection, Selection::Alone(_));
        let _ = self.each_selected(selection, &mut |row| planning.take_with_all_below(row, alone))?;
        Ok(Response::json(planning.answer()))
    }
}

impl Planning<'_> {
    fn take_with_all_below(&mut self, row: LeaseRow, alone: bool) -> Result<Further> {
        if !self.take(&row) {
            return Ok(self.further());
        }
        let first = row.id;
        // Tokens that were counted and not yet looked below.
        let mut open = if row.kind == LeaseKind::Token { vec![first] } else { Vec::new() };
        while let Some(token) = open.pop() {
            let (live, spares_tokens) = (self.live, alone && token == first);
            let further = each_child(live, token, &mut |child| {
                let is_token = child.kind == LeaseKind::Token;
                let is_new = if spares_tokens && is_token { false } else { self.take(&child) };
                if is_new && is_token {
                    open.push(child.id);
                }
                Ok(self.further())
            })?;
            if further.is_break() {
                return Ok(further);
            }
        }
        Ok(self.further())
    }

    /// Whether there is room and time for more.
    fn further(&mut self) -> Further {
        if self.seen.len() < MOST && Instant::now() < self.deadline {
            return Further::Continue(());
        }
        self.is_complete = false;
        Further::Break(())
    }

    /// Counts a row; whether it was not counted before.
    fn take(&mut self, row: &LeaseRow) -> bool {
        if !self.seen.insert(row.id) {
            return false;
        }
        if matches!(row.state, LeaseState::Revoking | LeaseState::Irrevocable) {
            self.ending_already += 1;
            return true;
        }
        match row.kind {
            LeaseKind::Token => self.tokens += 1,
            LeaseKind::Secret => self.leases += 1,
        }
        self.group(row);
        if self.shown.len() < SHOWN {
            self.show(row);
        }
        true
    }

    fn group(&mut self, row: &LeaseRow) {
        let key = (row.mount, row.role, row.target);
        if let Some(group) = self.groups.get_mut(&key) {
            group.count += 1;
        } else if self.groups.len() < GROUPS {
            let names = self.names(row);
            self.groups.insert(key, Group { names, count: 1 });
        } else {
            self.ungrouped += 1;
        }
    }

    fn names(&self, row: &LeaseRow) -> Value {
        let mounts = self.live.mounts();
        let mount = mounts.by_hash(&row.mount).map_or("", |mount| mount.path.as_str());
        let opened = Leases { barrier: &self.live.barrier }.open(row.clone());
        let secret = opened.ok().and_then(|lease| lease.payload.secret);
        let (role, target) = secret.map(|secret| (secret.role, secret.target)).unwrap_or_default();
        json!({ "mount": mount, "role": role, "target": target })
    }

    fn show(&mut self, row: &LeaseRow) {
        // A damaged one ends like any other, and has nothing to show but that.
        let shown = match (Leases { barrier: &self.live.barrier }).open(row.clone()) {
            Ok(lease) => {
                let mut shown = identify(self.live, &lease);
                shown.insert("expire_time".to_owned(), moment(row.expires));
                Value::Object(shown)
            }
            Err(_) => {
                json!({ "type": if row.kind == LeaseKind::Token { "token" } else { "lease" }, "state": "damaged" })
            }
        };
        self.shown.push(shown);
    }

    fn answer(self) -> Value {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.count), group.names.to_string()));
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|mut group| {
                group.names["count"] = group.count.into();
                group.names
            })
            .collect();
        json!({
            "dry_run": true,
            "tokens": self.tokens,
            "leases": self.leases,
            "ending_already": self.ending_already,
            "is_complete": self.is_complete,
            "groups": groups,
            "ungrouped": self.ungrouped,
            "first": self.shown,
        })
    }
}
