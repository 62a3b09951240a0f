//! Response wrapping: an answer is sealed away under a token that is good for one use, and that token is answered in its
//! place. What is wrapped lies in the wrapping token's cubbyhole and goes with it.
//!
//! Invariant: the use of a wrapping token is spent in the transaction that reads what it holds, so that of two who unwrap it
//! exactly one gets the answer.
//!
//! A lease or a token inside a wrapping lives its own life, under its own parent: that nobody unwraps it ends it no sooner.

use crate::base::{Error, Result, Secret};
use crate::core::cubbyholes;
use crate::core::leases::{Lease, Leases};
use crate::core::live::Live;
use crate::core::names::Names;
use crate::core::records;
use crate::core::tokens::{Draft, NewToken, TokenRecord, new_accessor};
use crate::core::wrapping_jwt::Said;
use crate::logical::{Body, Map, Outcome, Request, Response, WrapFormat, WrapInfo, envelope, wipe};
use crate::policy::RESPONSE_WRAPPING_NAME;
use crate::storage::{LeaseKey, LeaseState, Snapshot, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::time::Duration;
use zeroize::Zeroizing;

/// Where wrapping tokens hang below the token mount, so that a prefix ends all of them.
const FOLDER: &str = "wrapping";

/// The record of a wrapping token's cubbyhole that holds the answer: its envelope as one text, and beside it what an envelope
/// does not hold.
const RECORD: &str = "response";
const ENVELOPE: &str = "response";
const BARE: &str = "bare";
const RAW: &str = "raw";
const MEDIA_TYPE: &str = "media_type";
const OUTCOME: &str = "outcome";
const ACCEPTED: &str = "accepted";
const GONE: &str = "gone";

/// Where a JWT cannot tell who gets it where to go.
const NO_ADDRESS: &str = "No api_addr is configured, so that the token does not tell this server's address: tell it to whoever is to unwrap it.";

/// A wrapping token that was decided on, and what it will hold.
pub struct Wrapping {
    draft: Draft,
    value: Zeroizing<Vec<u8>>,
    /// The wrapping token that this one takes the place of.
    replaces: Option<LeaseKey>,
}

/// What is asked of a new wrapping token.
struct Asked<'a> {
    ttl: Duration,
    format: WrapFormat,
    creation_path: &'a str,
    wrapped_accessor: String,
    request_id: &'a str,
}

impl TokenRecord {
    /// Whether this token does nothing but wrap an answer.
    #[must_use]
    pub fn is_wrapping(&self) -> bool {
        matches!(self.policies.as_slice(), [only] if only == RESPONSE_WRAPPING_NAME)
    }
}

impl Live {
    /// Wraps an answer: what goes out in its place, and what is to be stored with it.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no randomness.
    pub fn wrap(&self, request: &Request, response: Response, ttl: Duration) -> Result<(Response, Wrapping)> {
        let asked = Asked {
            ttl,
            format: request.wrap_format,
            creation_path: request.path.as_str(),
            wrapped_accessor: response.auth.as_ref().map(|auth| auth.accessor.clone()).unwrap_or_default(),
            request_id: &request.id,
        };
        let value = write(&request.id, response)?;
        self.wrapped(&asked, value, None)
    }

    /// Takes the answer out of a wrapping token, which is gone with this.
    ///
    /// # Errors
    /// `BadRequest` for what is no wrapping token, or no longer one.
    pub fn unwrap(&self, token: &Secret<String>) -> Result<Response> {
        let key = Leases { barrier: &self.barrier }.token_key(token.expose());
        let value = self.storage.writing(|tx| {
            let (lease, value) = self.held(tx, &key)?;
            self.end_wrapping(tx, &lease)?;
            Ok(value)
        })?;
        read(&value)
    }

    /// Moves what a wrapping token holds to a new one of the same length, or of `at_most` where that is shorter.
    ///
    /// # Errors
    /// `BadRequest` for what is no wrapping token, or no longer one.
    pub fn rewrap(
        &self,
        token: &Secret<String>,
        at_most: Option<Duration>,
        format: WrapFormat,
        request_id: &str,
    ) -> Result<(Response, Wrapping)> {
        let key = Leases { barrier: &self.barrier }.token_key(token.expose());
        let (lease, value) = self.storage.reading(|snapshot| self.held(snapshot, &key))?;
        let record = lease.token()?;
        let ttl = Duration::from_secs(record.creation_ttl);
        let inside = read(&value)?;
        let asked = Asked {
            ttl: at_most.map_or(ttl, |at_most| at_most.min(ttl)),
            format,
            creation_path: &record.path,
            wrapped_accessor: inside.auth.as_ref().map(|auth| auth.accessor.clone()).unwrap_or_default(),
            request_id,
        };
        self.wrapped(&asked, value, Some(key))
    }

