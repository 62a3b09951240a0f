//! The server's log: which parts of it are heard and how loudly (`loggers`), how a line looks, where it goes (standard error,
//! and a file that is rotated, `file`) and who listens in (`monitor`). Nothing secret comes here: errors and events are made
//! without.
//!
//! Invariant: writing a line never fails a caller and never waits for a listener; a line that cannot be written is lost.

mod file;
mod loggers;
mod monitor;
#[cfg(test)]
mod tests;

pub use file::Rotation;
pub use monitor::Monitor;

use crate::base::{Clock, Error, Result, SystemClock};
use log::{Level, LevelFilter, Metadata, Record};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Standard,
    Json,
}

impl Format {
    /// # Errors
    /// `BadRequest` naming the formats.
    pub fn parse(text: &str) -> Result<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "standard" => Ok(Self::Standard),
            "json" => Ok(Self::Json),
            _ => Err(Error::bad_request(format!("{text:?} is no log format: use standard or json"))),
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Json => "json",
        }
    }
}

/// A level by its name, as configurations and requests have it.
///
/// # Errors
/// `BadRequest` naming the levels.
pub fn level(text: &str) -> Result<LevelFilter> {
    match text.trim().to_ascii_lowercase().as_str() {
        "trace" => Ok(LevelFilter::Trace),
        "debug" => Ok(LevelFilter::Debug),
        "info" | "notice" => Ok(LevelFilter::Info),
        "warn" | "warning" => Ok(LevelFilter::Warn),
        "err" | "error" => Ok(LevelFilter::Error),
        _ => Err(Error::bad_request(format!("{text:?} is no log level: use trace, debug, info, warn or error"))),
    }
}

/// A level's name.
#[must_use]
pub fn level_name(level: LevelFilter) -> String {
    level.as_str().to_ascii_lowercase()
}

/// Where completed requests are told, whatever part served them.
pub const REQUESTS: &str = concat!("leasehold", "::", "request");

static LOG: Log = Log { output: Mutex::new(Output { format: Format::Standard, colour: false, file: None }) };

/// Starts logging; a second call only changes levels, format and file.
///
/// # Errors
/// `BadRequest` for a log file that cannot be written.
pub fn start(level: LevelFilter, format: Format, rotation: Option<Rotation>) -> Result<()> {
    let file = rotation.map(file::LogFile::open).transpose()?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    *output() = Output { format, colour, file };
    configure(level);
    // Only fails where a logger is already there, which then stays.
    drop(log::set_logger(&LOG));
    Ok(())
}

/// Sets the level that all loggers have unless a request says otherwise; what requests had said is forgotten.
pub fn configure(level: LevelFilter) {
    loggers::configure(level);
    refresh();
}

/// Every logger's name and level.
#[must_use]
pub fn levels() -> Vec<(&'static str, LevelFilter)> {
    loggers::levels()
}

/// Sets one logger's level, or that of all. With no level, the configured one. Whether there is such a logger.
pub fn set(name: Option<&str>, level: Option<LevelFilter>) -> bool {
    let known = loggers::set(name, level);
    refresh();
    known
}

/// The format that the log has.
#[must_use]
pub fn format() -> Format {
    output().format
}

/// Listens in from now on.
#[must_use]
pub fn monitor(level: LevelFilter, format: Format) -> Monitor {
    let monitor = Monitor::new(level, format);
    refresh();
    monitor
}

/// Opens the log file afresh by its name, after somebody has moved it.
///
/// # Errors
/// `BadRequest`: it goes on writing where it wrote before.
pub fn reopen() -> Result<()> {
    output().file.as_mut().map_or(Ok(()), file::LogFile::reopen)
}

/// So that what nobody hears is not even put into words.
fn refresh() {
    log::set_max_level(loggers::loudest().max(monitor::loudest()));
}

fn output() -> std::sync::MutexGuard<'static, Output> {
    LOG.output.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Log {
    output: Mutex<Output>,
}

struct Output {
    format: Format,
    colour: bool,
    file: Option<file::LogFile>,
}

impl log::Log for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        loggers::hears(metadata.target(), metadata.level()) || metadata.level() <= monitor::loudest()
    }

    fn log(&self, record: &Record<'_>) {
        let line = Line::of(record);
        monitor::tell(record.level(), &line);
        if loggers::hears(record.target(), record.level()) {
            self.output.lock().unwrap_or_else(PoisonError::into_inner).write(&line);
        }
    }

    fn flush(&self) {}
}

impl Output {
    fn write(&mut self, line: &Line) {
        let plain = line.text(self.format);
        let shown = if self.colour && self.format == Format::Standard { line.coloured() } else { plain.clone() };
        // There is nobody to tell that the log cannot be written.
        drop(std::io::stderr().write_all(shown.as_bytes()));
        if let Some(file) = &mut self.file {
            file.write(plain.as_bytes());
        }
    }
}

/// One thing to say, before it is known how.
pub(super) struct Line {
    time: String,
    level: Level,
    module: String,
    message: String,
}

impl Line {
    fn of(record: &Record<'_>) -> Self {
        Self {
            time: SystemClock::default().now().rfc3339(),
            level: record.level(),
            module: loggers::shown(record.target()),
            // One event is one line, whatever a message from elsewhere holds.
            message: record.args().to_string().replace(['\n', '\r'], " "),
        }
    }

    pub(super) fn text(&self, format: Format) -> String {
        match format {
            Format::Standard => self.standard(""),
            Format::Json => {
                let line = serde_json::json!({
                    "@timestamp": self.time,
                    "@level": self.level.as_str().to_lowercase(),
                    "@module": self.module,
                    "@message": self.message,
                });
                format!("{line}\n")
            }
        }
    }

    fn coloured(&self) -> String {
        self.standard(match self.level {
            Level::Error => "\x1b[31m",
            Level::Warn => "\x1b[33m",
            Level::Info => "\x1b[32m",
            Level::Debug | Level::Trace => "\x1b[90m",
        })
    }

    fn standard(&self, colour: &str) -> String {
        let end = if colour.is_empty() { "" } else { "\x1b[0m" };
        let bracket = format!("[{}]", self.level.as_str());
        format!("{} {colour}{bracket:<7}{end} {}: {}\n", self.time, self.module, self.message)
    }
}
