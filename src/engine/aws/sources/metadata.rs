//! Keys that the surroundings answer over HTTP: the agent of a container (ECS, EKS), or the instance's metadata. Neither is ever
//! asked through a proxy.

use crate::base::outbound::{self, Method};
use crate::base::{Error, Result, Secret, Timestamp};
use crate::engine::aws::answer::moment;
use crate::engine::aws::client::Keys;
use crate::engine::aws::sources::environment::Environment;
use crate::engine::aws::sources::{Found, instance};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Instant;
use ureq::http::Uri;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metadata {
    /// The address at which a container's agent answers.
    Container(String),
    /// The address of the instance's metadata.
    Instance(String),
}

/// Where ECS's agent is, and where EKS's.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// What both answer, in JSON.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    /// Only the instance's has one: `Success`, or what is wrong.
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

impl Metadata {
    /// What the environment points to; without a word in it the instance may have keys.
    ///
    /// # Errors
    /// `BadRequest` for an address that keys must not be asked from.
    pub fn of(environment: &Environment) -> Result<Option<Self>> {
        if let Some(path) = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            if !path.starts_with('/') {
                return Err(Error::bad_request("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash"));
            }
            return Ok(Some(Self::Container(format!("http://{}{path}", AGENTS[0]))));
        }
        if let Some(address) = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            check_agent(&address)?;
            return Ok(Some(Self::Container(address)));
        }
        Ok(instance::address(environment)?.map(Self::Instance))
    }

    /// # Errors
    /// `Upstream` when nobody answers, `BadRequest` when there are no keys to be had.
    pub fn keys(&self, environment: &Environment, deadline: Instant) -> Result<Found> {
        match self {
            Self::Container(address) => {
                let headers: Vec<_> = authorization(environment)?.into_iter().collect();
                let reply = outbound::nearby(Method::Get, address, &headers, deadline)?;
                if reply.status != 200 {
                    return Err(Error::bad_request(format!("{address} answered {}", reply.status)));
                }
                found(address, &reply.body)
            }
            Self::Instance(address) => {
                let document = instance::document(address, deadline)?;
                found(address, &document)
            }
        }
    }
}

impl std::fmt::Display for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container(_) => f.write_str("the container's agent"),
            Self::Instance(_) => f.write_str("the instance's metadata"),
        }
    }
}

/// Keys are asked for in the clear only where nothing leaves this machine.
fn check_agent(address: &str) -> Result<()> {
    let wrong = |why: &str| Error::bad_request(format!("AWS_CONTAINER_CREDENTIALS_FULL_URI {why}"));
    let uri: Uri = address.parse().map_err(|_| wrong("is not an address"))?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let near = host == "localhost"
        || AGENTS.contains(&host)
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if near => Ok(()),
        _ => Err(wrong("must be https, or http to this machine or to the agent's own address")),
    }
}

/// What the agent wants to see. The token in a file is read each time: it is replaced there.
fn authorization(environment: &Environment) -> Result<Option<(String, String)>> {
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(std::fs::read_to_string(&path).map_err(|error| {
            Error::bad_request(format!(
                "{path} (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) cannot be read: {}",
                error.kind()
            ))
        })?),
        None => environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let Some(token) = token.map(|token| token.trim().to_owned()) else { return Ok(None) };
    if !token.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err(Error::bad_request("the authorization token of the container cannot stand in a header"));
    }
    Ok(Some(("Authorization".to_owned(), token)))
}

/// The keys of a document. The parser's own words are not passed on: they may quote it.
fn found(address: &str, document: &str) -> Result<Found> {
    let unfit = || Error::upstream(format!("{address} answered something else than keys"));
    let document: Document = serde_json::from_str(document).map_err(|_| unfit())?;
    if let Some(code) = document.code.filter(|code| code != "Success") {
        return Err(Error::bad_request(format!("{address} answered {code}")));
    }
    let (Some(access_key), Some(secret_key)) = (document.access_key_id, document.secret_access_key) else {
        return Err(unfit());
    };
    let ends: Option<Timestamp> = document.expiration.as_deref().and_then(moment);
    let session_token = document.token.map(Secret::from);
    Ok(Found { keys: Keys { access_key, secret_key: secret_key.into(), session_token }, ends })
}
