//! How a command line names a lease: by its id, which has slashes; by an accessor; or by a token, which begins as tokens do.

use crate::cli::flags::Flag;
use crate::cli::{Failure, Invocation, console};
use serde_json::{Value, json};

pub const TOKEN: Flag = Flag::bool("token", "The argument is a token, though it does not begin like one.");

/// What tokens begin with, here and on servers that speak the same protocol.
const BEGINNINGS: [&str; 5] = ["hvs.", "hvb.", "hvr.", "s.", "b."];

/// The body that names what the argument names; `-` reads a token from standard input, so that it need not be an argument.
pub fn named(invocation: &Invocation) -> Result<Value, Failure> {
    let argument = invocation.argument(0).trim().trim_start_matches('/');
    if argument == "-" {
        return Ok(json!({ "token": console::standard_input()?.trim() }));
    }
    let is_token = invocation.is_set("token") || BEGINNINGS.iter().any(|beginning| argument.starts_with(beginning));
    let name = match (argument.contains('/'), is_token) {
        (true, _) => "id",
        (false, true) => "token",
        (false, false) => "accessor",
    };
    Ok(json!({ name: argument }))
}
