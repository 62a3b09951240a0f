//! What one line says of one request or answer, in the published shape. Keys stand in clear; texts and numbers below `data`,
//! tokens and accessors stand as keyed hashes.

pub use super::disclosure::Disclosure;
use super::granting::PolicyResults;
use super::salt::{Hasher, Salt};
use super::shortened;
use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::logical::{self, Body, Map, Operation, Request, Response, WrapInfo};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One thing to put on record. The same event serves the request's entry, and with `response` or `error` the answer's.
pub struct Event<'e> {
    pub time: Timestamp,
    pub request: &'e Request,
    /// Those of the request's headers that are to be audited.
    pub headers: &'e [AuditedHeader],
    /// Who asks; none where the token was not found, or the route needs none.
    pub auth: Option<&'e Auth>,
    /// None where no mount took the path.
    pub mount: Option<&'e Mount>,
    pub response: Option<&'e Response>,
    /// What went wrong: its public message and reason.
    pub error: Option<&'e Error>,
}

/// A header of the request, all its values together.
#[derive(Clone)]
pub struct AuditedHeader {
    /// In small letters.
    pub name: String,
    pub values: Vec<String>,
    /// Whether values are hashed.
    pub hashed: bool,
}

/// What entries tell of the calling token.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    pub accessor: String,
    pub display_name: String,
    pub policies: Vec<String>,
    pub token_policies: Vec<String>,
    pub identity_policies: Vec<String>,
    pub metadata: Map,
    pub entity_id: String,
    pub token_type: String,
    pub issued: Timestamp,
    /// None for a token that does not expire.
    pub ttl: Option<Duration>,
    /// How the policy check ended; none before it.
    pub allowed: Option<bool>,
    /// The policies that let it through.
    pub granting: Vec<String>,
}

/// What entries tell of the mount.
#[derive(Debug, Clone, Default)]
pub struct Mount {
    /// With a slash at the end.
    pub path: String,
    pub kind: String,
    /// `secret`, `auth` or `system`.
    pub class: String,
    pub accessor: String,
    /// Keys of a request's data whose values stand in clear.
    pub clear_request_keys: Vec<String>,
    /// The same for an answer's data.
    pub clear_response_keys: Vec<String>,
}

/// Turns events into one device's lines.
pub struct Scribe {
    hasher: Hasher,
    pub(super) disclosure: Disclosure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Request,
    Response,
}

impl Phase {
    /// The entry's `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

impl Scribe {
    #[must_use]
    pub fn new(salt: &Salt, disclosure: Disclosure) -> Self {
        Self { hasher: Hasher::new(salt), disclosure }
    }

    /// The hash under which this device's entries show a text.
    #[must_use]
    pub fn hash(&self, text: &str) -> String {
        self.hasher.hash(text.as_bytes())
    }

    /// One line, with its line feed.
    ///
    /// # Errors
    /// `Internal` when the entry cannot be written as JSON.
    pub fn line(&self, phase: Phase, event: &Event<'_>) -> Result<Vec<u8>> {
        line(
            &self.disclosure.prefix,
            &Entry {
                time: event.time.rfc3339(),
                kind: phase.name(),
                auth: self.caller(event),
                request: self.request(event),
                response: event
                    .response
                    .filter(|_| phase == Phase::Response)
                    .map(|response| self.response(event, response)),
                error: event.error.map(Error::message),
                reason: event.error.and_then(Error::reason),
            },
        )
    }

