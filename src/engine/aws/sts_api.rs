//! The actions of STS that the engine needs, as functions.

use crate::base::{Secret, Timestamp};
use crate::engine::aws::client::{Client, Failure};
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

pub struct Session {
    pub access_key: String,
    pub secret_key: Secret<String>,
    pub token: Secret<String>,
    pub arn: String,
    pub expires: Option<Timestamp>,
}

/// # Errors
/// AWS's.
pub fn assume_role(sts: &Client, session: &NewSession<'_>) -> Result<Session, Failure> {
    let mut parameters = vec![
        pair("RoleArn", session.role_arn),
        pair("RoleSessionName", session.name),
        pair("DurationSeconds", &session.duration.as_secs().to_string()),
    ];
    parameters.extend(session.external_id.map(|id| pair("ExternalId", id)));
    parameters.extend(session.policy_document.map(|document| pair("Policy", document)));
    let arns = session.policy_arns.iter().zip(1..);
    parameters.extend(arns.map(|(arn, at)| pair(&format!("PolicyArns.member.{at}.arn"), arn)));
    parameters.extend(members("Tags", session.tags));
    let answer = sts.call("AssumeRole", &parameters)?;
    let part = |name| answer.first(name).ok_or_else(|| incomplete("AssumeRole"));
    Ok(Session {
        access_key: part("AccessKeyId")?.to_owned(),
        secret_key: part("SecretAccessKey")?.into(),
        token: part("SessionToken")?.into(),
        arn: part("Arn")?.to_owned(),
        expires: answer.first("Expiration").and_then(moment),
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| Timestamp(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_aws_says() {
        assert_eq!(moment("2015-08-30T12:36:00Z"), Some(Timestamp(1_440_938_160_000)));
        assert_eq!(moment("2015-08-30T12:36:00.123456Z"), Some(Timestamp(1_440_938_160_123)));
        assert_eq!(moment("soon"), None);
    }
}
