//! A lease by any of the names that people have for it: its id, a token, an accessor, a name outside. Dead ones are found for
//! as long as their row is there.

use crate::base::{Error, Result, Secret};
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::storage::{LeaseIndex, LeaseKind, LeaseRow, Snapshot};
use serde_json::Value;
use std::sync::Arc;

/// Which lease is meant.
pub enum Name {
    Lease(String),
    Token(Secret<String>),
    Accessor(String),
}

impl Live {
    /// # Errors
    /// `BadRequest` where there is none.
    pub fn lease_named(&self, name: &Name) -> Result<Lease> {
        let leases = Leases { barrier: &self.barrier };
        let row = match name {
            Name::Lease(id) => return self.find_lease(id).map(|found| found.lease),
            Name::Token(token) => {
                let key = leases.token_key(token.expose());
                self.storage.reading(|snapshot| snapshot.lease_by_key(&key))?
            }
            Name::Accessor(accessor) => {
                let key = leases.accessor_key(accessor);
                self.storage.reading(|snapshot| snapshot.lease_by_accessor(&key))?
            }
        };
        let row = row.filter(|row| row.kind == LeaseKind::Token);
        let lease = leases.open(row.ok_or_else(|| match name {
            Name::Accessor(_) => Error::bad_request("invalid accessor: no token has it, or the token is gone"),
            _ => Error::bad_request("bad token: there is none such, or it is gone"),
        })?)?;
        match name {
            // What rows are found by is clear, and may have been edited; the seal says whose accessor it is.
            Name::Accessor(accessor) if lease.token()?.accessor != *accessor => {
                Err(Error::internal("a token was found by the accessor of another: its row was changed"))
            }
            _ => Ok(lease),
        }
    }

    /// The leases of what bears this name outside (a database user, an IAM user, an access key id), on every mount: up to
    /// `limit` of them.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn leases_of_subject(&self, subject: &str, limit: usize) -> Result<Vec<Lease>> {
        self.storage.reading(|snapshot| self.leases_of_subject_in(snapshot, subject, limit))
    }

    fn leases_of_subject_in(&self, snapshot: &dyn Snapshot, subject: &str, limit: usize) -> Result<Vec<Lease>> {
        let leases = Leases { barrier: &self.barrier };
        let rows = self.rows_of_subject(snapshot, subject, limit)?;
        Ok(rows.into_iter().filter_map(|row| borne(&leases, row, subject)).take(limit).collect())
    }

    /// The rows that are found by a name outside, on every mount; what is sealed in them is not looked at.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub(super) fn rows_of_subject(
        &self,
        snapshot: &dyn Snapshot,
        subject: &str,
        limit: usize,
    ) -> Result<Vec<LeaseRow>> {
        let leases = Leases { barrier: &self.barrier };
        let mounts = self.mounts();
        let mut rows = Vec::new();
        for mount in mounts.active().chain(mounts.disabling()).filter(|mount| self.makes_credentials(mount)) {
            let hash = leases.index("lease subject", &mount.hash(), subject);
            rows.extend(snapshot.leases_by(LeaseIndex::Subject, &hash, 0, limit)?);
            rows.extend(snapshot.leases_named(&hash, 0, limit)?);
        }
        Ok(rows)
    }

    /// Whether what a mount hands out is made outside.
    #[must_use]
    pub fn makes_credentials(&self, mount: &Mount) -> bool {
        self.engine(mount).is_ok_and(|engine| !engine.secrets.is_empty())
    }

    /// A lease's id under its mount's present path; a token has none that may be shown.
    #[must_use]
    pub fn lease_id(&self, lease: &Lease) -> Option<String> {
        let path = self.mounts().by_hash(&lease.row.mount).map(|mount: &Arc<Mount>| mount.path.clone())?;
        (lease.row.kind == LeaseKind::Secret).then(|| format!("{path}{}/{}", lease.payload.path, lease.payload.suffix))
    }
}

/// A row, if its seal agrees that it is about what was looked for; a damaged one is reported and left out.
fn borne(leases: &Leases<'_>, row: LeaseRow, subject: &str) -> Option<Lease> {
    let lease = leases.open(row).inspect_err(|error| log::error!("a lease is left out: {}", error.for_log())).ok()?;
    let secret = lease.payload.secret.as_ref()?;
    (secret.subject == subject || secret.subjects.iter().any(|other| other == subject)).then_some(lease)
}

/// What a lease is, for lists and trees: names and places, no times.
#[must_use]
pub fn identify(live: &Live, lease: &Lease) -> crate::logical::Map {
    let mut shown = crate::logical::Map::new();
    let mut show = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
    if let Some(token) = &lease.payload.token {
        show("type", "token".into());
        show("accessor", token.accessor.as_str().into());
        show("display_name", token.display_name.as_str().into());
        show("path", token.path.as_str().into());
        show("policies", token.policies.clone().into());
        if !token.entity_id.is_empty() {
            show("entity_id", token.entity_id.as_str().into());
        }
    }
    if let Some(secret) = &lease.payload.secret {
        show("type", "lease".into());
        show("id", live.lease_id(lease).into());
        show("kind", secret.kind.as_str().into());
        show("role", secret.role.as_str().into());
        show("subject", secret.subject.as_str().into());
        if !secret.target.is_empty() {
            show("target", secret.target.as_str().into());
        }
    }
    shown
}
