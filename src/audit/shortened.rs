//! Entries that say less than the whole: one that is too long for its device, and lists that are answered with their length.

use super::entry::{Event, Phase};
use crate::base::{Error, Result};
use crate::logical::{Body, Map, Operation, Response};
use serde_json::{Value, json};

/// Characters that an entry which was cut shows of a text.
const LONGEST: usize = 1000;

/// What stands in place of a line that is too long for its device: who and what, and the hash and the length of the whole,
/// so that it can be told from another device's file which entry it was.
///
/// # Errors
/// `Internal` when the entry cannot be written as JSON.
pub fn cut(phase: Phase, event: &Event<'_>, whole: &[u8]) -> Result<Vec<u8>> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, whole.trim_ascii_end());
    let request = event.request;
    let mut entry = json!({
        "time": event.time.rfc3339(),
        "type": phase.name(),
        "request": { "id": request.id, "operation": request.operation.name(), "path": request.path.as_str() },
        "cut": { "bytes": whole.len(), "sha256": hex::encode(digest.as_ref()) },
    });
    if let Some(peer) = request.peer {
        entry["request"]["remote_address"] = peer.ip().to_string().into();
    }
    if let Some(error) = event.error {
        entry["error"] = error.message().chars().take(LONGEST).collect::<String>().into();
        if let Some(reason) = error.reason() {
            entry["reason"] = short(reason);
        }
    }
    let mut line =
        serde_json::to_vec(&entry).map_err(|_| Error::internal("an audit entry cannot be written as JSON"))?;
    line.push(b'\n');
    Ok(line)
}

/// The reason of a denial, or where that is long, its code alone.
fn short(reason: &Value) -> Value {
    if reason.to_string().len() <= LONGEST { reason.clone() } else { json!({ "code": reason.get("code") }) }
}

/// How many names a list holds, for entries that show no more of it; none for what is no list.
#[must_use]
pub fn lengths(operation: Operation, response: &Response) -> Option<Map> {
    let (Operation::List, Body::Data(data) | Body::DataAndTop(data)) = (operation, &response.body) else { return None };
    let length = |value: &Value| value.as_array().map(Vec::len).or_else(|| value.as_object().map(Map::len));
    let counted = ["keys", "key_info"].into_iter();
    Some(counted.filter_map(|name| Some((name.to_owned(), length(data.get(name)?)?.into()))).collect())
}
