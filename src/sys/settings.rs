//! A mount's settings, the same for secrets engines and auth methods: how they are read from a request, checked, changed and
//! shown.
//!
//! Invariant: settings that contradict each other are refused as a whole; nothing of them is kept.

use crate::base::{Error, Result};
use crate::core::lockout::rules::Said;
use crate::core::mounts::{self, Class, Mount, Table};
use crate::core::{Call, Live, records};
use crate::logical::engine::BeginUpgrade;
use crate::logical::{CanonicalPath, Field, Input, Map, Response, TokenType};
use crate::storage::Tx;
use serde_json::{Value, json};
use std::sync::Arc;

pub const DESCRIPTION: Field = Field::text("description", "What the mount is for, in words that people read.");
const DEFAULT_LEASE_TTL: Field = Field::text(
    "default_lease_ttl",
    "How long a lease lives when nobody asks for another time. Zero or \"system\": the server's own.",
);
const MAX_LEASE_TTL: Field = Field::text(
    "max_lease_ttl",
    "How long a lease lives at most, counted from its issue. Zero or \"system\": the server's own.",
);
const LISTING_VISIBILITY: Field = Field::text(
    "listing_visibility",
    "Whether sys/internal/ui/mounts shows the mount to those who have no token: \"unauth\" does, \"hidden\" (as good as \
     none) does not.",
);
pub const OPTIONS: Field = Field::pairs("options", "Options of the engine itself, such as version=2.");
const FORCE_NO_CACHE: Field = Field::flag("force_no_cache", "Kept and shown; there is no cache to turn off.");
const REQUEST_KEYS: Field = Field::list(
    "audit_non_hmac_request_keys",
    "Keys of requests whose values audit devices show in clear instead of hashed.",
);
const RESPONSE_KEYS: Field = Field::list(
    "audit_non_hmac_response_keys",
    "Keys of answers whose values audit devices show in clear instead of hashed.",
);
const REQUEST_HEADERS: Field =
    Field::list("passthrough_request_headers", "Kept and shown; no engine here reads request headers.");
const RESPONSE_HEADERS: Field =
    Field::list("allowed_response_headers", "Kept and shown; no engine here sets response headers.");

const TOKEN_TYPE: Field = Field::text(
    "token_type",
    "The kind of tokens that an auth method makes: \"service\" or \"batch\", whatever its roles say; \"default-service\" or \
     \"default-batch\" where they say nothing.",
);
const DELEGATED: Field = Field::list(
    "delegated_auth_accessors",
    "Kept and shown; no engine here asks auth methods on behalf of its callers.",
);
const MANAGED_KEYS: Field =
    Field::list("allowed_managed_keys", "There are no managed keys: anything but none is refused.");
const PLUGIN_VERSION: Field =
    Field::text("plugin_version", "All engines are built in: anything but an empty version is refused.");
const IDENTITY_KEY: Field =
    Field::text("identity_token_key", "No identity tokens are made for engines: anything but \"default\" is refused.");
const TRIM_SLASHES: Field =
    Field::flag("trim_request_trailing_slashes", "Engines here see paths as they are asked for: `true` is refused.");

const USER_LOCKOUT: Field = Field::object(
    "user_lockout_config",
    "Of methods that lock names: lockout_threshold wrong passwords, each within lockout_counter_reset_duration of the last, \
     lock one for lockout_duration; lockout_disable turns that off.",
);

/// What `config` takes when a mount is enabled, and `tune` at its top.
pub const SETTINGS: [Field; 15] = [
    DEFAULT_LEASE_TTL,
    MAX_LEASE_TTL,
    LISTING_VISIBILITY,
    FORCE_NO_CACHE,
    REQUEST_KEYS,
    RESPONSE_KEYS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    TOKEN_TYPE,
    DELEGATED,
    MANAGED_KEYS,
    PLUGIN_VERSION,
    IDENTITY_KEY,
    TRIM_SLASHES,
    USER_LOCKOUT,
];

