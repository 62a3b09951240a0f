//! What may come next on a command line: a word of a command, a flag, a flag's value, or an argument.

use super::{FILES, SHELLS, paths};
use crate::cli::command::Command;
use crate::cli::flags::{self, Flag, Kind, Parsed};
use crate::cli::login::method::METHODS;
use crate::cli::table::{self, Found};
use crate::cli::{Client, Environment, Invocation};
use std::collections::BTreeMap;

/// The candidates for the last of the words, each with what it is.
pub fn candidates(words: &[String], environment: Environment) -> Vec<(String, String)> {
    let Some((current, before)) = words.split_last() else { return Vec::new() };
    let mut all = match table::find(before) {
        Found::Command(command, rest) => {
            let longer = next_words(before);
            let mut all = for_command(command, rest, current, environment);
            // Some commands are also the beginning of others.
            if rest.is_empty() {
                all.extend(longer);
            }
            all
        }
        _ => next_words(before),
    };
    all.retain(|(candidate, _)| candidate == FILES || candidate.starts_with(current.as_str()));
    all.sort();
    all.dedup_by(|left, right| left.0 == right.0);
    all
}

/// The next words of the commands that begin with these.
fn next_words(before: &[String]) -> Vec<(String, String)> {
    let begun: String = before.iter().map(|word| format!("{word} ")).collect();
    let commands = table::COMMANDS.iter().map(|command| (command.name, command.summary));
    let groups = table::GROUPS.iter().map(|group| (group.name, group.summary));
    let next = |(name, summary): (&str, &str)| {
        let rest = name.strip_prefix(&begun)?;
        (!rest.contains(' ')).then(|| (rest.to_owned(), summary.to_owned()))
    };
    commands.chain(groups).filter_map(next).collect()
}

fn for_command(
    command: &'static Command,
    rest: &[String],
    current: &str,
    environment: Environment,
) -> Vec<(String, String)> {
    let known = command.all_flags();
    let line = Line::of(&known, rest);
    if let Some(flag) = line.open {
        return values(flag, command, &line, environment);
    }
    if current.starts_with('-') && current != "-" && line.arguments.is_empty() {
        return match current.split_once('=') {
            Some((name, _)) => {
                let Some(flag) = called(&known, name) else { return Vec::new() };
                let values = values(flag, command, &line, environment);
                let whole = |(value, about): (String, String)| match value == FILES {
                    true => (value, about),
                    false => (format!("{name}={value}"), about),
                };
                values.into_iter().map(whole).collect()
            }
            None => known.iter().map(|flag| as_candidate(flag, current)).collect(),
        };
    }
    if current == "-" && line.arguments.is_empty() {
        return known.iter().map(|flag| as_candidate(flag, current)).collect();
    }
    arguments(command, &line, current, environment)
}

/// A flag as it is typed, with two dashes where two were typed.
fn as_candidate(flag: &Flag, current: &str) -> (String, String) {
    let dashes = if current.starts_with("--") { "--" } else { "-" };
    let equals = if flag.kind == Kind::Bool { "" } else { "=" };
    (format!("{dashes}{}{equals}", flag.name), flag.help.to_owned())
}

fn called<'flag>(known: &[&'flag Flag], word: &str) -> Option<&'flag Flag> {
    let name = word.trim_start_matches('-');
    known.iter().copied().find(|flag| flag.name == name || flag.alias == Some(name))
}

/// A line that is not whole yet.
struct Line<'flag> {
    arguments: Vec<String>,
    /// The words that are flags and their values, taken apart.
    given: Parsed,
    /// A flag whose value comes next.
    open: Option<&'flag Flag>,
}

