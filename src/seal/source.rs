//! Where a seal's key comes from: a file, the environment, a credential of the service manager, a file descriptor, the terminal,
//! or the configuration itself. Each is read once, when the server starts.

use crate::base::{Error, Result, Secret};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The directory in which the service manager puts credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// More than any key or passphrase needs; a device or a wrong file does no harm.
const MOST: u64 = 4096;

/// What was read, and whether it lies in clear in the configuration.
pub struct Found {
    pub bytes: Secret<Vec<u8>>,
    pub is_inline: bool,
}

/// Reads a key from where `source` says: `file://PATH`, `env://NAME`, `credential://NAME`, `fd://NUMBER`, `prompt://`; else
/// it is the key itself. `what` is for errors, which never hold what was read.
///
/// # Errors
/// `BadRequest` naming the source that has nothing.
pub fn read(source: &str, what: &str) -> Result<Found> {
    let nothing = |why: &dyn std::fmt::Display| Error::bad_request(format!("{what} cannot be read: {why}"));
    let bytes = match source.split_once("://") {
        Some(("file", path)) => contents(Path::new(path)).map_err(|error| nothing(&format!("{path}: {error}")))?,
        Some(("env", name)) => {
            let value = std::env::var(name).map_err(|_| nothing(&format!("{name} is not in the environment")))?;
            Secret::new(value.into_bytes())
        }
        Some(("credential", name)) => {
            let path = credential(name).map_err(|error| nothing(&error.message()))?;
            contents(&path).map_err(|error| nothing(&format!("{}: {error}", path.display())))?
        }
        Some(("fd", number)) => {
            let number: u32 = number.parse().map_err(|_| nothing(&"fd:// takes the number of a file descriptor"))?;
            contents(Path::new(&format!("/proc/self/fd/{number}"))).map_err(|error| nothing(&error))?
        }
        Some(("prompt", _)) => {
            let typed = rpassword::prompt_password(format!("{what} (will be hidden): "));
            Secret::new(typed.map_err(|error| nothing(&error))?.into_bytes())
        }
        _ => return Ok(Found { bytes: Secret::new(source.as_bytes().to_vec()), is_inline: true }),
    };
    if bytes.expose().is_empty() {
        return Err(nothing(&"there is nothing in it"));
    }
    Ok(Found { bytes, is_inline: false })
}

/// The file of a credential of the service manager.
fn credential(name: &str) -> Result<PathBuf> {
    let directory = std::env::var_os(CREDENTIALS).ok_or_else(|| {
        Error::bad_request(format!(
            "{CREDENTIALS} is not set: the unit needs LoadCredential={name}:PATH or LoadCredentialEncrypted="
        ))
    })?;
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Error::bad_request(format!("{name:?} is not the name of a credential")));
    }
    Ok(Path::new(&directory).join(name))
}

fn contents(path: &Path) -> std::io::Result<Secret<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(usize::try_from(MOST).unwrap_or_default() + 1));
    std::fs::File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST) {
        return Err(std::io::Error::other(format!("it is longer than {MOST} bytes")));
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}
