//! What a server asks of the operating system: no core dumps, signals, a pid file.

use crate::base::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Iterator;
use std::fs;
use std::path::{Path, PathBuf};

/// A core dump would hold keys: none is written, and no other process of the user may look into this one.
pub fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, none).is_err() || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        log::warn!("core dumps could not be switched off");
    }
}

/// The signals that a server minds.
pub struct Signals(Iterator);

impl Signals {
    /// # Errors
    /// `Internal` when the system refuses.
    pub fn register() -> Result<Self> {
        let signals = Iterator::new([SIGTERM, SIGINT, SIGHUP]);
        signals.map(Self).map_err(|error| Error::internal("signals cannot be waited for").caused_by(error))
    }

    /// Waits for SIGTERM or SIGINT; calls `hung_up` at each SIGHUP until then.
    pub fn wait(mut self, hung_up: impl Fn()) {
        for signal in self.0.forever() {
            if signal != SIGHUP {
                return;
            }
            hung_up();
        }
    }
}

/// Holds the process id for as long as the server runs.
pub struct PidFile(PathBuf);

impl PidFile {
    /// # Errors
    /// `BadRequest` naming the file that cannot be written.
    pub fn write(path: &Path) -> Result<Self> {
        let written = fs::write(path, format!("{}\n", std::process::id()));
        written.map_err(|error| {
            Error::bad_request(format!("the pid file {} cannot be written: {error}", path.display()))
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing is lost if it stays: the next start writes it anew.
        drop(fs::remove_file(&self.0));
    }
}
