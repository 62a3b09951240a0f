//! A web identity: a token in a file, which somebody else keeps fresh (Kubernetes does), and STS turns into keys of a role.

use crate::base::{Clock, Error, Result, Secret};
use crate::engine::aws::client::{Client, Keys, Service, Signer};
use crate::engine::aws::sources::Found;
use crate::engine::aws::sources::environment::Environment;
use crate::engine::aws::sts_api;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebIdentity {
    pub role_arn: String,
    pub token_file: PathBuf,
    pub session_name: String,
}

impl WebIdentity {
    /// The one that the environment names.
    ///
    /// # Errors
    /// `BadRequest` when it names half of one.
    pub fn of(environment: &Environment) -> Result<Option<Self>> {
        let Some(token_file) = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") else { return Ok(None) };
        let role_arn = environment
            .get("AWS_ROLE_ARN")
            .ok_or_else(|| Error::bad_request("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not"))?;
        let session_name = environment.get("AWS_ROLE_SESSION_NAME").unwrap_or_else(Self::usual_session);
        Ok(Some(Self { role_arn, token_file: token_file.into(), session_name }))
    }

    pub fn usual_session() -> String {
        "leasehold".to_owned()
    }

    /// # Errors
    /// `BadRequest` when the file cannot be read; STS's.
    pub fn keys(&self, sts: &Service, clock: &Arc<dyn Clock>, deadline: Instant) -> Result<Found> {
        let token = std::fs::read_to_string(&self.token_file).map(Secret::new).map_err(|error| {
            Error::bad_request(format!("{} cannot be read: {}", self.token_file.display(), error.kind()))
        })?;
        let client = Client {
            service: sts.clone(),
            fallbacks: Vec::new(),
            signer: Signer::Nobody,
            clock: clock.clone(),
            deadline,
            retries: Some(2),
        };
        let session = sts_api::web_identity(&client, &self.role_arn, &self.session_name, token.expose().trim())?;
        let keys =
            Keys { access_key: session.access_key, secret_key: session.secret_key, session_token: Some(session.token) };
        Ok(Found { keys, ends: session.expires })
    }
}
