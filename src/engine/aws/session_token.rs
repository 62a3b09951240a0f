//! The secret kind `session_token`: temporary credentials of the engine's own user, with all that it may do, and with the second
//! factor that its policies may ask for.

use crate::base::{Error, Result, random};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::role::{CredentialType, Role};
use crate::engine::aws::session::{self, Life, Opening};
use crate::engine::aws::sts_api;
use crate::logical::{Ctx, Input, Response, SecretKind};
use serde_json::json;

pub const KIND: SecretKind = session::kind("session_token");

/// Asks for a session of the engine's own user, under a lease.
///
/// # Errors
/// `BadRequest` for a time that is not allowed or a code that is missing; else AWS's.
pub fn issue(ctx: &mut Ctx, input: &Input, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let code = code(input, role)?;
    let life = Life::granted(CredentialType::SessionToken, input.duration("ttl"), role, ctx.mount.max_lease_ttl)?;
    let mut ignored = vec!["role_arn", "role_session_name"];
    if code.is_none() {
        ignored.push("mfa_code");
    }
    let opening = Opening {
        kind: KIND.kind,
        role: name.to_owned(),
        // AWS names no such session: the name is the lease's alone.
        subject: format!("session-{}", random::base62(20)?),
        revocation: json!({}),
        warnings: session::without_effect(input, KIND.kind, &ignored),
        life,
    };
    let deadline = ctx.outside().deadline();
    let (sts, ttl) = (root.sts(ctx, deadline), opening.life.ttl);
    session::check_keys_of_a_user(&sts, KIND.kind)?;
    session::hand_out(ctx, opening, || {
        let factor = code.as_deref().map(|code| (role.mfa_serial_number.as_str(), code));
        Ok(sts_api::session_token(&sts, ttl, factor)?)
    })
}

/// The code of the device that the role names, if it names one.
fn code(input: &Input, role: &Role) -> Result<Option<String>> {
    if role.mfa_serial_number.is_empty() {
        return Ok(None);
    }
    let code = input.text("mfa_code").unwrap_or_default();
    if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(code));
    }
    Err(Error::bad_request("the role has an mfa_serial_number: give mfa_code, the six digits that the device shows"))
}
