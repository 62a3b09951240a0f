//! What a comparison found, as it is answered.

use super::cursor::Cursor;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Default, Serialize)]
pub struct Report {
    /// Looked at: things outside that may be of a server's making, and leases.
    pub outside: usize,
    pub leases: usize,
    /// Of these, made or ended too lately for the target to be sure to show it.
    pub too_young: usize,
    /// Things that carry the mark of another server.
    pub of_others: usize,
    pub orphans: Vec<Orphan>,
    pub ghosts: Vec<Ghost>,
    pub drift: Vec<Drifted>,
    pub unknown: Vec<Unknown>,
    /// What was not compared, because it could not be asked.
    pub unreachable: Vec<Unreachable>,
    #[serde(serialize_with = "text")]
    pub next: Option<Cursor>,
    #[serde(skip)]
    pub silent: BTreeSet<String>,
}

/// Something outside without a lease that is surely this server's.
#[derive(Serialize)]
pub struct Orphan {
    pub subject: String,
    pub place: String,
    /// By what it is known.
    pub proof: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// A living lease of which nothing is outside.
#[derive(Serialize)]
pub struct Ghost {
    pub lease_id: String,
    pub subject: String,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// A living lease whose credential is not as it should be.
#[derive(Serialize)]
pub struct Drifted {
    pub lease_id: String,
    pub subject: String,
    pub target: String,
    pub what: String,
    /// The command that would put it right; none where somebody has to look.
    pub remedy: Option<String>,
}

/// Something that looks like this server's and cannot be proven to be. It is never touched.
#[derive(Serialize)]
pub struct Unknown {
    pub subject: String,
    pub place: String,
    pub why: &'static str,
}

#[derive(Serialize)]
pub struct Unreachable {
    pub place: String,
    pub reason: String,
}

/// What became of a difference that was to be put right.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is gone, and so is its lease.
    Ended,
    /// It has a lease by which it is being ended; the try just now failed.
    Ending { lease_id: String, reason: String },
    /// It changed meanwhile, and was left alone.
    LeftAlone,
}

impl Report {
    /// How many differences there are in it.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.orphans.len() + self.ghosts.len() + self.drift.len() + self.unknown.len()
    }

    /// Notes, once, that a place does not answer.
    pub fn not_reached(&mut self, place: &str, reason: &str) {
        if self.silent.insert(place.to_owned()) {
            self.unreachable.push(Unreachable { place: place.to_owned(), reason: reason.to_owned() });
        }
    }
}

fn text<S: serde::Serializer>(next: &Option<Cursor>, to: S) -> Result<S::Ok, S::Error> {
    next.as_ref().map(Cursor::text).serialize(to)
}
