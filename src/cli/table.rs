//! The table of all commands, and how words find theirs.

use crate::base::closest::closest;
use crate::cli::command::{Command, Group};
use crate::cli::{
    audit, auth, completion, debug, delete, env, get, kv, lease, list, login, monitor, operator, patch, path_help,
    plugin, policy, print, read, run, secrets, server, status, token, unwrap, version, version_history, write,
};

/// Words that lead to other commands.
pub const GROUPS: &[Group] = &[
    operator::GROUP,
    secrets::GROUP,
    audit::GROUP,
    auth::GROUP,
    policy::GROUP,
    token::GROUP,
    lease::GROUP,
    kv::GROUP,
    kv::metadata::GROUP,
    plugin::GROUP,
    print::GROUP,
];

/// Every command, in the order the help shows them.
pub const COMMANDS: &[Command] = &[
    read::COMMAND,
    write::COMMAND,
    delete::COMMAND,
    list::COMMAND,
    login::COMMAND,
    server::COMMAND,
    status::COMMAND,
    unwrap::COMMAND,
    run::COMMAND,
    env::COMMAND,
    get::COMMAND,
    patch::COMMAND,
    path_help::COMMAND,
    version::COMMAND,
    version_history::COMMAND,
    completion::COMMAND,
    debug::COMMAND,
    monitor::COMMAND,
    audit::disable::COMMAND,
    audit::enable::COMMAND,
    audit::list::COMMAND,
    auth::disable::COMMAND,
    auth::enable::COMMAND,
    auth::help::COMMAND,
    auth::list::COMMAND,
    auth::remount::COMMAND,
    auth::tune::COMMAND,
    kv::delete::COMMAND,
    kv::destroy::COMMAND,
    kv::enable_versioning::COMMAND,
    kv::get::COMMAND,
    kv::list::COMMAND,
    kv::metadata::delete::COMMAND,
    kv::metadata::get::COMMAND,
    kv::metadata::patch::COMMAND,
    kv::metadata::put::COMMAND,
    kv::patch::COMMAND,
    kv::put::COMMAND,
    kv::rollback::COMMAND,
    kv::undelete::COMMAND,
    lease::lookup::COMMAND,
    lease::owner::COMMAND,
    lease::reconcile::COMMAND,
    lease::renew::COMMAND,
    lease::revoke::COMMAND,
    lease::tree::COMMAND,
    lease::why::COMMAND,
    operator::adopt::COMMAND,
    operator::backup::COMMAND,
    operator::clock::COMMAND,
    operator::clock::accept::COMMAND,
    operator::generate_root::COMMAND,
    operator::init::COMMAND,
    operator::key_status::COMMAND,
    operator::members::COMMAND,
    operator::rekey::COMMAND,
    operator::rotate::COMMAND,
    operator::restore::COMMAND,
    operator::seal::COMMAND,
    operator::step_down::COMMAND,
    operator::unseal::COMMAND,
    operator::usage::COMMAND,
    plugin::info::COMMAND,
    plugin::list::COMMAND,
    policy::delete::COMMAND,
    policy::explain::COMMAND,
    policy::fmt::COMMAND,
    policy::list::COMMAND,
    policy::read::COMMAND,
    policy::write::COMMAND,
    print::token::COMMAND,
    secrets::disable::COMMAND,
    secrets::enable::COMMAND,
    secrets::list::COMMAND,
    secrets::remount::COMMAND,
    secrets::tune::COMMAND,
    token::capabilities::COMMAND,
    token::create::COMMAND,
    token::lookup::COMMAND,
    token::renew::COMMAND,
    token::revoke::COMMAND,
];

/// The commands that the bare program name shows first.
pub const COMMON: &[&str] = &["read", "write", "delete", "list", "login", "server", "status", "unwrap", "run"];

/// Words of the longest name: `kv metadata get`.
const LONGEST: usize = 3;

