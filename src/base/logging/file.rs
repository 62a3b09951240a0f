//! The log file: appended to, and rotated by size and by age. A rotated file keeps its name with the moment of its rotation in
//! it; the oldest of them go when there are more than wanted.

use crate::base::{Clock, Error, Result, SystemClock, Timestamp};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name where only a directory is given.
const NAME: &str = "vault.log";

/// Where the log file is, and when another takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// A file, or a directory where it ends in a slash.
    pub path: PathBuf,
    /// None: whatever its size.
    pub bytes: Option<u64>,
    pub every: Duration,
    /// How many rotated files stay: none for all of them.
    pub keep: Option<usize>,
}

pub(super) struct LogFile {
    rotation: Rotation,
    path: PathBuf,
    file: File,
    size: u64,
    opened: Timestamp,
}

impl LogFile {
    pub fn open(rotation: Rotation) -> Result<Self> {
        let is_directory = rotation.path.as_os_str().to_string_lossy().ends_with('/') || rotation.path.is_dir();
        let path = if is_directory { rotation.path.join(NAME) } else { rotation.path.clone() };
        let (file, size) = append_to(&path)?;
        Ok(Self { rotation, path, file, size, opened: now() })
    }

    pub fn reopen(&mut self) -> Result<()> {
        (self.file, self.size) = append_to(&self.path)?;
        self.opened = now();
        Ok(())
    }

    pub fn write(&mut self, line: &[u8]) {
        let is_full = self.rotation.bytes.is_some_and(|most| self.size > 0 && self.size + line.len() as u64 > most);
        if is_full || self.opened.until(now()) >= self.rotation.every {
            self.rotate();
        }
        if self.file.write_all(line).is_ok() {
            self.size += line.len() as u64;
        }
    }

    /// What cannot be rotated is written on.
    fn rotate(&mut self) {
        let rotated = self.rotated_name(now());
        if fs::rename(&self.path, rotated).is_ok() && self.reopen().is_ok() {
            self.prune();
        }
        self.opened = now();
    }

    fn rotated_name(&self, at: Timestamp) -> PathBuf {
        let (stem, extension) = self.name();
        let mut moment = at.0;
        loop {
            let name = self.path.with_file_name(format!("{stem}-{moment}{extension}"));
            if !name.exists() {
                return name;
            }
            moment += 1;
        }
    }

    /// `vault` and `.log`.
    fn name(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let extension = text(self.path.extension());
        (text(self.path.file_stem()), if extension.is_empty() { extension } else { format!(".{extension}") })
    }

    fn prune(&self) {
        let Some(keep) = self.rotation.keep else { return };
        let (stem, extension) = self.name();
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let moment = |path: &Path| -> Option<i64> {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?.parse().ok()
        };
        let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut rotated: Vec<_> = files.filter_map(|path| Some((moment(&path)?, path))).collect();
        rotated.sort();
        let surplus = rotated.len().saturating_sub(keep);
        for (_, path) in rotated.into_iter().take(surplus) {
            // One that cannot be deleted is tried again at the next rotation.
            drop(fs::remove_file(path));
        }
    }
}

fn append_to(path: &Path) -> Result<(File, u64)> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o640).open(path);
    let with_size = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata.len())));
    with_size.map_err(|error| Error::bad_request(format!("the log file {} cannot be written: {error}", path.display())))
}

fn now() -> Timestamp {
    SystemClock::default().now()
}
