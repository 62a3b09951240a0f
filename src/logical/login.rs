//! What an auth method says of whoever signed in. The method judges; the core makes the entity and the token.

use crate::base::{Result, Secret, Timestamp};
use crate::logical::{Map, Records, TokenParameters};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Somebody has signed in.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// The name at the method, which the entity's alias has; empty where there is none, and then no entity either.
    pub alias: String,
    /// What the method knows of it; policies' templates can use it.
    pub alias_metadata: Map,
    /// The groups at the method; none where the method knows of no groups.
    pub groups: Option<Vec<String>>,
    pub display_name: String,
    /// The method's role by which the token is made, to be found, counted and revoked by; empty where it has no roles.
    pub role: String,
    /// Notes on the token.
    pub metadata: Map,
    /// What the token may be; its policies are among them.
    pub token: TokenParameters,
    /// What the method will want to know when the token is renewed. Kept sealed with it.
    pub internal: Value,
    /// What the method writes when the token comes to life.
    pub along: Option<Along>,
}

/// A change to the method's records in the transaction that brings the token to life: both are there, or neither. Where it
/// fails, nobody has signed in.
#[derive(Debug, Clone)]
pub struct Along {
    pub change: fn(&mut dyn Records, &str, Timestamp) -> Result<()>,
    /// What `change` is given, in the method's own words.
    pub with: Secret<String>,
}

/// A token that was made by an auth method, when it is to be renewed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginView {
    pub alias: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// What [`Login::internal`] held.
    pub internal: Value,
    /// The policies that the token got from the method.
    pub policies: Vec<String>,
    pub metadata: Map,
}

/// What the method says to a renewal.
#[derive(Debug, Clone, Default)]
pub struct LoginRenewal {
    /// As they are now: how long the renewal is good for, and the policies, which must be those of the token.
    pub token: TokenParameters,
    /// The groups at the method as they are now; none where it knows of no groups.
    pub groups: Option<Vec<String>>,
}
