//! What a role says: the record of `roles/{name}`.

use crate::base::{Error, Result};
use crate::engine::database::driver::CredentialType;
use crate::logical::{Ctx, Map, Records};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Role {
    pub db_name: String,
    pub creation_statements: Vec<String>,
    pub revocation_statements: Vec<String>,
    pub rollback_statements: Vec<String>,
    pub renew_statements: Vec<String>,
    /// Seconds; zero: the mount's.
    pub default_ttl: u64,
    pub max_ttl: u64,
    pub credential_type: CredentialType,
    #[serde(default)]
    pub credential_config: Map,
}

/// Where a role is kept.
#[must_use]
pub fn record(name: &str) -> String {
    format!("roles/{name}")
}

impl Role {
    /// # Errors
    /// `BadRequest` when there is no role of this name.
    pub fn load(ctx: &Ctx, name: &str) -> Result<Self> {
        ctx.load(&record(name))?.ok_or_else(|| Error::bad_request(format!("unknown role: {name}")))
    }

    /// # Errors
    /// `Internal` when the record does not open.
    pub fn load_in(records: &dyn Records, name: &str) -> Result<Option<Self>> {
        crate::logical::ctx::load(records, &record(name))
    }

    /// First life and longest; none where the mount's hold.
    #[must_use]
    pub fn limits(&self) -> (Option<Duration>, Option<Duration>) {
        let some = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        (some(self.default_ttl), some(self.max_ttl))
    }

    /// The policy for its passwords, in place of the connection's; empty for none.
    #[must_use]
    pub fn password_policy(&self) -> &str {
        password_policy(&self.credential_config)
    }
}

#[must_use]
pub fn password_policy(credential_config: &Map) -> &str {
    credential_config.get("password_policy").and_then(Value::as_str).unwrap_or_default()
}

/// Looks over what goes with a credential type.
///
/// # Errors
/// `BadRequest` for what passwords have no use for.
pub fn check_credential_config(config: &Map) -> Result<()> {
    match config.keys().find(|key| *key != "password_policy") {
        Some(key) => Err(Error::bad_request(format!(
            "credential_config validation failed: {key:?} does not go with credential_type password, which takes \
             password_policy"
        ))),
        None => Ok(()),
    }
}