/// What `tune` takes.
pub static TUNE_FIELDS: [Field; SETTINGS.len() + 3] =
    Field::joined([Field::text("path", "Where the mount is."), DESCRIPTION, OPTIONS], SETTINGS);

/// Settings that are kept as given.
const KEPT: [&str; 6] = [
    "force_no_cache",
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "passthrough_request_headers",
    "allowed_response_headers",
    "delegated_auth_accessors",
];

/// Settings of the field that mean nothing here, with the values that ask for nothing, and why others are refused.
const REFUSED: [(&str, &[&str], &str); 4] = [
    ("allowed_managed_keys", &["[]"], "there are no managed keys here"),
    ("plugin_version", &["\"\""], "all engines are built in and have the server's version"),
    ("identity_token_key", &["\"\"", "\"default\""], "no identity tokens are made for engines"),
    ("trim_request_trailing_slashes", &["false"], "a slash at the end of a path is passed on to the engine as it is"),
];

/// The path of a mount in its one form, with a slash at the end.
///
/// # Errors
/// `BadRequest` for what is no path.
pub fn mount_path(text: &str) -> Result<String> {
    let path = CanonicalPath::from_text(text)?.as_folder();
    if path.as_str().is_empty() {
        return Err(Error::bad_request("missing path"));
    }
    Ok(path.to_string())
}

/// Applies settings to a mount; answers the names of those that nobody knows.
///
/// # Errors
/// `BadRequest` naming what is wrong.
pub fn apply(mount: &mut Mount, settings: &Map, live: &Live) -> Result<Vec<String>> {
    let mut unknown = Vec::new();
    for (name, value) in settings {
        let Some(field) = SETTINGS.iter().find(|field| field.name == name) else {
            unknown.push(name.clone());
            continue;
        };
        if value.is_null() {
            continue;
        }
        let value = field.parse(value)?;
        match (name.as_str(), value.as_str()) {
            ("default_lease_ttl", Some(text)) => mount.default_lease_ttl = seconds("default_lease_ttl", text)?,
            ("max_lease_ttl", Some(text)) => mount.max_lease_ttl = seconds("max_lease_ttl", text)?,
            ("listing_visibility", Some(text)) => mount.listing_visibility = visibility(text)?,
            ("token_type", Some(text)) => set_token_type(mount, text)?,
            ("user_lockout_config", _) => mount.user_lockout = Some(user_lockout(mount, &value, live)?),
            _ if KEPT.contains(&name.as_str()) => drop(mount.extra.insert(name.clone(), value)),
            _ => refuse(name, &value)?,
        }
    }
    check_limits(mount, live)?;
    Ok(unknown)
}

fn set_token_type(mount: &mut Mount, text: &str) -> Result<()> {
    if mount.class != Class::Auth {
        return Err(Error::bad_request("'token_type' can only be modified on auth mounts"));
    }
    if mount.kind == "token" {
        return Err(Error::bad_request("'token_type' cannot be set for 'token' or 'ns_token' auth mounts"));
    }
    mount.token_type = match TokenType::parse(text)? {
        TokenType::Default => TokenType::DefaultService,
        other => other,
    };
    Ok(())
}

/// What was said of locking names, with what is said now put over it.
fn user_lockout(mount: &Mount, said: &Value, live: &Live) -> Result<Said> {
    if !live.definition(mount).is_ok_and(|method| method.locks_out) {
        return Err(Error::bad_request(format!(
            "tuning of user lockout configuration for auth type {:?} not allowed",
            mount.kind
        )));
    }
    let mut all = mount.user_lockout.unwrap_or_default();
    for (name, value) in said.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let seconds = |name| Field::seconds(name, "").parse(value).map(|value| value.as_u64().unwrap_or_default());
        match name.as_str() {
            "lockout_threshold" => {
                let count = Field::integer("lockout_threshold", "").parse(value)?.as_i64().unwrap_or_default();
                all.threshold = u32::try_from(count).map_err(|_| {
                    Error::bad_request("lockout_threshold takes the number of wrong passwords, 0 for the default")
                })?;
            }
            "lockout_duration" => all.duration = seconds("lockout_duration")?,
            "lockout_counter_reset_duration" | "lockout_counter_reset" => {
                all.counter_reset = seconds("lockout_counter_reset_duration")?;
            }
            "lockout_disable" | "disable_lockout" => {
                all.disabled = Field::flag("lockout_disable", "").parse(value)?.as_bool();
            }
            other => {
                return Err(Error::bad_request(format!(
                    "user_lockout_config has no {other:?}: it takes lockout_threshold, lockout_duration, \
                     lockout_counter_reset_duration and lockout_disable"
                )));
            }
        }
    }
    Ok(all)
}

