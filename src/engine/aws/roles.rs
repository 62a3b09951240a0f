//! `roles` and `roles/{name}`: what is handed out for whom to ask. The rules among the parameters are `role`'s.

use crate::base::{Error, Result};
use crate::engine::aws::role::{CredentialType, Role, compact_document, is_arn, record};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub static LIST: Route<Ctx> = Route {
    pattern: "roles",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the roles.")],
    exists: None,
    summary: "The names of the roles.",
    help: "Lists the names of all roles of this mount, in order.",
    flags: ORDINARY,
};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "roles/{name}",
    fields: &[
        Field::text("name", "Name of the role."),
        Field::text(
            "credential_type",
            "What is handed out: iam_user, assumed_role, federation_token or session_token.",
        ),
        Field::list("role_arns", "ARNs of the AWS roles that may be assumed. Needed for assumed_role, and only there."),
        Field::list(
            "policy_arns",
            "ARNs of managed policies. They are attached to an iam_user; they narrow an assumed_role or a federation_token.",
        ),
        Field::any(
            "policy_document",
            "An IAM policy in JSON. It is put into an iam_user; it narrows an assumed_role or a federation_token.",
        ),
        Field::list(
            "iam_groups",
            "Names of IAM groups. An iam_user joins them; the policies of all of them together narrow the other types.",
        ),
        Field::pairs("iam_tags", "Tags for each iam_user: key=value, or an object."),
        Field::seconds("default_sts_ttl", "How long credentials of STS live if the caller does not say."),
        Field::seconds("max_sts_ttl", "How long credentials of STS live at most."),
        Field::text("user_path", "IAM path for each iam_user: /division/team/. Without it: /."),
        Field::text("permissions_boundary_arn", "ARN of the policy that bounds what each iam_user may be granted."),
        Field::text("external_id", "External id that the trust policy of the assumed role asks for."),
        Field::pairs("session_tags", "Tags for each session of an assumed_role: key=value, or an object."),
        Field::text(
            "mfa_serial_number",
            "ARN or serial number of the device of the engine's own user; a session_token then takes an mfa_code.",
        ),
        Field::any("policy", "Older form of policy_document; not to be mixed with the other parameters."),
        Field::text(
            "arn",
            "Older form: the ARN of one policy or of one role; not to be mixed with the other parameters.",
        ),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show a role."),
        Action::new(Operation::Create, write, "Make a role."),
        Action::new(Operation::Update, write, "Change the given parameters of a role."),
        Action::new(Operation::Delete, delete, "Delete a role; what was issued for it lives out its leases."),
    ],
    exists: Some(exists),
    summary: "What is handed out for a role.",
    help: "A role says what creds/ROLE hands out. With credential_type iam_user every lease gets an IAM user of its own, with \
        an inline policy (policy_document), managed policies (policy_arns) and groups (iam_groups), and the user is deleted \
        when the lease ends. With assumed_role the engine assumes one of role_arns; with federation_token it asks for \
        credentials of its own user that the policies narrow; with session_token for such with all that this user may do. \
        These cannot be taken back, they end by themselves.\n\n\
        Changing or deleting a role does nothing to what was issued for it before.",
    flags: ORDINARY,
};

