//! What the credentials of STS have in common: they end by themselves at their time, and AWS takes none back. So their lease is
//! a record of when they end: not renewable, and revoking it says that it expires only.
//!
//! Owns how long they live, what narrows them and how they are handed out; which call opens one is its kind's business.

use crate::base::{Error, Result, duration};
use crate::engine::aws::client::Client;
use crate::engine::aws::role::{CredentialType, Role};
use crate::engine::aws::sts_api::Session;
use crate::engine::aws::{iam, sources};
use crate::logical::{Created, Ctx, Input, Intent, LeaseView, Renewal, Response, Revoked, SecretKind};
use serde_json::{Value, json};
use std::time::Duration;

/// What AWS gives at least, and what is asked for where nobody says.
const SHORTEST: Duration = Duration::from_secs(15 * 60);
const USUAL: Duration = Duration::from_secs(60 * 60);

const CLOCK_SLACK: Duration = Duration::from_secs(5);

/// A kind of secret that STS hands out.
pub(super) const fn kind(name: &'static str) -> SecretKind {
    SecretKind {
        kind: name,
        settle: Duration::ZERO,
        expires_only: true,
        renew: refuse_renewal,
        revoke: leave_to_expire,
    }
}

/// How long credentials of a type may live at AWS.
const fn longest(kind: CredentialType) -> Duration {
    let hours = match kind {
        CredentialType::AssumedRole => 12,
        CredentialType::IamUser | CredentialType::FederationToken | CredentialType::SessionToken => 36,
    };
    Duration::from_secs(hours * 60 * 60)
}

/// Credentials that are about to be asked for.
pub(super) struct Opening {
    pub kind: &'static str,
    pub role: String,
    /// The name that AWS knows them by.
    pub subject: String,
    pub revocation: Value,
    pub life: Life,
    /// Beside the warning about the life.
    pub warnings: Vec<String>,
}

/// Commits the lease, opens the session and hands it out.
///
/// # Errors
/// The core's about the lease, or `open`'s own.
pub(super) fn hand_out(ctx: &mut Ctx, opening: Opening, open: impl FnOnce() -> Result<Session>) -> Result<Response> {
    let Opening { kind, role, subject, revocation, life, mut warnings } = opening;
    let ttl = life.ttl;
    let intent = Intent {
        kind,
        role,
        subject,
        // Ending it asks nobody.
        target: String::new(),
        revocation,
        ttl: Some(ttl),
        max_ttl: Some(ttl),
        renewable: false,
    };
    let clock = ctx.clock.clone();
    warnings.extend(life.warning);
    ctx.issue(&intent, |_outside| {
        let opened = open()?;
        let shorter = shortened(ttl, opened.expires.map(|expires| clock.now().until(expires)));
        let mut data = json!({
            "access_key": opened.access_key,
            "secret_key": opened.secret_key.expose(),
            "security_token": opened.token.expose(),
            "session_token": opened.token.expose(),
            "ttl": shorter.unwrap_or(ttl).as_secs(),
        });
        if let Some(arn) = &opened.arn {
            data["arn"] = Value::from(arn.as_str());
        }
        let data = data.as_object().cloned().unwrap_or_default();
        let subjects = vec![opened.access_key.clone()];
        Ok(Created { data, subjects, ttl: shorter, warnings, ..Created::default() })
    })
}

/// Sees that the engine's own keys are an IAM user's: AWS gives these types of credentials for no others.
///
/// # Errors
/// `BadRequest` saying where the keys come from.
pub(super) fn check_keys_of_a_user(sts: &Client, kind: &str) -> Result<()> {
    match sts.keys()? {
        Some(keys) if keys.session_token.is_some() => Err(Error::bad_request(format!(
            "AWS gives no {kind} for keys that are temporary themselves, as the engine's are ({}): write an access key of an \
             IAM user to config/root",
            sources::describe()
        ))),
        _ => Ok(()),
    }
}

/// How long credentials are to live, and a warning where that is less than was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub ttl: Duration,
    pub warning: Option<String>,
}

impl Life {
    /// What was asked for, within the limits of the role, the mount and AWS.
    ///
    /// # Errors
    /// `BadRequest` where that is less than AWS gives at all.
    pub fn granted(kind: CredentialType, asked: Option<Duration>, role: &Role, mount_max: Duration) -> Result<Self> {
        let asked = asked.filter(|asked| !asked.is_zero());
        let wanted = asked.or(role.default_ttl()).unwrap_or(USUAL);
        // Without a lease above it a session would live on unseen: the mount's limit holds for it, too.
        let most = role.max_ttl().map_or(mount_max, |most| most.min(mount_max)).min(longest(kind));
        let ttl = wanted.min(most);
        if ttl < SHORTEST {
            let ttl = duration::short(ttl.as_secs());
            let words = format!("a ttl of {ttl} is too short: AWS gives no session for less than 15m");
            return Err(Error::bad_request(words));
        }
        let (given, wished) = (duration::short(ttl.as_secs()), duration::short(wanted.as_secs()));
        let capped = asked.is_some() && ttl < wanted;
        let warning = capped.then(|| format!("a ttl of {wished} was asked for; the limits allow {given}"));
        Ok(Self { ttl, warning })
    }
}

