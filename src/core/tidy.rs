//! Tidying: a walk over all tokens, or all leases of secrets, that looks for damage and ends what nothing holds any more. It runs
//! in the background, a page at a time; how far it has come is stored with what it did, so that a restart goes on from there.
//!
//! Owns what counts as damage and what is done about each kind. Ending what was marked is the sweeper's.
//!
//! Invariants: nothing that lives is touched; a secret whose row does not open stays, since nobody knows any more what is to be
//! ended outside; a transaction changes a bounded number of rows.

use crate::base::{Result, Timestamp};
use crate::core::causes::{Cause, Event};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::records::MountRecords;
use crate::core::revocation::{BATCH, ROWS_A_CHANGE};
use crate::core::{identity, records, sweeper};
use crate::logical::ctx::{load, store};
use crate::logical::{Next, Response, View};
use crate::storage::{LeaseKind, LeaseRow, LeaseState, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The kind of the work rows, and where its findings are kept, at the mount whose rows are walked.
const WORK: &str = "tidy";
const FINDINGS: &str = "tidy/findings";

/// Pages that one run looks at before others have their turn.
const PAGES_A_RUN: usize = 20;

/// What a walk has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    pub started: i64,
    /// Milliseconds since the Unix epoch; none while it runs.
    pub finished: Option<i64>,
    /// The last row that was looked at.
    after: i64,
    pub looked_at: u64,
    /// Rows that do not open.
    pub damaged: u64,
    /// Tokens whose row is found by the accessor of another.
    pub misfiled: u64,
    /// What hung at a row that is gone or does not open.
    pub without_parent: u64,
    /// Names and aliases that led to no entity.
    pub astray: u64,
}

/// What is to be done about some rows.
#[derive(Default)]
struct Page {
    last: i64,
    looked_at: u64,
    damaged: u64,
    misfiled: u64,
    without_parent: u64,
    ends: Vec<i64>,
}

impl Live {
    /// Has the rows of this kind tidied in the background; whether that was not going on already.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn start_tidying(&self, kind: LeaseKind) -> Result<bool> {
        let now = self.now();
        let mut begins = false;
        MountRecords::at(self, place(kind))?.write(&mut |records| {
            // Findings that do not open are written over.
            let before: Option<Findings> = load(records, FINDINGS).unwrap_or_default();
            begins = before.is_none_or(|before| before.finished.is_some());
            if begins {
                store(records, FINDINGS, &Findings { started: now.0, ..Findings::default() })?;
            }
            records.schedule(WORK, "", now)
        })?;
        Ok(begins)
    }

    /// What the last walk over rows of this kind came to, or has come to so far.
    ///
    /// # Errors
    /// `Internal` when it does not open.
    pub fn findings(&self, kind: LeaseKind) -> Result<Option<Findings>> {
        MountRecords::at(self, place(kind))?.load(FINDINGS)
    }

    /// Runs the work of a mount, where that is tidying.
    pub(super) fn run_tidying(self: &Arc<Self>, mount: &Mount, work: &str) -> Result<Option<Next>> {
        let kind = match (work, mount.kind.as_str()) {
            (WORK, "token") => LeaseKind::Token,
            (WORK, "system") => LeaseKind::Secret,
            _ => return Ok(None),
        };
        for _ in 0..PAGES_A_RUN {
            let Some(findings) = self.findings(kind)?.filter(|findings| findings.finished.is_none()) else {
                return Ok(Some(Next::Done));
            };
            let page = self.storage.reading(|snapshot| self.look_at(snapshot, kind, findings.after))?;
            if page.looked_at == 0 {
                self.finish_tidying(kind, findings)?;
                return Ok(Some(Next::Done));
            }
            self.deal_with(mount, findings, &page)?;
        }
        Ok(Some(Next::At(self.now())))
    }

    fn look_at(&self, snapshot: &dyn Snapshot, kind: LeaseKind, after: i64) -> Result<Page> {
        let leases = Leases { barrier: &self.barrier };
        let mut page = Page::default();
        let mut parents = Parents::default();
        for row in snapshot.leases_of_kind(kind, after, BATCH)? {
            (page.last, page.looked_at) = (row.id, page.looked_at + 1);
            let lease = match leases.open(row.clone()) {
                Ok(lease) => lease,
                Err(error) => {
                    page.damaged += 1;
                    log::error!("tidying: row {} of the leases does not open: {}", row.id, error.for_log());
                    if kind == LeaseKind::Token && row.state == LeaseState::Active {
                        page.ends.push(row.id);
                    }
                    continue;
                }
            };
            let token = lease.payload.token.as_ref();
            if token.is_some_and(|token| row.accessor != Some(leases.accessor_key(&token.accessor))) {
                page.misfiled += 1;
                log::error!("tidying: row {} of the leases is found by another accessor than its token's", row.id);
            }
            if row.state == LeaseState::Active && row.parent != 0 && !parents.is_there(snapshot, &leases, row.parent)? {
                page.without_parent += 1;
                page.ends.push(row.id);
            }
        }
        Ok(page)
    }

    /// Marks what ends, and stores how far it has come.
    fn deal_with(&self, mount: &Mount, mut findings: Findings, page: &Page) -> Result<()> {
        let (cause, now) = (Cause::of(Event::Tidied), self.now());
        for batch in page.ends.chunks(ROWS_A_CHANGE) {
            self.storage.writing(|tx| {
                for id in batch {
                    let is_active = |row: &LeaseRow| row.state == LeaseState::Active;
                    if tx.lease(*id)?.as_ref().is_some_and(is_active) {
                        self.mark_row(tx, *id, &cause, |_| now)?;
                    }
                }
                Ok(())
            })?;
        }
        findings.after = page.last;
        findings.looked_at += page.looked_at;
        findings.damaged += page.damaged;
        findings.misfiled += page.misfiled;
        findings.without_parent += page.without_parent;
        self.storage.writing(|tx| {
            records::within(tx, &self.barrier, mount.hash(), |records| store(records, FINDINGS, &findings))
        })?;
        if !page.ends.is_empty() {
            self.bell.ring();
        }
        Ok(())
    }

    /// What is kept beside the rows, and then the result.
    fn finish_tidying(self: &Arc<Self>, kind: LeaseKind, mut findings: Findings) -> Result<()> {
        if kind == LeaseKind::Token {
            findings.astray = identity::entities::drop_astray(self, ROWS_A_CHANGE)?;
        }
        sweeper::tidy(self)?;
        findings.finished = Some(self.now().0);
        MountRecords::at(self, place(kind))?.write(&mut |records| store(records, FINDINGS, &findings))?;
        log::info!(
            "{} tidied: {}",
            if kind == LeaseKind::Token { "tokens are" } else { "leases are" },
            findings.told()
        );
        Ok(())
    }
}