impl<'flag> Line<'flag> {
    /// Takes the words that are there apart; what is wrong with them is passed over.
    fn of(known: &[&'flag Flag], words: &[String]) -> Self {
        let mut line = Line { arguments: Vec::new(), given: Parsed::default(), open: None };
        let mut flags = Vec::new();
        for word in words {
            if line.open.take().is_some() {
                flags.push(word.clone());
            } else if word.starts_with('-') && word != "-" && line.arguments.is_empty() {
                let (name, value) =
                    word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
                let Some(flag) = called(known, name) else { continue };
                flags.push(word.clone());
                line.open = Some(flag).filter(|flag| value.is_none() && flag.kind != Kind::Bool);
            } else {
                line.arguments.push(word.clone());
            }
        }
        if line.open.is_some() {
            flags.pop();
        }
        line.given = flags::parse(known, &flags).unwrap_or_default();
        line
    }

    fn given(&self, name: &str) -> Option<&str> {
        self.given.values.get(name).and_then(|values| values.last()).map(String::as_str)
    }

    /// A client as the flags so far ask for it, that gives up soon.
    fn client(self, command: &'static Command, environment: Environment) -> Option<Client> {
        let impatient = [("VAULT_CLIENT_TIMEOUT", "1s"), ("VAULT_MAX_RETRIES", "0"), ("VAULT_WRAP_TTL", "")];
        let mut parsed: BTreeMap<_, _> = self.given.values.clone();
        ["output-curl-string", "output-policy", "wrap-ttl"].iter().for_each(|name| drop(parsed.remove(name)));
        let parsed = Parsed { values: parsed, ..Parsed::default() };
        Invocation::new(command, parsed, environment.with(impatient)).client().ok()
    }
}

fn plain<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<(String, String)> {
    values.into_iter().map(|value| (value.to_owned(), String::new())).collect()
}

/// What a flag can be given.
fn values(flag: &Flag, command: &'static Command, line: &Line, environment: Environment) -> Vec<(String, String)> {
    let levels = ["trace", "debug", "info", "warn", "error"];
    match (flag.name, command.name) {
        (_, _) if flag.kind == Kind::Bool => plain(["true", "false"]),
        ("format", _) => plain(["table", "json", "yaml", "pretty"]),
        ("method", "login") => plain(METHODS.iter().map(|method| method.name)),
        ("method", "kv patch") => plain(["patch", "rw"]),
        ("target", "operator rekey") => plain(["barrier", "recovery"]),
        ("mode", "token revoke") => plain(["orphan", "path"]),
        ("type", "token create") => plain(["service", "batch"]),
        ("token-type", _) => plain(["default-service", "default-batch", "service", "batch"]),
        ("listing-visibility", _) => plain(["unauth", "hidden"]),
        ("log-level", _) => plain(levels),
        ("log-format", _) => plain(["standard", "json"]),
        ("target", "debug") => {
            plain(["config", "host", "log", "metrics", "replication-status", "requests", "server-status"])
        }
        ("ca-cert" | "ca-path" | "client-cert" | "client-key" | "config" | "output" | "pgp-keys" | "pgp-key", _) => {
            plain([FILES])
        }
        ("policy", _) => {
            let copy = Line { arguments: Vec::new(), given: clone(&line.given), open: None };
            copy.client(command, environment).map(|client| plain_texts(paths::policies(&client))).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn clone(parsed: &Parsed) -> Parsed {
    Parsed { values: parsed.values.clone(), ..Parsed::default() }
}

fn plain_texts(texts: Vec<String>) -> Vec<(String, String)> {
    texts.into_iter().map(|text| (text, String::new())).collect()
}

/// What an argument can be.
fn arguments(command: &'static Command, line: &Line, current: &str, environment: Environment) -> Vec<(String, String)> {
    let index = line.arguments.len();
    // A value, or everything, from a file.
    if current.starts_with('@') || current.contains("=@") {
        return plain([FILES]);
    }
    match (command.name, index) {
        ("completion", 0) => return plain(SHELLS),
        ("plugin list" | "plugin info", 0) => return plain(["auth", "database", "secret"]),
        ("audit enable", 0) => return plain(["file", "syslog", "socket", "http"]),
        ("policy fmt", 0) | ("policy write", 1) => return plain([FILES]),
        ("login", _) => {
            let method = METHODS.iter().find(|method| Some(method.name) == line.given("method"));
            let keys = method.map(|method| method.keys()).unwrap_or_default();
            return keys.into_iter().map(|(key, help)| (format!("{key}="), help.to_owned())).collect();
        }
        _ => {}
    }
    let mount = line.given("mount").map(str::to_owned);
    let first = line.arguments.first().cloned().unwrap_or_default();
    let copy = Line { arguments: Vec::new(), given: clone(&line.given), open: None };
    let Some(client) = copy.client(command, environment) else { return Vec::new() };
    let found = match (command.name, index) {
        ("read" | "write" | "delete" | "list" | "patch" | "path-help" | "policy explain", 0) => {
            paths::below(&client, current)
        }
        ("token capabilities", 0 | 1) => paths::below(&client, current),
        ("write" | "patch", _) => return paths::fields(&client, &first),
        (
            "kv list" | "kv get" | "kv put" | "kv patch" | "kv delete" | "kv undelete" | "kv destroy" | "kv rollback",
            0,
        )
        | ("kv metadata get" | "kv metadata put" | "kv metadata patch" | "kv metadata delete", 0) => {
            paths::secrets(&client, mount.as_deref(), current)
        }
        ("kv enable-versioning", 0) => paths::mounts(&client, "secret"),
        ("secrets disable" | "secrets tune" | "secrets move", 0) => paths::mounts(&client, "secret"),
        ("auth disable" | "auth tune" | "auth move", 0) => paths::mounts(&client, "auth"),
        ("auth help", 0) => {
            let mut all = paths::mounts(&client, "auth");
            all.extend(METHODS.iter().map(|method| method.name.to_owned()));
            all
        }
        ("secrets enable", 0) => paths::kinds(&client, "secret"),
        ("auth enable", 0) => paths::kinds(&client, "auth"),
        ("plugin info", 1) => paths::kinds(&client, &first),
        ("audit disable", 0) => paths::keys_of(&client, "sys/audit"),
        ("policy read" | "policy write" | "policy delete", 0) => paths::policies(&client),
        ("lease lookup" | "lease renew" | "lease revoke" | "lease why" | "lease tree", 0) => {
            paths::leases(&client, current)
        }
        _ => Vec::new(),
    };
    plain_texts(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        // Nothing answers there: what comes is from the tables.
        let environment = Environment::from([("VAULT_ADDR", "http://127.0.0.1:1")]);
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        candidates(&words, environment).into_iter().map(|(candidate, _)| candidate).collect()
    }

    #[test]
    fn words_of_commands_come_from_the_table() {
        assert_eq!(found("sec"), ["secrets"]);
        assert_eq!(found("secrets "), ["disable", "enable", "list", "move", "tune"]);
        assert_eq!(found("kv metadata p"), ["patch", "put"]);
        assert_eq!(found("version"), ["version", "version-history"]);
        assert!(found("").contains(&"read".to_owned()) && found("frobnicate ").is_empty());
    }

    #[test]
    fn flags_and_their_values_come_from_the_table() {
        assert_eq!(found("read -form"), ["-format="]);
        assert_eq!(found("read --form"), ["--format="]);
        assert_eq!(found("read -format=j"), ["-format=json"]);
        assert_eq!(found("read -format j"), ["json"]);
        assert_eq!(found("login -method=user"), ["-method=userpass"]);
        assert_eq!(found("login -method=approle "), ["role_id="]);
        assert_eq!(found("secrets list -det"), ["-detailed"]);
        assert_eq!(found("read -ca-cert="), [FILES]);
        assert_eq!(found("policy write mine "), [FILES]);
        assert_eq!(found("write secret/x a=@"), [FILES]);
        assert!(found("read secret/x -form").is_empty(), "behind an argument there are no flags");
        assert!(found("read -nope=").is_empty() && found("read secret").is_empty());
    }

    #[test]
    fn every_command_can_be_completed() {
        for command in table::COMMANDS {
            let flags = found(&format!("{} -", command.name));
            assert_eq!(flags.len(), command.all_flags().len(), "{}", command.name);
        }
    }
}
