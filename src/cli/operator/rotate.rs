//! `operator rotate`: a new key for new data.

use super::key_status;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Format, Invocation, Outcome, console};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "operator rotate",
    summary: "Seal new data with a new key",
    arguments: "",
    takes: (0, 0),
    about: "Makes a new key, with which everything is sealed from now on; what the earlier ones sealed can still be read. The \
            unseal keys stay as they are: \"operator rekey\" makes new ones. Needs sudo on sys/rotate.",
    examples: &[("Make a new key:", "operator rotate")],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    client.write("sys/rotate", json!({})).map_err(|failure| failure.context("Error rotating key"))?;
    if invocation.format()? == Format::Table {
        console::line("Success! Rotated key\n");
    }
    key_status::print(invocation, &client)
}