/// What the leading words of a command line name.
pub enum Found<'words> {
    Command(&'static Command, &'words [String]),
    Group(&'static Group),
    /// The words that name nothing, and the closest that do.
    Nothing(String, Option<&'static str>),
}

/// Finds the command that the words begin with.
#[must_use]
pub fn find(words: &[String]) -> Found<'_> {
    let named: Vec<&str> = words.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    for length in (1..=named.len().min(LONGEST)).rev() {
        let name = named[..length].join(" ");
        if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
            return Found::Command(command, &words[length..]);
        }
        if let Some(group) = GROUPS.iter().find(|group| group.name == name) {
            return match named.get(length) {
                None => Found::Group(group),
                Some(next) => unknown(&format!("{name} {next}")),
            };
        }
    }
    unknown(named.first().copied().unwrap_or_default())
}

fn unknown(name: &str) -> Found<'static> {
    let names = COMMANDS.iter().map(|command| command.name).chain(GROUPS.iter().map(|group| group.name));
    Found::Nothing(name.to_owned(), closest(name, names))
}

/// What stands right below a group, commands and groups, with one line each.
pub fn below(group: &Group) -> Vec<(&'static str, &'static str)> {
    let commands = COMMANDS.iter().map(|command| (command.name, command.summary));
    let groups = GROUPS.iter().map(|group| (group.name, group.summary));
    let last = |(name, summary): (&'static str, &'static str)| match name.rsplit_once(' ') {
        Some((above, last)) if above == group.name => Some((last, summary)),
        _ => None,
    };
    let mut below: Vec<_> = commands.chain(groups).filter_map(last).collect();
    below.sort_unstable();
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match find(&words) {
            Found::Command(command, rest) => format!("{} <{}>", command.name, rest.join(" ")),
            Found::Group(group) => format!("group {}", group.name),
            Found::Nothing(name, closest) => format!("no {name}, {closest:?}"),
        }
    }

    #[test]
    fn words_find_the_longest_command() {
        assert_eq!(found("secrets enable -path=x aws"), "secrets enable <-path=x aws>");
        assert_eq!(found("read secret/x"), "read <secret/x>");
        assert_eq!(found("kv get secret/metadata"), "kv get <secret/metadata>");
        assert_eq!(found("kv metadata get x"), "kv metadata get <x>");
        assert_eq!(found("kv metadata"), "group kv metadata");
        assert_eq!(found("kv metadata gte"), "no kv metadata gte, Some(\"kv metadata get\")");
        assert_eq!(found("secrets"), "group secrets");
        assert_eq!(found("secrets -h"), "group secrets");
    }

    #[test]
    fn a_mistyped_command_is_told_what_it_may_have_meant() {
        assert_eq!(found("wirte x"), "no wirte, Some(\"write\")");
        assert_eq!(found("reed x"), "no reed, Some(\"read\")");
        assert_eq!(found("secrets enabel"), "no secrets enabel, Some(\"secrets enable\")");
        assert_eq!(found("stauts"), "no stauts, Some(\"status\")");
        assert_eq!(found("frobnicate"), "no frobnicate, None");
    }

    #[test]
    fn every_command_is_once_in_the_table_and_below_a_known_group() {
        for (index, command) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..index].iter().all(|other| other.name != command.name), "{} twice", command.name);
            if let Some((group, _)) = command.name.rsplit_once(' ') {
                let is_command = COMMANDS.iter().any(|other| other.name == group);
                assert!(is_command || GROUPS.iter().any(|known| known.name == group), "{group} is no group");
            }
        }
    }

    #[test]
    fn no_flag_of_a_command_is_defined_twice() {
        for command in COMMANDS {
            let flags = command.all_flags();
            for (index, flag) in flags.iter().enumerate() {
                assert!(flags[..index].iter().all(|other| other.name != flag.name), "{} -{}", command.name, flag.name);
            }
        }
    }

    #[test]
    fn every_command_explains_itself_and_shows_an_example() {
        for command in COMMANDS {
            assert!(!command.summary.is_empty() && command.about.len() > command.summary.len(), "{}", command.name);
            assert!(!command.examples.is_empty(), "{} has no example", command.name);
            assert!(command.examples.iter().all(|(_, line)| line.contains(command.name)), "{}", command.name);
        }
    }
}
