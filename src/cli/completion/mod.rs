//! Completion: what may come next on a command line, told to the shell of the person who types it. Everything comes from the
//! tables that the commands are made of, and the names of what is there from the server.
//!
//! Invariant: a shell that asks is answered soon and in silence, whatever is wrong with the line or the server.

pub mod install;
mod paths;
mod words;

use crate::cli::command::Command;
use crate::cli::{Environment, Exit, Failure, Invocation, Outcome, console};
use std::path::Path;

/// The hidden command by which shells ask. What follows are the words of the line, the last of which is being typed; or
/// `-line` and the line as it stands.
pub const ASKED: &str = "__complete";

pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Stands for file names, which shells know better.
const FILES: &str = ":files";

pub const COMMAND: Command = Command {
    name: "completion",
    summary: "Print what makes a shell complete command lines",
    arguments: "SHELL",
    takes: (1, 1),
    about: "Prints what makes bash, zsh or fish complete the program's command lines: commands, flags and their values, and the \
            paths and names that the server has. \"leasehold -autocomplete-install\" puts it into the shell's own files for good, \
            and -autocomplete-uninstall takes it out again.",
    examples: &[
        ("Complete in this bash:", "completion bash > leasehold.bash && source leasehold.bash"),
        ("Complete in every fish:", "completion fish > ~/.config/fish/completions/leasehold.fish"),
    ],
    flags: &[],
    shares: &[],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let program = Path::new(invocation.environment.program());
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or(crate::cli::help::PROGRAM);
    console::line(script(invocation.argument(0), name)?.trim_end());
    Ok(Exit::SUCCESS)
}

/// What a shell reads, for the program under the name by which it is called.
fn script(shell: &str, name: &str) -> Result<String, Failure> {
    let template = match shell {
        "bash" => include_str!("bash.sh"),
        "zsh" => include_str!("zsh.zsh"),
        "fish" => include_str!("fish.fish"),
        other => {
            return Err(Failure::local(format!("There is no completion for {other:?}: choose bash, zsh or fish.")));
        }
    };
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    Ok(template.replace("PROGRAM", if is_plain { name } else { crate::cli::help::PROGRAM }))
}

/// Answers a shell.
#[must_use]
pub fn answer(words: &[String], environment: Environment) -> Exit {
    let words = match words {
        [flag, line, ..] if flag == "-line" => in_line(line),
        [flag, rest @ ..] if flag == "--" => rest.to_vec(),
        words => words.to_vec(),
    };
    for (candidate, about) in words::candidates(&words, environment) {
        console::line(if about.is_empty() { candidate } else { format!("{candidate}\t{about}") });
    }
    Exit::SUCCESS
}

/// Answers a shell that has `complete -C` in its files, as other programs put it there: the line is in the environment.
#[must_use]
pub fn answer_in_environment(environment: Environment) -> Option<Exit> {
    let line = environment.variable("COMP_LINE")?;
    let point = environment.variable("COMP_POINT").and_then(|point| point.parse().ok()).unwrap_or(line.len());
    let words = in_line(line.get(..point).unwrap_or(line));
    // Such a shell replaces what follows the last `=` or `:` alone.
    let cut = words.last().and_then(|word| word.rfind(['=', ':'])).map_or(0, |at| at + 1);
    for (candidate, _) in words::candidates(&words, environment) {
        if candidate != FILES {
            console::line(candidate.get(cut..).unwrap_or_default());
        }
    }
    Some(Exit::SUCCESS)
}

/// The words of a line behind the program's name, the last of which is being typed; quotes and backslashes are the shell's.
fn in_line(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let Some(word) = words.last_mut() else { break };
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '\\') => word.extend(characters.next()),
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (_, c) => word.push(c),
        }
    }
    let last = words.pop().unwrap_or_default();
    words.retain(|word| !word.is_empty());
    words.push(last);
    // Without a second word it is the program's name that is being typed.
    if words.len() > 1 { words.split_off(1) } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_a_shell_does() {
        assert_eq!(in_line("leasehold read sec"), ["read", "sec"]);
        assert_eq!(in_line("leasehold  read "), ["read", ""]);
        assert_eq!(in_line("leasehold read 'a b' \"c d\" e\\ f"), ["read", "a b", "c d", "e f"]);
        assert_eq!(in_line("leasehold "), [""]);
        assert!(in_line("lease").is_empty());
    }

    #[test]
    fn every_shell_has_its_script_with_the_programs_name_in_it() {
        for shell in SHELLS {
            let script = script(shell, "vault").unwrap();
            assert!(script.contains("vault") && !script.contains("PROGRAM"), "{shell}");
        }
        assert!(script("tcsh", "vault").is_err());
        assert!(script("bash", "x; rm -rf").unwrap().contains("leasehold"));
    }
}
