//! `roles` and `roles/{name}`: what a user is made by, and for whom to ask.

use crate::base::{Error, Result};
use crate::engine::database::connection::Connection;
use crate::engine::database::driver::CredentialType;
use crate::engine::database::role::{Role, check_credential_config, record};
use crate::engine::database::statements::items;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::json;

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
        Field::text("db_name", "Name of the connection."),
        Field::texts(
            "creation_statements",
            "What makes a user. {{name}}, {{password}} and {{expiration}} stand for its name, its password and when it ends.",
        ),
        Field::texts(
            "revocation_statements",
            "What ends a user, in place of the engine's own way. {{name}} stands for its name.",
        ),
        Field::texts(
            "rollback_statements",
            "What takes back what creation_statements made besides the user, should one of them fail. For MySQL: PostgreSQL \
             and Redis take all back by themselves. {{name}} stands for the user's name.",
        ),
        Field::texts(
            "renew_statements",
            "What prolongs a user, in place of the engine's own way. {{name}} and {{expiration}} stand for its name and \
             when it ends.",
        ),
        Field::seconds(
            "default_ttl",
            "How long a lease lives at first, and how far a renewal carries it; 0: the mount's.",
        ),
        Field::seconds("max_ttl", "How long a lease lives at most, from when it was made; 0: the mount's."),
        Field::text("credential_type", "What is handed out: password.").default("password"),
        Field::pairs(
            "credential_config",
            "For credential_type password: password_policy, in place of the connection's.",
        ),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show a role."),
        Action::new(Operation::Create, write, "Make a role."),
        Action::new(Operation::Update, write, "Change the given parameters of a role."),
        Action::new(Operation::Delete, delete, "Delete a role; what was issued for it lives out its leases."),
    ],
    exists: Some(exists),
    summary: "What users are made by.",
    help: "A role names a connection and the statements that make a user there. Each lease gets a user of its own by them.\n\n\
        Changing or deleting a role does nothing to what was issued for it before: each lease keeps the statements that end \
        it. Without its role a lease cannot be renewed.",
    flags: ORDINARY,
};

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list("roles/")?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = record(&input.required("name")?);
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let role: Role = ctx.load(&record(&input.required("name")?))?.ok_or_else(|| Error::not_found(""))?;
    let mut data = json!({
        "db_name": role.db_name,
        "creation_statements": role.creation_statements,
        "revocation_statements": role.revocation_statements,
        "rollback_statements": role.rollback_statements,
        "renew_statements": role.renew_statements,
        "default_ttl": role.default_ttl,
        "max_ttl": role.max_ttl,
        "credential_type": role.credential_type.name(),
    });
    if !role.credential_config.is_empty() {
        data["credential_config"] = json!(role.credential_config);
    }
    Ok(Response::json(data))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let mut warnings = Vec::new();
    ctx.write(|records| {
        warnings.clear();
        if records.has(&format!("static-roles/{name}"))? {
            return Err(Error::bad_request("Role and Static Role names must be unique"));
        }
        let role = changed(Role::load_in(records, &name)?, input)?;
        match Connection::load_in(records, &role.db_name)? {
            Some(connection) => {
                check_type(&connection, role.credential_type)?;
                check_statements(&connection, &role)?;
            }
            // It may be written later.
            None => warnings.push(format!("there is no connection {:?} yet", role.db_name)),
        }
        crate::logical::ctx::store(records, &record(&name), &role)
    })?;
    Ok(Response { warnings, ..Response::empty() })
}

/// # Errors
/// `BadRequest` for a type of credentials that the database does not have.
pub fn check_type(connection: &Connection, kind: CredentialType) -> Result<()> {
    let plugin = connection.plugin()?;
    if plugin.credential_types.contains(&kind) {
        return Ok(());
    }
    let known: Vec<_> = plugin.credential_types.iter().map(|kind| kind.name()).collect();
    Err(Error::bad_request(format!(
        "unsupported credential_type {:?}: for {} there is {}",
        kind.name(),
        plugin.title,
        known.join(", ")
    )))
}

fn check_statements(connection: &Connection, role: &Role) -> Result<()> {
    let check = connection.plugin()?.check_statements;
    let lists: [(&str, &[String], &[&str]); 4] = [
        ("creation_statements", &role.creation_statements, &["name", "username", "password", "expiration"]),
        ("revocation_statements", &role.revocation_statements, &["name", "username"]),
        ("rollback_statements", &role.rollback_statements, &["name", "username"]),
        ("renew_statements", &role.renew_statements, &["name", "username", "expiration"]),
    ];
    lists.into_iter().try_for_each(|(list, statements, placeholders)| {
        check(statements, placeholders).map_err(|error| error.context(list))
    })
}

/// The role as it was, with what is given put over it.
fn changed(known: Option<Role>, input: &Input) -> Result<Role> {
    let mut role = known.unwrap_or_default();
    replace(&mut role.db_name, input.text("db_name"));
    if role.db_name.is_empty() {
        return Err(Error::bad_request("database name is required: db_name says which connection"));
    }
    let texts = |field| input.list(field).map(|texts| items(&texts));
    replace(&mut role.creation_statements, texts("creation_statements"));
    replace(&mut role.revocation_statements, texts("revocation_statements"));
    replace(&mut role.rollback_statements, texts("rollback_statements"));
    replace(&mut role.renew_statements, texts("renew_statements"));
    replace(&mut role.default_ttl, input.duration("default_ttl").map(|ttl| ttl.as_secs()));
    replace(&mut role.max_ttl, input.duration("max_ttl").map(|ttl| ttl.as_secs()));
    if role.max_ttl > 0 && role.default_ttl > role.max_ttl {
        return Err(Error::bad_request("default_ttl is longer than max_ttl"));
    }
    if input.given("credential_type") {
        role.credential_type = CredentialType::parse(&input.text("credential_type").unwrap_or_default())?;
    }
    replace(&mut role.credential_config, input.map("credential_config"));
    if role.credential_type == CredentialType::Password {
        check_credential_config(&role.credential_config)?;
    }
    Ok(role)
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    ctx.delete(&record(&input.required("name")?))?;
    Ok(Response::empty())
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}