    /// A wrapping token that lives; it is looked at, and not used.
    ///
    /// # Errors
    /// `BadRequest` for what is no wrapping token, or no longer one.
    pub fn wrapping_token(&self, token: &Secret<String>) -> Result<Lease> {
        let key = Leases { barrier: &self.barrier }.token_key(token.expose());
        self.storage.reading(|snapshot| self.living_wrapping(snapshot, &key))
    }

    /// Stores a wrapping token and what it holds; the one that it takes the place of goes.
    pub(super) fn insert_wrapping<'w>(&self, tx: &mut dyn Tx, wrapping: &'w Wrapping) -> Result<&'w NewToken> {
        if let Some(key) = &wrapping.replaces {
            let replaced = self.living_wrapping(tx, key)?;
            self.end_wrapping(tx, &replaced)?;
        }
        let new = self.insert_token(tx, &wrapping.draft)?;
        records::put(tx, &self.cubbyholes()?, &self.record_path(&wrapping.draft.key), &wrapping.value)?;
        Ok(new)
    }

    fn wrapped(
        &self,
        asked: &Asked<'_>,
        value: Zeroizing<Vec<u8>>,
        replaces: Option<LeaseKey>,
    ) -> Result<(Response, Wrapping)> {
        let draft = self.draft_token(self.new_wrapping_token(asked)?)?;
        let accessor = &asked.wrapped_accessor;
        let said = Said { token: &draft.token, made: draft.issued, ttl: asked.ttl, accessor };
        let jwt = (asked.format == WrapFormat::Jwt).then(|| self.wrapping_jwt(&said)).transpose()?;
        let mut response = Response::default();
        if jwt.is_some() && self.settings.api_addr.is_empty() {
            response.warnings.push(NO_ADDRESS.to_owned());
        }
        response.wrap_info = Some(WrapInfo {
            token: draft.token.clone(),
            jwt,
            accessor: draft.new.record.accessor.clone(),
            ttl: asked.ttl,
            created: draft.issued,
            creation_path: asked.creation_path.to_owned(),
            wrapped_accessor: asked.wrapped_accessor.clone(),
        });
        Ok((response, Wrapping { draft, value, replaces }))
    }

    fn new_wrapping_token(&self, asked: &Asked<'_>) -> Result<NewToken> {
        let now = self.now();
        let end = Some(now.plus(asked.ttl));
        let seconds = u64::try_from(asked.ttl.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        let record = TokenRecord {
            accessor: new_accessor(now)?,
            policies: vec![RESPONSE_WRAPPING_NAME.to_owned()],
            display_name: String::new(),
            meta: None,
            path: asked.creation_path.to_owned(),
            num_uses: 1,
            period: 0,
            explicit_max_ttl: seconds,
            creation_ttl: seconds,
            orphan: true,
            ..TokenRecord::default()
        };
        Ok(NewToken {
            id: None,
            parent: 0,
            mount: self.mount_at("auth/token/")?,
            folder: FOLDER.to_owned(),
            record,
            renewable: false,
            expires: end,
            maximum: end,
            request_id: asked.request_id.to_owned(),
        })
    }

    fn living_wrapping(&self, snapshot: &dyn Snapshot, key: &LeaseKey) -> Result<Lease> {
        let leases = Leases { barrier: &self.barrier };
        let found = self.living_token(snapshot, &leases, key)?.map(|(lease, _)| lease);
        found.filter(|lease| lease.token().is_ok_and(TokenRecord::is_wrapping)).ok_or_else(invalid)
    }

    /// A wrapping token that lives, and what it holds.
    fn held(&self, snapshot: &dyn Snapshot, key: &LeaseKey) -> Result<(Lease, Zeroizing<Vec<u8>>)> {
        let lease = self.living_wrapping(snapshot, key)?;
        let value = records::record(snapshot, &self.cubbyholes()?, &self.record_path(key))?;
        Ok((lease, value.ok_or_else(invalid)?))
    }

    fn end_wrapping(&self, tx: &mut dyn Tx, lease: &Lease) -> Result<()> {
        if cubbyholes::clear(self, tx, &self.cubbyholes()?.mount, &lease.row.key)? {
            return self.delete_lease(tx, &lease.row);
        }
        // Never so large; yet if it were, the sweeper would have to clear it.
        tx.lease_advance(lease.row.id, LeaseState::Active, LeaseState::Revoking, Some(self.now()), 0).map(drop)
    }

    fn cubbyholes(&self) -> Result<Names<'_>> {
        let mount =
            self.cubbyhole_mount().ok_or_else(|| Error::internal("there is no cubbyhole to wrap answers in"))?;
        Ok(Names { barrier: &self.barrier, mount: mount.hash() })
    }

    fn record_path(&self, key: &LeaseKey) -> String {
        format!("{}/{RECORD}", cubbyholes::name(self, key))
    }
}

