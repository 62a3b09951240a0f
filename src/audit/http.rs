//! The `http` device: each entry is posted to a server, which has taken it when it answers with success.

use super::options;
use super::{Device, Disclosure};
use crate::base::{Error, Result, outbound};
use crate::logical::{Field, Map};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The options that the device takes.
pub static OPTIONS: &[Field] = &[
    Field::text("uri", "Where entries are posted to: https://host/path."),
    Field::object("headers", "Headers to send along, an object of texts or of lists of texts."),
    options::WRITE_TIMEOUT,
    options::FORMAT,
    options::PREFIX,
    Disclosure::LOG_RAW,
    Disclosure::HMAC_ACCESSOR,
    Disclosure::ELIDE_LIST_RESPONSES,
];

/// Opens the device by its options. The server need not be there yet: the first entry tells.
///
/// # Errors
/// `BadRequest` naming the option that is wrong.
pub fn open(given: &Map) -> Result<Box<dyn Device>> {
    let parsed = options::parse("http", OPTIONS, given)?;
    let uri = parsed.text("uri").filter(|uri| !uri.is_empty());
    let uri = uri.ok_or_else(|| Error::bad_request("missing uri: an http device needs to know where to post"))?;
    outbound::check_address(&uri).map_err(|error| error.context("option \"uri\""))?;
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    for (name, value) in parsed.map("headers").unwrap_or_default() {
        headers.extend(values(&name, &value)?.into_iter().map(|value| (name.clone(), value)));
    }
    Ok(Box::new(HttpDevice { uri, headers, timeout: options::write_timeout(&parsed)? }))
}

fn values(name: &str, value: &Value) -> Result<Vec<String>> {
    let wrong = || Error::bad_request(format!("option \"headers\": {name:?} takes a text or a list of texts"));
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
    let values = match value {
        Value::Array(values) => values.iter().map(text).collect::<Result<Vec<_>>>()?,
        one => vec![text(one)?],
    };
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let plain = |value: &String| value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_name && values.iter().all(plain) { Ok(values) } else { Err(wrong()) }
}

struct HttpDevice {
    uri: String,
    /// May hold secrets: they are kept with the device's definition, and shown nowhere.
    headers: Vec<(String, String)>,
    timeout: Duration,
}

impl Device for HttpDevice {
    fn write(&self, line: &[u8]) -> Result<()> {
        let body = std::str::from_utf8(line).map_err(|_| Error::internal("an audit entry is not UTF-8"))?;
        let reply = outbound::post(&self.uri, &self.headers, body, Instant::now() + self.timeout);
        let refused = |cause: String| Error::internal("the audit server does not take an entry").caused_by(cause);
        match reply {
            Ok(reply) if (200..300).contains(&reply.status) => Ok(()),
            Ok(reply) => Err(refused(format!("{} answered {}", self.uri, reply.status))),
            Err(error) => Err(refused(error.for_log())),
        }
    }

    fn rests_after_failure(&self) -> Duration {
        options::REST
    }
}
