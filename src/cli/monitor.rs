//! `monitor`: the server's log, as it is written.

use crate::cli::client::Call;
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Read;
use std::sync::mpsc;

pub const COMMAND: Command = Command {
    name: "monitor",
    summary: "Show the server's log as it is written",
    arguments: "",
    takes: (0, 0),
    about: "Prints what the server logs from now on, until it is told to stop (Ctrl-C) or the server ends. What the server itself \
            logs does not change. Needs to be allowed to read sys/monitor.",
    examples: &[
        ("Watch the log:", "monitor"),
        ("Watch all of it, for a program:", "monitor -log-level=debug -log-format=json"),
    ],
    flags: &[
        Flag::text("log-level", "What is shown: trace, debug, info, warn or error.").default("info"),
        Flag::text("log-format", "How it is shown: standard or json.").default("standard"),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let stream = invocation.client()?.stream(&call(invocation)?);
    let mut stream = stream.map_err(|failure| failure.context("Error starting monitor"))?;
    let (sender, ended) = mpsc::channel::<Outcome>();
    let signalled = sender.clone();
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::local(format!("could not wait for signals: {error}")))?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = signalled.send(Ok(Exit::SUCCESS));
        }
    });
    std::thread::spawn(move || {
        let _ = sender.send(copy(&mut *stream));
    });
    ended.recv().unwrap_or(Ok(Exit::SUCCESS))
}

/// The request for the server's log, as `debug` sends it, too.
pub fn call(invocation: &Invocation) -> Result<Call, Failure> {
    let (level, format) = (invocation.text("log-level").unwrap_or("info"), invocation.text("log-format"));
    if !matches!(level, "trace" | "debug" | "info" | "warn" | "error") {
        return Err(Failure::local(format!("{level:?} is no log level: use trace, debug, info, warn or error")));
    }
    let format = format.unwrap_or("standard");
    if !matches!(format, "standard" | "json") {
        return Err(Failure::local(format!("{format:?} is no log format: use standard or json")));
    }
    let query = [("log_level", level), ("log_format", format)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Call::new("GET", "sys/monitor").with_query(query))
}

fn copy(stream: &mut dyn Read) -> Outcome {
    let mut buffer = [0; 8192];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Exit::SUCCESS),
            Ok(length) if console::bytes(&buffer[..length]) => {}
            // Nobody reads any more.
            Ok(_) => return Ok(Exit::SUCCESS),
            Err(error) => return Err(Failure::refused(format!("The server's log broke off: {error}"))),
        }
    }
}
