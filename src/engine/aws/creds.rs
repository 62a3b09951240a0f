//! `creds/` and `sts/`: make credentials; and how what was made is renewed and ended.

use crate::base::{Error, Kind, Result};
use crate::engine::aws::client::Client;
use crate::engine::aws::config::{Root, lease::Lease};
use crate::engine::aws::roles::{ASSUMED_ROLE, IAM_USER, Role, has};
use crate::engine::aws::token_service::{Assume, assume_role};
use crate::engine::aws::{iam, names};
use crate::logical::route::ORDINARY;
use crate::logical::{
    Action, Created, Ctx, Field, Input, Intent, LeaseView, Operation, Renewal, Response, Revoked, Route,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// What AWS gives a session that asks for nothing.
const SESSION: u64 = 3600;

/// The tag that says which server made a user.
const SERVER_TAG: &str = "leasehold:server";

/// All that revoking a user needs.
#[derive(Serialize, Deserialize)]
struct Target {
    user: String,
    /// The account it was made in: only there does "gone" count.
    account: String,
}

const FIELDS: &[Field] = &[
    Field::text("name", "Name of the role."),
    Field::text("role_arn", "ARN of the role to assume, where the role allows several."),
    Field::text("role_session_name", "Name of the session."),
    Field::seconds("ttl", "How long the session is to last."),
];

const ACTIONS: &[Action<Ctx>] = &[
    Action::new(Operation::Read, make, "Make a credential."),
    Action::new(Operation::Update, make, "Make a credential, with parameters."),
];

pub static CREDS: Route<Ctx> = Route {
    pattern: "creds/{name}",
    fields: FIELDS,
    actions: ACTIONS,
    exists: None,
    summary: "Makes a credential of a role.",
    help: "Each call makes a new credential with a lease of its own: an IAM user, which is deleted when its lease ends, or \
           a session of an assumed role, which ends by itself and cannot be ended earlier.",
    flags: ORDINARY,
};

pub static STS: Route<Ctx> = Route {
    pattern: "sts/{name}",
    fields: FIELDS,
    actions: ACTIONS,
    exists: None,
    summary: "Makes a temporary credential of a role.",
    help: "As \"creds/\", for roles with temporary credentials.",
    flags: ORDINARY,
};

fn make(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role = Role::load(ctx, &name)?;
    let temporary = input.path.starts_with("sts/")
        || ["ttl", "role_arn", "role_session_name"].iter().any(|field| input.given(field));
    if has(&role, ASSUMED_ROLE) && (temporary || !has(&role, IAM_USER)) {
        return session(ctx, input, &name, &role);
    }
    if temporary {
        return Err(Error::bad_request(format!(
            "role {name:?} makes IAM users only: read creds/{name}, without ttl, role_arn and role_session_name"
        )));
    }
    user(ctx, &name, &role)
}

fn user(ctx: &mut Ctx, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let limits = Lease::load(ctx)?;
    let deadline = ctx.outside().deadline();
    let account = root.account(ctx, deadline)?;
    let user = names::user(&root.username_template, &ctx.caller.display_name, name, ctx.clock.as_ref())?;
    let intent = Intent {
        kind: IAM_USER,
        role: name.to_owned(),
        subject: user.clone(),
        revocation: json!(Target { user: user.clone(), account }),
        ttl: limits.ttl(),
        max_ttl: limits.max(),
        renewable: true,
    };
    let mut tags = role.iam_tags.clone();
    tags.push((SERVER_TAG.to_owned(), ctx.server_id.clone()));
    let clock = ctx.clock.clone();
    ctx.issue(&intent, |outside| {
        let (service, keys) = (root.iam(), root.keys());
        let client = Client { service: &service, keys: &keys, clock: clock.as_ref(), deadline: outside.deadline() };
        let wanted = iam::Wanted {
            name: &user,
            path: &role.user_path,
            boundary: &role.permissions_boundary_arn,
            tags: &tags,
            groups: &role.iam_groups,
            policy_arns: &role.policy_arns,
            policy_document: &role.policy_document,
        };
        let key = iam::create(&client, &wanted)?;
        let data = json!({ "access_key": key.id, "secret_key": key.secret.expose(), "security_token": null });
        Ok(Created { data: object(data), ..Created::default() })
    })
}

fn session(ctx: &mut Ctx, input: &Input, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let arn = chosen_role(input, role)?;
    let seconds = session_seconds(input, role)?;
    let given = input.text("role_session_name").unwrap_or_default();
    let session_name =
        names::session(&given, &root.username_template, &ctx.caller.display_name, name, ctx.clock.as_ref())?;
    let ttl = Some(Duration::from_secs(seconds));
    let intent = Intent {
        kind: "sts_assumed_role",
        role: name.to_owned(),
        subject: session_name.clone(),
        revocation: json!({ "role_arn": arn, "revocation": "expires only" }),
        ttl,
        max_ttl: ttl,
        renewable: false,
    };
    let clock = ctx.clock.clone();
    ctx.issue(&intent, |outside| {
        let (service, keys) = (root.sts(), root.keys());
        let client = Client { service: &service, keys: &keys, clock: clock.as_ref(), deadline: outside.deadline() };
        let made = assume_role(
            &client,
            &Assume {
                role_arn: &arn,
                session_name: &session_name,
                seconds,
                external_id: &role.external_id,
                policy: &role.policy_document,
                policy_arns: &role.policy_arns,
            },
        )?;
        let (secret, token) = (made.secret_key.expose(), made.token.expose());
        let data = json!({
            "access_key": made.access_key, "secret_key": secret, "security_token": token, "session_token": token,
            "arn": made.arn, "ttl": seconds,
        });
        let warnings = vec!["this credential cannot be revoked: it expires only, when its lease does".to_owned()];
        Ok(Created { data: object(data), warnings, ..Created::default() })
    })
}

fn chosen_role(input: &Input, role: &Role) -> Result<String> {
    let allowed = || role.role_arns.join(", ");
    match (input.text("role_arn").filter(|arn| !arn.is_empty()), role.role_arns.as_slice()) {
        (Some(arn), arns) if arns.contains(&arn) => Ok(arn),
        (Some(arn), _) => Err(Error::bad_request(format!("role_arn {arn:?} is not one of the role's: {}", allowed()))),
        (None, [only]) => Ok(only.clone()),
        (None, _) => {
            Err(Error::bad_request(format!("the role has several role_arns: give role_arn, one of {}", allowed())))
        }
    }
}

fn session_seconds(input: &Input, role: &Role) -> Result<u64> {
    let default = if role.default_sts_ttl > 0 { role.default_sts_ttl } else { SESSION };
    let asked = input.duration("ttl").map(|ttl| ttl.as_secs()).filter(|ttl| *ttl > 0).unwrap_or(default);
    let most = if role.max_sts_ttl > 0 { role.max_sts_ttl } else { 12 * 3600 };
    if asked > most {
        return Err(Error::bad_request(format!("a ttl of {asked} s is longer than the role's maximum of {most} s")));
    }
    Ok(asked)
}

fn object(value: Value) -> crate::logical::Map {
    match value {
        Value::Object(map) => map,
        _ => crate::logical::Map::new(),
    }
}

/// A renewal gives what `config/lease` says today.
pub fn renew(ctx: &mut Ctx, _lease: &LeaseView) -> Result<Renewal> {
    let limits = Lease::load(ctx)?;
    Ok(Renewal { ttl: limits.ttl(), max_ttl: limits.max() })
}

/// Deletes the user, on the account that it was made in and no other.
pub fn revoke_user(ctx: &mut Ctx, lease: &LeaseView) -> Result<Revoked> {
    let target: Target = serde_json::from_value(lease.revocation.clone())
        .map_err(|_| Error::internal("a lease does not say whom to delete"))?;
    let root = Root::load(ctx)?;
    let deadline = ctx.outside().deadline();
    let account = root.account(ctx, deadline)?;
    if account != target.account {
        return Err(Error::new(
            Kind::Conflict,
            format!(
                "target changed: the user {} is in account {}, the keys of config/root are of account {account}",
                target.user, target.account
            ),
        ));
    }
    let (service, keys) = (root.iam(), root.keys());
    iam::delete(&Client { service: &service, keys: &keys, clock: ctx.clock.as_ref(), deadline }, &target.user)
}

/// A session cannot be ended at AWS.
pub fn expires_only(_ctx: &mut Ctx, _lease: &LeaseView) -> Result<Revoked> {
    Ok(Revoked::ExpiresOnly)
}
