//! What the service manager is told: that the server is ready, that it stops, and that it still works.
//!
//! Invariant: the watchdog is told only after the storage has answered, so that a server that hangs is started again.

use crate::base::{Error, Result};
use crate::core::Core;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Weak};
use std::time::Duration;

const SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG: &str = "WATCHDOG_USEC";

/// Clients can connect from now on.
pub const READY: &str = "READY=1";
pub const STOPPING: &str = "STOPPING=1";

/// Tells the service manager, where there is one.
pub fn tell(what: &str) {
    let Some(name) = std::env::var_os(SOCKET).filter(|name| !name.is_empty()) else { return };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let sent = address.and_then(|to| UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &to));
    if let Err(error) = sent {
        log::warn!("the service manager could not be told {what}: {error}");
    }
}

/// Tells it again and again that the server works, where it wants to know.
///
/// # Errors
/// `Internal` when the system gives no thread.
pub fn watch(core: &Arc<Core>) -> Result<()> {
    let Some(every) = std::env::var(WATCHDOG).ok().and_then(|text| text.parse().ok()).map(Duration::from_micros) else {
        return Ok(());
    };
    let weak = Arc::downgrade(core);
    let thread = std::thread::Builder::new().name("watchdog".into()).spawn(move || run(&weak, every / 2));
    thread.map(drop).map_err(|error| Error::internal("no thread for the watchdog").caused_by(error))
}

fn run(core: &Weak<Core>, every: Duration) {
    loop {
        let Some(core) = core.upgrade() else { return };
        match core.seal_status() {
            Ok(_) => tell("WATCHDOG=1"),
            Err(error) => log::error!("the storage does not answer: {}", error.for_log()),
        }
        drop(core);
        std::thread::sleep(every);
    }
}
