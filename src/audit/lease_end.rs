//! The entry of a lease that ended: an event of its own, since as a rule no request is there to tell of it.

use super::entry::{Scribe, line};
use crate::base::{Result, Timestamp};
use serde::Serialize;

/// One lease's end, and what began it. Texts that are empty are left out.
pub struct LeaseEnd<'e> {
    pub time: Timestamp,
    pub lease_id: &'e str,
    /// The mount's path, with a slash at the end.
    pub mount: &'e str,
    pub kind: &'e str,
    /// Of a token.
    pub accessor: &'e str,
    pub issued: Timestamp,
    /// The request that made the lease.
    pub request_id: &'e str,
    /// `done`, `gone`, …
    pub outcome: &'static str,
    pub cause: Cause<'e>,
}

/// What ended it.
pub struct Cause<'e> {
    /// `expired`, `revoked`, …
    pub event: &'static str,
    pub request_id: &'e str,
    /// The accessor of the token that asked.
    pub by: &'e str,
    /// Where a cascade began.
    pub lease_id: &'e str,
    pub accessor: &'e str,
    /// What was meant: a prefix, a mount, a role, an entity.
    pub scope: &'e str,
}

impl Scribe {
    /// The line of a lease's end, with its line feed.
    ///
    /// # Errors
    /// `Internal` when the entry cannot be written as JSON.
    pub fn lease_end(&self, end: &LeaseEnd<'_>) -> Result<Vec<u8>> {
        let cause = &end.cause;
        let entry = Entry {
            time: end.time.rfc3339(),
            kind: "lease-end",
            lease: LeasePart {
                lease_id: end.lease_id,
                accessor: self.accessor(end.accessor),
                mount_point: end.mount,
                mount_type: end.kind,
                issue_time: end.issued.rfc3339(),
                request_id: end.request_id,
                outcome: end.outcome,
            },
            cause: CausePart {
                event: cause.event,
                request_id: cause.request_id,
                by_accessor: self.accessor(cause.by),
                lease_id: cause.lease_id,
                accessor: self.accessor(cause.accessor),
                scope: cause.scope,
            },
        };
        line(&self.disclosure.prefix, &entry)
    }
}

#[derive(Serialize)]
struct Entry<'e> {
    time: String,
    #[serde(rename = "type")]
    kind: &'static str,
    lease: LeasePart<'e>,
    cause: CausePart<'e>,
}

#[derive(Serialize)]
struct LeasePart<'e> {
    lease_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessor: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_point: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'e str,
    issue_time: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'e str,
    outcome: &'static str,
}

#[derive(Serialize)]
struct CausePart<'e> {
    event: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_accessor: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    lease_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessor: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'e str,
}
