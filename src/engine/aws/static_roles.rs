//! `static-roles` and `static-roles/{name}`: users that exist already, whose access key the engine keeps and replaces by schedule.
//! How it is replaced is `static_rotation`'s.
//!
//! Invariant: a user belongs to one role of the mount at most.

use crate::base::failpoint::failpoint;
use crate::base::{Error, Kind, Result, Secret, Timestamp};
use crate::engine::aws::config::root::{Root, read_secret, write_secret};
use crate::engine::aws::{iam, iam_user, static_rotation, sts_api};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Next, Operation, Records, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

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
        Field::text("username", "Name of the IAM user, which exists already. It cannot be changed afterwards."),
        Field::seconds("rotation_period", "How long an access key lives before it is replaced: a minute or more."),
        Field::text("assume_role_arn", "Not supported: users of other accounts need a mount of their own."),
        Field::text("assume_role_session_name", "Not supported, as assume_role_arn."),
        Field::text("external_id", "Not supported, as assume_role_arn."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show a static role, less its key."),
        Action::new(Operation::Create, write, "Take over a user: make it a new access key and keep that."),
        Action::new(Operation::Update, write, "Change the rotation period; the next rotation is that far away then."),
        Action::new(Operation::Delete, delete, "Forget the user; it keeps the access key that it has."),
    ],
    exists: Some(exists),
    summary: "A user that exists already, and how often its access key is replaced.",
    help: "A static role is one IAM user that exists already. Making the role makes the user a new access key, which \
        static-creds/ROLE hands out, and which is replaced whenever it is rotation_period old: the new key is made, tried and \
        stored, then the old one is deleted.\n\n\
        AWS allows a user two access keys. Where both places are taken, the oldest key that is not this role's makes room, also \
        when the role is made. Deleting the role leaves the user and its key as they are.",
    flags: ORDINARY,
};

/// The published minimum.
const SHORTEST_PERIOD: Duration = Duration::from_secs(60);

const LONGEST_NAME: usize = 64;

/// How long a request waits while the key is made by somebody else.
const TURN_PATIENCE: Duration = Duration::from_secs(20);

/// The record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StaticRole {
    pub username: String,
    /// AWS's own id of the user, which a user made anew under the same name does not have.
    pub user_id: String,
    /// In seconds.
    pub rotation_period: u64,
    /// None until the first one was made.
    pub key: Option<StoredKey>,
    pub next_rotation: Timestamp,
    /// Why the last rotation failed; empty if it did not.
    #[serde(default)]
    pub last_error: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredKey {
    pub access_key: String,
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub secret_key: Secret<String>,
    pub made: Timestamp,
}

/// Which role a user belongs to.
#[derive(Serialize, Deserialize)]
struct Owner {
    role: String,
}

impl StaticRole {
    #[must_use]
    pub fn period(&self) -> Duration {
        Duration::from_secs(self.rotation_period)
    }
}

/// Where a static role's record is.
#[must_use]
pub fn record(name: &str) -> String {
    format!("static-roles/{name}")
}

/// Where it is noted whose a user is. AWS does not tell names of users apart by case.
#[must_use]
pub fn owner(username: &str) -> String {
    format!("static-users/{}", username.to_ascii_lowercase())
}

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list("static-roles/")?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    Ok(ctx.load::<StaticRole>(&record(&input.required("name")?))?.is_some())
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role: StaticRole = ctx.load(&record(&name))?.ok_or_else(|| Error::not_found(""))?;
    Ok(shown(&name, &role))
}

fn shown(name: &str, role: &StaticRole) -> Response {
    let mut data = json!({
        "name": name,
        "id": role.user_id,
        "username": role.username,
        "rotation_period": role.rotation_period,
    });
    if !role.last_error.is_empty() {
        data["last_error"] = Value::from(role.last_error.as_str());
    }
    Response::json(data)
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    for field in ["assume_role_arn", "assume_role_session_name", "external_id"] {
        if input.text(field).is_some_and(|text| !text.is_empty()) {
            let words =
                "is not supported: give users of another account a mount of their own, with keys of that account";
            return Err(Error::bad_request(format!("{field} {words}")));
        }
    }
    let period = input.duration("rotation_period");
    if period.is_some_and(|period| period < SHORTEST_PERIOD) {
        return Err(Error::bad_request("rotation_period must be a minute or more"));
    }
    let username = input.text("username").unwrap_or_default();
    match ctx.load::<StaticRole>(&record(&name))? {
        None => take_over(ctx, &name, &username, period),
        Some(role) if !username.is_empty() && username != role.username => Err(Error::bad_request(format!(
            "the static role {name:?} is for the user {}: the username cannot be changed",
            role.username
        ))),
        Some(_) => change(ctx, &name, period),
    }
}

