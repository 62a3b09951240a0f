//! `operator …`: what the people who run the server do.

pub mod clock;
pub mod init;
pub mod seal;
pub mod unseal;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "operator",
    summary: "Initialise, unseal and seal the server",
    about: "What the people who run a server do: initialise a new one once, unseal it after each start, and seal it in an \
            emergency.",
};
