//! The audit trail: one line for each request and one for each answer, denials included, on every enabled device. What a
//! line says is in [`entry`], who must accept it in [`broker`], where it goes in the devices' own files. Where definitions
//! are kept, and what happens to a request that nobody accepts, is the core's business.
//!
//! Invariant: no value, token or accessor is in a line in clear unless the device's own options ask for it.

pub mod broker;
pub mod disclosure;
pub mod entry;
pub mod file;
mod granting;
pub mod http;
pub mod lease_end;
pub mod options;
pub mod salt;
pub mod shortened;
pub mod socket;
pub mod syslog;
#[cfg(test)]
mod tests;

pub use broker::Broker;
pub use entry::{AuditedHeader, Auth, Disclosure, Event, Mount};
pub use lease_end::{Cause, LeaseEnd};
pub use salt::Salt;

use crate::base::{Error, Result, Timestamp};
use crate::logical::Map;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Takes finished lines.
pub trait Device: Send + Sync {
    /// Takes one line, its line feed included, whole.
    ///
    /// # Errors
    /// `Internal`: the line was not, or not fully, taken.
    fn write(&self, line: &[u8]) -> Result<()>;

    /// Lets go of what it writes to and opens it afresh by name (after a rotation).
    ///
    /// # Errors
    /// `Internal`: it goes on writing where it wrote before.
    fn reopen(&self) -> Result<()> {
        Ok(())
    }

    /// The longest line that it takes, in bytes; a longer one is cut before it gets here.
    fn limit(&self) -> Option<usize> {
        None
    }

    /// How long it is left alone after it refused a line, so that one that hangs does not hold up every request.
    fn rests_after_failure(&self) -> Duration {
        Duration::ZERO
    }
}

/// A device as it was enabled: what is stored of it.
#[derive(Serialize, Deserialize)]
pub struct Definition {
    /// Its name, with a slash at the end.
    pub path: String,
    pub kind: String,
    pub description: String,
    pub options: Map,
    pub salt: Salt,
    pub local: bool,
}

/// Opens the device of a definition.
///
/// # Errors
/// `BadRequest` for a kind or an option that is not served; else the device's own.
pub fn open(definition: &Definition, allowed: &[PathBuf]) -> Result<Box<dyn Device>> {
    match definition.kind.as_str() {
        "file" => file::open(&definition.options, allowed),
        "http" => http::open(&definition.options),
        "socket" => socket::open(&definition.options),
        "syslog" => syslog::open(&definition.options),
        kind => Err(Error::bad_request(format!(
            "{kind:?} is no type of audit device: there are file, http, socket, syslog"
        ))),
    }
}

/// Writes a first line to a device that is about to be enabled, so that one that cannot be written to never is.
///
/// # Errors
/// `BadRequest` with the device's own reason.
pub fn probe(device: &dyn Device, now: Timestamp) -> Result<()> {
    device
        .write(&entry::probe(now)?)
        .map_err(|error| Error::bad_request("the audit device does not take its first line").caused_by(error))
}
