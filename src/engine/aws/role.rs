//! What a role says: the record, and the rules that its parameters keep among themselves.
//!
//! Invariant: a stored role is one that `check` passed, so that issuing need not doubt it.

use crate::base::{Error, Result};
use crate::logical::Ctx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is handed out for a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    IamUser,
    AssumedRole,
    FederationToken,
    SessionToken,
}

impl CredentialType {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IamUser => "iam_user",
            Self::AssumedRole => "assumed_role",
            Self::FederationToken => "federation_token",
            Self::SessionToken => "session_token",
        }
    }

    /// # Errors
    /// `BadRequest` naming the types that there are.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "iam_user" => Ok(Self::IamUser),
            "assumed_role" => Ok(Self::AssumedRole),
            "federation_token" => Ok(Self::FederationToken),
            "session_token" => Ok(Self::SessionToken),
            _ => Err(Error::bad_request(format!("unrecognized credential_type {text:?}: it is {TYPES}"))),
        }
    }
}

const TYPES: &str = "iam_user, assumed_role, federation_token or session_token";

/// The record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Role {
    pub credential_types: Vec<CredentialType>,
    pub role_arns: Vec<String>,
    pub policy_arns: Vec<String>,
    /// Compact JSON; empty for none.
    pub policy_document: String,
    pub iam_groups: Vec<String>,
    pub iam_tags: BTreeMap<String, String>,
    pub default_sts_ttl: u64,
    pub max_sts_ttl: u64,
    pub user_path: String,
    pub permissions_boundary_arn: String,
    pub external_id: String,
    pub session_tags: BTreeMap<String, String>,
    #[serde(default)]
    pub mfa_serial_number: String,
    /// Written with the older parameters: `creds` then makes users and `sts` sessions, and neither the other.
    pub legacy: bool,
}

impl Role {
    /// # Errors
    /// `BadRequest` when there is no such role.
    pub fn load(ctx: &Ctx, name: &str) -> Result<Self> {
        ctx.load(&record(name))?.ok_or_else(|| Error::bad_request(format!("Role '{name}' not found")))
    }

    #[must_use]
    pub fn hands_out(&self, kind: CredentialType) -> bool {
        self.credential_types.contains(&kind)
    }

    #[must_use]
    pub fn default_ttl(&self) -> Option<Duration> {
        (self.default_sts_ttl > 0).then(|| Duration::from_secs(self.default_sts_ttl))
    }

    #[must_use]
    pub fn max_ttl(&self) -> Option<Duration> {
        (self.max_sts_ttl > 0).then(|| Duration::from_secs(self.max_sts_ttl))
    }

    /// Holds the parameters against each other.
    ///
    /// # Errors
    /// `BadRequest` naming the parameter that does not go with the rest.
    pub fn check(&self) -> Result<()> {
        if self.credential_types.is_empty() {
            return Err(Error::bad_request(format!("did not supply credential_type: it is {TYPES}")));
        }
        self.check_belonging()?;
        self.check_arns()?;
        check_user_path(&self.user_path)?;
        for (field, tags) in [("iam_tags", &self.iam_tags), ("session_tags", &self.session_tags)] {
            check_tags(tags).map_err(|error| error.context(field))?;
        }
        if self.max_sts_ttl > 0 && self.default_sts_ttl > self.max_sts_ttl {
            return Err(Error::bad_request("default_sts_ttl must not be longer than max_sts_ttl"));
        }
        let empty = self.policy_document.is_empty() && self.policy_arns.is_empty() && self.iam_groups.is_empty();
        let narrowed = self.hands_out(CredentialType::IamUser) || self.hands_out(CredentialType::FederationToken);
        if narrowed && empty {
            let ways = "policy_document, policy_arns or iam_groups";
            return Err(Error::bad_request(format!("a user without permissions is of no use: give {ways}")));
        }
        Ok(())
    }

