//! The shape in which an answer goes to clients: one JSON object with the same members whatever was asked. Written for the
//! wire and into wrappings, and read back out of these.
//!
//! Invariant: what is read from a written envelope is the answer that it was written from, to the second.

use crate::base::{Error, Result, Secret};
use crate::logical::{Auth, Body, LeaseAnswer, Map, Response, WrapInfo};
use serde_json::{Value, json};
use std::time::Duration;

/// The whole envelope of an answer to the request `id`. An answer that is wrapped says of itself only that.
#[must_use]
pub fn write(id: &str, response: &Response, data: Value) -> Map {
    let lease = response.lease.clone().unwrap_or_default();
    let warnings = if response.warnings.is_empty() { Value::Null } else { json!(response.warnings) };
    let mut whole = Map::new();
    for (name, value) in [
        ("request_id", json!(if response.wrap_info.is_some() { "" } else { id })),
        ("lease_id", json!(lease.id)),
        ("renewable", json!(lease.renewable)),
        ("lease_duration", json!(whole_seconds(lease.ttl))),
        ("data", data),
        ("wrap_info", response.wrap_info.as_ref().map_or(Value::Null, wrap_info)),
        ("warnings", warnings),
        ("auth", response.auth.as_ref().map_or(Value::Null, auth)),
        ("mount_type", json!(response.mount_type)),
    ] {
        whole.insert(name.to_owned(), value);
    }
    whole
}

/// The answer that an envelope was written from.
///
/// # Errors
/// `Internal` when it is none.
pub fn read(mut whole: Map) -> Result<Response> {
    let mut take = |name: &str| whole.get_mut(name).map(Value::take).unwrap_or_default();
    let mut response = Response { request_id: Some(text(take("request_id"))?), ..Response::default() };
    let lease_id = text(take("lease_id"))?;
    let (renewable, seconds) = (take("renewable"), take("lease_duration"));
    let lease = LeaseAnswer { id: lease_id, ttl: duration(&seconds)?, renewable: flag(&renewable)? };
    response.lease = Some(lease).filter(|lease| !lease.id.is_empty() || !lease.ttl.is_zero() || lease.renewable);
    response.body = match take("data") {
        Value::Null => Body::Empty,
        Value::Object(data) => Body::Data(data),
        _ => return Err(malformed()),
    };
    response.warnings = texts(take("warnings"))?;
    response.auth = match take("auth") {
        Value::Null => None,
        Value::Object(auth) => Some(read_auth(auth)?),
        _ => return Err(malformed()),
    };
    response.mount_type = text(take("mount_type"))?;
    Ok(response)
}

fn auth(auth: &Auth) -> Value {
    let mut shown = json!({
        "client_token": auth.token.expose(),
        "accessor": auth.accessor,
        "policies": auth.policies,
        "token_policies": auth.token_policies,
        "metadata": auth.metadata,
        "lease_duration": whole_seconds(auth.ttl),
        "renewable": auth.renewable,
        "entity_id": auth.entity_id,
        "token_type": auth.token_type,
        "orphan": auth.orphan,
        "mfa_requirement": null,
        "num_uses": auth.num_uses,
    });
    if !auth.identity_policies.is_empty() {
        shown["identity_policies"] = json!(auth.identity_policies);
    }
    shown
}

fn read_auth(mut auth: Map) -> Result<Auth> {
    let mut take = |name: &str| auth.get_mut(name).map(Value::take).unwrap_or_default();
    Ok(Auth {
        token: Secret::new(text(take("client_token"))?),
        accessor: text(take("accessor"))?,
        policies: texts(take("policies"))?,
        token_policies: texts(take("token_policies"))?,
        identity_policies: texts(take("identity_policies"))?,
        metadata: match take("metadata") {
            Value::Null => None,
            Value::Object(metadata) => Some(metadata),
            _ => return Err(malformed()),
        },
        ttl: duration(&take("lease_duration"))?,
        renewable: flag(&take("renewable"))?,
        entity_id: text(take("entity_id"))?,
        token_type: if take("token_type") == "batch" { "batch" } else { "service" },
        orphan: flag(&take("orphan"))?,
        num_uses: take("num_uses").as_u64().and_then(|uses| u32::try_from(uses).ok()).ok_or_else(malformed)?,
    })
}

