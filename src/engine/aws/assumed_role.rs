//! The secret kind `assumed_role`: a session of an AWS role, which the trust policy of that role lets the engine open.

use crate::base::{Error, Result};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::names::{self, Named};
use crate::engine::aws::role::{CredentialType, Role};
use crate::engine::aws::session::{self, Life, Opening};
use crate::engine::aws::sts_api;
use crate::logical::{Ctx, Input, Response, SecretKind};
use serde_json::json;

pub const KIND: SecretKind = session::kind("assumed_role");

/// Opens a session of a role, under a lease.
///
/// # Errors
/// `BadRequest` for a role or a time that is not allowed; else AWS's.
pub fn issue(ctx: &mut Ctx, input: &Input, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let role_arn = chosen_role(input.text("role_arn"), role)?;
    let asked = input.duration("ttl");
    let life = Life::granted(CredentialType::AssumedRole, asked, role, ctx.mount.max_lease_ttl)?;
    let session = match input.text("role_session_name").filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => names::session(&wanted),
        None => {
            let display_name = ctx.caller.display_name.clone();
            names::choose(&root.username_template, Named::Session, &display_name, name, ctx.clock.as_ref())?
        }
    };
    let opening = Opening {
        kind: KIND.kind,
        role: name.to_owned(),
        subject: session.clone(),
        revocation: json!({ "session": session, "role_arn": role_arn }),
        warnings: session::without_effect(input, KIND.kind, &["mfa_code"]),
        life,
    };
    let deadline = ctx.outside().deadline();
    let (iam, sts, ttl) = (root.iam(ctx, deadline), root.sts(ctx, deadline), opening.life.ttl);
    session::hand_out(ctx, opening, || {
        let (document, policy_arns) = session::narrowing(&iam, role)?;
        let wanted = sts_api::NewSession {
            role_arn: &role_arn,
            name: &session,
            duration: ttl,
            external_id: Some(role.external_id.as_str()).filter(|id| !id.is_empty()),
            policy_document: document.as_deref(),
            policy_arns: &policy_arns,
            tags: &role.session_tags,
        };
        Ok(sts_api::assume_role(&sts, &wanted)?)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
