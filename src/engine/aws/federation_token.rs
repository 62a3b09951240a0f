//! The secret kind `federation_token`: credentials that may do what both the engine's own user and the role's policies allow,
//! less IAM and most of STS, which AWS itself leaves out.

use crate::base::Result;
use crate::engine::aws::config::root::Root;
use crate::engine::aws::names::{self, Named};
use crate::engine::aws::role::{CredentialType, Role};
use crate::engine::aws::session::{self, Life, Opening};
use crate::engine::aws::sts_api;
use crate::logical::{Ctx, Input, Response, SecretKind};
use serde_json::json;

pub const KIND: SecretKind = session::kind("federation_token");

/// Asks for the credentials of a federated user, under a lease.
///
/// # Errors
/// `BadRequest` for a time that is not allowed; else AWS's.
pub fn issue(ctx: &mut Ctx, input: &Input, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let asked = input.duration("ttl");
    let life = Life::granted(CredentialType::FederationToken, asked, role, ctx.mount.max_lease_ttl)?;
    let display_name = ctx.caller.display_name.clone();
    let user = names::choose(&root.username_template, Named::Session, &display_name, name, ctx.clock.as_ref())?;
    let opening = Opening {
        kind: KIND.kind,
        role: name.to_owned(),
        subject: user.clone(),
        revocation: json!({ "federated_user": user }),
        warnings: session::without_effect(input, KIND.kind, &["role_arn", "role_session_name", "mfa_code"]),
        life,
    };
    let deadline = ctx.outside().deadline();
    let (iam, sts, ttl) = (root.iam(ctx, deadline), root.sts(ctx, deadline), opening.life.ttl);
    session::check_keys_of_a_user(&sts, KIND.kind)?;
    session::hand_out(ctx, opening, || {
        let (document, policy_arns) = session::narrowing(&iam, role)?;
        let wanted = sts_api::NewFederation {
            name: &user,
            duration: ttl,
            policy_document: document.as_deref(),
            policy_arns: &policy_arns,
        };
        Ok(sts_api::federation_token(&sts, &wanted)?)
    })
}