/// Parameters that the older form takes the place of.
const NEWER: [&str; 13] = [
    "credential_type",
    "role_arns",
    "policy_arns",
    "policy_document",
    "iam_groups",
    "iam_tags",
    "default_sts_ttl",
    "max_sts_ttl",
    "user_path",
    "permissions_boundary_arn",
    "external_id",
    "session_tags",
    "mfa_serial_number",
];

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list("roles/")?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    Ok(ctx.load::<Role>(&record(&input.required("name")?))?.is_some())
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role: Role = ctx.load(&record(&name))?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(json!({
        "credential_type": role.credential_types.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(","),
        "credential_types": role.credential_types,
        "policy_arns": role.policy_arns,
        "role_arns": role.role_arns,
        "policy_document": role.policy_document,
        "iam_groups": role.iam_groups,
        "iam_tags": role.iam_tags,
        "default_sts_ttl": role.default_sts_ttl,
        "max_sts_ttl": role.max_sts_ttl,
        "user_path": role.user_path,
        "permissions_boundary_arn": role.permissions_boundary_arn,
        "external_id": role.external_id,
        "session_tags": role.session_tags,
        "mfa_serial_number": role.mfa_serial_number,
    })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = record(&input.required("name")?);
    ctx.write(|records| {
        let known: Option<Role> = crate::logical::ctx::load(records, &path)?;
        let role = if input.given("policy") || input.given("arn") { legacy(input)? } else { changed(known, input)? };
        role.check()?;
        crate::logical::ctx::store(records, &path, &role)
    })?;
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    ctx.delete(&record(&input.required("name")?))?;
    Ok(Response::empty())
}

/// The role as it was, with what is given put over it.
fn changed(known: Option<Role>, input: &Input) -> Result<Role> {
    let mut role = known.unwrap_or_default();
    if let Some(kind) = input.text("credential_type") {
        role.credential_types = vec![CredentialType::parse(&kind)?];
        role.legacy = false;
    }
    if input.given("policy_document") {
        role.policy_document = document(input, "policy_document")?;
    }
    replace(&mut role.role_arns, input.list("role_arns"));
    replace(&mut role.policy_arns, input.list("policy_arns"));
    replace(&mut role.iam_groups, input.list("iam_groups"));
    replace(&mut role.iam_tags, pairs(input, "iam_tags"));
    replace(&mut role.session_tags, pairs(input, "session_tags"));
    replace(&mut role.default_sts_ttl, input.duration("default_sts_ttl").map(|ttl| ttl.as_secs()));
    replace(&mut role.max_sts_ttl, input.duration("max_sts_ttl").map(|ttl| ttl.as_secs()));
    replace(&mut role.user_path, input.text("user_path"));
    replace(&mut role.permissions_boundary_arn, input.text("permissions_boundary_arn"));
    replace(&mut role.external_id, input.text("external_id"));
    replace(&mut role.mfa_serial_number, input.text("mfa_serial_number"));
    Ok(role)
}

/// A role of the older form: one policy, or the ARN of a policy or of a role.
fn legacy(input: &Input) -> Result<Role> {
    if let Some(newer) = NEWER.iter().find(|field| input.given(field)) {
        return Err(Error::bad_request(format!("policy and arn are the older form and cannot be mixed with {newer}")));
    }
    let mut role = Role { legacy: true, policy_document: document(input, "policy")?, ..Role::default() };
    if !role.policy_document.is_empty() {
        role.credential_types = vec![CredentialType::IamUser, CredentialType::FederationToken];
    }
    let arn = input.text("arn").unwrap_or_default();
    if is_arn(&arn, "role/") {
        role.credential_types.push(CredentialType::AssumedRole);
        role.role_arns.push(arn);
    } else if is_arn(&arn, "policy/") {
        if !role.hands_out(CredentialType::IamUser) {
            role.credential_types.push(CredentialType::IamUser);
        }
        role.policy_arns.push(arn);
    } else if !arn.is_empty() {
        return Err(Error::bad_request(format!("arn: {arn:?} is neither the ARN of a policy nor of a role in IAM")));
    }
    Ok(role)
}

/// A policy document as text or as the object itself.
fn document(input: &Input, field: &str) -> Result<String> {
    match input.value(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => compact_document(field, &text),
        Some(object) => compact_document(field, &object.to_string()),
    }
}

fn pairs(input: &Input, field: &str) -> Option<BTreeMap<String, String>> {
    let text = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
    input.map(field).map(|map| map.into_iter().map(|(key, value)| (key, text(value))).collect())
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}
