//! `unwrap`: takes an answer out of its wrapping token.

use crate::base::Secret;
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::{Exit, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "unwrap",
    summary: "Take an answer out of a wrapping token",
    arguments: "[TOKEN]",
    takes: (0, 1),
    about: "Prints the answer that a wrapping token holds, as the command that was wrapped with -wrap-ttl would have printed \
            it. A wrapping token is good for this once: if it was unwrapped before, somebody else has the answer. \
            \"write sys/wrapping/lookup token=TOKEN\" tells where it comes from without spending it.\n\n\
            Without an argument the token in use is the wrapping token. An argument of - is read from standard input, so \
            that the token does not stand in the shell's history.",
    examples: &[
        ("Unwrap a token:", "unwrap hvs.EXAMPLE"),
        ("Unwrap the token in use, and print one field:", "unwrap -field=password"),
    ],
    flags: &[],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let mut client = invocation.client()?;
    let named = match invocation.argument(0) {
        "-" => console::standard_input()?.trim().to_owned(),
        argument => argument.trim().to_owned(),
    };
    let mut body = json!({});
    if !named.is_empty() {
        // Where nobody else asks, and where it is the same token, it speaks for itself.
        let wrapping = Secret::from(named.as_str());
        match client.token().filter(|token| !token.is_empty()) {
            None => client = client.with_token(wrapping),
            Some(own) if *own == wrapping => {}
            Some(_) => body = json!({ "token": named }),
        }
    }
    let answer = client.write("sys/wrapping/unwrap", body).map_err(|failure| failure.context("Error unwrapping"))?;
    let Some(answer) = answer else {
        if invocation.format()? == Format::Table {
            console::line("Successfully unwrapped. There was no data in the wrapped secret.");
        }
        return Ok(Exit::SUCCESS);
    };
    let is_listing = answer.data().is_some_and(|data| data.len() == 1 && data.get("keys").is_some_and(Value::is_array));
    if is_listing && invocation.field().is_none() {
        output::warnings(&answer);
        return output::names(invocation, Some("Keys"), &answer.keys());
    }
    output::answer(invocation, &answer)
}
