//! The `file` device: lines at the end of a file. Rotation is somebody else's: after it, `reopen`.
//!
//! Invariant: where the server's configuration names directories for audit files, nothing that a caller of the API chooses
//! opens a file outside them. Where it names none, a caller can choose where a file is made, and neither what it holds besides
//! entries nor a file that holds anything else, and its name ends as that of a log does: no program looks for orders there.

use super::{Device, Disclosure, options};
use crate::base::{Error, Result};
use crate::logical::{Field, Input, Map};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The options that the device takes.
pub static OPTIONS: &[Field] = &[
    Field::text(
        "file_path",
        "The file. Made if it is not there. Below one of the configuration's audit_directories, where it names any.",
    ),
    Field::text("path", "The older name of file_path."),
    Field::text("mode", "The file's mode, in octal; 0000 leaves that of an existing file as it is.").default("0600"),
    options::FORMAT,
    options::PREFIX,
    Disclosure::LOG_RAW,
    Disclosure::HMAC_ACCESSOR,
    Disclosure::ELIDE_LIST_RESPONSES,
];

/// How the names of files end that a caller may choose freely.
const ENDINGS: [&str; 4] = ["log", "json", "jsonl", "audit"];
/// How a file begins whose first line is an entry: with its time, or with its kind.
const BEGINNINGS: [&[u8]; 2] = [b"{\"time\":", b"{\"type\":"];

/// Opens the device by its options; makes the file if it is not there.
///
/// # Errors
/// `BadRequest` naming the option that is wrong; for `file_path`, also when it leads out of the allowed directories.
pub fn open(given: &Map, allowed: &[PathBuf]) -> Result<Box<dyn Device>> {
    let options = options::parse("file", OPTIONS, given)?;
    let is_free = allowed.is_empty();
    if is_free && options.text("prefix").is_some_and(|prefix| !prefix.is_empty()) {
        return Err(Error::bad_request(
            "option \"prefix\" needs a directory that the server's configuration allows: name it with audit_directories",
        ));
    }
    let path = allowed_path(&options, allowed)?;
    if is_free && !path.extension().and_then(OsStr::to_str).is_some_and(|ending| ENDINGS.contains(&ending)) {
        return Err(Error::bad_request(format!(
            "the name of an audit file ends in one of .{}, unless the configuration's audit_directories allow its directory",
            ENDINGS.join(", .")
        )));
    }
    let target = Target { path, mode: mode(&options)?, is_free };
    let writer = Mutex::new(target.open()?);
    Ok(Box::new(FileDevice { target, writer }))
}

fn mode(options: &Input) -> Result<u32> {
    let text = options.text("mode").unwrap_or_default();
    match u32::from_str_radix(&text, 8) {
        Ok(mode) if mode & !0o666 == 0 => Ok(mode),
        _ => Err(Error::bad_request("option \"mode\" takes an octal mode without execute bits, such as 0600")),
    }
}

/// The file's path with every symbolic link above it resolved, if that is below an allowed directory.
fn allowed_path(options: &Input, allowed: &[PathBuf]) -> Result<PathBuf> {
    let asked = options.text("file_path").or_else(|| options.text("path")).filter(|path| !path.is_empty());
    let asked = asked.map(PathBuf::from).ok_or_else(|| Error::bad_request("missing file_path"))?;
    let (true, Some(folder), Some(name)) = (asked.is_absolute(), asked.parent(), asked.file_name()) else {
        return Err(Error::bad_request("file_path takes the absolute path of a file"));
    };
    let outside = || {
        Error::bad_request(format!(
            "file_path {} is not below a directory that the configuration's audit_directories names",
            asked.display()
        ))
    };
    if allowed.is_empty() {
        let missing =
            |error| Error::bad_request(format!("there is no directory for {}", asked.display())).caused_by(error);
        return folder.canonicalize().map(|folder| folder.join(name)).map_err(missing);
    }
    // One answer for a folder that is not there and one that is not allowed: it tells nobody what exists elsewhere.
    let folder = folder.canonicalize().map_err(|error| outside().caused_by(error))?;
    let inside = |directory: &PathBuf| directory.canonicalize().is_ok_and(|directory| folder.starts_with(directory));
    if allowed.iter().any(inside) { Ok(folder.join(name)) } else { Err(outside()) }
}

struct Target {
    path: PathBuf,
    mode: u32,
    /// The path is the caller's own choice.
    is_free: bool,
}

impl Target {
    fn open(&self) -> Result<Writer> {
        self.open_file().and_then(Writer::new).map_err(|error| {
            Error::bad_request(format!("the audit file {} cannot be opened", self.path.display())).caused_by(error)
        })
    }

    fn open_file(&self) -> io::Result<File> {
        // No link is followed in the last step, and no pipe is waited on.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(if self.mode == 0 { 0o600 } else { self.mode })
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if self.is_free && !holds_entries(&file)? {
            return Err(io::Error::other("it holds something else than audit entries"));
        }
        // What somebody else may have made keeps its mode.
        if self.mode != 0 && (!self.is_free || file.metadata()?.len() == 0) {
            file.set_permissions(Permissions::from_mode(self.mode))?;
        }
        Ok(file)
    }
}

/// Whether a file is empty, or begins as audit files do.
fn holds_entries(file: &File) -> io::Result<bool> {
    let mut head = [0; 16];
    let length = file.read_at(&mut head, 0)?;
    let head = &head[..length];
    Ok(head.is_empty() || BEGINNINGS.iter().any(|beginning| head.starts_with(beginning)))
}

struct FileDevice {
    target: Target,
    writer: Mutex<Writer>,
}

impl Device for FileDevice {
    fn write(&self, line: &[u8]) -> Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody moved or deleted the file and said nothing: entries must not go where nobody will look.
        if !writer.is_at(&self.target.path) {
            *writer =
                self.target.open().map_err(|error| failed(&self.target.path, io::Error::other(error.for_log())))?;
        }
        writer.write(line).map_err(|error| failed(&self.target.path, error))
    }

    fn reopen(&self) -> Result<()> {
        let fresh = self.target.open()?;
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::internal("the audit file does not take an entry").caused_by(format!("{}: {error}", path.display()))
}

struct Writer {
    file: File,
    /// The file may end within a line (a full disk, a crash): the next entry begins a new one.
    torn: bool,
}

impl Writer {
    fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut last = *b"\n";
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        Ok(Self { file, torn: last != *b"\n" })
    }

    /// Whether the path still names the file that is written to.
    fn is_at(&self, path: &Path) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let (named, held) = (path.symlink_metadata().map(identity), self.file.metadata().map(identity));
        named.is_ok_and(|named| held.is_ok_and(|held| named == held))
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        Ok(())
    }
}
