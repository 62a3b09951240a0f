//! Help, made from the table of commands alone.

use crate::cli::command::{Command, Group};
use crate::cli::flags::{Flag, Kind};
use crate::cli::table;
use std::fmt::Write;

/// The name under which the help shows the program.
pub const PROGRAM: &str = "leasehold";
const WIDTH: usize = 78;

/// What the bare program name prints.
#[must_use]
pub fn of_program() -> String {
    let (common, other): (Vec<_>, Vec<_>) = table::COMMANDS
        .iter()
        .filter(|command| !command.name.contains(' '))
        .map(|command| (command.name, command.summary))
        .chain(table::GROUPS.iter().filter(|group| !group.name.contains(' ')).map(|group| (group.name, group.summary)))
        .partition(|(name, _)| table::COMMON.contains(name));
    let mut other = other;
    other.sort_unstable();
    format!(
        "Usage: {PROGRAM} <command> [args]\n\nCommon commands:\n{}\nOther commands:\n{}",
        rows(&common),
        rows(&other)
    )
}

/// What `secrets -h` prints: the commands below, each with one line.
#[must_use]
pub fn of_group(group: &Group) -> String {
    let below = table::below(group);
    format!(
        "Usage: {PROGRAM} {} <subcommand> [options] [args]\n\n{}\nSubcommands:\n{}\nEach of them explains itself: {PROGRAM} {} {} -h\n",
        group.name,
        paragraphs(group.about, 2),
        rows(&below),
        group.name,
        below.first().map_or("", |(name, _)| name),
    )
}

/// What `-h` behind a command prints.
#[must_use]
pub fn of_command(command: &Command) -> String {
    let arguments = if command.arguments.is_empty() { String::new() } else { format!(" {}", command.arguments) };
    let mut text =
        format!("Usage: {PROGRAM} {} [options]{arguments}\n\n{}", command.name, paragraphs(command.about, 2));
    for (purpose, line) in command.examples {
        let _ = write!(text, "\n{}\n      $ {PROGRAM} {line}\n", paragraphs(purpose, 2));
    }
    let mut last_title = "";
    let shared = command.shares.iter().map(|group| (group.title, group.flags));
    for (title, flags) in shared.chain([("Command Options", command.flags)]).filter(|(_, flags)| !flags.is_empty()) {
        if title != last_title {
            let _ = write!(text, "\n{title}:\n");
            last_title = title;
        }
        for flag in flags {
            text.push_str(&of_flag(flag));
        }
    }
    text
}

fn of_flag(flag: &Flag) -> String {
    let value = match flag.kind {
        Kind::Bool => "",
        Kind::Text => "=<string>",
        Kind::Number => "=<int>",
        Kind::Duration | Kind::Ttl => "=<duration>",
        Kind::List => "=<string>…",
        Kind::Pairs => "=<key=value>…",
    };
    let alias = flag.alias.map(|alias| format!(", -{alias}{value}")).unwrap_or_default();
    let mut help = flag.help.to_owned();
    if let Some(default) = flag.default {
        let _ = write!(help, " The default is {default}.");
    }
    if let Some(variable) = flag.variable {
        let _ = write!(help, " Can also be given by {variable}.");
    }
    format!("\n  -{}{value}{alias}\n{}", flag.name, paragraphs(&help, 6))
}

fn rows(rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(11);
    rows.iter().fold(String::new(), |mut text, (name, summary)| {
        let _ = writeln!(text, "    {name:width$}    {summary}");
        text
    })
}

/// Breaks text into lines that fit the terminal, indented; paragraphs stay apart.
#[must_use]
pub fn paragraphs(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let wrapped: Vec<String> = text.split("\n\n").map(|paragraph| wrap(paragraph, &margin)).collect();
    wrapped.join("\n")
}

fn wrap(paragraph: &str, margin: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length <= WIDTH {
            text.push(' ');
            width += 1;
        } else {
            if width > 0 {
                text.push('\n');
            }
            text.push_str(margin);
            width = margin.len();
        }
        text.push_str(word);
        width += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lists_each_of_its_commands_with_one_line() {
        let help = of_group(&crate::cli::secrets::GROUP);
        for name in ["disable", "enable", "list", "move", "tune"] {
            let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
            assert!(line.is_some_and(|line| line.trim().len() > name.len() + 10), "{name} in\n{help}");
        }
    }

    #[test]
    fn every_help_fits_the_terminal_and_names_every_flag() {
        for command in table::COMMANDS {
            let help = of_command(command);
            for flag in command.all_flags() {
                assert!(help.contains(&format!("  -{}", flag.name)), "{} -{}", command.name, flag.name);
            }
            let examples = |line: &str| line.trim_start().starts_with('$');
            for line in help.lines().filter(|line| !examples(line)) {
                assert!(line.chars().count() <= WIDTH + 2, "{}: {line}", command.name);
            }
        }
    }

    #[test]
    fn the_bare_name_shows_common_commands_first() {
        let help = of_program();
        let at = |word: &str| help.find(word).unwrap();
        assert!(at("Common commands:") < at("    read ") && at("    read ") < at("Other commands:"));
        assert!(at("Other commands:") < at("    secrets "));
    }
}
