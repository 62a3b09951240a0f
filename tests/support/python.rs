//! The local Python environment: found, and made when it is missing, so that no test is skipped for want of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The environment's interpreter, with moto, boto3 and hvac in it.
pub fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let made = Command::new(repository().join("scripts/python-env"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("scripts/python-env runs");
        assert!(made.status.success(), "scripts/python-env failed: the tests need moto and hvac");
        let venv = String::from_utf8(made.stdout).expect("a path in UTF-8");
        Path::new(venv.trim()).join("bin/python")
    })
}
