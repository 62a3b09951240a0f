//! The secret kind `assumed_role`: a session of an AWS role. AWS takes no session back, so its lease is a record of when it
//! ends: not renewable, and revoking it says that it expires only.

use crate::base::{Error, Result, duration};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::names::{self, Named};
use crate::engine::aws::role::Role;
use crate::engine::aws::{client::Client, iam, sts_api};
use crate::logical::{Created, Ctx, Input, Intent, LeaseView, Renewal, Response, Revoked, SecretKind};
use serde_json::{Value, json};
use std::time::Duration;

pub const KIND: SecretKind = SecretKind {
    kind: "assumed_role",
    settle: Duration::ZERO,
    expires_only: true,
    renew: refuse_renewal,
    revoke: leave_to_expire,
};

/// What AWS gives at least, and what is asked for where nobody says.
const SHORTEST: Duration = Duration::from_secs(15 * 60);
const USUAL: Duration = Duration::from_secs(60 * 60);

const CLOCK_SLACK: Duration = Duration::from_secs(5);

/// Opens a session for a role, under a lease.
///
/// # Errors
/// `BadRequest` for a role or a time that is not allowed; else AWS's.
pub fn issue(ctx: &mut Ctx, input: &Input, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let role_arn = chosen_role(input.text("role_arn"), role)?;
    let (ttl, warning) = granted(input.duration("ttl"), role, ctx.mount.max_lease_ttl)?;
    let session = match input.text("role_session_name").filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => names::session(&wanted),
        None => {
            let display_name = ctx.caller.display_name.clone();
            names::choose(&root.username_template, Named::Session, &display_name, name, ctx.clock.as_ref())?
        }
    };
    let intent = Intent {
        kind: KIND.kind,
        role: name.to_owned(),
        subject: session.clone(),
        // Ending it asks nobody.
        target: String::new(),
        revocation: json!({ "session": session, "role_arn": role_arn }),
        ttl: Some(ttl),
        max_ttl: Some(ttl),
        renewable: false,
    };
    let deadline = ctx.outside().deadline();
    let (iam, sts, clock) = (root.iam(ctx, deadline), root.sts(ctx, deadline), ctx.clock.clone());
    ctx.issue(&intent, |_outside| {
        let (document, policy_arns) = narrowing(&iam, role)?;
        let opened = sts_api::assume_role(
            &sts,
            &sts_api::NewSession {
                role_arn: &role_arn,
                name: &session,
                duration: ttl,
                external_id: Some(role.external_id.as_str()).filter(|id| !id.is_empty()),
                policy_document: document.as_deref(),
                policy_arns: &policy_arns,
                tags: &role.session_tags,
            },
        )?;
        let shorter = shortened(ttl, opened.expires.map(|expires| clock.now().until(expires)));
        let ttl = shorter.unwrap_or(ttl);
        let data = json!({
            "access_key": opened.access_key,
            "secret_key": opened.secret_key.expose(),
            "security_token": opened.token.expose(),
            "session_token": opened.token.expose(),
            "arn": opened.arn,
            "ttl": ttl.as_secs(),
        });
        let data = data.as_object().cloned().unwrap_or_default();
        Ok(Created { data, ttl: shorter, warnings: warning.into_iter().collect(), revocation: None })
    })
}

/// The role to assume: the one that is asked for, if it is allowed; else the only one there is.
fn chosen_role(wanted: Option<String>, role: &Role) -> Result<String> {
    match (wanted.filter(|arn| !arn.is_empty()), &role.role_arns[..]) {
        (Some(wanted), allowed) if allowed.contains(&wanted) => Ok(wanted),
        (Some(wanted), _) => Err(Error::bad_request(format!("role_arn {wanted:?} is not among the role's role_arns"))),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Error::bad_request("the role has several role_arns: say which with role_arn")),
    }
}

/// How long the session lives, and a warning where that is less than was asked for.
fn granted(asked: Option<Duration>, role: &Role, mount_max: Duration) -> Result<(Duration, Option<String>)> {
    let asked = asked.filter(|asked| !asked.is_zero());
    let wanted = asked.or(role.default_ttl()).unwrap_or(USUAL);
    // Without a lease above it a session would live on unseen: the mount's limit holds for it, too.
    let most = role.max_ttl().map_or(mount_max, |most| most.min(mount_max));
    let ttl = wanted.min(most);
    if ttl < SHORTEST {
        let ttl = duration::short(ttl.as_secs());
        return Err(Error::bad_request(format!("a ttl of {ttl} is too short: AWS gives no session for less than 15m")));
    }
    let (given, wished) = (duration::short(ttl.as_secs()), duration::short(wanted.as_secs()));
    let capped = asked.is_some() && ttl < wanted;
    Ok((ttl, capped.then(|| format!("a ttl of {wished} was asked for; the limits allow {given}"))))
}

/// AWS's word on how long the session lives, where it is less than what was asked for. A second or so is the clocks' and the
/// wire's; nothing left at all means that our clock runs ahead, and says nothing.
fn shortened(asked: Duration, left: Option<Duration>) -> Option<Duration> {
    left.filter(|left| !left.is_zero() && *left + CLOCK_SLACK < asked)
}

/// What narrows the session besides the role's own permissions: the given policies and those of the groups, together.
fn narrowing(client: &Client, role: &Role) -> Result<(Option<String>, Vec<String>)> {
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
    Err(Error::bad_request("the session of an assumed role cannot be renewed: ask for a new one"))
}

fn leave_to_expire(_ctx: &mut Ctx, _lease: &LeaseView) -> Result<Revoked> {
    Ok(Revoked::ExpiresOnly)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn a_session_lives_within_every_limit() -> Result<()> {
        let role = Role { default_sts_ttl: 1800, max_sts_ttl: 7200, ..Role::default() };
        assert_eq!(granted(None, &role, DAY)?, (Duration::from_secs(1800), None));
        assert_eq!(granted(None, &Role::default(), DAY)?.0, USUAL);
        assert_eq!(granted(seconds(3600), &role, DAY)?, (Duration::from_secs(3600), None));
        let (ttl, warning) = granted(seconds(90_000), &role, DAY)?;
        assert_eq!(
            (ttl, warning.as_deref()),
            (Duration::from_secs(7200), Some("a ttl of 25h was asked for; the limits allow 2h"))
        );
        assert_eq!(granted(seconds(7200), &role, Duration::from_secs(1000))?.0, Duration::from_secs(1000));
        assert!(granted(seconds(60), &role, DAY).is_err());
        Ok(())
    }

    #[test]
    fn a_session_is_shorter_only_where_aws_clearly_says_so() {
        let hour = Duration::from_secs(3600);
        assert_eq!(shortened(hour, Some(hour / 2)), Some(hour / 2));
        for left in [None, Some(Duration::ZERO), Some(hour - Duration::from_millis(900)), Some(hour * 2)] {
            assert_eq!(shortened(hour, left), None, "{left:?}");
        }
    }

    #[test]
    fn only_a_role_that_is_named_can_be_assumed() {
        let arns = ["arn:aws:iam::1:role/a".to_owned(), "arn:aws:iam::1:role/b".to_owned()];
        let two = Role { role_arns: arns.to_vec(), ..Role::default() };
        let one = Role { role_arns: arns[..1].to_vec(), ..Role::default() };
        assert_eq!(chosen_role(Some(arns[1].clone()), &two).ok(), Some(arns[1].clone()));
        assert_eq!(chosen_role(None, &one).ok(), Some(arns[0].clone()));
        assert!(chosen_role(None, &two).is_err());
        assert!(chosen_role(Some(arns[1].clone()), &one).is_err());
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
