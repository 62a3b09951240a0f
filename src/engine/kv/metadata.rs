//! `metadata/:path`: a key's settings and what is known of its versions; and the names of all keys.

use super::config::{self, MAX_VERSIONS};
use super::data;
use super::key::Key;
use super::{elsewhere, merge, store};
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Map, Operation, Response, Route};
use serde_json::Value;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "metadata/{path..}",
    fields: &[
        Field::text("path", "The name that the value is kept under, or a folder."),
        MAX_VERSIONS,
        Field::flag(
            "cas_required",
            "Whether each write must say, by the option cas, which version it expects to be the current one. Where the \
             mount's config requires it, it is required in any case.",
        ),
        Field::seconds(
            "delete_version_after",
            "How long after it was written a version is deleted. 0s: as the mount's config says.",
        ),
        Field::object("custom_metadata", "Texts under names, for people and their tools: at most 64."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows the key's settings and versions."),
        Action::new(Operation::List, list, "Lists the names in a folder."),
        Action::new(Operation::Create, write, "Makes a key without versions, with these settings."),
        Action::new(Operation::Update, write, "Changes the settings that are given."),
        Action::new(Operation::Patch, patch, "Changes the settings by a JSON merge patch."),
        Action::new(Operation::Delete, delete, "Deletes the key with all its versions, for good."),
    ],
    exists: Some(exists),
    summary: "A key's settings and versions; the names of keys.",
    help: "A write replaces custom_metadata as a whole; a patch changes the names in it that are given, and removes those that \
           are null. A name in a listing that ends in a slash is a folder.",
    flags: ORDINARY,
};

pub static TOP: Route<Ctx> = Route {
    pattern: "metadata",
    fields: &[],
    actions: &[
        Action::new(Operation::List, list, "Lists the names at the top of the mount."),
        Action::new(Operation::Read, elsewhere::hint, "Answers where names are."),
    ],
    exists: None,
    summary: "Lists the names at the top of the mount.",
    help: "A name that ends in a slash is a folder.",
    flags: ORDINARY,
};

/// Of custom metadata: how many, and how many bytes of name and text.
const CUSTOM: usize = 64;
const CUSTOM_NAME: usize = 128;
const CUSTOM_TEXT: usize = 512;

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::read_path(input)?;
    let key = ctx.read(|records| {
        store::config(records)?;
        store::key(records, &path)
    })?;
    key.map(|key| Response::data(key.describe())).ok_or_else(|| Error::not_found(""))
}

fn list(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let mut folder = input.text("path").unwrap_or_default();
    if !folder.is_empty() && !folder.ends_with('/') {
        folder.push('/');
    }
    let names = ctx.read(|records| {
        store::config(records)?;
        store::names(records, &folder)
    })?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::write_path(input)?;
    let mut settings = Settings::read(input)?;
    let custom = input.map("custom_metadata").map(texts).transpose()?;
    if let Some(custom) = &custom {
        check_custom(custom)?;
    }
    settings.custom = custom.map(Custom::All);
    if settings.is_empty() {
        return Ok(Response::empty());
    }
    let now = ctx.now();
    let mandated = ctx.write(|records| {
        let config = store::config(records)?;
        let mut key = match store::key(records, &path)? {
            Some(key) => key,
            None => Key::new(now)?,
        };
        settings.apply(&mut key)?;
        store::put_key(records, &path, &key)?;
        Ok(config.cas_required)
    })?;
    Ok(settings.answer(mandated))
}

