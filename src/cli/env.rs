//! `env`: a secret's fields as variables, for a shell to take in or for a file of its kind.

use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::secret::{self, is_variable};
use crate::cli::{Exit, Failure, Invocation, Outcome, console};

pub const COMMAND: Command = Command {
    name: "env",
    summary: "Print a secret's fields as variables for a shell",
    arguments: "PATH",
    takes: (1, 1),
    about: "Reads a path and prints a line for each of its fields that sets a variable of the same name in capital letters, \
            quoted so that the shell takes the value as it is. Characters that no variable's name may hold become _.\n\n\
            Credentials that are made for this keep living until their lease ends; \"run\" ends them with the program.",
    examples: &[
        ("Take the fields of a secret into this shell:", "env secret/my-app"),
        ("For fish, with a prefix:", "env -shell=fish -prefix=DB_ database/creds/app"),
    ],
    flags: &[
        Flag::text("shell", "The language of the lines: bash (and its like), fish, powershell or dotenv.")
            .default("bash"),
        Flag::text("prefix", "Put this in front of each name."),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let language = language(invocation.text("shell").unwrap_or_default())?;
    let path = invocation.argument(0);
    if path.contains('#') {
        return Err(Failure::local("env prints all fields of a PATH; for one field use: get PATH#FIELD"));
    }
    let found = secret::read(&invocation.client()?, path, None)?;
    found.warnings().iter().for_each(|warning| console::complain(format!("WARNING! {warning}")));
    let prefix = invocation.text("prefix").unwrap_or_default();
    for field in found.data().into_iter().flat_map(|data| data.keys()) {
        let name = variable(prefix, field);
        if !is_variable(&name) {
            return Err(Failure::local(format!("the field {field:?} makes no variable's name; use -prefix")));
        }
        let value = found.field(field).unwrap_or_default();
        console::line(language(&name, value.expose()).map_err(|why| Failure::local(format!("{name}: {why}")))?);
    }
    Ok(Exit::SUCCESS)
}

type Line = fn(&str, &str) -> Result<String, &'static str>;

fn language(name: &str) -> Result<Line, Failure> {
    match name {
        "bash" | "sh" | "zsh" | "posix" => {
            Ok(|name, value| Ok(format!("export {name}='{}'", value.replace('\'', r"'\''"))))
        }
        "fish" => Ok(|name, value| Ok(format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")))),
        "powershell" | "pwsh" => Ok(|name, value| Ok(format!("$env:{name} = '{}'", value.replace('\'', "''")))),
        "dotenv" => Ok(dotenv),
        other => Err(Failure::local(format!("There is no shell {other:?}: choose bash, fish, powershell or dotenv."))),
    }
}

/// Within single quotes readers of such files take everything as it is, but none of them knows a quote in there; within
/// double quotes they agree on these escapes.
fn dotenv(name: &str, value: &str) -> Result<String, &'static str> {
    if value.contains('\0') {
        return Err("the value holds a NUL byte, which such a file cannot");
    }
    if !value.contains(['\'', '\n', '\r']) {
        return Ok(format!("{name}='{value}'"));
    }
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$");
    Ok(format!("{name}=\"{}\"", escaped.replace('\n', r"\n").replace('\r', r"\r")))
}

fn variable(prefix: &str, field: &str) -> String {
    let plain =
        field.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' });
    format!("{prefix}{}", plain.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command as Process;

    #[test]
    fn a_shell_takes_the_value_as_it_is() {
        let line = language("bash").unwrap();
        for value in ["plain", "it's", "$HOME `id` \\ \"x\"", "two\nlines", ""] {
            let script = format!("{}; printf %s \"$SECRET\"", line("SECRET", value).unwrap());
            let output = Process::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }

    #[test]
    fn each_language_quotes_in_its_own_way() {
        for (shell, expected) in [
            ("fish", r"set -gx P 'a\'b\\c'"),
            ("powershell", r"$env:P = 'a''b\c'"),
            ("dotenv", r#"P="a'b\\c""#),
            ("bash", r"export P='a'\''b\c'"),
        ] {
            assert_eq!(language(shell).unwrap()("P", r"a'b\c").unwrap(), expected);
        }
        assert!(language("tcsh").is_err());
    }

    #[test]
    fn a_fields_name_becomes_a_variables() {
        assert_eq!(variable("DB_", "user-name"), "DB_USER_NAME");
    }
}
