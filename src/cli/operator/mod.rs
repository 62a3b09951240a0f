//! `operator …`: what the people who run the server do.

pub mod adopt;
pub mod backup;
pub mod clock;
pub mod generate_root;
pub mod init;
pub mod key_status;
pub mod members;
pub mod rekey;
pub mod restore;
pub mod rotate;
pub mod seal;
pub mod step_down;
pub mod unseal;
pub mod usage;

mod shares;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "operator",
    summary: "Initialise, unseal, seal and rekey the server",
    about: "What the people who run a server do: initialise a new one once, unseal it after each start, seal it in an \
            emergency, and change its keys.",
};
