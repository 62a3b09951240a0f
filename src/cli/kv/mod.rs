//! `kv …`: secrets of a key-value store, whatever its version. Each command asks the server where the mount begins and which
//! version it has, and uses the paths of that version; what version 1 cannot do is refused before anything is sent.

pub mod delete;
pub mod destroy;
pub mod enable_versioning;
pub mod get;
pub mod list;
pub mod metadata;
pub mod patch;
pub mod place;
pub mod put;
pub mod rollback;
pub mod sections;
pub mod undelete;

use crate::cli::command::Group;
use crate::cli::flags::Flag;
use crate::cli::{Failure, Invocation};

pub const GROUP: Group = Group {
    name: "kv",
    summary: "Store and read secrets of a key-value store",
    about: "Stores secrets in a key-value store, reads, lists and deletes them. The path begins with the mount's own, or the \
            mount is given apart with -mount. A store of version 2 keeps earlier versions of each secret.",
};

const MOUNT: Flag = Flag::text("mount", "The path of the mount. The path of the secret is then below it.");
const CAS: Flag = Flag::number(
    "cas",
    "Write only if the secret's current version is this one; 0: only if there is none yet. Needs a store of version 2.",
);

/// The numbers that -versions gives, of which there must be some.
fn versions<'i>(invocation: &'i Invocation, purpose: &str) -> Result<Vec<&'i str>, Failure> {
    let given = invocation.list("versions").iter().flat_map(|list| list.split(','));
    let numbers: Vec<&str> = given.map(str::trim).filter(|number| !number.is_empty()).collect();
    if numbers.is_empty() {
        return Err(Failure::local(format!(
            "No versions provided, use the \"-versions\" flag to specify the version to {purpose}."
        )));
    }
    match numbers.iter().find(|number| number.parse::<u64>().is_err()) {
        Some(wrong) => Err(Failure::local(format!("{wrong:?} is not the number of a version"))),
        None => Ok(numbers),
    }
}