/// A setting that has no effect is taken only with a value that asks for none.
///
/// # Errors
/// `BadRequest` saying why it cannot be had.
pub fn refuse(name: &str, value: &Value) -> Result<()> {
    match REFUSED.iter().find(|(refused, _, _)| *refused == name) {
        Some((_, harmless, why)) if !value.is_null() && !harmless.contains(&value.to_string().as_str()) => {
            Err(Error::bad_request(format!("{name} cannot be set: {why}")))
        }
        _ => Ok(()),
    }
}

fn seconds(name: &'static str, text: &str) -> Result<u64> {
    if text == "system" {
        return Ok(0);
    }
    let seconds = Field::seconds(name, "").parse(&Value::from(text))?;
    Ok(seconds.as_u64().unwrap_or_default())
}

fn visibility(text: &str) -> Result<String> {
    match text {
        "" | "hidden" | "unauth" => Ok(text.to_owned()),
        other => Err(Error::bad_request(format!("listing_visibility is \"unauth\" or \"hidden\", not {other:?}"))),
    }
}

fn check_limits(mount: &Mount, live: &Live) -> Result<()> {
    let (default, max) = (mount.default_lease_ttl, mount.max_lease_ttl);
    let system = live.settings.max_lease_ttl.as_secs();
    if max > 0 && default > max {
        return Err(Error::bad_request("given default lease TTL greater than given max lease TTL"));
    }
    if max == 0 && default > system {
        return Err(Error::bad_request(format!(
            "given default lease TTL greater than system max lease TTL of {system}"
        )));
    }
    Ok(())
}

/// Checks the options that a mount is to have, by its engine; `before` are those that it has. What no engine serves has none
/// to check.
///
/// # Errors
/// `BadRequest` for a version that the engine does not have, or cannot go back to.
fn check_options(live: &Live, before: &Mount, options: &Map) -> Result<()> {
    match live.definition(before) {
        Ok(engine) => engine.check_options(Some(&before.options), options),
        Err(_) => Ok(()),
    }
}

/// The way to the version that changed options ask for, where they ask for a later one.
fn upgrade(live: &Live, before: &Mount, after: &Mount) -> Option<BeginUpgrade> {
    let (from, to) = (live.engine(before).ok()?, live.engine(after).ok()?);
    to.upgrade.filter(|_| from.version != to.version)
}

/// Shows what `tune` sets, with the limits as they work out.
///
/// # Errors
/// `BadRequest` when there is no such mount.
pub fn show(call: &Call, path: &str) -> Result<Response> {
    let live = call.live()?;
    let mounts = live.mounts();
    let mount = mounts.at(path).ok_or_else(|| no_mount(path))?;
    let limits = live.limits(mount);
    let mut shown = json!({
        "default_lease_ttl": limits.default.as_secs(),
        "max_lease_ttl": limits.max.as_secs(),
        "description": mount.description,
        "force_no_cache": false,
    });
    if !mount.options.is_empty() {
        shown["options"] = Value::Object(mount.options.clone());
    }
    if !mount.listing_visibility.is_empty() {
        shown["listing_visibility"] = Value::from(mount.listing_visibility.clone());
    }
    for (name, value) in kept(mount) {
        shown[name] = value.clone();
    }
    if path.starts_with("auth/") {
        shown["token_type"] = Value::from(mount.token_type.name());
    }
    if let Some(said) = &mount.user_lockout {
        shown["user_lockout_counter_reset_duration"] = Value::from(said.counter_reset);
        shown["user_lockout_disable"] = Value::from(said.disabled.unwrap_or_default());
        shown["user_lockout_duration"] = Value::from(said.duration);
        shown["user_lockout_threshold"] = Value::from(said.threshold);
    }
    Ok(Response::data_and_top(shown))
}

