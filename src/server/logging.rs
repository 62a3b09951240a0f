//! The server's log on stderr: lines for people, or JSON. Nothing secret comes here: errors and events are made without.

use crate::base::{Clock, SystemClock};
use crate::config::LogFormat;
use std::io::Write;

/// Starts logging; a second call changes nothing.
pub fn start(level: log::LevelFilter, format: LogFormat) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(log::LevelFilter::Warn).filter_module("leasehold", level).target(env_logger::Target::Stderr);
    builder.format(move |out, record| {
        let time = SystemClock::default().now().rfc3339();
        let module = record.target().trim_start_matches("leasehold::");
        match format {
            LogFormat::Json => {
                let level = record.level().as_str().to_lowercase();
                let line = serde_json::json!({ "@timestamp": time, "@level": level, "@module": module, "@message": record.args().to_string() });
                writeln!(out, "{line}")
            }
            LogFormat::Standard => writeln!(out, "{time} [{}] {module}: {}", record.level(), record.args()),
        }
    });
    // Only fails where a logger is already there, which then stays.
    drop(builder.try_init());
}
