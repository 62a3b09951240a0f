//! The actions of STS that the engine needs, as functions.

use crate::base::{Secret, Timestamp};
use crate::engine::aws::answer::{Answer, moment};
use crate::engine::aws::client::{Again, Client, Failure};
use crate::engine::aws::iam::{incomplete, members, pair};
use std::collections::BTreeMap;
use std::time::Duration;

pub const VERSION: &str = "2011-06-15";

/// Whose keys they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: String,
    pub arn: String,
}

/// Asks who the caller is. It needs no permission.
///
/// # Errors
/// AWS's.
pub fn caller_identity(sts: &Client) -> Result<Identity, Failure> {
    let answer = sts.call("GetCallerIdentity", &[])?;
    match (answer.first("Account"), answer.first("Arn")) {
        (Some(account), Some(arn)) => Ok(Identity { account: account.to_owned(), arn: arn.to_owned() }),
        _ => Err(incomplete("GetCallerIdentity")),
    }
}

/// A session that is to be opened.
pub struct NewSession<'a> {
    pub role_arn: &'a str,
    pub name: &'a str,
    pub duration: Duration,
    pub external_id: Option<&'a str>,
    pub policy_document: Option<&'a str>,
    pub policy_arns: &'a [String],
    pub tags: &'a BTreeMap<String, String>,
}

/// Credentials of a federated user that are to be had.
pub struct NewFederation<'a> {
    pub name: &'a str,
    pub duration: Duration,
    pub policy_document: Option<&'a str>,
    pub policy_arns: &'a [String],
}

pub struct Session {
    pub access_key: String,
    pub secret_key: Secret<String>,
    pub token: Secret<String>,
    /// Who its bearer is to AWS, where AWS says so.
    pub arn: Option<String>,
    pub expires: Option<Timestamp>,
}

/// # Errors
/// AWS's.
pub fn assume_role(sts: &Client, session: &NewSession<'_>) -> Result<Session, Failure> {
    let mut parameters =
        vec![pair("RoleArn", session.role_arn), pair("RoleSessionName", session.name), lasting(session.duration)];
    parameters.extend(session.external_id.map(|id| pair("ExternalId", id)));
    parameters.extend(policies(session.policy_document, session.policy_arns));
    parameters.extend(members("Tags", session.tags));
    opened("AssumeRole", &sts.call("AssumeRole", &parameters)?)
}

/// # Errors
/// AWS's; it has none for keys that are temporary themselves.
pub fn federation_token(sts: &Client, user: &NewFederation<'_>) -> Result<Session, Failure> {
    let mut parameters = vec![pair("Name", user.name), lasting(user.duration)];
    parameters.extend(policies(user.policy_document, user.policy_arns));
    opened("GetFederationToken", &sts.call("GetFederationToken", &parameters)?)
}

/// Credentials of the caller, with a device's serial number and code where a second factor is due.
///
/// # Errors
/// AWS's; it has none for keys that are temporary themselves.
pub fn session_token(sts: &Client, duration: Duration, factor: Option<(&str, &str)>) -> Result<Session, Failure> {
    let mut parameters = vec![lasting(duration)];
    if let Some((serial_number, code)) = factor {
        parameters.extend([pair("SerialNumber", serial_number), pair("TokenCode", code)]);
    }
    // A code serves once: sent again it would be refused, and the first answer is all that matters.
    let again = if factor.is_some() { Again::OnlyIfRefused } else { Again::Yes };
    opened("GetSessionToken", &sts.call_again("GetSessionToken", &parameters, again)?)
}

/// A session of a role for the bearer of a token that another has signed. The call itself is signed by nobody.
///
/// # Errors
/// AWS's.
pub fn web_identity(sts: &Client, role_arn: &str, session: &str, token: &str) -> Result<Session, Failure> {
    let parameters = [pair("RoleArn", role_arn), pair("RoleSessionName", session), pair("WebIdentityToken", token)];
    opened("AssumeRoleWithWebIdentity", &sts.call("AssumeRoleWithWebIdentity", &parameters)?)
}

fn lasting(duration: Duration) -> (String, String) {
    pair("DurationSeconds", &duration.as_secs().to_string())
}

/// What narrows a session.
fn policies<'a>(document: Option<&'a str>, arns: &'a [String]) -> impl Iterator<Item = (String, String)> + 'a {
    let arns = arns.iter().zip(1..).map(|(arn, at)| pair(&format!("PolicyArns.member.{at}.arn"), arn));
    document.map(|document| pair("Policy", document)).into_iter().chain(arns)
}

/// The session that an action opened.
fn opened(action: &str, answer: &Answer) -> Result<Session, Failure> {
    let part = |name| answer.first(name).ok_or_else(|| incomplete(action));
    Ok(Session {
        access_key: part("AccessKeyId")?.to_owned(),
        secret_key: part("SecretAccessKey")?.into(),
        token: part("SessionToken")?.into(),
        arn: answer.first("Arn").map(str::to_owned),
        expires: answer.first("Expiration").and_then(moment),
    })
}