/// Changes what was given, and nothing else.
///
/// # Errors
/// `BadRequest` for settings that are wrong, and for a mount that cannot be tuned or is not there.
pub fn tune(call: &Call, path: &str, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let settings: Map = SETTINGS
        .iter()
        .filter(|field| input.given(field.name))
        .filter_map(|field| Some((field.name.to_owned(), input.value(field.name)?)))
        .collect();
    let check = |table: &Table| -> Result<(Arc<Mount>, Mount)> {
        let before = table.at(path).ok_or_else(|| no_mount(path))?.clone();
        if before.is_builtin() && before.kind != "token" {
            return Err(Error::bad_request(format!("cannot tune {path:?}")));
        }
        let mut after = Mount::clone(&before);
        apply(&mut after, &settings, live)?;
        if let Some(description) = input.text("description") {
            after.description = description;
        }
        if let Some(options) = input.map("options") {
            after.options.extend(options);
            check_options(live, &before, &after.options)?;
        }
        Ok((before, after))
    };
    let change = |tx: &mut dyn Tx, (before, after): &(Arc<Mount>, Mount)| -> Result<()> {
        mounts::store(tx, &live.barrier, after, Some(before))?;
        match upgrade(live, before, after) {
            Some(begin) => {
                live.require_sane_clock()?;
                records::within(tx, &live.barrier, after.hash(), |records| begin(records, live.now()))
            }
            None => Ok(()),
        }
    };
    let (before, after) = live.change_mounts(check, change)?;
    if upgrade(live, &before, &after).is_none() {
        return Ok(Response::empty());
    }
    live.bell.ring();
    Ok(Response::empty().warn(format!(
        "Upgrading mount from version {} to version {}: until that is done, in a moment, its requests are refused.",
        live.engine(&before)?.version,
        live.engine(&after)?.version
    )))
}

fn no_mount(path: &str) -> Error {
    Error::bad_request(format!("no mount at {path:?}"))
}

/// A mount as listings show it.
#[must_use]
pub fn describe(mount: &Mount, version: &str) -> Value {
    let mut config = json!({
        "default_lease_ttl": mount.default_lease_ttl,
        "max_lease_ttl": mount.max_lease_ttl,
        "force_no_cache": false,
    });
    if !mount.listing_visibility.is_empty() {
        config["listing_visibility"] = Value::from(mount.listing_visibility.clone());
    }
    if mount.class == Class::Auth {
        config["token_type"] = Value::from(mount.token_type.name());
    }
    if let Some(said) = &mount.user_lockout {
        config["user_lockout_config"] = json!({
            "lockout_threshold": said.threshold,
            "lockout_duration": said.duration,
            "lockout_counter_reset": said.counter_reset,
            "disable_lockout": said.disabled.unwrap_or_default(),
        });
    }
    for (name, value) in kept(mount) {
        config[name] = value.clone();
    }
    let options = if mount.options.is_empty() { Value::Null } else { Value::Object(mount.options.clone()) };
    json!({
        "type": mount.kind,
        "description": mount.description,
        "accessor": mount.accessor,
        "uuid": mount.uuid,
        "config": config,
        "options": options,
        "local": mount.local,
        "seal_wrap": mount.seal_wrap,
        "external_entropy_access": false,
        "plugin_version": "",
        "running_plugin_version": format!("v{version}"),
        "running_sha256": "",
        "deprecation_status": "supported",
    })
}

fn kept(mount: &Mount) -> impl Iterator<Item = (&str, &Value)> {
    mount.extra.iter().map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| KEPT.contains(name))
}
