//! `sys/storage/snapshot`: a backup of the running server. How one is put back is for a server that does not run.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::SUDO;
use crate::logical::{Action, Body, Input, Operation, Response, Route, Stream};
use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// Read and sent at a time.
const PIECE: usize = 64 * 1024;

pub static SNAPSHOT: Route<Call> = Route {
    pattern: "storage/snapshot",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, read, "Answers a backup of everything, as sealed as the storage."),
        Action::new(
            Operation::Update,
            restore,
            "Refused: a running server is not replaced; the answer says what to do.",
        ),
    ],
    exists: None,
    summary: "A backup of the running server.",
    help: "The whole storage at one moment, while others read and write. It is as sealed as the storage itself and opens with the \
           keys of this moment; \"operator restore\" puts it back.",
    flags: SUDO,
};

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let (file, length) = call.core.storage.back_up()?;
    log::info!("a backup of {} KiB was made", length.div_ceil(1024));
    let source: Box<dyn Stream> = Box::new(Pieces { file, left: length });
    let body = Body::Stream { media_type: "application/octet-stream", source: Some(source) };
    Ok(Response { body, ..Response::default() })
}

fn restore(_: &mut Call, _: &Input) -> Result<Response> {
    Err(Error::bad_request(
        "a running server is not replaced: stop it, and put the backup back with: leasehold operator restore -config=FILE BACKUP",
    ))
}

/// A file as it is sent. One that breaks off is shorter than its own first page says, and is refused by whoever restores it.
struct Pieces {
    file: File,
    left: u64,
}

impl Stream for Pieces {
    fn next(&mut self, _: Duration) -> Option<Vec<u8>> {
        let mut piece = vec![0; PIECE.min(usize::try_from(self.left).unwrap_or(PIECE))];
        let read = self.file.read(&mut piece).inspect_err(|error| log::error!("a backup breaks off: {error}")).ok()?;
        piece.truncate(read);
        self.left -= read as u64;
        (read > 0).then_some(piece)
    }
}
