//! `data/:path`: the values of a versioned mount.

use super::config::Config;
use super::key::Key;
use super::{merge, store};
use crate::base::{Error, Result, Timestamp};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Map, Operation, Records, Response, Route};
use serde_json::Value;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "data/{path..}",
    fields: &[
        Field::text("path", "The name that the value is kept under; slashes make folders."),
        VERSION,
        Field::object("data", "The value: any keys, any JSON."),
        Field::object(
            "options",
            "What a write depends on: {\"cas\": 3} has it done only if the current version is 3; 0 only if there is none.",
        ),
    ],
    actions: &[
        Action::new(
            Operation::Read,
            read,
            "Reads a version of the value, the current one unless another is asked for.",
        ),
        Action::new(Operation::Create, write, "Stores a value where there was none."),
        Action::new(Operation::Update, write, "Makes a new version of the value."),
        Action::new(Operation::Patch, patch, "Makes a new version from the current one and a JSON merge patch."),
        Action::new(Operation::Delete, delete, "Deletes the current version; it can be undeleted."),
    ],
    exists: Some(exists),
    summary: "Stores, reads, patches and deletes versions of a value.",
    help: "A value is answered as it was written, with what is known of its version beside it. A version that was deleted or \
           destroyed is answered as not found, with what is known of it.\n\n\
           A patch takes the place of the keys that it names, and removes those that it sets to null (RFC 7396).",
    flags: ORDINARY,
};

/// Also a field of `subkeys`.
pub const VERSION: Field = Field::integer("version", "Which version to read. 0, or none: the current one.");

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    read_version(ctx, input, "data", |value| Value::Object(std::mem::take(value)))
}

/// Answers the version that is asked for, as `shown` makes it from the value, under `name`, with its metadata.
pub fn read_version(ctx: &mut Ctx, input: &Input, name: &str, shown: impl Fn(&mut Map) -> Value) -> Result<Response> {
    let path = store::read_path(input)?;
    let wanted = input.integer("version").and_then(|version| u64::try_from(version).ok()).unwrap_or(0);
    let now = ctx.now();
    ctx.read(|records| {
        store::config(records)?;
        let key = store::key(records, &path)?.ok_or_else(|| Error::not_found(""))?;
        let (number, version) = key.version(wanted).ok_or_else(|| Error::not_found(""))?;
        if version.is_gone(now) {
            return Ok(answer(name, Value::Null, key.describe_version(number, version)).gone());
        }
        let mut value = store::value(records, &key, number)?;
        Ok(answer(name, shown(&mut value.0), key.describe_version(number, version)))
    })
}

fn answer(name: &str, value: Value, metadata: Map) -> Response {
    Response::data(Map::from_iter([(name.to_owned(), value), ("metadata".to_owned(), Value::Object(metadata))]))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::write_path(input)?;
    let expected = Expected::read(input)?;
    let value = store::bytes(&store::Value(provided(input)?).0)?;
    let now = ctx.now();
    ctx.write(|records| {
        let config = store::config(records)?;
        let mut key = match store::key(records, &path)? {
            Some(key) => key,
            None => Key::new(now)?,
        };
        expected.check(&key, &config)?;
        append(records, (&path, &mut key), &value, &config, now)
    })
}

fn patch(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::write_path(input)?;
    let expected = Expected::read(input)?;
    let patch = store::Value(provided(input)?);
    let now = ctx.now();
    ctx.write(|records| {
        let config = store::config(records)?;
        let mut key = store::key(records, &path)?.ok_or_else(|| Error::not_found(""))?;
        expected.check(&key, &config)?;
        let (number, version) = key.version(0).ok_or_else(|| Error::not_found(""))?;
        if version.is_gone(now) {
            return Ok(described(&key).gone());
        }
        let mut value = store::value(records, &key, number)?;
        merge::merge(&mut value.0, &patch.0);
        append(records, (&path, &mut key), &store::bytes(&value.0)?, &config, now)
    })
}

fn append(
    records: &mut dyn Records,
    (path, key): (&str, &mut Key),
    value: &[u8],
    config: &Config,
    now: Timestamp,
) -> Result<Response> {
    store::append(records, (path, key), value, config, now)?;
    Ok(described(key))
}

/// What is known of the current version.
fn described(key: &Key) -> Response {
    key.version(0)
        .map_or_else(Response::empty, |(number, version)| Response::data(key.describe_version(number, version)))
}

fn provided(input: &Input) -> Result<Map> {
    input.map("data").ok_or_else(|| Error::bad_request("no data provided"))
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::write_path(input)?;
    let now = ctx.now();
    ctx.write(|records| {
        store::config(records)?;
        let Some(mut key) = store::key(records, &path)? else { return Ok(()) };
        let current = key.current;
        match key.versions.get_mut(&current).filter(|version| !version.is_gone(now)) {
            Some(version) => version.deletion = Some(now.0),
            None => return Ok(()),
        }
        store::put_key(records, &path, &key)
    })?;
    Ok(Response::empty())
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    key_exists(ctx, input)
}

/// Whether there is a key at the path, whatever became of its versions.
///
/// # Errors
/// `Internal` when the store fails.
pub fn key_exists(ctx: &Ctx, input: &Input) -> Result<bool> {
    let path = input.text("path").unwrap_or_default();
    ctx.read(|records| store::has_key(records, &path))
}

/// Which version a write expects to be the current one.
struct Expected(Option<i64>);

impl Expected {
    fn read(input: &Input) -> Result<Self> {
        let wrong = || Error::bad_request("error parsing check-and-set parameter: cas takes the number of a version");
        match input.map("options").as_ref().and_then(|options| options.get("cas")) {
            None | Some(Value::Null) => Ok(Self(None)),
            Some(cas) => {
                let number = Field::integer("cas", "").parse(cas).map_err(|_| wrong())?;
                number.as_i64().map(|number| Self(Some(number))).ok_or_else(wrong)
            }
        }
    }

    fn check(&self, key: &Key, config: &Config) -> Result<()> {
        match self.0 {
            Some(expected) if u64::try_from(expected) != Ok(key.current) => {
                Err(Error::bad_request("check-and-set parameter did not match the current version"))
            }
            None if config.cas_required || key.cas_required => {
                Err(Error::bad_request("check-and-set parameter required for this call"))
            }
            _ => Ok(()),
        }
    }
}
