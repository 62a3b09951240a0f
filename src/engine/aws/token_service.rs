//! STS: whose keys these are, and temporary credentials of a role.

use crate::base::{Error, Result, Secret};
use crate::engine::aws::client::Client;
use crate::engine::aws::xml;

/// Temporary credentials.
pub struct Session {
    pub access_key: String,
    pub secret_key: Secret<String>,
    pub token: Secret<String>,
    pub arn: String,
}

/// What is asked of `AssumeRole`.
pub struct Assume<'a> {
    pub role_arn: &'a str,
    pub session_name: &'a str,
    pub seconds: u64,
    pub external_id: &'a str,
    pub policy: &'a str,
    pub policy_arns: &'a [String],
}

/// The account that the calling keys belong to.
///
/// # Errors
/// AWS's refusal.
pub fn account(client: &Client<'_>) -> Result<String> {
    let answer = client.text("GetCallerIdentity", &[])?;
    first(&answer, "Account")
}

/// # Errors
/// AWS's refusal, or an answer that lacks something.
pub fn assume_role(client: &Client<'_>, wanted: &Assume<'_>) -> Result<Session> {
    let mut parameters = vec![
        ("RoleArn".to_owned(), wanted.role_arn.to_owned()),
        ("RoleSessionName".to_owned(), wanted.session_name.to_owned()),
        ("DurationSeconds".to_owned(), wanted.seconds.to_string()),
    ];
    for (name, value) in [("ExternalId", wanted.external_id), ("Policy", wanted.policy)] {
        if !value.is_empty() {
            parameters.push((name.to_owned(), value.to_owned()));
        }
    }
    for (at, arn) in wanted.policy_arns.iter().enumerate() {
        parameters.push((format!("PolicyArns.member.{}.arn", at + 1), arn.clone()));
    }
    let answer = client.text("AssumeRole", &parameters).map_err(Error::from)?;
    Ok(Session {
        access_key: first(&answer, "AccessKeyId")?,
        secret_key: first(&answer, "SecretAccessKey")?.into(),
        token: first(&answer, "SessionToken")?.into(),
        arn: first(&answer, "Arn")?,
    })
}

fn first(answer: &str, name: &str) -> Result<String> {
    xml::texts(answer, name)
        .into_iter()
        .next()
        .ok_or_else(|| Error::upstream(format!("the answer of STS has no {name}")))
}
