//! `print …`: what the other commands would use.

pub mod token;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "print",
    summary: "Print what the other commands use",
    about: "Prints what the other commands take from the environment and from the files of the person at the terminal.",
};
