//! The clients of `tests/compat/` that are programs of their own: found, and made where they are missing, so that no test is
//! skipped for want of one.

use super::python;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where `scripts/compat-client` has put a client.
fn made(client: &str) -> PathBuf {
    let script = python::repository().join("scripts/compat-client");
    let made = Command::new(script).arg(client).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let made = made.expect("scripts/compat-client runs");
    assert!(made.status.success(), "scripts/compat-client {client} failed");
    PathBuf::from(String::from_utf8(made.stdout).expect("a path in UTF-8").trim())
}

/// The official client for Go, as a test binary.
pub fn go() -> Command {
    Command::new(made("go"))
}

/// node-vault.
pub fn node() -> Command {
    let mut program = Command::new("node");
    program.arg(python::repository().join("tests/compat/node/walk.js")).env("NODE_PATH", made("node"));
    program
}

/// vaultrs.
pub fn rust() -> Command {
    Command::new(made("rust"))
}