    fn caller<'e>(&self, event: &Event<'e>) -> Option<AuthPart<'e>> {
        let auth = event.auth?;
        Some(AuthPart {
            client_token: event.request.token.as_ref().map(|token| self.token(token)),
            accessor: self.accessor(&auth.accessor),
            display_name: &auth.display_name,
            policies: &auth.policies,
            token_policies: &auth.token_policies,
            identity_policies: &auth.identity_policies,
            policy_results: auth.allowed.map(|allowed| PolicyResults::new(allowed, &auth.granting)),
            metadata: Some(&auth.metadata).filter(|metadata| !metadata.is_empty()),
            entity_id: &auth.entity_id,
            token_type: &auth.token_type,
            token_ttl: auth.ttl.map(|ttl| ttl.as_secs()),
            token_issue_time: (auth.issued != Timestamp::default()).then(|| auth.issued.rfc3339()),
            ..AuthPart::default()
        })
    }

    fn request<'e>(&'e self, event: &Event<'e>) -> RequestPart<'e> {
        let request = event.request;
        let clear = event.mount.map_or(&[][..], |mount| &mount.clear_request_keys);
        RequestPart {
            id: &request.id,
            client_token: request.token.as_ref().map(|token| self.token(token)),
            client_token_accessor: event.auth.and_then(|auth| self.accessor(&auth.accessor)),
            operation: request.operation.name(),
            mount: event.mount.into(),
            namespace: ROOT,
            path: request.path.as_str(),
            data: (!request.data.is_empty()).then(|| DataPart::Map(self.veil(&request.data, clear))),
            remote_address: request.peer.map(|peer| peer.ip().to_string()),
            remote_port: request.peer.map(|peer| peer.port()),
            wrap_ttl: request.wrap_ttl.map(|ttl| ttl.as_secs()),
            headers: self.headers(event.headers),
        }
    }

    fn headers<'e>(&self, headers: &'e [AuditedHeader]) -> BTreeMap<&'e str, Vec<String>> {
        let shown = |header: &AuditedHeader| {
            let value = |value: &String| if header.hashed { self.text(value) } else { value.clone() };
            header.values.iter().map(value).collect()
        };
        headers.iter().map(|header| (header.name.as_str(), shown(header))).collect()
    }

    fn response<'e>(&'e self, event: &Event<'e>, response: &'e Response) -> ResponsePart<'e> {
        let lease = response.lease.as_ref().filter(|lease| !lease.id.is_empty());
        let clear = event.mount.map_or(&[][..], |mount| &mount.clear_response_keys);
        ResponsePart {
            mount: event.mount.into(),
            auth: response.auth.as_ref().map(|auth| self.made(auth)),
            secret: lease.map(|lease| SecretPart { lease_id: &lease.id }),
            data: self.counted(event, response).or_else(|| self.body(&response.body, clear)),
            warnings: &response.warnings,
            replay_of: response.replay_of.as_deref(),
            wrap_info: response.wrap_info.as_ref().map(|wrapping| self.wrapping(wrapping)),
        }
    }

    /// The token that stands in for the answer.
    fn wrapping<'e>(&self, wrapping: &'e WrapInfo) -> WrapPart<'e> {
        WrapPart {
            ttl: wrapping.ttl.as_secs(),
            token: self.token(&wrapping.token),
            accessor: self.accessor(&wrapping.accessor),
            creation_time: wrapping.created.rfc3339(),
            creation_path: &wrapping.creation_path,
            wrapped_accessor: self.accessor(&wrapping.wrapped_accessor),
        }
    }

    /// A token that the answer hands out.
    fn made<'e>(&self, auth: &'e logical::Auth) -> AuthPart<'e> {
        AuthPart {
            client_token: Some(self.token(&auth.token)),
            accessor: self.accessor(&auth.accessor),
            policies: &auth.policies,
            token_policies: &auth.token_policies,
            identity_policies: &auth.identity_policies,
            metadata: auth.metadata.as_ref(),
            num_uses: Some(auth.num_uses).filter(|uses| *uses > 0),
            entity_id: &auth.entity_id,
            token_type: auth.token_type,
            token_ttl: Some(auth.ttl.as_secs()),
            ..AuthPart::default()
        }
    }

    fn counted<'e>(&self, event: &Event<'e>, response: &Response) -> Option<DataPart<'e>> {
        let counts = shortened::lengths(event.request.operation, response)?;
        self.disclosure.elide_list_responses.then_some(DataPart::Counts(counts))
    }

    fn body<'e>(&'e self, body: &'e Body, clear: &'e [String]) -> Option<DataPart<'e>> {
        match body {
            // What goes on after the answer is not part of it.
            Body::Empty | Body::Stream { .. } => None,
            Body::Data(data) | Body::DataAndTop(data) => Some(DataPart::Map(self.veil(data, clear))),
            Body::Bare(value) => Some(DataPart::Value(self.veil(value, clear))),
            Body::Raw { media_type, bytes } => Some(DataPart::Raw {
                http_content_type: media_type,
                http_raw_body: match self.disclosure.log_raw {
                    true => String::from_utf8_lossy(bytes).into_owned(),
                    false => self.hasher.hash(bytes),
                },
            }),
        }
    }

    fn token(&self, token: &Secret<String>) -> String {
        self.text(token.expose())
    }

    pub(super) fn accessor(&self, accessor: &str) -> Option<String> {
        match accessor {
            "" => None,
            _ if self.disclosure.hmac_accessor => Some(self.text(accessor)),
            _ => Some(accessor.to_owned()),
        }
    }

    fn text(&self, text: &str) -> String {
        if self.disclosure.log_raw { text.to_owned() } else { self.hash(text) }
    }

    fn veil<'e, T>(&'e self, of: &'e T, clear_keys: &'e [String]) -> Veiled<'e, T> {
        Veiled { of, scribe: self, clear_keys, clear: self.disclosure.log_raw }
    }
}

