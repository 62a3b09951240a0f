//! What the options of several kinds of device have in common, and writing with one deadline for the whole line.

use crate::base::{Error, Result, duration};
use crate::logical::{Field, Input, Map, Operation};
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub const WRITE_TIMEOUT: Field =
    Field::text("write_timeout", "How long a line may take before the device counts as one that refuses it.")
        .default("2s");
pub const FORMAT: Field = Field::text("format", "How entries are written: json, one line each.").default("json");
pub const PREFIX: Field = Field::text("prefix", "A text that stands before each entry.").default("");

/// How long a device that failed is left alone: without it, each request would wait for one that hangs.
pub const REST: Duration = Duration::from_secs(1);

/// Options of the field that are not served.
const LATER: [&str; 3] = ["exclude", "fallback", "filter"];

/// Reads a device's options by its table.
///
/// # Errors
/// `BadRequest` naming the option that is wrong or that the device does not have.
pub fn parse(kind: &str, known: &'static [Field], given: &Map) -> Result<Input> {
    let (parsed, ignored) = Input::parse(Operation::Update, "", known, &[], given)?;
    if let Some(name) = ignored.unknown.first() {
        let why = if LATER.contains(&name.as_str()) {
            "is not served here".to_owned()
        } else {
            format!("is no option of a {kind} device")
        };
        return Err(Error::bad_request(format!("option {name:?} {why}")));
    }
    match parsed.text("format").as_deref() {
        Some("json" | "") | None => Ok(parsed),
        Some(_) => Err(Error::bad_request("option \"format\" takes json: other forms are not served here")),
    }
}

/// The time for one line.
///
/// # Errors
/// `BadRequest` for what is no time, or none at all.
pub fn write_timeout(options: &Input) -> Result<Duration> {
    let text = options.text("write_timeout").unwrap_or_default();
    let timeout = duration::parse(&text).map_err(|error| error.context("write_timeout"))?;
    if timeout.is_zero() || timeout > Duration::from_secs(30) {
        return Err(Error::bad_request("option \"write_timeout\" takes a time of up to 30s, and more than none"));
    }
    Ok(timeout)
}

#[must_use]
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Streams whose writes can be given a time.
pub trait Stream: Write {
    fn set_time(&self, left: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_time(&self, left: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(left))
    }
}

impl Stream for UnixStream {
    fn set_time(&self, left: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(left))
    }
}

/// Writes with one deadline, however many pieces the other side takes it in.
pub struct Timed<'s, S> {
    stream: &'s mut S,
    deadline: Instant,
}

impl<'s, S: Stream> Timed<'s, S> {
    pub fn new(stream: &'s mut S, timeout: Duration) -> Self {
        Self { stream, deadline: Instant::now() + timeout }
    }
}

impl<S: Stream> Write for Timed<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the listener does not read"));
        }
        self.stream.set_time(left)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
