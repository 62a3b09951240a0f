//! A machine's clock that a test sets: a library that is put before the C library answers for it (Debian's `faketime`).

use std::path::{Path, PathBuf};

/// How far a server's clock is from this machine's, read anew at every look.
pub struct Offset {
    directory: tempfile::TempDir,
    library: String,
    file: String,
}

impl Offset {
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("offset").display().to_string();
        let offset = Self { directory, library: library().display().to_string(), file };
        offset.set("+0d");
        offset
    }

    /// As in `+500d`, `-20y`.
    pub fn set(&self, offset: &str) {
        let next = self.directory.path().join("next");
        std::fs::write(&next, offset).unwrap();
        std::fs::rename(next, &self.file).unwrap();
    }

    /// What has a program go by it.
    #[must_use]
    pub fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", &self.file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    }
}

fn library() -> PathBuf {
    let places = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path().join("faketime"));
    let library = places.map(|place| place.join("libfaketimeMT.so.1")).find(|library| Path::exists(library));
    library.expect("Debian's package faketime is installed: see scripts/install-deps")
}
