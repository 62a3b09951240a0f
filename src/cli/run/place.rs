//! The private directory of a run: files that only its user can read, in memory where the machine has such a place, gone
//! when the run ends.
//!
//! Invariant: a file is replaced in one step, so that whoever reads it sees the old text or the new one, whole.

use crate::base::random;
use crate::cli::{Environment, Failure};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "leasehold-run-";
const LOCK: &str = ".lock";

pub struct Place {
    directory: PathBuf,
    /// Held as long as the run lives: what bears no lock was left behind by one that was killed.
    _lock: File,
}

impl Place {
    /// Makes the directory, and clears away those that killed runs of this user have left.
    ///
    /// # Errors
    /// Nowhere to make one.
    pub fn make(environment: &Environment) -> Result<Self, Failure> {
        let above = above(environment);
        clear(&above);
        let directory = above.join(format!("{PREFIX}{}", random::base62(12)?));
        let made = DirBuilder::new().mode(0o700).create(&directory).and_then(|()| lock(&directory));
        match made {
            Ok(lock) => Ok(Self { directory, _lock: lock }),
            Err(error) => Err(Failure::local(format!("could not make {}: {error}", directory.display()))),
        }
    }

    /// Where the file of this name lies.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file, readable by the user alone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        replace(&self.path(name), content)
    }

    /// Takes the directory away with all that is in it.
    pub fn end(&self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end();
    }
}

/// Replaces a file in one step by one with this content, readable by the user alone.
///
/// # Errors
/// What the file system says.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::local(format!("could not write {}: {error}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fresh = path.with_file_name(format!(".{name}.{}", random::base62(8)?));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh);
    let written = written.and_then(|mut file| file.write_all(content)).and_then(|()| fs::rename(&fresh, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        failed(error)
    })
}

/// The user's own directory in memory, else the machine's, else the one for temporary files.
fn above(environment: &Environment) -> PathBuf {
    let own = environment.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let memory = PathBuf::from("/dev/shm");
    own.into_iter().chain([memory]).find(|directory| is_usable(directory)).unwrap_or_else(std::env::temp_dir)
}

fn is_usable(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

fn lock(directory: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(directory.join(LOCK))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Those of other users cannot be opened, and stay.
fn clear(above: &Path) {
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let directory = entry.path();
        let is_left = directory.join(LOCK).is_file() && lock(&directory).is_ok();
        if is_left {
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn place(above: &Path) -> Place {
        Place::make(&Environment::from([("XDG_RUNTIME_DIR", above.to_str().unwrap())])).unwrap()
    }

    #[test]
    fn its_files_are_private_and_gone_at_the_end() {
        let above = tempfile::tempdir().unwrap();
        let place = place(above.path());
        place.write("KEY", b"old").unwrap();
        place.write("KEY", b"new").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place.path("KEY")), mode(&place.directory)), (0o600, 0o700));
        assert_eq!(fs::read(place.path("KEY")).unwrap(), b"new");
        drop(place);
        assert_eq!(fs::read_dir(above.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_is_cleared_away_and_what_lives_is_not() {
        let above = tempfile::tempdir().unwrap();
        let living = place(above.path());
        let left = above.path().join("leasehold-run-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("KEY"), "secret").unwrap();
        let _other = place(above.path());
        assert!(!left.exists() && living.directory.exists());
    }
}
