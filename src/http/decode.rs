//! From HTTP to the logical request: method, path, query, headers and body become operation, path and data. Nothing behind
//! this file sees a header.

use crate::base::{Error, Result, Secret, duration, random};
use crate::http::Request as Wire;
use crate::logical::{CanonicalPath, Map, Operation, Request, WrapFormat};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The prefix of every path of the API.
const API: &str = "/v1/";

/// Characters of an idempotency key.
const LONGEST_KEY: usize = 255;

/// Decodes a request of the API, which may take `at_most` to be served.
///
/// # Errors
/// `NotFound` for a path outside the API, `BadRequest` for what is malformed, `Unsupported` for an unknown method.
pub fn decode(wire: &Wire, at_most: Duration) -> Result<Request> {
    let (path, query) = wire.target.split_once('?').unwrap_or((&wire.target, ""));
    let raw = path
        .strip_prefix(API)
        .ok_or_else(|| Error::not_found(format!("the API is below {API}: there is nothing at this path")))?;
    refuse_namespace(wire)?;
    let mut data = query_data(query)?;
    let operation = operation(&wire.method, &mut data)?;
    let mut path = CanonicalPath::from_url(raw)?;
    if operation == Operation::List {
        path = path.as_folder();
    }
    if matches!(operation, Operation::Update | Operation::Patch | Operation::Delete) && !wire.body.is_empty() {
        // A backup that is sent here is no JSON; its endpoint says what to do with it.
        match path.as_str() {
            "sys/storage/snapshot" => {}
            _ => data.extend(body_data(&wire.body)?),
        }
    }
    Ok(Request {
        id: random::uuid(),
        operation,
        path,
        data,
        token: token(wire),
        peer: wire.peer,
        certificates: wire.client_certificates.iter().map(|certificate| certificate.to_vec()).collect(),
        wrap_ttl: wire
            .headers
            .first("X-Vault-Wrap-TTL")
            .filter(|text| !text.is_empty())
            .map(duration::parse)
            .transpose()?,
        wrap_format: wire.headers.first("X-Vault-Wrap-Format").map_or(Ok(WrapFormat::Plain), wrap_format)?,
        deadline: Instant::now() + at_most,
        idempotency_key: wire.headers.first("Idempotency-Key").map(idempotency_key).transpose()?,
        allowance: None,
    })
}

fn operation(method: &str, data: &mut Map) -> Result<Operation> {
    Ok(match method {
        "GET" | "HEAD" => match (is_set(data, "help")?, is_set(data, "list")?) {
            (true, _) => Operation::Help,
            (false, true) => Operation::List,
            (false, false) => Operation::Read,
        },
        "LIST" => Operation::List,
        "POST" | "PUT" => Operation::Update,
        "PATCH" => Operation::Patch,
        "DELETE" => Operation::Delete,
        _ => return Err(Error::unsupported(format!("method {method:?} is not supported"))),
    })
}

/// Takes a switch out of the query. Clients write it as their languages do: Python's `True`, too.
fn is_set(data: &mut Map, name: &str) -> Result<bool> {
    let Some(value) = data.shift_remove(name) else { return Ok(false) };
    match value.as_str() {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("" | "0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        _ => Err(Error::bad_request(format!("{name} in the query takes true or false"))),
    }
}

fn token(wire: &Wire) -> Option<Secret<String>> {
    let bearer = || wire.headers.first("Authorization").and_then(|value| value.strip_prefix("Bearer "));
    wire.headers.first("X-Vault-Token").or_else(bearer).map(str::trim).map(Secret::from)
}

/// In which form a client wants the token around a wrapped answer.
fn wrap_format(text: &str) -> Result<WrapFormat> {
    match text.trim() {
        "" => Ok(WrapFormat::Plain),
        "jwt" => Ok(WrapFormat::Jwt),
        other => Err(Error::bad_request(format!(
            "X-Vault-Wrap-Format takes jwt, for a token in the form of a JWT; without it, it is a plain one. Not {other:?}"
        ))),
    }
}

/// The key by which a client asks for the same answer again: bare, or in quotes as a structured field has it.
fn idempotency_key(text: &str) -> Result<String> {
    let text = text.trim();
    let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::bad_request(format!(
            "Idempotency-Key takes 1 to {LONGEST_KEY} visible ASCII characters without blanks, a UUID for instance"
        )));
    }
    Ok(key.to_owned())
}

fn refuse_namespace(wire: &Wire) -> Result<()> {
    match wire.headers.first("X-Vault-Namespace").map(|namespace| namespace.trim_matches('/')) {
        None | Some("" | "root") => Ok(()),
        Some(_) => Err(Error::bad_request("there are no namespaces here: send the request without X-Vault-Namespace")),
    }
}

/// The query's parameters as texts; one that comes twice is a list.
fn query_data(query: &str) -> Result<Map> {
    let mut data = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (unescape(name)?, Value::from(unescape(value)?));
        match data.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            Some(before) => *before = Value::Array(vec![before.take(), value]),
            None => drop(data.insert(name, value)),
        }
    }
    Ok(data)
}

/// Undoes the encoding of forms: plus for space, percent for the rest.
fn unescape(text: &str) -> Result<String> {
    let broken = || Error::bad_request("the query is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                bytes.extend(hex::decode(rest.get(..2).ok_or_else(broken)?).map_err(|_| broken())?);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// The body, a JSON object. The parser's own words are not passed on: they may quote the body.
fn body_data(body: &[u8]) -> Result<Map> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Error::bad_request(format!(
            "failed to parse JSON input: the body is not JSON at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    match value {
        Value::Object(data) => Ok(data),
        Value::Null => Ok(Map::new()),
        _ => Err(Error::bad_request("failed to parse JSON input: the body must be a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_asked_for_in_the_words_of_any_language() {
        let asked = |query: &str| operation("GET", &mut query_data(query).unwrap());
        for query in ["list=true", "list=True", "list=1", "list=t", "a=b&list=TRUE"] {
            assert_eq!(asked(query).ok(), Some(Operation::List), "{query}");
        }
        for query in ["", "list=", "list", "list=false", "list=0", "list=False"] {
            assert_eq!(asked(query).ok(), Some(Operation::Read), "{query}");
        }
        assert!(asked("list=yes").is_err() && asked("list=true&list=true").is_err());
        assert_eq!(asked("help=1&list=true").ok(), Some(Operation::Help));
    }

    #[test]
    fn an_idempotency_key_comes_bare_or_in_quotes() {
        for text in ["8e03978e-40d5", " 8e03978e-40d5 ", "\"8e03978e-40d5\""] {
            assert!(idempotency_key(text).is_ok_and(|key| key == "8e03978e-40d5"), "{text}");
        }
        for text in ["", "\"\"", "two words", "a\tb", "é", &"k".repeat(256)] {
            assert!(idempotency_key(text).is_err(), "{text}");
        }
    }
}
