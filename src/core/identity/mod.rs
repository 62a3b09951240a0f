//! Who is behind a token: entities with their aliases at auth methods, and groups of entities and of groups. What is stored is
//! records of the mount `identity/`; here is what they mean, how they hang together, and what they add to a token.
//!
//! Names compare in one folded form ([`fold()`]), here, at the auth methods and at every log-in.
//!
//! Invariants: a name and an alias belong to one entity or group at a time; no edit of an entity or a group grants `root`;
//! groups form no circle; what is remembered of an entity is forgotten before an edit is acknowledged.

pub mod entities;
pub mod groups;
pub mod login;
pub mod merge;
pub mod model;
pub mod resolve;
#[cfg(test)]
mod tests;

pub use crate::base::fold;
use crate::base::{Error, Result};
use crate::core::live::Live;
use crate::core::records::{self, MountRecords};
use crate::logical::{Records, View};
use crate::policy::{self, ROOT_NAME};
use crate::storage::Tx;
pub use model::{Alias, Entity, Group, GroupAlias, GroupKind};
pub use resolve::{Resolved, Resolver};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where identities are mounted.
pub const MOUNT: &str = "identity/";

/// The longest name of an entity, a group or an alias, in bytes.
const LONGEST_NAME: usize = 512;

impl Live {
    /// One look at the identities.
    ///
    /// # Errors
    /// The question's own, or `Internal` when the store fails.
    pub fn read_identities<T>(&self, mut question: impl FnMut(&dyn Records) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.identity_records()?.read(&mut |records| {
            answer = Some(question(records)?);
            Ok(())
        })?;
        answer.ok_or_else(|| Error::internal("the store did not run the question"))
    }

    /// One change of the identities. The next request of whoever it concerns sees it.
    ///
    /// # Errors
    /// The change's own, or `Internal` when the store fails.
    pub fn change_identities<T>(&self, mut change: impl FnMut(&mut dyn Records) -> Result<T>) -> Result<T> {
        let mut answer = None;
        let outcome = self.identity_records()?.write(&mut |records| {
            answer = Some(change(records)?);
            Ok(())
        });
        self.resolver.forget();
        outcome?;
        answer.ok_or_else(|| Error::internal("the store did not run the change"))
    }

    /// A change of the identities in a transaction that is the caller's; who has committed it calls
    /// [`Self::identities_changed`].
    ///
    /// # Errors
    /// The change's own.
    pub fn change_identities_in(
        &self,
        tx: &mut dyn Tx,
        change: impl FnOnce(&mut dyn Records) -> Result<()>,
    ) -> Result<()> {
        records::within(tx, &self.barrier, self.mount_at(MOUNT)?.hash(), change)
    }

    pub fn identities_changed(&self) {
        self.resolver.forget();
    }

    fn identity_records(&self) -> Result<MountRecords> {
        let mount = self.mount_at(MOUNT)?.hash();
        Ok(MountRecords::of(self, mount))
    }
}

/// Checks the policies that an entity or a group is to have, and brings them to their one form.
///
/// # Errors
/// `BadRequest` for a name that is none, and for `root`, however it is written.
pub fn grantable(policies: &[String]) -> Result<Vec<String>> {
    let mut names = policies.iter().map(|name| policy::canonical_name(name)).collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| name == ROOT_NAME) {
        return Err(Error::bad_request("policies cannot contain root"));
    }
    Ok(names)
}

/// Texts by name, out of a field of pairs.
#[must_use]
pub fn texts(pairs: &crate::logical::Map) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    pairs.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Checks a name that somebody chose, and takes the space around it away.
///
/// # Errors
/// `BadRequest` for one that is empty, too long, or holds a control character.
pub fn checked_name(what: &str, name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::bad_request(format!("the name of the {what} is empty")));
    }
    if name.len() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(Error::bad_request(format!(
            "the name of the {what} is longer than {LONGEST_NAME} bytes or holds a control character"
        )));
    }
    Ok(name.to_owned())
}

/// A name as one segment of a record's path.
fn segment(name: &str) -> String {
    fold(name).replace('%', "%25").replace('/', "%2F")
}
