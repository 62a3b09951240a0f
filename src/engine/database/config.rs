//! `config` and `config/{name}`: a database, and the login that the engine has there.
//!
//! Invariant: while leases live, no writing makes a connection lead elsewhere unless that is asked for in so many words.

use crate::base::{Error, Result};
use crate::engine::database::connection::{Connection, record};
use crate::engine::database::driver::{Parameters, Plugin};
use crate::engine::database::role::Role;
use crate::engine::database::statements::items;
use crate::engine::database::turn::Turn;
use crate::engine::database::{plugin, pool, retired, username};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route, Which};
use serde_json::{Value, json};

pub static LIST: Route<Ctx> = Route {
    pattern: "config",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the connections.")],
    exists: None,
    summary: "The names of the connections.",
    help: "Lists the names of all connections of this mount, in order.",
    flags: ORDINARY,
};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/{name}",
    fields: &[
        Field::text("name", "Name of the connection."),
        Field::text(
            "plugin_name",
            "The kind of database: postgresql-database-plugin, mysql-database-plugin, redis-database-plugin or valkey-database-plugin.",
        ),
        Field::text("plugin_version", "All kinds are built in, in one version: leave it empty."),
        Field::flag("verify_connection", "Whether to connect now, so that a mistake shows at once.").default("true"),
        Field::list("allowed_roles", "Names of the roles that may use it; * stands for any name or part of one."),
        Field::texts(
            "root_rotation_statements",
            "What sets a new password for the connection's own user, in place of the kind's own statement.",
        ),
        Field::text("password_policy", "Name of the policy that passwords are made by; empty for the default one."),
        Field::flag(
            "skip_static_role_import_rotation",
            "Whether static roles keep the password that they are given when they are made.",
        ),
        Field::text(
            "connection_url",
            "Where the database is, with {{username}} and {{password}} in their places: \
             postgresql://{{username}}:{{password}}@db.example:5432/app?sslmode=verify-full, or \
             {{username}}:{{password}}@tcp(db.example:3306)/?tls=true.",
        ),
        Field::text("host", "Where a Redis or Valkey is: a name or an address."),
        Field::integer("port", "The port of a Redis or Valkey; 6379 if not given."),
        Field::text("username", "The engine's own user in the database."),
        Field::text("password", "The password of that user. It is never read back."),
        Field::text(
            "username_template",
            "Template for the names of users. It may use .DisplayName, .RoleName and .Random.",
        ),
        Field::flag(
            "disable_escaping",
            "Whether username and password stand escaped already, as the address needs them.",
        ),
        Field::integer("max_open_connections", "How many connections may be open at a time; 4 if not given."),
        Field::integer(
            "max_idle_connections",
            "How many of them may stay open unused; 0: all, a negative number: none. They close after a minute.",
        ),
        Field::seconds("max_connection_lifetime", "How long a connection may be used; 0: as long as it works."),
        Field::text(
            "password_authentication",
            "password, or scram-sha-256: statements are given a verifier, and the database never sees a password.",
        ),
        Field::text("tls_ca", "The authorities that sign the database's certificate, in PEM."),
        Field::text("tls_certificate", "The certificate that the engine shows to the database, in PEM."),
        Field::text("private_key", "The key that belongs to tls_certificate, in PEM. It is never read back."),
        Field::text(
            "owned_objects",
            "What becomes of what a user owns when it ends. keep: it stays, and so does the user, without a login; drop; \
             reassign: it goes to owned_objects_to.",
        ),
        Field::text(
            "tls_certificate_key",
            "The certificate that the engine shows to a MySQL, and its private key, both in PEM. It is never read back.",
        ),
        Field::text("tls_server_name", "The name that a MySQL's certificate has to be for, if not the host's own."),
        Field::flag("tls_skip_verify", "Whether to take any certificate of a MySQL."),
        Field::flag("tls", "Whether to speak TLS with a Redis or Valkey."),
        Field::flag("insecure_tls", "Whether to take any certificate of a Redis or Valkey."),
        Field::text("ca_cert", "The authorities that sign a Redis's or Valkey's certificate, in PEM."),
        Field::text(
            "persistence_mode",
            "Where a Redis or Valkey keeps its users over a restart: aclfile (ACL SAVE), rewrite (CONFIG REWRITE) or none.",
        ),
        Field::text("owned_objects_to", "The role that owned_objects=reassign gives to."),
        Field::flag(
            "self_managed",
            "The connection has no user: static roles sign in as themselves and change their own passwords.",
        ),
        Field::flag(
            "force",
            "Deleting: end the connection's leases. Writing: let it lead elsewhere although leases live, which then say \
             \"target changed\".",
        ),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show a connection, less its password."),
        Action::new(Operation::Create, write, "Make a connection."),
        Action::new(Operation::Update, write, "Change the given parameters of a connection."),
        Action::new(
            Operation::Delete,
            delete,
            "Delete a connection that has no leases, or, with force, end them with it.",
        ),
    ],
    exists: Some(exists),
    summary: "A database, and the engine's own login there.",
    help: "A connection says where a database is and gives the engine a login there, which must be able to make and end users \
        (docs/database.md lists the grants). Use a user made for this purpose, and rotate its password afterwards with \
        rotate-root/NAME, so that nobody else knows it.\n\n\
        Leases remember which database they belong to. A writing that would make the connection lead to another one, and a \
        deletion, are refused while leases live, with their count; force=true goes ahead.",
    flags: ORDINARY,
};

