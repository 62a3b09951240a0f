//! The shared files: `~/.aws/credentials` and `~/.aws/config`, read each time they are needed, so that whoever rotates the keys in
//! them need not restart the server.
//!
//! Of what a profile may hold, keys and web identities are understood. What else may stand for keys (SSO, a role to assume from
//! another profile, a program to run) is refused by name.

use crate::base::{Clock, Error, Result, Secret};
use crate::engine::aws::client::{Keys, Service};
use crate::engine::aws::sources::Found;
use crate::engine::aws::sources::environment::Environment;
use crate::engine::aws::sources::web_identity::WebIdentity;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

/// Ways to keys that need what this server does not have.
const NOT_SUPPORTED: [(&str, &str); 6] = [
    ("sso_session", "signing in by SSO"),
    ("sso_start_url", "signing in by SSO"),
    ("login_session", "signing in by a browser"),
    ("credential_process", "running a program for keys"),
    ("source_profile", "assuming a role from another profile"),
    ("credential_source", "assuming a role from another source"),
];

/// They may hold secrets.
type Settings = BTreeMap<String, Zeroizing<String>>;

/// The profile that is to be used: the one that the environment names, or `default` where the files have one with any way to keys.
///
/// # Errors
/// `BadRequest` when the named profile is in neither file, or a file cannot be read.
pub fn profile(environment: &Environment) -> Result<Option<String>> {
    let named = environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]).map(|(_, name)| name);
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let settings = settings(environment, &name)?;
    match (named, settings) {
        (Some(name), None) => {
            Err(Error::bad_request(format!("AWS_PROFILE names the profile {name:?}, which is in neither shared file")))
        }
        (None, Some(settings)) if !leads_to_keys(&settings) => Ok(None),
        (_, settings) => Ok(settings.map(|_| name)),
    }
}

/// # Errors
/// `BadRequest` when the profile has no keys, or only a way to them that is not supported.
pub fn keys(
    environment: &Environment,
    profile: &str,
    sts: &Service,
    clock: &Arc<dyn Clock>,
    deadline: Instant,
) -> Result<Found> {
    let settings = settings(environment, profile)?.unwrap_or_default();
    let setting = |name: &str| settings.get(name).map(|value| value.as_str().to_owned());
    if let (Some(access_key), Some(secret_key)) = (setting("aws_access_key_id"), setting("aws_secret_access_key")) {
        let session_token = setting("aws_session_token").map(Secret::from);
        return Ok(Found { keys: Keys { access_key, secret_key: secret_key.into(), session_token }, ends: None });
    }
    if let (Some(token_file), Some(role_arn)) = (setting("web_identity_token_file"), setting("role_arn")) {
        let session_name = setting("role_session_name").unwrap_or_else(WebIdentity::usual_session);
        return WebIdentity { role_arn, token_file: token_file.into(), session_name }.keys(sts, clock, deadline);
    }
    let unsupported = NOT_SUPPORTED.iter().find(|(name, _)| settings.contains_key(*name));
    Err(match unsupported {
        Some((name, words)) => Error::bad_request(format!("it has {name}, and {words} is not supported")),
        None => Error::bad_request("it has no aws_access_key_id with an aws_secret_access_key"),
    })
}

fn leads_to_keys(settings: &Settings) -> bool {
    let ways = ["aws_access_key_id", "aws_secret_access_key", "web_identity_token_file"];
    ways.iter().chain(NOT_SUPPORTED.iter().map(|(name, _)| name)).any(|name| settings.contains_key(*name))
}

/// What both files say of a profile; the credentials file counts more. None where it is in neither.
fn settings(environment: &Environment, profile: &str) -> Result<Option<Settings>> {
    let config = file(environment, "AWS_CONFIG_FILE", ".aws/config");
    let credentials = file(environment, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    let headed = if profile == "default" { "default".to_owned() } else { format!("profile {profile}") };
    let in_config = section(config, &[headed.as_str(), &format!("profile {profile}")])?;
    let in_credentials = section(credentials, &[profile])?;
    Ok(match (in_config, in_credentials) {
        (Some(mut settings), Some(more)) => {
            settings.extend(more);
            Some(settings)
        }
        (one, other) => one.or(other),
    })
}

fn file(environment: &Environment, variable: &str, usual: &str) -> Option<PathBuf> {
    environment.get(variable).map(PathBuf::from).or_else(|| environment.home(usual))
}

fn section(path: Option<PathBuf>, names: &[&str]) -> Result<Option<Settings>> {
    let Some(text) = path.map(|path| read(&path)).transpose()?.flatten() else { return Ok(None) };
    let sections = parse(&text).into_iter().filter(|(name, _)| names.contains(&name.as_str()));
    Ok(sections.map(|(_, settings)| settings).reduce(|mut all, more| {
        all.extend(more);
        all
    }))
}

fn read(path: &Path) -> Result<Option<Zeroizing<String>>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::bad_request(format!("{} cannot be read: {}", path.display(), error.kind()))),
    }
}

/// The sections of a file. Indented lines belong to settings of other tools and are passed over.
fn parse(text: &str) -> Vec<(String, Settings)> {
    let mut sections: Vec<(String, Settings)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t']) && !line.starts_with(['#', ';'])) {
        let heading = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
        if let Some(name) = heading {
            sections.push((name.split_whitespace().collect::<Vec<_>>().join(" "), Settings::new()));
        } else if let (Some((name, value)), Some((_, settings))) = (line.split_once('='), sections.last_mut()) {
            let value = [" #", " ;"].iter().fold(value, |value, mark| value.split(mark).next().unwrap_or_default());
            settings.insert(name.trim().to_lowercase(), Zeroizing::new(value.trim().to_owned()));
        }
    }
    sections
}
