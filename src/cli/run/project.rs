//! `leasehold.hcl`: what a project's command needs, said once in its directory, with profiles for where it runs.
//!
//! The outermost level holds for every profile; what the chosen profile says besides is added, and wins where both say it.
//! Holds no secret: only where secrets are.

use super::wishes::{OnChange, Wishes, project_file};
use crate::base::hcl::{self, Block, Item, Kind, Value};
use crate::base::{Error, duration};
use crate::cli::secret::Reference;
use crate::cli::{Failure, Invocation};
use std::time::Duration;

const KEYS: &str = "env, file, fd, aws, policies, ttl, on_change, command, give_token, quiet, profile";

/// What the project's file asks for; nothing where there is none.
///
/// # Errors
/// A file that cannot be read, with the line of what is wrong in it, and a profile that it does not have.
pub fn wishes(invocation: &Invocation) -> Result<Wishes, Failure> {
    let profile = invocation.given("profile");
    let Some(file) = project_file(invocation) else {
        return match profile {
            Some(name) => {
                Err(Failure::local(format!("-profile={name} needs a leasehold.hcl in this directory, or -config")))
            }
            None => Ok(Wishes::default()),
        };
    };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::local(format!("could not read {}: {error}", file.display())))?;
    parse(&text, profile).map_err(|error| Failure::from(error).context(file.display()))
}

/// Reads the text of such a file.
fn parse(text: &str, profile: Option<&str>) -> Result<Wishes, Error> {
    let document = hcl::parse(text)?;
    let (blocks, plain): (Vec<_>, Vec<_>) = document.items.iter().partition(|item| item.key.text == "profile");
    let mut wishes = Wishes::default();
    plain.into_iter().try_for_each(|item| set(&mut wishes, item))?;
    let profiles: Vec<Block<'_>> =
        blocks.into_iter().map(Item::labelled_blocks).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    // Every profile is read, so that a mistake in one shows before the day when it is needed.
    for block in &profiles {
        let mut checked = Wishes::default();
        block.items.iter().try_for_each(|item| set(&mut checked, item))?;
    }
    if let Some(name) = profile {
        let block = profiles.iter().find(|block| block.label.text == name).ok_or_else(|| {
            let known: Vec<&str> = profiles.iter().map(|block| block.label.text.as_str()).collect();
            Error::bad_request(format!("there is no profile {name:?}; there are: {}", known.join(", ")))
        })?;
        block.items.iter().try_for_each(|item| set(&mut wishes, item))?;
    }
    Ok(wishes)
}

fn set(wishes: &mut Wishes, item: &Item) -> Result<(), Error> {
    match item.key.text.as_str() {
        "env" => named(&mut wishes.variables, item)?,
        "file" => named(&mut wishes.files, item)?,
        "fd" => named(&mut wishes.descriptors, item)?,
        "aws" => wishes.aws = Some(reference(item.attribute()?)?),
        "policies" => wishes.policies = texts(item.attribute()?)?,
        "command" => wishes.command = texts(item.attribute()?)?,
        "ttl" => wishes.ttl = length(item.attribute()?)?,
        "on_change" => {
            let value = item.attribute()?;
            wishes.on_change =
                OnChange::parse(string(value)?).map_err(|failure| value.position.error(failure.message))?;
        }
        "give_token" => wishes.gives_token = truth(item.attribute()?)?,
        "quiet" => wishes.is_quiet = truth(item.attribute()?)?,
        other => return Err(item.key.position.error(format!("there is no {other:?} here; expected one of {KEYS}"))),
    }
    Ok(())
}

/// `env = { NAME = "PATH#FIELD" }`, or the same as a block.
fn named(list: &mut Vec<(String, Reference)>, item: &Item) -> Result<(), Error> {
    for entry in item.plain_blocks()?.into_iter().flat_map(|block| block.items) {
        let text = format!("{}={}", entry.key.text, string(entry.attribute()?)?);
        let found = Reference::named(&text).map_err(|failure| entry.key.position.error(failure.message))?;
        list.retain(|(name, _)| *name != found.0);
        list.push(found);
    }
    Ok(())
}

fn reference(value: &Value) -> Result<Reference, Error> {
    Reference::parse(string(value)?).map_err(|failure| value.position.error(failure.message))
}

fn string(value: &Value) -> Result<&str, Error> {
    match &value.kind {
        Kind::String(text) => Ok(text),
        _ => Err(value.unexpected("a string")),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, Error> {
    match &value.kind {
        Kind::List(items) => items.iter().map(|item| string(item).map(str::to_owned)).collect(),
        _ => Err(value.unexpected("a list of strings")),
    }
}

fn truth(value: &Value) -> Result<bool, Error> {
    match value.kind {
        Kind::Bool(is_true) => Ok(is_true),
        _ => Err(value.unexpected("true or false")),
    }
}

fn length(value: &Value) -> Result<Duration, Error> {
    match &value.kind {
        Kind::String(text) | Kind::Number(text) => {
            duration::parse(text).map_err(|error| value.position.error(error.message()))
        }
        _ => Err(value.unexpected("a duration, as in \"2m\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
env = {
  PGUSER     = "database/creds/app#username"
  PGPASSWORD = "database/creds/app#password"
}
policies = ["app"]
ttl      = "1m"
command  = ["./server", "-v"]

profile "staging" {
  env { PGUSER = "staging/creds/app#username" }
  on_change = "restart"
}
"#;

    #[test]
    fn a_profile_is_added_to_what_holds_for_all() {
        let plain = parse(FILE, None).unwrap();
        assert_eq!(plain.variables.len(), 2);
        assert_eq!((plain.ttl.as_secs(), plain.on_change), (60, OnChange::Nothing));
        assert_eq!(plain.command, ["./server", "-v"]);
        let staging = parse(FILE, Some("staging")).unwrap();
        let user = staging.variables.iter().find(|(name, _)| name == "PGUSER").unwrap();
        assert_eq!((user.1.path.as_str(), staging.on_change), ("staging/creds/app", OnChange::Restart));
        assert_eq!(staging.variables.len(), 2);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (text, words) in [
            ("enw = {}", "line 1, column 1: there is no \"enw\" here"),
            ("env = { A = 1 }", "expected a string"),
            ("env = { A = \"#x\" }", "PATH#FIELD"),
            ("ttl = \"soon\"", "line 1, column 7"),
            ("profile \"a\" {\n  ttl = []\n}", "line 2, column 9"),
        ] {
            let error = parse(text, None).err().map(|error| error.message().to_owned()).unwrap_or_default();
            assert!(error.contains(words), "{text}: {error}");
        }
        let error = parse(FILE, Some("live")).err().map(|error| error.message().to_owned()).unwrap_or_default();
        assert!(error.contains("there are: staging"), "{error}");
    }
}