/// What a driver may take: everything here that is not the engine's own.
const OWN: [&str; 10] = [
    "name",
    "plugin_name",
    "plugin_version",
    "verify_connection",
    "allowed_roles",
    "root_rotation_statements",
    "password_policy",
    "skip_static_role_import_rotation",
    "password",
    "force",
];

/// Parameters that are never shown.
const SECRET: [&str; 3] = ["private_key", "tls_certificate_key", "password"];

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list("config/")?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = record(&input.required("name")?);
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let connection: Connection = ctx.load(&record(&input.required("name")?))?.ok_or_else(|| Error::not_found(""))?;
    let shown = connection.plugin()?.shown;
    let mut details = connection.parameters.0.clone();
    details.retain(|name, _| !SECRET.contains(&name.as_str()));
    if let Some(url) = details.get_mut("connection_url") {
        *url = Value::from(shown(connection.parameters.text("connection_url")));
    }
    Ok(Response::json(json!({
        "plugin_name": connection.plugin_name,
        "plugin_version": connection.plugin_version,
        "connection_details": details,
        "allowed_roles": connection.allowed_roles,
        "root_credentials_rotate_statements": connection.root_rotation_statements,
        "password_policy": connection.password_policy,
        "verify_connection": connection.verify_connection,
        "skip_static_role_import_rotation": connection.skip_static_role_import_rotation,
    })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    // Neither may overlook the password that the other stores.
    let _turn = Turn::take(ctx, "rotate-root", &name)?;
    let known: Option<Connection> = ctx.load(&record(&name))?;
    let (mut connection, ignored) = changed(known.clone(), input)?;
    let plugin = connection.plugin()?;
    let mut warnings = (plugin.check)(&connection.parameters)?;
    (plugin.check_statements)(&connection.root_rotation_statements, &["name", "username", "password"])
        .map_err(|error| error.context("root_rotation_statements"))?;
    username::check_template(connection.parameters.text("username_template"))?;
    if !ignored.is_empty() {
        warnings.push(format!("{} has no use for {}", plugin.title, ignored.join(", ")));
    }
    connection.target = if connection.verify_connection {
        let deadline = ctx.outside().deadline();
        // Whatever kept it from connecting: to whoever configures it, it is the configuration that does not work.
        let opened = connection.open(deadline);
        let opened = opened.map_err(|error| Error::bad_request(format!("error verifying connection: {error}")))?;
        Some(opened.target().to_owned())
    } else {
        known
            .as_ref()
            .filter(|known| leads_to_same_place(plugin, known, &connection))
            .and_then(|known| known.target.clone())
    };
    if let Some(known) = &known {
        move_targets(ctx, &name, known, &mut connection, input.flag("force").unwrap_or_default())?;
    }
    let generation = known.map(|known| known.generation);
    ctx.write(|records| {
        if Connection::load_in(records, &name)?.map(|now| now.generation) != generation {
            return Err(Error::conflict(format!("the connection {name:?} was written by somebody else meanwhile")));
        }
        connection.store_in(records, &name)
    })?;
    pool::close(&ctx.mount.uuid, &connection.id);
    Ok(Response { warnings, ..Response::empty() })
}

/// The connection as it was, with what is given put over it; and the given parameters that its kind has no use for.
fn changed(known: Option<Connection>, input: &Input) -> Result<(Connection, Vec<&'static str>)> {
    let is_new = known.is_none();
    let mut connection = known.unwrap_or_default();
    if is_new {
        connection.id = crate::base::random::base62(10)?;
    }
    if let Some(plugin_name) = input.text("plugin_name").filter(|name| !name.is_empty()) {
        connection.plugin_name = plugin_name;
    } else if is_new {
        return Err(Error::bad_request("empty plugin_name: it says which kind of database this is"));
    }
    if input.text("plugin_version").is_some_and(|version| !version.is_empty()) {
        return Err(Error::bad_request("plugin_version: all kinds of databases are built in, leave it empty"));
    }
    let takes = plugin(&connection.plugin_name)?.parameters;
    let mut ignored = Vec::new();
    for field in ROUTE.fields.iter().filter(|field| !OWN.contains(&field.name) && input.given(field.name)) {
        if takes.contains(&field.name) {
            // As it came, since it is shown so.
            let value = input.raw().get(field.name).cloned().unwrap_or_default();
            connection.parameters.0.insert(field.name.to_owned(), value);
        } else {
            ignored.push(field.name);
        }
    }
    connection.verify_connection = input.flag("verify_connection").unwrap_or(true) && !connection.is_self_managed();
    replace(&mut connection.allowed_roles, input.list("allowed_roles"));
    replace(
        &mut connection.root_rotation_statements,
        input.list("root_rotation_statements").map(|texts| items(&texts)),
    );
    replace(&mut connection.password_policy, input.text("password_policy"));
    replace(&mut connection.skip_static_role_import_rotation, input.flag("skip_static_role_import_rotation"));
    if let Some(password) = input.text("password") {
        connection.password = password.into();
        connection.next_password = None;
    }
    connection.renew_generation()?;
    Ok((connection, ignored))
}

/// Without asking the database: whether two writings name one place.
fn leads_to_same_place(plugin: &Plugin, one: &Connection, other: &Connection) -> bool {
    let address = |parameters: &Parameters| (plugin.address)(parameters).ok();
    one.plugin_name == other.plugin_name && address(&one.parameters) == address(&other.parameters)
}

/// Keeps in mind what leases are tied to, and refuses to leave them behind unasked.
fn move_targets(ctx: &Ctx, name: &str, known: &Connection, connection: &mut Connection, force: bool) -> Result<()> {
    let Some(former) = known.target.clone().filter(|former| connection.target.as_ref() != Some(former)) else {
        return Ok(());
    };
    let leases = ctx.count_leases(&Which::Target(&retired::lease_target(&known.id, &former)))?;
    if leases > 0 && !force {
        let other =
            connection.target.as_deref().unwrap_or("another address, which verify_connection=true would look at");
        return Err(Error::conflict(format!(
            "the connection {name:?} has {leases} leases in {former}, and would lead to {other}; end them first ({}), or \
             write it with force=true: they then say \"target changed\" and stay listed",
            how_to_end(ctx, name)?
        )));
    }
    connection.former_targets.retain(|target| Some(target) != connection.target.as_ref());
    connection.former_targets.push(former);
    Ok(())
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let _turn = Turn::take(ctx, "rotate-root", &name)?;
    let Some(connection) = ctx.load::<Connection>(&record(&name))? else { return Ok(Response::empty()) };
    let leases = retired::leases(ctx, &connection)?;
    if leases > 0 && !input.flag("force").unwrap_or_default() {
        return Err(Error::conflict(format!(
            "the connection {name:?} has {leases} leases; end them first ({}), or delete it with force=true, which ends them",
            how_to_end(ctx, &name)?
        )));
    }
    retired::retire(ctx, &name, &connection)?;
    if leases > 0 {
        return Ok(Response::empty().warn(format!("{leases} leases of the connection are being ended")));
    }
    Ok(Response::empty())
}

/// The commands that end what was issued by a connection.
fn how_to_end(ctx: &Ctx, name: &str) -> Result<String> {
    const FEW: usize = 3;
    let roles = ctx.read(|records| {
        let mut using = Vec::new();
        for role in records.list("roles/")? {
            if Role::load_in(records, &role)?.is_some_and(|role| role.db_name == name) {
                using.push(role);
            }
        }
        Ok(using)
    })?;
    let command = |rest: &str| format!("leasehold lease revoke -prefix {}creds{rest}", ctx.mount.path);
    if roles.is_empty() || roles.len() > FEW {
        return Ok(command(""));
    }
    Ok(roles.iter().map(|role| command(&format!("/{role}"))).collect::<Vec<_>>().join("; "))
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}
