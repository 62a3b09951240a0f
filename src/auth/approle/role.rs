//! `role` and `role/{role_name}`: what the tokens of a role are, and who gets one.

pub mod custom_secret_id;
pub mod parts;
pub mod role_id;
pub mod secret_id;
pub mod secret_id_accessor;

use super::stored::{LONGEST, ROLES, Role, role_path};
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::token_parameters::{OF_METHODS, blocks};
use crate::logical::{Action, Ctx, Field, Input, Map, Operation, Response, Route, TokenType};
use serde_json::{Value, json};

pub const ROLE_NAME: Field =
    Field::text("role_name", "The role's name; upper and lower case, and space around it, make no difference.")
        .folded();
const BIND_SECRET_ID: Field =
    Field::flag("bind_secret_id", "Whether a secret id is needed to sign in. True unless it is said otherwise.");
const SECRET_ID_BOUND_CIDRS: Field =
    Field::list("secret_id_bound_cidrs", "Blocks of addresses from which one can sign in; none are all.");
const BOUND_CIDR_LIST: Field = Field::list("bound_cidr_list", "The older name of secret_id_bound_cidrs.");
const SECRET_ID_NUM_USES: Field =
    Field::integer("secret_id_num_uses", "How many log-ins a secret id is good for; 0 is any number.");
const SECRET_ID_TTL: Field = Field::seconds("secret_id_ttl", "How long a secret id lives; 0 is without end.");
const LOCAL_SECRET_IDS: Field = Field::flag(
    "local_secret_ids",
    "Kept and shown, and cannot be changed later: a single server has nowhere to replicate to.",
);
const POLICIES: Field = Field::list("policies", "The older name of token_policies.");
const PERIOD: Field = Field::seconds("period", "The older name of token_period.");

/// The older names of the parameters of tokens.
const OLDER: &[(&str, &str)] = &[("policies", "token_policies"), ("period", "token_period")];

const OWN: [Field; 10] = [
    ROLE_NAME,
    Field::text("role_id", "The role's id; one is made where none is given."),
    BIND_SECRET_ID,
    SECRET_ID_BOUND_CIDRS,
    BOUND_CIDR_LIST,
    SECRET_ID_NUM_USES,
    SECRET_ID_TTL,
    LOCAL_SECRET_IDS,
    POLICIES,
    PERIOD,
];

static FIELDS: [Field; 19] = Field::joined(OWN, OF_METHODS);

pub static LIST: Route<Ctx> = Route {
    pattern: "role",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the roles.")],
    exists: None,
    summary: "The names of the roles.",
    help: "Lists the names of all roles of this mount, in order.",
    flags: ORDINARY,
};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "role/{role_name}",
    fields: &FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Show a role."),
        Action::new(Operation::Create, write, "Make a role."),
        Action::new(Operation::Update, write, "Change the given parameters of a role."),
        Action::new(Operation::Delete, delete, "Delete a role with all its secret ids."),
    ],
    exists: Some(exists),
    summary: "What the tokens of a role are, and who gets one.",
    help: "What is not given stays as it is. A role needs a secret id, or is bound to addresses. Tokens live on when their role \
           is changed or deleted; without it they are not renewed.",
    flags: ORDINARY,
};

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list(ROLES)?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = role_path(&input.required("role_name")?);
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    let role = ctx.read(|records| Role::find(records, &name))?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::data(describe(&role)))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    check_name(&name)?;
    let longest = ctx.mount.max_lease_ttl.as_secs();
    let mut warnings = Vec::new();
    ctx.write(|records| {
        warnings.clear();
        let before = Role::find(records, &name)?;
        if before.is_some() && input.given("local_secret_ids") {
            return Err(Error::bad_request("local_secret_ids can only be modified during role creation"));
        }
        let mut role = before.clone().unwrap_or_else(Role::new);
        if let Some(id) = input.text("role_id") {
            role.role_id = id.trim().to_owned();
        }
        role.local_secret_ids = input.flag("local_secret_ids").unwrap_or(role.local_secret_ids);
        warnings = take(&mut role, input, longest)?;
        role.save(records, &name, before.as_ref())
    })?;
    Ok(Response { warnings, ..Response::empty() })
}

fn check_name(name: &str) -> Result<()> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let fits = name.chars().all(|character| is_word(character) || matches!(character, '-' | '.'))
        && name.starts_with(is_word)
        && name.ends_with(is_word);
    if name.len() > LONGEST {
        return Err(Error::bad_request(format!("role_name is longer than maximum of {LONGEST} bytes")));
    }
    if fits {
        Ok(())
    } else {
        Err(Error::bad_request(format!(
            "the name {name:?} cannot be a role's: it takes letters of a to z, digits, _, and - . between them"
        )))
    }
}

/// Puts what is given over a role; what there is to say of it.
fn take(role: &mut Role, input: &Input, longest: u64) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if let Some(bind) = input.flag("bind_secret_id") {
        role.bind_secret_id = bind;
    }
    if let Some(given) = input.list("secret_id_bound_cidrs").or_else(|| input.list("bound_cidr_list")) {
        role.secret_id_bound_cidrs = blocks(&given)?;
    }
    if let Some(uses) = input.integer("secret_id_num_uses") {
        role.secret_id_num_uses = number(uses, "secret_id_num_uses cannot be negative")?;
    }
    if let Some(ttl) = input.duration("secret_id_ttl") {
        role.secret_id_ttl = ttl.as_secs();
    }
    role.token.take(input, OLDER)?;
    let meant = match role.token.token_type {
        TokenType::DefaultService => Some(TokenType::Service),
        TokenType::DefaultBatch => Some(TokenType::Batch),
        _ => None,
    };
    if let Some(meant) = meant {
        let name = meant.name();
        warnings.push(format!("default-{name} has no useful meaning; adjusting to {name}"));
        role.token.token_type = meant;
    }
    if role.token.period > longest {
        return Err(Error::bad_request(format!(
            "period of {}s is greater than the backend's maximum lease TTL of {longest}s",
            role.token.period
        )));
    }
    if role.token.max_ttl > longest {
        warnings.push(
            "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value will be \
             truncated"
                .to_owned(),
        );
    }
    Ok(warnings)
}

/// # Errors
/// `BadRequest` with `words` for a number below zero or beyond all measure.
fn number(given: i64, words: &str) -> Result<u32> {
    u32::try_from(given).map_err(|_| Error::bad_request(words))
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    let now = ctx.now();
    ctx.write(|records| match Role::find(records, &name)? {
        Some(role) => role.delete(records, &name, now),
        None => Ok(()),
    })?;
    Ok(Response::empty())
}

fn describe(role: &Role) -> Map {
    let mut shown = role.token.describe_with(OLDER);
    let own = json!({
        "bind_secret_id": role.bind_secret_id,
        "local_secret_ids": role.local_secret_ids,
        "secret_id_bound_cidrs": if role.secret_id_bound_cidrs.is_empty() { Value::Null } else { json!(role.secret_id_bound_cidrs) },
        "secret_id_num_uses": role.secret_id_num_uses,
        "secret_id_ttl": role.secret_id_ttl,
    });
    shown.extend(own.as_object().cloned().unwrap_or_default());
    shown
}

/// The role that a path names.
///
/// # Errors
/// `NotFound` where there is none.
fn named(records: &(impl crate::logical::Records + ?Sized), name: &str) -> Result<Role> {
    Role::find(records, name)?.ok_or_else(|| Error::not_found(format!("role {name:?} does not exist")))
}