/// What the reference answers, whatever is wrong with the token.
#[must_use]
pub fn invalid() -> Error {
    Error::bad_request("wrapping token is not valid or does not exist")
}

/// An answer as it is kept.
fn write(id: &str, mut response: Response) -> Result<Zeroizing<Vec<u8>>> {
    let mut record = Map::new();
    let mut body = std::mem::take(&mut response.body);
    let data = match &mut body {
        Body::Data(data) | Body::DataAndTop(data) => Value::Object(std::mem::take(data)),
        Body::Bare(value) => {
            record.insert(BARE.to_owned(), value.take());
            Value::Null
        }
        Body::Raw { media_type, bytes } => {
            record.insert(RAW.to_owned(), STANDARD.encode(bytes).into());
            record.insert(MEDIA_TYPE.to_owned(), media_type.as_ref().into());
            Value::Null
        }
        Body::Empty => Value::Null,
        Body::Stream { .. } => return Err(Error::bad_request("an answer that goes on and on cannot be wrapped")),
    };
    match response.outcome {
        Outcome::Accepted => drop(record.insert(OUTCOME.to_owned(), ACCEPTED.into())),
        Outcome::GoneWithData => drop(record.insert(OUTCOME.to_owned(), GONE.into())),
        Outcome::Ok | Outcome::Sealed | Outcome::NotInitialized | Outcome::AsAsked(_) => {}
    }
    let id = response.request_id.take().unwrap_or_else(|| id.to_owned());
    let mut whole = Value::Object(envelope::write(&id, &response, data));
    let text = serde_json::to_string(&whole);
    wipe(&mut whole);
    record.insert(ENVELOPE.to_owned(), text.map_err(|_| unwritable())?.into());
    let mut record = Value::Object(record);
    let bytes = serde_json::to_vec(&record);
    wipe(&mut record);
    bytes.map(Zeroizing::new).map_err(|_| unwritable())
}

/// The answer that was kept.
fn read(value: &[u8]) -> Result<Response> {
    let broken = || Error::internal("what a wrapping token holds does not parse");
    let mut record: Map = serde_json::from_slice(value).map_err(|_| broken())?;
    let mut text = |name: &str| match record.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => Some(Zeroizing::new(text)),
        _ => None,
    };
    let (whole, raw, media_type, outcome) = (text(ENVELOPE), text(RAW), text(MEDIA_TYPE), text(OUTCOME));
    let whole = whole.and_then(|whole| serde_json::from_str(&whole).ok()).ok_or_else(broken)?;
    let mut response = envelope::read(whole)?;
    if let (Some(raw), Some(media_type)) = (raw, media_type) {
        let bytes = STANDARD.decode(raw.as_bytes()).map_err(|_| broken())?;
        response.body = Body::Raw { media_type: media_type.to_string().into(), bytes };
    }
    if let Some(bare) = record.get_mut(BARE) {
        response.body = Body::Bare(bare.take());
    }
    response.outcome = match outcome.as_ref().map(|outcome| outcome.as_str()) {
        Some(ACCEPTED) => Outcome::Accepted,
        Some(GONE) => Outcome::GoneWithData,
        _ => Outcome::Ok,
    };
    Ok(response)
}

fn unwritable() -> Error {
    Error::internal("an answer cannot be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(response: Response) -> Response {
        read(&write("request", response).unwrap()).unwrap()
    }

    #[test]
    fn an_answer_of_any_form_comes_out_as_it_went_in() {
        let data = kept(Response::json(json!({ "bare": "a", "raw": "b", "media_type": "text/html" })));
        assert!(matches!(&data.body, Body::Data(data) if data["raw"] == "b"), "data never passes for another form");
        let bare = kept(Response::bare(json!(["a", 1])));
        assert!(matches!(&bare.body, Body::Bare(value) if *value == json!(["a", 1])));
        let raw = Body::Raw { media_type: "text/plain".into(), bytes: vec![0, 255] };
        let raw = kept(Response { body: raw, ..Response::default() });
        assert!(
            matches!(&raw.body, Body::Raw { media_type, bytes } if media_type == "text/plain" && *bytes == [0, 255])
        );
        let gone = kept(Response { outcome: Outcome::GoneWithData, ..Response::json(json!({ "a": 1 })) });
        assert_eq!((gone.outcome, gone.request_id.as_deref()), (Outcome::GoneWithData, Some("request")));
        assert_eq!(kept(Response::empty().warn("said").accepted()).outcome, Outcome::Accepted);
    }
}
