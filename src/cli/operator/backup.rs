//! `operator backup`: a backup of the running server.

use crate::cli::client::Call;
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Long work says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

pub const COMMAND: Command = Command {
    name: "operator backup",
    summary: "Back up the running server",
    arguments: "FILE",
    takes: (1, 1),
    about: "Writes everything that the server keeps, as of one moment, to a file; the server goes on meanwhile. The file is as \
            sealed as the server's own: it opens with the keys of this moment. \"operator restore\" puts it back. Needs sudo on \
            sys/storage/snapshot.",
    examples: &[("Back up:", "operator backup leasehold.db")],
    flags: &[Flag::bool("force", "Write over a file that is there.")],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = Path::new(invocation.argument(0));
    if path.exists() && !invocation.is_set("force") {
        return Err(Failure::local(format!("{} is there already: it is written over with -force.", path.display())));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let outcome = fetch(invocation, &partial);
    let unwritable = |error: std::io::Error| Failure::local(format!("Error writing {}: {error}", path.display()));
    let length = match outcome {
        Ok(length) => length,
        Err(failure) => {
            drop(fs::remove_file(&partial));
            return Err(failure.context("Error backing up"));
        }
    };
    fs::rename(&partial, path).map_err(unwritable)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(unwritable)?;
    console::line(format!("Success! {} KiB were written to {}.", length.div_ceil(1024), path.display()));
    Ok(Exit::SUCCESS)
}

fn fetch(invocation: &Invocation, path: &Path) -> Result<u64, Failure> {
    let unwritable = |error: std::io::Error| Failure::local(format!("{}: {error}", path.display()));
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = opened.map_err(unwritable)?;
    let mut answer = invocation.client()?.stream(&Call::new("GET", "sys/storage/snapshot"))?;
    let (mut told, mut length, mut total) = (Instant::now(), 0, None);
    let mut block = vec![0; 64 * 1024];
    loop {
        let read = answer.read(&mut block);
        let piece = &block[..read.map_err(|error| Failure::refused(format!("the answer broke off: {error}")))?];
        if piece.is_empty() {
            break;
        }
        file.write_all(piece).map_err(unwritable)?;
        total = total.or_else(|| whole_length(piece));
        length += piece.len() as u64;
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            console::complain(format!("{} of {} MiB", length >> 20, total.unwrap_or_default() >> 20));
        }
    }
    if total != Some(length) {
        return Err(Failure::refused(format!("the answer broke off after {length} bytes: back up again")));
    }
    file.flush().and_then(|()| file.sync_all()).map_err(unwritable)?;
    Ok(length)
}

/// How long a database is by its own first page.
fn whole_length(page: &[u8]) -> Option<u64> {
    let number =
        |at: usize, size: usize| Some(page.get(at..at + size)?.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
    let page_size = match number(16, 2)? {
        1 => 65_536,
        size => size,
    };
    Some(page_size * number(28, 4)?)
}
