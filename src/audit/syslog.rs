//! The `syslog` device: entries to the local syslog by its socket, each one message in the form of RFC 3164.

use super::options;
use super::{Device, Disclosure};
use crate::base::{Error, Result};
use crate::logical::{Field, Map};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The options that the device takes.
pub static OPTIONS: &[Field] = &[
    Field::text("facility", "The syslog facility.").default("AUTH"),
    Field::text("tag", "The program's name in each message.").default("vault"),
    Field::text("address", "The syslog's socket, where it is not /dev/log."),
    options::WRITE_TIMEOUT,
    options::FORMAT,
    options::PREFIX,
    Disclosure::LOG_RAW,
    Disclosure::HMAC_ACCESSOR,
    Disclosure::ELIDE_LIST_RESPONSES,
];

const SOCKET: &str = "/dev/log";

/// Severity "informational".
const SEVERITY: u8 = 6;

/// Common syslogs take no longer message, and some cut at 8 KiB what they then pass on.
const MESSAGE: usize = 64 * 1024 - 512;

const FACILITIES: [(&str, u8); 20] = [
    ("KERN", 0),
    ("USER", 1),
    ("MAIL", 2),
    ("DAEMON", 3),
    ("AUTH", 4),
    ("SYSLOG", 5),
    ("LPR", 6),
    ("NEWS", 7),
    ("UUCP", 8),
    ("CRON", 9),
    ("AUTHPRIV", 10),
    ("FTP", 11),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];

/// Opens the device by its options. The syslog need not run yet: the first message tells.
///
/// # Errors
/// `BadRequest` naming the option that is wrong.
pub fn open(given: &Map) -> Result<Box<dyn Device>> {
    let parsed = options::parse("syslog", OPTIONS, given)?;
    let wanted = parsed.text("facility").unwrap_or_default().to_uppercase();
    let facility = FACILITIES.iter().find(|(name, _)| *name == wanted);
    let (_, facility) = facility.ok_or_else(|| {
        let names: Vec<&str> = FACILITIES.iter().map(|(name, _)| *name).collect();
        Error::bad_request(format!("option \"facility\" takes one of {}", names.join(", ")))
    })?;
    let tag = parsed.text("tag").unwrap_or_default();
    if tag.is_empty() || tag.len() > 32 || !tag.bytes().all(|byte| byte.is_ascii_graphic() && !b"[]:".contains(&byte)) {
        return Err(Error::bad_request("option \"tag\" takes up to 32 visible characters, none of them [, ] or :"));
    }
    Ok(Box::new(SyslogDevice {
        head: format!("<{}>{tag}[{}]: ", facility * 8 + SEVERITY, std::process::id()),
        address: parsed.text("address").filter(|address| !address.is_empty()).unwrap_or_else(|| SOCKET.to_owned()),
        timeout: options::write_timeout(&parsed)?,
        socket: Mutex::new(None),
    }))
}

struct SyslogDevice {
    head: String,
    address: String,
    timeout: Duration,
    socket: Mutex<Option<UnixDatagram>>,
}

impl Device for SyslogDevice {
    fn write(&self, line: &[u8]) -> Result<()> {
        let message = [self.head.as_bytes(), line.trim_ascii_end()].concat();
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = socket.take().map(|kept| kept.send(&message).map(|_| kept));
        let sent = match kept {
            Some(Ok(kept)) => Ok(kept),
            Some(Err(error)) if options::is_timeout(&error) => Err(error),
            // A syslog that was restarted has a new socket under the old name.
            _ => self.connect().and_then(|fresh| fresh.send(&message).map(|_| fresh)),
        };
        let sent = sent.map_err(|error| {
            Error::internal("the syslog does not take an entry").caused_by(format!("{}: {error}", self.address))
        })?;
        *socket = Some(sent);
        Ok(())
    }

    fn limit(&self) -> Option<usize> {
        Some(MESSAGE)
    }

    fn rests_after_failure(&self) -> Duration {
        options::REST
    }

    fn reopen(&self) -> Result<()> {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

impl SyslogDevice {
    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.address)?;
        socket.set_write_timeout(Some(self.timeout))?;
        Ok(socket)
    }
}
