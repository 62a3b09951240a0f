//! `static-roles` and `static-roles/{name}`: users that were there before, and when their passwords change.

use crate::base::failpoint::failpoint;
use crate::base::{Error, Result, Secret, Timestamp};
use crate::engine::database::connection::Connection;
use crate::engine::database::driver::CredentialType;
use crate::engine::database::role::{self, check_credential_config};
use crate::engine::database::roles::check_type;
use crate::engine::database::schedule::Rotation;
use crate::engine::database::statements::items;
use crate::engine::database::static_role::{self, StaticRole, TASK, record};
use crate::engine::database::turn::Turn;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Map, Operation, Response, Route};
use serde_json::json;

pub static LIST: Route<Ctx> = Route {
    pattern: "static-roles",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the static roles.")],
    exists: None,
    summary: "The names of the static roles.",
    help: "Lists the names of all static roles of this mount, in order.",
    flags: ORDINARY,
};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "static-roles/{name}",
    fields: &[
        Field::text("name", "Name of the static role."),
        Field::text("db_name", "Name of the connection."),
        Field::text("username", "The user in the database. It stays the same for the role's life."),
        Field::seconds("rotation_period", "How long a password is kept; 5s at least. Instead of rotation_schedule."),
        Field::text(
            "rotation_schedule",
            "When passwords change, by the five fields of cron, in UTC: \"0 3 * * SAT\". Instead of rotation_period.",
        ),
        Field::seconds(
            "rotation_window",
            "For how long after its time a scheduled rotation may be made up for; 1h at least. Without it: until the next.",
        ),
        Field::texts(
            "rotation_statements",
            "What sets a password, in place of the engine's own way. {{name}} and {{password}} stand for the user's name \
             and the new password.",
        ),
        Field::text("credential_type", "What is handed out: password.").default("password"),
        Field::pairs(
            "credential_config",
            "For credential_type password: password_policy, in place of the connection's.",
        ),
        Field::flag(
            "skip_import_rotation",
            "Whether making the role leaves the user's password as it is; without it, as the connection says.",
        ),
        Field::text(
            "password",
            "The password that the user has now, where the engine is to know it. It is never read back.",
        ),
        Field::text("self_managed_password", "Older name of password."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show a static role."),
        Action::new(Operation::Create, write, "Make a static role, and set a password for its user."),
        Action::new(Operation::Update, write, "Change the given parameters of a static role."),
        Action::new(Operation::Delete, delete, "Forget a static role; the user stays, with the password it has."),
    ],
    exists: Some(exists),
    summary: "Users whose passwords change by a rule.",
    help: "A static role takes over the password of a user that is in the database already: it sets a new one at once (unless \
        skip_import_rotation is set) and from then on by rotation_period or rotation_schedule. static-creds/NAME hands it \
        out.\n\n\
        Deleting the role leaves the user as it is.",
    flags: ORDINARY,
};

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list("static-roles/")?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = record(&input.required("name")?);
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let role: StaticRole = ctx.load(&record(&input.required("name")?))?.ok_or_else(|| Error::not_found(""))?;
    let mut data = role.rule();
    data.insert("db_name".into(), role.db_name.as_str().into());
    data.insert("username".into(), role.username.as_str().into());
    data.insert("rotation_statements".into(), json!(role.rotation_statements));
    data.insert("credential_type".into(), role.credential_type.name().into());
    data.insert("skip_import_rotation".into(), role.skip_import_rotation.into());
    if !role.credential_config.is_empty() {
        data.insert("credential_config".into(), json!(role.credential_config));
    }
    Ok(Response::data(data))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let now = ctx.now();
    let role = {
        let _turn = Turn::take(ctx, "rotation", &name)?;
        let stored = ctx.write(|records| {
            if records.has(&role::record(&name))? {
                return Err(Error::bad_request("Role and Static Role names must be unique"));
            }
            let known = StaticRole::load_in(records, &name)?;
            let db_name = input.text("db_name").or(known.as_ref().map(|known| known.db_name.clone()));
            let db_name = db_name.filter(|db_name| !db_name.is_empty());
            let db_name = db_name.ok_or_else(|| Error::bad_request("database name is a required field"))?;
            let connection = Connection::load_in(records, &db_name)?;
            let connection = connection.ok_or_else(|| crate::engine::database::connection::missing(&db_name))?;
            connection.check_allowed(&db_name, &name)?;
            let is_new = known.is_none();
            let role = changed(known, input, db_name, &connection, now)?;
            role.store_in(records, &name)?;
            if is_new && role.awaits_first_rotation() {
                records.schedule(TASK.kind, &name, now.plus(static_role::FIRST_ROTATION_PATIENCE))?;
            }
            Ok((role, is_new))
        });
        failpoint!("static-role.store");
        stored?
    };
    let (role, is_new) = role;
    if is_new && !role.skip_import_rotation {
        static_role::rotate(ctx, &name).map_err(|error| undo(ctx, &name, error))?;
    }
    Ok(Response::empty())
}

