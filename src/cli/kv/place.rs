//! Where a secret is: its store's mount, the store's version, and the name below it.

use crate::cli::invocation::{mount_path, trimmed_path};
use crate::cli::{Client, Failure, Invocation};
use serde_json::Value;

pub struct Place {
    /// Empty, or ending in a slash.
    mount: String,
    name: String,
    /// The store is of version 2.
    pub versioned: bool,
}

impl Place {
    /// Asks the server for the mount that the arguments lead to.
    ///
    /// # Errors
    /// No path at all, and whatever keeps the server from telling.
    pub fn find(invocation: &Invocation, client: &Client) -> Result<Self, Failure> {
        let given = trimmed_path(invocation.argument(0));
        let path = match invocation.given("mount").filter(|mount| !mount.is_empty()) {
            Some(mount) => format!("{}{given}", mount_path(mount)).trim_end_matches('/').to_owned(),
            None => given.to_owned(),
        };
        if path.is_empty() {
            return Err(Failure::local("Not enough arguments: a PATH or -mount is needed"));
        }
        Self::of(client, &path)
    }

    /// Asks the server for the mount that a path leads to.
    ///
    /// # Errors
    /// Whatever keeps the server from telling.
    pub fn of(client: &Client, path: &str) -> Result<Self, Failure> {
        let answer = client.read_first(&format!("sys/internal/ui/mounts/{path}"));
        let answer = answer.map_err(|failure| failure.context(format!("Error finding the mount of {path}")))?;
        let data = answer.as_ref().and_then(|answer| answer.data());
        let mount = data.and_then(|data| data.get("path")).and_then(Value::as_str).map(mount_path).unwrap_or_default();
        let version = data.and_then(|data| data.get("options")?.get("version")?.as_str());
        let name = format!("{path}/").strip_prefix(&mount).map(|name| name.trim_end_matches('/').to_owned());
        Ok(Self { name: name.unwrap_or_else(|| path.to_owned()), versioned: version == Some("2"), mount })
    }

    /// A path below no mount that anybody told of.
    #[must_use]
    pub fn unversioned(path: &str) -> Self {
        Self { mount: String::new(), name: path.to_owned(), versioned: false }
    }

    /// The path to read for the secret, which may have been given with `data` in it already.
    #[must_use]
    pub fn read_path(&self) -> String {
        match self.versioned && self.name.starts_with("data/") {
            true => format!("{}{}", self.mount, self.name),
            false => self.data(),
        }
    }

    /// The path of the secret itself.
    #[must_use]
    pub fn data(&self) -> String {
        self.below("data")
    }

    /// The path of one of the endpoints of version 2 for this secret; of version 1, which has none, that of the secret.
    #[must_use]
    pub fn below(&self, endpoint: &str) -> String {
        let parts = [endpoint, &self.name].into_iter().filter(|part| !part.is_empty());
        let parts: Vec<&str> = if self.versioned { parts.collect() } else { vec![&self.name] };
        format!("{}{}", self.mount, parts.join("/")).trim_end_matches('/').to_owned()
    }

    /// # Errors
    /// What is asked for is not there in version 1.
    pub fn must_be_versioned(&self, what: &str) -> Result<(), Failure> {
        match self.versioned {
            true => Ok(()),
            false => Err(Failure::local(format!("{what} not supported on KV Version 1"))),
        }
    }
}