    /// Every parameter belongs to one of the types.
    fn check_belonging(&self) -> Result<()> {
        use CredentialType::{AssumedRole, FederationToken, IamUser, SessionToken};
        let policies = &[IamUser, AssumedRole, FederationToken][..];
        let sessions = &[AssumedRole, FederationToken, SessionToken][..];
        for (field, given, types) in [
            ("user_path", !self.user_path.is_empty(), &[IamUser][..]),
            ("permissions_boundary_arn", !self.permissions_boundary_arn.is_empty(), &[IamUser]),
            ("iam_tags", !self.iam_tags.is_empty(), &[IamUser]),
            ("policy_document", !self.policy_document.is_empty(), policies),
            ("policy_arns", !self.policy_arns.is_empty(), policies),
            ("iam_groups", !self.iam_groups.is_empty(), policies),
            ("default_sts_ttl", self.default_sts_ttl > 0, sessions),
            ("max_sts_ttl", self.max_sts_ttl > 0, sessions),
            ("role_arns", !self.role_arns.is_empty(), &[AssumedRole]),
            ("external_id", !self.external_id.is_empty(), &[AssumedRole]),
            ("session_tags", !self.session_tags.is_empty(), &[AssumedRole]),
            ("mfa_serial_number", !self.mfa_serial_number.is_empty(), &[SessionToken]),
        ] {
            if given && !types.iter().any(|kind| self.hands_out(*kind)) {
                let names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
                return Err(Error::bad_request(format!("{field} goes only with credential_type {}", names.join(", "))));
            }
        }
        if self.hands_out(AssumedRole) && self.role_arns.is_empty() {
            let words = "credential_type assumed_role needs role_arns: the roles that may be assumed";
            return Err(Error::bad_request(words));
        }
        Ok(())
    }

    fn check_arns(&self) -> Result<()> {
        let boundary = (!self.permissions_boundary_arn.is_empty()).then_some(&self.permissions_boundary_arn);
        let arns = self.role_arns.iter().map(|arn| ("role_arns", arn, "role/"));
        let arns = arns.chain(self.policy_arns.iter().map(|arn| ("policy_arns", arn, "policy/")));
        for (field, arn, sort) in arns.chain(boundary.map(|arn| ("permissions_boundary_arn", arn, "policy/"))) {
            if !is_arn(arn, sort) {
                let form = format!("arn:aws:iam::123456789012:{sort}NAME");
                return Err(Error::bad_request(format!("{field}: {arn:?} is not an ARN of the form {form}")));
            }
        }
        Ok(())
    }
}

/// Where a role's record is.
#[must_use]
pub fn record(name: &str) -> String {
    format!("roles/{name}")
}

/// Whether a text is the ARN of a thing of that sort in IAM: `arn:PARTITION:iam::ACCOUNT:SORT…`.
#[must_use]
pub fn is_arn(text: &str, sort: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    matches!(parts[..], ["arn", partition, "iam", "", _, thing]
        if printable && partition.starts_with("aws") && thing.len() > sort.len() && thing.starts_with(sort))
}

/// Brings a policy document to compact JSON.
///
/// # Errors
/// `BadRequest` when it is not a JSON object.
pub fn compact_document(field: &str, text: &str) -> Result<String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let document: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::bad_request(format!("{field} is not a policy document: a JSON object ends or breaks at {place}"))
    })?;
    serde_json::to_string(&document).map_err(|_| Error::internal("a policy document cannot be written as JSON"))
}

fn check_user_path(path: &str) -> Result<()> {
    let framed = path.starts_with('/') && path.ends_with('/') && path.len() <= 512;
    if path.is_empty() || (framed && path.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Ok(());
    }
    Err(Error::bad_request("user_path must begin and end with a slash and hold at most 512 printable characters"))
}

/// AWS's limits, less two tags that the engine adds itself.
fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > 48 {
        return Err(Error::bad_request("AWS takes at most 48 tags here"));
    }
    for (key, value) in tags {
        let (key_length, value_length) = (key.chars().count(), value.chars().count());
        if key_length == 0 || key_length > 128 || value_length > 256 {
            return Err(Error::bad_request("a key has 1 to 128 characters, a value at most 256"));
        }
        if key.starts_with("aws:") || key.starts_with(super::iam_user::TAG_PREFIX) {
            return Err(Error::bad_request(format!("the key {key:?} is reserved")));
        }
    }
    Ok(())
}
