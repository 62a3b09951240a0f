//! The token of one run: a child of the token in use, so that revoking it ends everything that the run asked for.
//!
//! Invariant: it lives shortly unless the run renews it, so that a run that is killed leaves nothing for longer than that.

use super::wishes::Wishes;
use crate::base::{Secret, clock, random};
use crate::cli::cycle::Cycle;
use crate::cli::{Client, Failure};
use serde_json::{Value, json};
use std::time::Duration;

pub struct Session {
    /// Speaks with the run's own token.
    pub client: Client,
    pub accessor: String,
    pub policies: Vec<String>,
    pub cycle: Cycle,
}

impl Session {
    /// Makes the run's token.
    ///
    /// # Errors
    /// No token in use, or one that may not make children.
    pub fn open(parent: &Client, wishes: &Wishes) -> Result<Self, Failure> {
        if parent.token().is_none_or(Secret::is_empty) {
            return Err(Failure::local("There is no token to run with: log in, or set VAULT_TOKEN."));
        }
        let ttl = wishes.ttl.as_secs();
        let program = wishes.command.first().map(String::as_str).unwrap_or_default();
        let mut body = json!({
            "ttl": format!("{ttl}s"),
            "renewable": true,
            "display_name": "run",
            "meta": { "command": program },
        });
        if !wishes.policies.is_empty() {
            body["policies"] = json!(wishes.policies);
        }
        let answer = parent.post("auth/token/create", body).map_err(explain)?;
        let auth = answer.as_ref().and_then(|answer| answer.auth());
        let text = |name: &str| auth.and_then(|auth| auth.get(name)).and_then(Value::as_str).unwrap_or_default();
        let token = Secret::from(text("client_token"));
        if token.is_empty() {
            return Err(Failure::refused("the server made no token for the run"));
        }
        let granted = auth.and_then(|auth| auth.get("lease_duration")).and_then(Value::as_u64).unwrap_or(ttl);
        let policies = auth.and_then(|auth| auth.get("token_policies")).and_then(Value::as_array);
        let policies = policies.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let cycle = Cycle::begin(clock::since_boot(), Duration::from_secs(granted), true, random::fraction());
        Ok(Self { accessor: text("accessor").to_owned(), policies, cycle, client: parent.clone().with_token(token) })
    }

    /// Renews the token.
    ///
    /// # Errors
    /// What the server said, or that it said nothing.
    pub fn renew(&self) -> Result<Duration, Failure> {
        let increment = format!("{}s", self.cycle.increment().as_secs());
        let answer = self.client.post("auth/token/renew-self", json!({ "increment": increment }))?;
        let auth = answer.as_ref().and_then(|answer| answer.auth());
        let granted = auth.and_then(|auth| auth.get("lease_duration")).and_then(Value::as_u64).unwrap_or_default();
        Ok(Duration::from_secs(granted))
    }

    /// Revokes the token, and with it all that was made under it.
    ///
    /// # Errors
    /// What the server said, or that it said nothing. The token then ends by itself.
    pub fn close(&self) -> Result<(), Failure> {
        self.client.post("auth/token/revoke-self", json!({})).map(|_| ())
    }
}

fn explain(failure: Failure) -> Failure {
    let failure = failure.context("Error making a token for the run");
    match failure.status {
        Some(403) => {
            let hint = "\nThe token in use needs \"update\" on auth/token/create to make one, and can only give policies \
                        that it has itself.";
            Failure { message: format!("{}{hint}", failure.message), ..failure }
        }
        _ => failure,
    }
}