impl Findings {
    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { looked_at, damaged, misfiled, without_parent, astray, .. } = self;
        let mut told = format!("{looked_at} rows looked at");
        for (count, what) in [
            (damaged, "do not open"),
            (misfiled, "are found by another accessor"),
            (without_parent, "had nothing above them any more and are ended"),
            (astray, "names of entities led nowhere and are gone"),
        ] {
            if *count > 0 {
                told.push_str(&format!(", {count} {what}"));
            }
        }
        told
    }
}

/// What is answered to whoever starts it: the words that clients and people know.
#[must_use]
pub fn started(begins: bool) -> Response {
    let told = if begins {
        "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."
    } else {
        "Tidy operation already in progress."
    };
    Response::empty().accepted().warn(told)
}

/// The state and the findings of the last walk.
#[must_use]
pub fn shown(findings: Option<Findings>) -> Response {
    let Some(findings) = findings else { return Response::json(json!({ "state": "never run" })) };
    Response::json(json!({
        "state": if findings.finished.is_some() { "finished" } else { "running" },
        "started": Timestamp(findings.started).rfc3339(),
        "finished": findings.finished.map(|time| Timestamp(time).rfc3339()),
        "rows_looked_at": findings.looked_at,
        "rows_damaged": findings.damaged,
        "rows_misfiled": findings.misfiled,
        "rows_without_parent": findings.without_parent,
        "names_astray": findings.astray,
    }))
}

/// Parents that were looked at: rows beside each other often have the same.
#[derive(Default)]
struct Parents {
    last: Option<(i64, bool)>,
}

impl Parents {
    /// Whether a parent's row is there and opens. One that is dead and not yet gone takes its children along by itself.
    fn is_there(&mut self, snapshot: &dyn Snapshot, leases: &Leases<'_>, id: i64) -> Result<bool> {
        if let Some((_, is_there)) = self.last.filter(|(last, _)| *last == id) {
            return Ok(is_there);
        }
        let row = snapshot.lease(id)?.filter(|row| row.kind == LeaseKind::Token);
        let is_there = row.is_some_and(|row| row.state != LeaseState::Active || leases.open(row).is_ok());
        self.last = Some((id, is_there));
        Ok(is_there)
    }
}

/// The mount that a walk's work and findings belong to.
fn place(kind: LeaseKind) -> &'static str {
    match kind {
        LeaseKind::Token => "auth/token/",
        LeaseKind::Secret => "sys/",
    }
}