/// A role that could not take its user over is not kept, unless the user may have the new password.
fn undo(ctx: &mut Ctx, name: &str, error: Error) -> Error {
    let unchanged =
        ctx.load::<StaticRole>(&record(name)).is_ok_and(|role| role.is_some_and(|role| role.next_password.is_none()));
    if !unchanged {
        return error.context(format!("the static role {name:?} is kept"));
    }
    match forget(ctx, name) {
        Ok(()) => error.context(format!("the static role {name:?} was not made")),
        Err(_) => error,
    }
}

/// The role as it was, with what is given put over it.
fn changed(
    known: Option<StaticRole>,
    input: &Input,
    db_name: String,
    connection: &Connection,
    now: Timestamp,
) -> Result<StaticRole> {
    let is_new = known.is_none();
    let (rotation, moved) = rotation(known.as_ref(), input)?;
    let mut role = match known {
        Some(known) => StaticRole { db_name, rotation, ..known },
        None => fresh(input, db_name, rotation, connection)?,
    };
    if input.text("username").is_some_and(|username| username != role.username) {
        return Err(Error::bad_request("cannot update static account username"));
    }
    if role.username == connection.username() {
        return Err(Error::bad_request("this is the connection's own user, whose password rotate-root changes"));
    }
    if let Some(statements) = input.list("rotation_statements") {
        role.rotation_statements = items(&statements);
    }
    (connection.plugin()?.check_statements)(&role.rotation_statements, &["name", "username", "password"])
        .map_err(|error| error.context("rotation_statements"))?;
    if input.given("credential_type") {
        role.credential_type = CredentialType::parse(&input.text("credential_type").unwrap_or_default())?;
    }
    check_type(connection, role.credential_type)?;
    if let Some(config) = input.map("credential_config") {
        check_credential_config(&config)?;
        role.credential_config = config;
    }
    if let Some(password) = input.text("password").or(input.text("self_managed_password")) {
        role.password = password.into();
        role.next_password = None;
    }
    role.self_managed = connection.is_self_managed();
    if role.self_managed && role.password.is_empty() {
        return Err(Error::bad_request(
            "the connection is self_managed: give the password that the user has now, so that it can change it itself",
        ));
    }
    if is_new || moved {
        role.next_rotation = role.rotation.next(role.last_rotation.map_or(now, Timestamp))?.0;
    }
    Ok(role)
}

fn fresh(input: &Input, db_name: String, rotation: Rotation, connection: &Connection) -> Result<StaticRole> {
    let username = input.text("username").filter(|username| !username.is_empty());
    let skip = input.flag("skip_import_rotation").unwrap_or(connection.skip_static_role_import_rotation);
    Ok(StaticRole {
        db_name,
        username: username
            .ok_or_else(|| Error::bad_request("username is a required field to create a static account"))?,
        rotation_statements: Vec::new(),
        credential_type: CredentialType::Password,
        credential_config: Map::new(),
        rotation,
        skip_import_rotation: skip,
        self_managed: false,
        password: Secret::default(),
        next_password: None,
        last_rotation: None,
        next_rotation: 0,
    })
}

/// The rule that is given, or the one that was; and whether it is another.
fn rotation(known: Option<&StaticRole>, input: &Input) -> Result<(Rotation, bool)> {
    let expression = input.text("rotation_schedule").filter(|expression| !expression.is_empty());
    let period = input.duration("rotation_period").map(|period| period.as_secs());
    let window = input.duration("rotation_window").map(|window| window.as_secs());
    let rotation = match (expression, period, known) {
        (Some(_), Some(_), _) => {
            return Err(Error::bad_request(
                "mutually exclusive fields rotation_period and rotation_schedule were both specified; only one of them can \
                 be provided",
            ));
        }
        (None, Some(_), _) if window.is_some() => {
            return Err(Error::bad_request("rotation_window is invalid with use of rotation_period"));
        }
        (None, Some(period), _) => Rotation::period(period)?,
        (Some(expression), None, known) => {
            let kept = match known.map(|known| &known.rotation) {
                Some(Rotation::Schedule { window, .. }) => *window,
                _ => 0,
            };
            Rotation::schedule(&expression, window.unwrap_or(kept))?
        }
        (None, None, Some(known)) => match (&known.rotation, window) {
            (Rotation::Schedule { expression, .. }, Some(window)) => Rotation::schedule(expression, window)?,
            (Rotation::Period(_), Some(_)) => {
                return Err(Error::bad_request("rotation_window is invalid with use of rotation_period"));
            }
            (rotation, None) => rotation.clone(),
        },
        (None, None, None) => {
            return Err(Error::bad_request(
                "one of rotation_schedule or rotation_period must be provided to create a static account",
            ));
        }
    };
    let moved = known.is_none_or(|known| known.rotation != rotation);
    Ok((rotation, moved))
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    forget(ctx, &input.required("name")?)?;
    Ok(Response::empty())
}

fn forget(ctx: &mut Ctx, name: &str) -> Result<()> {
    ctx.write(|records| {
        records.unschedule(TASK.kind, name)?;
        records.delete(&record(name)).map(drop)
    })
}
