//! `roles/`: what may be made. A role says which kind of credential and with which rights.

use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub const IAM_USER: &str = "iam_user";
pub const ASSUMED_ROLE: &str = "assumed_role";
const LATER: [&str; 2] = ["federation_token", "session_token"];

#[derive(Serialize, Deserialize, Default, Clone)]
pub struct Role {
    pub credential_types: Vec<String>,
    pub role_arns: Vec<String>,
    pub policy_arns: Vec<String>,
    pub policy_document: String,
    pub iam_groups: Vec<String>,
    pub iam_tags: Vec<(String, String)>,
    pub default_sts_ttl: u64,
    pub max_sts_ttl: u64,
    pub user_path: String,
    pub permissions_boundary_arn: String,
    pub external_id: String,
}

impl Role {
    /// # Errors
    /// `BadRequest` naming a role that is not there.
    pub fn load(ctx: &Ctx, name: &str) -> Result<Self> {
        ctx.load(&record(name))?.ok_or_else(|| Error::bad_request(format!("Role {name:?} not found")))
    }
}

fn record(name: &str) -> String {
    format!("roles/{name}")
}

pub static LIST: Route<Ctx> = Route {
    pattern: "roles",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the roles.")],
    exists: None,
    summary: "The roles that there are.",
    help: "Names only; read a role to see what it makes.",
    flags: ORDINARY,
};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "roles/{name}",
    fields: &[
        Field::text("name", "Name of the role."),
        Field::list("credential_type", "Kind of credential: iam_user or assumed_role."),
        Field::text("policy_document", "Policy in JSON: given to the user, or limiting the session."),
        Field::list("policy_arns", "ARNs of managed policies, attached to the user or limiting the session."),
        Field::list("role_arns", "ARNs of the roles that may be assumed."),
        Field::list("iam_groups", "Groups that the user is put in."),
        Field::pairs("iam_tags", "Tags of the user, as key=value."),
        Field::seconds("default_sts_ttl", "How long a session lasts unless asked otherwise."),
        Field::seconds("max_sts_ttl", "How long a session may last."),
        Field::text("user_path", "Path of the user in IAM; begins and ends with a slash."),
        Field::text("permissions_boundary_arn", "ARN of the policy that bounds the user's rights."),
        Field::text("external_id", "External id given when a role is assumed."),
        Field::text("policy", "Older name of policy_document."),
        Field::text("arn", "Older name: the ARN of a managed policy, or of a role to assume."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show a role."),
        Action::new(Operation::Update, write, "Make or change a role."),
        Action::new(Operation::Delete, delete, "Delete a role; what it has made stays leased."),
    ],
    exists: None,
    summary: "What a role's credentials may do.",
    help: "With credential_type=iam_user each credential is a user of its own, with the given policies, groups, tags and \
           boundary. With credential_type=assumed_role it is a session of one of role_arns, which ends by itself.",
    flags: ORDINARY,
};

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list("roles/")?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let role: Role = ctx.load(&record(&input.required("name")?))?.ok_or_else(|| Error::not_found(""))?;
    let tags: serde_json::Map<String, Value> =
        role.iam_tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    Ok(Response::json(json!({
        "credential_type": role.credential_types.join(","),
        "policy_document": role.policy_document,
        "policy_arns": role.policy_arns,
        "role_arns": role.role_arns,
        "iam_groups": role.iam_groups,
        "iam_tags": tags,
        "default_sts_ttl": role.default_sts_ttl,
        "max_sts_ttl": role.max_sts_ttl,
        "user_path": role.user_path,
        "permissions_boundary_arn": role.permissions_boundary_arn,
        "external_id": role.external_id,
    })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role = parse(ctx.load(&record(&name))?.unwrap_or_default(), input)?;
    check(&role)?;
    ctx.store(&record(&name), &role)?;
    Ok(Response::empty())
}

/// The role with what was given put over what was there.
fn parse(mut role: Role, input: &Input) -> Result<Role> {
    let lists = [("credential_type", &mut role.credential_types), ("policy_arns", &mut role.policy_arns)];
    for (name, place) in
        lists.into_iter().chain([("role_arns", &mut role.role_arns), ("iam_groups", &mut role.iam_groups)])
    {
        if let Some(given) = input.list(name) {
            *place = given;
        }
    }
    for (name, place) in [
        ("user_path", &mut role.user_path),
        ("permissions_boundary_arn", &mut role.permissions_boundary_arn),
        ("external_id", &mut role.external_id),
    ] {
        if let Some(given) = input.text(name) {
            *place = given;
        }
    }
    if let Some(document) = input.text("policy_document").or_else(|| input.text("policy")) {
        role.policy_document = compact(&document)?;
    }
    if let Some(tags) = input.map("iam_tags") {
        role.iam_tags =
            tags.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect();
    }
    for (name, place) in [("default_sts_ttl", &mut role.default_sts_ttl), ("max_sts_ttl", &mut role.max_sts_ttl)] {
        if let Some(given) = input.duration(name) {
            *place = given.as_secs();
        }
    }
    if let Some(arn) = input.text("arn") {
        if arn.contains(":role/") { role.role_arns = vec![arn] } else { role.policy_arns = vec![arn] }
    }
    if role.credential_types.is_empty() && (input.given("policy") || input.given("arn")) {
        // The older names come without a type.
        role.credential_types = vec![if role.role_arns.is_empty() { IAM_USER } else { ASSUMED_ROLE }.to_owned()];
    }
    Ok(role)
}

fn check(role: &Role) -> Result<()> {
    let wrong = |text: &str| Err(Error::bad_request(text));
    if role.credential_types.is_empty() {
        return wrong("credential_type is required: iam_user or assumed_role");
    }
    for kind in &role.credential_types {
        if LATER.contains(&kind.as_str()) {
            return Err(Error::bad_request(format!(
                "credential_type {kind} is not available in this version; iam_user and assumed_role are"
            )));
        }
        if kind != IAM_USER && kind != ASSUMED_ROLE {
            return Err(Error::bad_request(format!("unknown credential_type {kind:?}: use iam_user or assumed_role")));
        }
    }
    let (user, assumed) = (has(role, IAM_USER), has(role, ASSUMED_ROLE));
    if assumed && role.role_arns.is_empty() {
        return wrong("credential_type assumed_role needs role_arns");
    }
    if !assumed && !role.role_arns.is_empty() {
        return wrong("role_arns go with credential_type assumed_role only");
    }
    if !assumed && (role.default_sts_ttl > 0 || role.max_sts_ttl > 0) {
        return wrong("default_sts_ttl and max_sts_ttl go with credential_type assumed_role only");
    }
    if role.max_sts_ttl > 0 && role.default_sts_ttl > role.max_sts_ttl {
        return wrong("default_sts_ttl must not be longer than max_sts_ttl");
    }
    if !user && !(role.user_path.is_empty() && role.permissions_boundary_arn.is_empty() && role.iam_tags.is_empty()) {
        return wrong("user_path, permissions_boundary_arn and iam_tags go with credential_type iam_user only");
    }
    if user && role.policy_document.is_empty() && role.policy_arns.is_empty() && role.iam_groups.is_empty() {
        return wrong("credential_type iam_user needs policy_document, policy_arns or iam_groups");
    }
    if !role.user_path.is_empty() && !(role.user_path.starts_with('/') && role.user_path.ends_with('/')) {
        return wrong("user_path must begin and end with a slash");
    }
    Ok(())
}

#[must_use]
pub fn has(role: &Role, kind: &str) -> bool {
    role.credential_types.iter().any(|known| known == kind)
}

/// A policy document on one line; it must at least be JSON, AWS judges the rest.
fn compact(document: &str) -> Result<String> {
    if document.trim().is_empty() {
        return Ok(String::new());
    }
    let parsed: Value = serde_json::from_str(document)
        .map_err(|error| Error::bad_request(format!("cannot parse policy document: {error}")))?;
    Ok(parsed.to_string())
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    ctx.delete(&record(&input.required("name")?))?;
    Ok(Response::empty())
}