/// The line that [`super::probe`] writes.
///
/// # Errors
/// `Internal` when the entry cannot be written as JSON.
pub fn probe(now: Timestamp) -> Result<Vec<u8>> {
    let request = RequestPart {
        id: &random::uuid(),
        operation: Operation::Update.name(),
        namespace: ROOT,
        path: "sys/audit/test",
        ..RequestPart::default()
    };
    line(
        "",
        &Entry { time: now.rfc3339(), kind: "request", auth: None, request, response: None, error: None, reason: None },
    )
}

pub(super) fn line(prefix: &str, entry: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = prefix.as_bytes().to_vec();
    serde_json::to_writer(&mut line, entry).map_err(|_| Error::internal("an audit entry cannot be written as JSON"))?;
    line.push(b'\n');
    Ok(line)
}

/// A value that is written hashed, leaf by leaf, without a copy of it being made.
struct Veiled<'e, T> {
    of: &'e T,
    scribe: &'e Scribe,
    clear_keys: &'e [String],
    /// This leaf, or these items, stand in clear.
    clear: bool,
}

impl<'e, T> Veiled<'e, T> {
    fn inner<U>(&self, of: &'e U, clear: bool) -> Veiled<'e, U> {
        Veiled { of, scribe: self.scribe, clear_keys: self.clear_keys, clear }
    }
}

impl Serialize for Veiled<'_, Map> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = self.scribe.disclosure.log_raw;
        serializer.collect_map(
            self.of.iter().map(|(key, value)| (key, self.inner(value, raw || self.clear_keys.contains(key)))),
        )
    }
}

impl Serialize for Veiled<'_, Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.of {
            Value::Object(map) => self.inner(map, self.clear).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(|item| self.inner(item, self.clear))),
            leaf if self.clear => leaf.serialize(serializer),
            Value::String(text) => serializer.serialize_str(&self.scribe.hash(text)),
            // A number can be a secret like any text: a PIN, a card's digits.
            Value::Number(number) => serializer.serialize_str(&self.scribe.hash(&number.to_string())),
            leaf @ (Value::Null | Value::Bool(_)) => leaf.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct Entry<'e> {
    time: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthPart<'e>>,
    request: RequestPart<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponsePart<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'e str>,
    /// Codes, policies and paths; parameters are named in it and never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e Value>,
}

#[derive(Serialize, Default)]
struct AuthPart<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessor: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    display_name: &'e str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    policies: &'e [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    token_policies: &'e [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    identity_policies: &'e [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_results: Option<PolicyResults<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'e Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_uses: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    entity_id: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    token_type: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_issue_time: Option<String>,
}

#[derive(Serialize, Default)]
struct RequestPart<'e> {
    id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token_accessor: Option<String>,
    operation: &'static str,
    #[serde(flatten)]
    mount: MountPart<'e>,
    namespace: Namespace,
    path: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<DataPart<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_ttl: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'e str, Vec<String>>,
}

#[derive(Serialize)]
struct ResponsePart<'e> {
    #[serde(flatten)]
    mount: MountPart<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthPart<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<SecretPart<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<DataPart<'e>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'e [String],
    /// The request that was given this answer first.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_of: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_info: Option<WrapPart<'e>>,
}

#[derive(Serialize)]
struct WrapPart<'e> {
    ttl: u64,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessor: Option<String>,
    creation_time: String,
    creation_path: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped_accessor: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DataPart<'e> {
    Map(Veiled<'e, Map>),
    Value(Veiled<'e, Value>),
    Counts(Map),
    Raw { http_content_type: &'e str, http_raw_body: String },
}

#[derive(Serialize)]
struct SecretPart<'e> {
    lease_id: &'e str,
}

#[derive(Serialize, Default)]
struct MountPart<'e> {
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_accessor: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_class: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_point: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'e str,
}

impl<'e> From<Option<&'e Mount>> for MountPart<'e> {
    fn from(mount: Option<&'e Mount>) -> Self {
        mount.map_or_else(Self::default, |mount| Self {
            mount_accessor: &mount.accessor,
            mount_class: &mount.class,
            mount_point: &mount.path,
            mount_type: &mount.kind,
        })
    }
}

/// The only namespace that there is.
const ROOT: Namespace = Namespace { id: "root" };

#[derive(Serialize)]
struct Namespace {
    id: &'static str,
}

impl Default for Namespace {
    fn default() -> Self {
        ROOT
    }
}
