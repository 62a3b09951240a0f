//! `audit …`: where requests and answers are recorded.

pub mod disable;
pub mod enable;
pub mod list;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "audit",
    summary: "Enable, list and disable audit devices",
    about: "An audit device records every request and every answer, with what is secret in them hashed. While one is \
            enabled, a request that none can record is refused.",
};