/// A new role: the user is looked at, the role is noted, then its first key is made.
fn take_over(ctx: &mut Ctx, name: &str, username: &str, period: Option<Duration>) -> Result<Response> {
    let period = period.ok_or_else(|| Error::bad_request("missing rotation_period"))?;
    check_username(username)?;
    let user_id = examine(ctx, username)?;
    let now = ctx.now();
    let role = StaticRole {
        username: username.to_owned(),
        user_id,
        rotation_period: period.as_secs(),
        key: None,
        next_rotation: now,
        last_error: String::new(),
    };
    ctx.write(|records| {
        if let Some(other) = crate::logical::ctx::load::<Owner>(records, &owner(username))?
            && other.role != name
        {
            let role = other.role;
            return Err(Error::bad_request(format!("the user {username} belongs to the static role {role:?} already")));
        }
        static_rotation::check_is_of(records, name, username)?;
        crate::logical::ctx::store(records, &owner(username), &Owner { role: name.to_owned() })?;
        crate::logical::ctx::store(records, &record(name), &role)?;
        records.schedule(static_rotation::TASK.kind, name, now.plus(static_rotation::FIRST_KEY_PATIENCE))
    })?;
    failpoint!("aws.static-role.store");
    first_key(ctx, name)
}

/// Makes the first key. What AWS refuses leaves no role; where nothing is known the role stays, and its key is seen to.
fn first_key(ctx: &mut Ctx, name: &str) -> Result<Response> {
    match static_rotation::run_within(ctx, name, TURN_PATIENCE) {
        Ok(next) => {
            let role: StaticRole = ctx.load(&record(name))?.ok_or_else(|| Error::not_found(""))?;
            if let Next::At(due) = next {
                ctx.write(|records| records.schedule(static_rotation::TASK.kind, name, due))?;
            }
            Ok(shown(name, &role))
        }
        Err(error) if matches!(error.kind(), Kind::Upstream | Kind::Conflict) => {
            Err(error.context("the static role stays without an access key for now, which goes on being made"))
        }
        Err(error) => {
            ctx.write(|records| match crate::logical::ctx::load::<StaticRole>(records, &record(name))? {
                Some(role) if role.key.is_none() => forget(records, name, &role.username),
                _ => Ok(()),
            })?;
            Err(error)
        }
    }
}

fn change(ctx: &mut Ctx, name: &str, period: Option<Duration>) -> Result<Response> {
    let now = ctx.now();
    let role = ctx.write(|records| {
        let mut role: StaticRole =
            crate::logical::ctx::load(records, &record(name))?.ok_or_else(|| Error::not_found(""))?;
        if let Some(period) = period {
            role.rotation_period = period.as_secs();
            if role.key.is_some() {
                role.next_rotation = now.plus(period);
                records.schedule(static_rotation::TASK.kind, name, role.next_rotation)?;
            }
            crate::logical::ctx::store(records, &record(name), &role)?;
        }
        Ok(role)
    })?;
    // The first try at its key may have failed: asking again is a try again.
    if role.key.is_none() { first_key(ctx, name) } else { Ok(shown(name, &role)) }
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let Some(role) = ctx.load::<StaticRole>(&record(&name))? else { return Ok(Response::empty()) };
    ctx.write(|records| forget(records, &name, &role.username))?;
    Ok(Response::empty())
}

/// Takes a role out of the records. What a rotation has still to do at AWS is done all the same, and the user is not free before.
fn forget(records: &mut dyn Records, name: &str, username: &str) -> Result<()> {
    records.delete(&record(name))?;
    if !static_rotation::is_open(records, name)? {
        records.delete(&owner(username))?;
        records.unschedule(static_rotation::TASK.kind, name)?;
    }
    Ok(())
}

fn check_username(username: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    match username.len() {
        0 => Err(Error::bad_request("missing username")),
        1..=LONGEST_NAME if username.bytes().all(fits) => Ok(()),
        _ => Err(Error::bad_request(format!("{username:?} cannot be the name of an IAM user"))),
    }
}

/// Sees that there is such a user, and that it is nobody's whose keys are looked after elsewhere; its id.
fn examine(ctx: &mut Ctx, username: &str) -> Result<String> {
    let root = Root::load(ctx)?;
    let deadline = ctx.outside().deadline();
    let user = iam::user(&root.iam(ctx, deadline), username)?
        .ok_or_else(|| Error::bad_request(format!("there is no IAM user {username}")))?;
    if user.tags.contains_key(iam_user::MARK_TAG) {
        return Err(Error::bad_request(format!("the user {username} was made for a lease and ends with it")));
    }
    let caller = sts_api::caller_identity(&root.sts(ctx, deadline))?;
    if caller.arn == user.arn {
        let words = "is the engine's own: config/rotate-root replaces its access key";
        return Err(Error::bad_request(format!("the user {username} {words}")));
    }
    Ok(user.id)
}