fn wrap_info(wrapping: &WrapInfo) -> Value {
    let mut shown = json!({
        "token": wrapping.jwt.as_ref().unwrap_or(&wrapping.token).expose(),
        "accessor": wrapping.accessor,
        "ttl": whole_seconds(wrapping.ttl),
        "creation_time": wrapping.created.rfc3339(),
        "creation_path": wrapping.creation_path,
    });
    if !wrapping.wrapped_accessor.is_empty() {
        shown["wrapped_accessor"] = json!(wrapping.wrapped_accessor);
    }
    shown
}

/// Rounded up, so that a lease just made shows what was granted.
#[must_use]
pub fn whole_seconds(ttl: Duration) -> u64 {
    ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0)
}

fn text(value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(malformed()),
    }
}

fn texts(value: Value) -> Result<Vec<String>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.into_iter().map(text).collect(),
        _ => Err(malformed()),
    }
}

fn flag(value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(malformed)
}

fn duration(value: &Value) -> Result<Duration> {
    value.as_u64().map(Duration::from_secs).ok_or_else(malformed)
}

fn malformed() -> Error {
    Error::internal("what was wrapped is not an answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every member says something, so that one that is not read back is missed.
    fn full() -> Response {
        Response {
            outcome: crate::logical::Outcome::Ok,
            body: Body::Empty,
            warnings: vec!["capped".to_owned()],
            auth: Some(Auth {
                token: Secret::from("hvs.a"),
                accessor: "accessor".to_owned(),
                policies: vec!["default".to_owned(), "web".to_owned()],
                token_policies: vec!["web".to_owned()],
                identity_policies: vec!["default".to_owned()],
                metadata: json!({ "team": "a" }).as_object().cloned(),
                ttl: Duration::from_secs(60),
                renewable: true,
                entity_id: "entity".to_owned(),
                token_type: "batch",
                orphan: true,
                num_uses: 3,
            }),
            lease: Some(LeaseAnswer { id: "aws/creds/a/1".to_owned(), ttl: Duration::from_secs(90), renewable: true }),
            issued: None,
            login: None,
            mount_type: "aws".to_owned(),
            wrap_info: None,
            replay_of: None,
            request_id: None,
        }
    }

    fn again(envelope: &Map) -> Map {
        let mut response = read(envelope.clone()).unwrap();
        let mut body = std::mem::take(&mut response.body);
        let data = if let Body::Data(data) = &mut body { Value::Object(std::mem::take(data)) } else { Value::Null };
        let id = response.request_id.take().unwrap();
        write(&id, &response, data)
    }

    #[test]
    fn an_answer_comes_back_from_its_envelope_as_it_was() {
        let number: Value = serde_json::from_str("1.50").unwrap();
        for data in [Value::Null, json!({}), json!({ "a": { "b": [1, null, true] }, "n": number })] {
            for response in [full(), Response::default()] {
                let envelope = write("request", &response, data.clone());
                assert_eq!(again(&envelope), envelope);
            }
        }
        let text = serde_json::to_string(&again(&write("r", &full(), json!({ "n": number })))).unwrap();
        assert!(text.contains("1.50"), "numbers stay as they were written");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let whole = write("request", &full(), Value::Null);
        for name in whole.keys().filter(|name| *name != "wrap_info") {
            let mut broken = whole.clone();
            broken.insert(name.clone(), json!(4.5));
            assert!(read(broken).is_err(), "{name}");
        }
    }

    #[test]
    fn a_wrapped_answer_says_nothing_of_what_is_inside() {
        let wrapping = WrapInfo {
            token: Secret::from("hvs.w"),
            jwt: None,
            accessor: "accessor".to_owned(),
            ttl: Duration::from_millis(59_001),
            created: crate::base::Timestamp(1_700_000_000_000),
            creation_path: "aws/creds/a".to_owned(),
            wrapped_accessor: String::new(),
        };
        let response = Response { wrap_info: Some(wrapping), ..Response::default() };
        let whole = write("request", &response, Value::Null);
        assert_eq!((&whole["request_id"], &whole["data"], &whole["auth"]), (&json!(""), &Value::Null, &Value::Null));
        assert_eq!(
            whole["wrap_info"],
            json!({ "token": "hvs.w", "accessor": "accessor", "ttl": 60, "creation_time": "2023-11-14T22:13:20.000Z",
                    "creation_path": "aws/creds/a" })
        );
    }
}
