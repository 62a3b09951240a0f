//! `plugin …`: the kinds of engines, methods and databases that the server has.

pub mod info;
pub mod list;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "plugin",
    summary: "List the kinds of engines and auth methods there are",
    about: "Secrets engines, auth methods and databases are of kinds, which are built into the server. These commands show them; \
            none can be added.",
};
