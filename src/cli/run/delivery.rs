//! Hands a run's values to its command: as variables, files, open descriptors, or keys for the AWS tools.
//!
//! Owns the private directory and the descriptors. Invariant: nothing secret lies anywhere when it is dropped.

use super::keeper::Keeper;
use super::place::Place;
use crate::base::{Clock, Secret, SystemClock};
use crate::cli::secret::{Found, Reference};
use crate::cli::{Environment, Failure};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use serde_json::json;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// What a command is started with, beside what it inherits.
pub type Variables = Vec<(String, Secret<String>)>;

/// The profile under which the AWS tools find the keys.
const AWS_PROFILE: &str = "leasehold";
const AWS_KEYS: &str = "aws-keys.json";
const AWS_CONFIG: &str = "aws-config";
/// What would go before a profile, and with it before our keys.
const AWS_STRONGER: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

pub struct Delivery {
    place: Option<Place>,
    /// The user's own configuration of the AWS tools, as it was at the start.
    aws_config: String,
    descriptors: Vec<(String, Reference, File)>,
}

impl Delivery {
    /// Makes room for what is wanted, and fills it.
    ///
    /// # Errors
    /// A field that an answer does not have, and what the file system says.
    pub fn begin(keeper: &Keeper, environment: &Environment) -> Result<Self, Failure> {
        let wishes = &keeper.wishes;
        let needs_place = !wishes.files.is_empty() || wishes.aws.is_some();
        let place = needs_place.then(|| Place::make(environment)).transpose()?;
        let descriptors = wishes.descriptors.iter().map(|(name, reference)| {
            // Without the flag that closes it, the command inherits it.
            let file = memfd_create(name.as_str(), MemfdFlags::empty()).map(File::from);
            let file = file.map_err(|error| Failure::local(format!("could not make a descriptor for {name}: {error}")));
            Ok((name.clone(), reference.clone(), file?))
        });
        let descriptors = descriptors.collect::<Result<_, Failure>>()?;
        let delivery = Self { place, aws_config: own_aws_config(environment), descriptors };
        delivery.refresh(keeper)?;
        Ok(delivery)
    }

    /// Rewrites files and descriptors with what the keeper has now.
    ///
    /// # Errors
    /// As [`Delivery::begin`].
    pub fn refresh(&self, keeper: &Keeper) -> Result<(), Failure> {
        for (name, reference) in &keeper.wishes.files {
            let value = value(keeper, reference)?;
            self.place.as_ref().map_or(Ok(()), |place| place.write(name, value.expose().as_bytes()))?;
        }
        for (name, reference, file) in &self.descriptors {
            let value = value(keeper, reference)?;
            let written =
                ftruncate(file, 0).map_err(Into::into).and_then(|()| file.write_all_at(value.expose().as_bytes(), 0));
            written.map_err(|error| Failure::local(format!("could not write the descriptor of {name}: {error}")))?;
        }
        if let (Some(reference), Some(place)) = (&keeper.wishes.aws, &self.place) {
            place.write(AWS_KEYS, aws_keys(keeper, reference)?.expose().as_bytes())?;
            place.write(AWS_CONFIG, aws_config(&self.aws_config, place)?.as_bytes())?;
        }
        Ok(())
    }

    /// The variables that the command gets.
    ///
    /// # Errors
    /// A field that an answer does not have.
    pub fn variables(&self, keeper: &Keeper) -> Result<Variables, Failure> {
        let wishes = &keeper.wishes;
        let mut variables: Variables = Vec::new();
        for (name, reference) in &wishes.variables {
            let value = value(keeper, reference)?;
            if value.expose().contains('\0') {
                return Err(Failure::local(format!("the value for {name} holds a NUL byte: use -file or -fd")));
            }
            variables.push((name.clone(), value));
        }
        let path = |place: &Place, name: &str| Secret::from(place.path(name).to_string_lossy().into_owned());
        if let Some(place) = &self.place {
            variables.extend(wishes.files.iter().map(|(name, _)| (name.clone(), path(place, name))));
            if wishes.aws.is_some() {
                variables.push(("AWS_CONFIG_FILE".to_owned(), path(place, AWS_CONFIG)));
                variables.push(("AWS_PROFILE".to_owned(), Secret::from(AWS_PROFILE)));
            }
        }
        let descriptors = self.descriptors.iter();
        variables.extend(
            descriptors.map(|(name, _, file)| (name.clone(), Secret::from(format!("/dev/fd/{}", file.as_raw_fd())))),
        );
        if wishes.gives_token {
            let client = &keeper.session.client;
            variables.push(("VAULT_ADDR".to_owned(), Secret::from(client.address())));
            variables.push(("VAULT_TOKEN".to_owned(), client.token().cloned().unwrap_or_default()));
        }
        Ok(variables)
    }

    /// Takes the private directory away, whoever may still want to write to it.
    pub fn end(&self) {
        self.place.iter().for_each(Place::end);
    }

    /// The variables that the command must not inherit: the token of whoever runs it, and what would hide its own keys.
    #[must_use]
    pub fn withheld(keeper: &Keeper) -> Vec<&'static str> {
        let aws = if keeper.wishes.aws.is_some() { AWS_STRONGER } else { &[] };
        [&["VAULT_TOKEN"], aws].concat()
    }
}

fn found<'k>(keeper: &'k Keeper, reference: &Reference) -> Result<(&'k Found, Option<Duration>), Failure> {
    keeper.found(reference).ok_or_else(|| Failure::local(format!("{} was not read", reference.path)))
}

fn value(keeper: &Keeper, reference: &Reference) -> Result<Secret<String>, Failure> {
    found(keeper, reference)?.0.value(reference)
}

/// The answer of a `credential_process`, as the AWS tools read it.
fn aws_keys(keeper: &Keeper, reference: &Reference) -> Result<Secret<String>, Failure> {
    let (found, left) = found(keeper, reference)?;
    let field = |names: &[&str]| names.iter().find_map(|name| found.field(name)).filter(|value| !value.is_empty());
    let missing =
        |what: &str| Failure::refused(format!("{} answers no {what}: it makes no keys for AWS", reference.path));
    let access = field(&["access_key"]).ok_or_else(|| missing("access_key"))?;
    let secret = field(&["secret_key"]).ok_or_else(|| missing("secret_key"))?;
    let mut keys = json!({ "Version": 1, "AccessKeyId": access.expose(), "SecretAccessKey": secret.expose() });
    if let Some(token) = field(&["session_token", "security_token"]) {
        keys["SessionToken"] = json!(token.expose());
    }
    if let Some(left) = left {
        keys["Expiration"] = json!(SystemClock::default().now().plus(left).rfc3339());
    }
    let text = Secret::from(keys.to_string());
    crate::base::secret::wipe(&mut keys);
    Ok(text)
}

fn own_aws_config(environment: &Environment) -> String {
    let named = environment.variable("AWS_CONFIG_FILE").map(Into::into);
    let own = named.or_else(|| environment.home().map(|home| home.join(".aws/config")));
    own.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default()
}

/// The user's own configuration with one more profile in it, so that what it says of regions still holds.
fn aws_config(own: &str, place: &Place) -> Result<String, Failure> {
    let keys = place.path(AWS_KEYS);
    let keys = keys.to_str().ok_or_else(|| Failure::local("the private directory's path is not UTF-8"))?;
    Ok(format!("{own}\n[profile {AWS_PROFILE}]\ncredential_process = /bin/cat \"{keys}\"\n"))
}