fn patch(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::write_path(input)?;
    let mut settings = Settings::read(input)?;
    settings.custom = input.map("custom_metadata").map(Custom::Patch);
    // In a merge patch, null is the way back to what was there before anything was set.
    let is_null = |name: &str| input.raw().get(name).is_some_and(Value::is_null);
    settings.max_versions = settings.max_versions.or(is_null("max_versions").then_some(0));
    settings.cas_required = settings.cas_required.or(is_null("cas_required").then_some(false));
    settings.delete_version_after = settings.delete_version_after.or(is_null("delete_version_after").then_some(0));
    if is_null("custom_metadata") {
        settings.custom = Some(Custom::All(Map::new()));
    }
    let mandated = ctx.write(|records| {
        let config = store::config(records)?;
        let mut key = store::key(records, &path)?.ok_or_else(|| Error::not_found(""))?;
        settings.apply(&mut key)?;
        store::put_key(records, &path, &key)?;
        Ok(config.cas_required)
    })?;
    Ok(settings.answer(mandated))
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = store::write_path(input)?;
    ctx.write(|records| {
        store::config(records)?;
        store::delete_key(records, &path)
    })?;
    Ok(Response::empty())
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    data::key_exists(ctx, input)
}

/// The settings that a request gives.
struct Settings {
    max_versions: Option<u64>,
    cas_required: Option<bool>,
    delete_version_after: Option<u64>,
    custom: Option<Custom>,
}

/// Custom metadata as a whole, or what is to change in it.
enum Custom {
    All(Map),
    Patch(Map),
}

impl Settings {
    fn read(input: &Input) -> Result<Self> {
        Ok(Self {
            max_versions: config::max_versions(input)?,
            cas_required: input.flag("cas_required"),
            delete_version_after: input.duration("delete_version_after").map(|after| after.as_secs()),
            custom: None,
        })
    }

    fn is_empty(&self) -> bool {
        self.max_versions.is_none()
            && self.cas_required.is_none()
            && self.delete_version_after.is_none()
            && self.custom.is_none()
    }

    fn apply(&self, key: &mut Key) -> Result<()> {
        key.max_versions = self.max_versions.unwrap_or(key.max_versions);
        key.cas_required = self.cas_required.unwrap_or(key.cas_required);
        key.delete_version_after = self.delete_version_after.unwrap_or(key.delete_version_after);
        match &self.custom {
            Some(Custom::All(all)) => key.custom_metadata = all.clone(),
            Some(Custom::Patch(patch)) => {
                merge::merge(&mut key.custom_metadata, patch);
                key.custom_metadata = texts(std::mem::take(&mut key.custom_metadata))?;
                check_custom(&key.custom_metadata)?;
            }
            None => {}
        }
        Ok(())
    }

    fn answer(&self, mandated: bool) -> Response {
        match self.cas_required {
            Some(false) if mandated => Response::empty().warn(
                "\"cas_required\" set to false, but is mandated by backend config: a write to this key has to say which \
                 version it expects all the same.",
            ),
            _ => Response::empty(),
        }
    }
}

/// Brings all values to texts.
fn texts(metadata: Map) -> Result<Map> {
    let field = Field::text("custom_metadata", "");
    let text = |(name, value): (String, Value)| match field.parse(&value) {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(invalid(format!("the value of key {name:?} is no text"))),
    };
    metadata.into_iter().map(text).collect()
}

fn check_custom(metadata: &Map) -> Result<()> {
    if metadata.len() > CUSTOM {
        return Err(invalid(format!("payload must contain at most {CUSTOM} keys, provided {}", metadata.len())));
    }
    for (name, value) in metadata {
        let text = value.as_str().unwrap_or_default();
        let (name_length, length) = (name.len(), text.len());
        if !(1..=CUSTOM_NAME).contains(&name_length) {
            let limit = format!("but must be 0 < len(key) <= {CUSTOM_NAME}");
            return Err(invalid(format!("length of key {name:?} is {name_length} {limit}")));
        }
        if !(1..=CUSTOM_TEXT).contains(&length) {
            let limit = format!("but must be 0 < len(value) <= {CUSTOM_TEXT}");
            return Err(invalid(format!("length of value for key {name:?} is {length} {limit}")));
        }
        if name.chars().chain(text.chars()).any(char::is_control) {
            return Err(invalid(format!("key {name:?} or its value contains unprintable characters")));
        }
    }
    Ok(())
}

fn invalid(why: String) -> Error {
    Error::bad_request(format!("custom_metadata validation failed: {why}"))
}