/// AWS's word on how long the session lives, where it is less than what was asked for. A second or so is the clocks' and the
/// wire's; nothing left at all means that our clock runs ahead, and says nothing.
fn shortened(asked: Duration, left: Option<Duration>) -> Option<Duration> {
    left.filter(|left| !left.is_zero() && *left + CLOCK_SLACK < asked)
}

/// Warnings for parameters that were given and go with another type.
pub(super) fn without_effect(input: &Input, kind: &str, names: &[&str]) -> Vec<String> {
    let given = names.iter().filter(|name| input.given(name));
    given.map(|name| format!("{name} was ignored: it has no meaning for credential_type {kind}")).collect()
}

/// What narrows the session besides the permissions that it has from elsewhere: the given policies and those of the groups,
/// together.
///
/// # Errors
/// AWS's; `BadRequest` where groups were to narrow it and have nothing that does.
pub(super) fn narrowing(client: &Client, role: &Role) -> Result<(Option<String>, Vec<String>)> {
    let mut documents: Vec<String> =
        Some(role.policy_document.clone()).filter(|document| !document.is_empty()).into_iter().collect();
    let mut arns = role.policy_arns.clone();
    for group in &role.iam_groups {
        let (inline, attached) = iam::group_policies(client, group)?;
        documents.extend(inline);
        arns.extend(attached);
    }
    let document = match documents.len() {
        0 | 1 => documents.pop(),
        _ => Some(combined(&documents)?),
    };
    if document.is_none() && arns.is_empty() && !role.iam_groups.is_empty() {
        return Err(Error::bad_request("the role's iam_groups have no policies: nothing would narrow the session"));
    }
    Ok((document, arns))
}

/// One document with the statements of all.
fn combined(documents: &[String]) -> Result<String> {
    let mut statements = Vec::new();
    for document in documents {
        let mut document: Value = serde_json::from_str(document)
            .map_err(|_| Error::upstream("AWS answered a group's policy that is not JSON"))?;
        match document.get_mut("Statement").map(Value::take) {
            Some(Value::Array(several)) => statements.extend(several),
            Some(one) => statements.push(one),
            None => {}
        }
    }
    Ok(json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
}

fn refuse_renewal(_ctx: &mut Ctx, _lease: &LeaseView) -> Result<Renewal> {
    Err(Error::bad_request("credentials of STS cannot be renewed: ask for new ones"))
}

fn leave_to_expire(_ctx: &mut Ctx, _lease: &LeaseView) -> Result<Revoked> {
    Ok(Revoked::ExpiresOnly)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(86_400);

    fn granted(asked: Option<u64>, role: &Role, most: Duration) -> Result<Life> {
        Life::granted(CredentialType::FederationToken, asked.map(Duration::from_secs), role, most)
    }

    #[test]
    fn a_session_lives_within_every_limit() -> Result<()> {
        let role = Role { default_sts_ttl: 1800, max_sts_ttl: 7200, ..Role::default() };
        assert_eq!(granted(None, &role, DAY)?, Life { ttl: HOUR / 2, warning: None });
        assert_eq!(granted(None, &Role::default(), DAY)?.ttl, USUAL);
        assert_eq!(granted(Some(3600), &role, DAY)?, Life { ttl: HOUR, warning: None });
        let life = granted(Some(90_000), &role, DAY)?;
        assert_eq!(life.ttl, 2 * HOUR);
        assert_eq!(life.warning.as_deref(), Some("a ttl of 25h was asked for; the limits allow 2h"));
        assert_eq!(granted(Some(7200), &role, Duration::from_secs(1000))?.ttl, Duration::from_secs(1000));
        assert!(granted(Some(60), &role, DAY).is_err());
        Ok(())
    }

    #[test]
    fn no_session_is_asked_for_longer_than_aws_gives_one_of_its_type() -> Result<()> {
        let asked = Some(100 * HOUR);
        for (kind, hours) in [
            (CredentialType::AssumedRole, 12),
            (CredentialType::FederationToken, 36),
            (CredentialType::SessionToken, 36),
        ] {
            let life = Life::granted(kind, asked, &Role::default(), 100 * DAY)?;
            assert_eq!(life.ttl, hours * HOUR);
            assert!(life.warning.is_some_and(|warning| warning.ends_with(&duration::short(u64::from(hours) * 3600))));
        }
        Ok(())
    }

    #[test]
    fn a_session_is_shorter_only_where_aws_clearly_says_so() {
        assert_eq!(shortened(HOUR, Some(HOUR / 2)), Some(HOUR / 2));
        for left in [None, Some(Duration::ZERO), Some(HOUR - Duration::from_millis(900)), Some(HOUR * 2)] {
            assert_eq!(shortened(HOUR, left), None, "{left:?}");
        }
    }

    #[test]
    fn several_policies_become_one_with_all_their_statements() -> Result<()> {
        let documents =
            [r#"{"Statement":[{"Sid":"a"},{"Sid":"b"}]}"#.to_owned(), r#"{"Statement":{"Sid":"c"}}"#.into()];
        let joined = combined(&documents)?;
        assert_eq!(joined, r#"{"Version":"2012-10-17","Statement":[{"Sid":"a"},{"Sid":"b"},{"Sid":"c"}]}"#);
        assert!(combined(&["no".to_owned()]).is_err());
        Ok(())
    }
}
