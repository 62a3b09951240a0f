//! `policy …`: who may do what.

pub mod delete;
pub mod explain;
pub mod fmt;
mod layout;
pub mod list;
pub mod read;
pub mod write;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "policy",
    summary: "Write, read, list, delete and format policies",
    about: "A policy names paths and what may be done there. Tokens carry policies; what none of them allows is denied.",
};

/// The endpoint of one policy; the server knows names in small letters.
fn endpoint(name: &str) -> String {
    format!("sys/policies/acl/{}", name.trim().to_lowercase())
}
