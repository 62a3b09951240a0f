//! The command line. It talks to a server over HTTP and to nothing else of this program, except for `server`, which is one.
//!
//! Commands are rows of a table ([`table`]); a row names its words, arguments, flags, help and the function that runs it.
//! From there: words find their row, flags are parsed and checked against it, the function gets an [`Invocation`] and
//! returns its exit code. What goes to standard output is an answer that scripts parse; everything else goes to standard
//! error.

pub mod answer;
pub mod arguments;
pub mod client;
pub mod command;
pub mod console;
pub mod environment;
pub mod failure;
pub mod flags;
pub mod help;
pub mod invocation;
pub mod output;
pub mod table;
pub mod token_helper;

mod absent;
mod audit;
mod auth;
mod completion;
mod cycle;
mod debug;
mod delete;
mod dry_run;
mod env;
mod get;
mod kv;
mod lease;
mod list;
mod login;
mod migration;
mod monitor;
mod operator;
mod patch;
mod path_help;
mod plugin;
mod policy;
mod print;
mod progress;
mod read;
mod run;
mod secret;
mod secrets;
pub mod server;
mod status;
mod token;
mod unwrap;
mod version;
mod version_history;
mod write;

pub use answer::Answer;
pub use client::Client;
pub use environment::Environment;
pub use failure::{Exit, Failure, Outcome};
pub use invocation::{Format, Invocation};

use command::Command;
use std::process::ExitCode;
use table::Found;
use zeroize::Zeroizing;

/// Runs this process's command line.
#[must_use]
pub fn main() -> ExitCode {
    let words: Option<Vec<String>> = std::env::args_os().skip(1).map(|word| word.into_string().ok()).collect();
    let Some(words) = words.map(Zeroizing::new) else {
        console::complain("The command line is not valid UTF-8.");
        return Exit::LOCAL.into();
    };
    let environment = Environment::of_process();
    console::choose_colours(&environment);
    if environment.variable("COMP_LINE").is_some() && words.first().is_none_or(|word| word != completion::ASKED) {
        return completion::answer_in_environment(environment).unwrap_or(Exit::SUCCESS).into();
    }
    run(&words, environment).into()
}

/// Runs a command line.
#[must_use]
pub fn run(words: &[String], environment: Environment) -> Exit {
    let wants_help = words.first().is_none_or(|word| word != completion::ASKED)
        && words.iter().take_while(|word| *word != "--").any(|word| is_help(word));
    match words.first().map(String::as_str) {
        None => {
            console::complain(help::of_program().trim_end());
            return Exit::UNKNOWN_COMMAND;
        }
        Some("-v" | "-version" | "--version") if words.len() == 1 => return run(&["version".to_owned()], environment),
        Some(completion::ASKED) => return completion::answer(&words[1..], environment),
        Some("-autocomplete-install" | "--autocomplete-install") => {
            return finish(completion::install::install(&environment));
        }
        Some("-autocomplete-uninstall" | "--autocomplete-uninstall") => {
            return finish(completion::install::uninstall(&environment));
        }
        Some(word) if is_help(word) => {
            console::line(help::of_program().trim_end());
            return Exit::SUCCESS;
        }
        Some(_) => {}
    }
    match table::find(words) {
        Found::Command(command, _) if wants_help => {
            console::line(help::of_command(command).trim_end());
            Exit::SUCCESS
        }
        Found::Command(command, rest) => finish(run_command(command, rest, environment)),
        Found::Group(group) if wants_help => {
            console::line(help::of_group(group).trim_end());
            Exit::SUCCESS
        }
        Found::Group(group) => {
            console::complain(help::of_group(group).trim_end());
            Exit::LOCAL
        }
        Found::Nothing(name, closest) => {
            if name.is_empty() {
                console::complain("Flags come after the command, as in: leasehold status -format=json");
                return Exit::UNKNOWN_COMMAND;
            }
            if let Some((known, why)) = absent::why(words) {
                console::error(format!("There is no command \"{known}\": {why}"));
                return Exit::UNKNOWN_COMMAND;
            }
            let hint = closest.map(|known| format!(" Did you mean \"{known}\"?")).unwrap_or_default();
            console::complain(format!(
                "There is no command \"{name}\".{hint}\nSee them all with: {} -h",
                help::PROGRAM
            ));
            Exit::UNKNOWN_COMMAND
        }
    }
}

fn is_help(word: &str) -> bool {
    matches!(word, "-h" | "--h" | "-help" | "--help")
}

fn run_command(command: &'static Command, words: &[String], environment: Environment) -> Outcome {
    let parsed = flags::parse(&command.all_flags(), words)?;
    if !parsed.late.is_empty() {
        console::complain(format!(
            "Command flags must be provided before positional arguments. The following arguments will not be parsed as \
             flags: [{}]",
            parsed.late.join(",")
        ));
    }
    check_count(command, parsed.arguments.len())?;
    let invocation = Invocation::new(command, parsed, environment);
    // Checked before anything is sent: a read may have made something that then could not be shown.
    invocation.format()?;
    (command.run)(&invocation)
}

fn check_count(command: &Command, count: usize) -> Result<(), Failure> {
    let (least, most) = command.takes;
    if count < least {
        return Err(Failure::local(format!("Not enough arguments (expected {least}, got {count}){}", usage(command))));
    }
    if count > most {
        return Err(Failure::local(format!("Too many arguments (expected {most}, got {count}){}", usage(command))));
    }
    Ok(())
}

fn finish(outcome: Outcome) -> Exit {
    outcome.unwrap_or_else(|failure| {
        if failure.is_answer {
            console::line(&failure.message);
        } else {
            console::error(&failure.message);
        }
        failure.exit
    })
}

/// What the command takes, after an error about it.
fn usage(command: &Command) -> String {
    format!("\nUsage: {} {} [options] {}", help::PROGRAM, command.name, command.arguments).trim_end().to_owned()
}
