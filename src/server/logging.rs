//! The log as a configuration wants it.

use crate::base::{Result, logging};
use crate::config::Config;

/// Starts logging; called again (after SIGHUP), takes on what has changed.
///
/// # Errors
/// `BadRequest` for a log file that cannot be written.
pub fn start(config: &Config) -> Result<()> {
    logging::start(config.log_level, config.log_format, config.log_file.clone())
}
