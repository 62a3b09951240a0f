//! `debug`: a bundle of what the server says about itself, for whoever helps with it.
//!
//! Invariant: no token and no secret is in it. What is gathered is what the server shows of itself, and whatever looks like a
//! token is taken out before it is written.

mod bundle;
mod capture;
mod scrub;

use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console};
use bundle::Bundle;
use capture::{Capture, Plan};
use std::path::PathBuf;
use std::time::Duration;

/// What can be gathered, under the names that people know.
const TARGETS: [&str; 7] = ["config", "host", "log", "metrics", "replication-status", "requests", "server-status"];

pub const COMMAND: Command = Command {
    name: "debug",
    summary: "Gather what helps to find a fault",
    arguments: "",
    takes: (0, 0),
    about: "Asks the server again and again, for a while, how it is, and puts the answers into one file to hand on: its \
            configuration without secrets (config), the machine (host), what is logged meanwhile (log), its figures (metrics), \
            the requests in flight (requests) and its state (server-status, replication-status). What the token is not allowed \
            to read is left out, and index.json says so. Ctrl-C ends it early, with what there is.",
    examples: &[
        ("Gather for two minutes:", "debug"),
        ("Gather once, into a file of this name:", "debug -duration=1s -interval=1s -output=today.tar.gz"),
        ("Only the log and the figures, for ten minutes:", "debug -duration=10m -target=log -target=metrics"),
    ],
    flags: &[
        Flag::duration("duration", "For how long to gather.").default("2m"),
        Flag::duration("interval", "How often to ask meanwhile.").default("30s"),
        Flag::duration("metrics-interval", "How often to ask for the figures.").default("10s"),
        Flag::list(
            "target",
            "What to gather: one of the names above, or several with commas. All when it is not given.",
        )
        .alias("targets"),
        Flag::text("output", "The file to write. It must not be there yet."),
        Flag::bool("compress", "Write one compressed file; else a directory.").default("true"),
        Flag::text("log-level", "What of the log: trace, debug, info, warn or error.").default("info"),
        Flag::text("log-format", "How the log is written: standard or json.").default("standard"),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let plan = plan(invocation)?;
    let compress = invocation.is_set("compress");
    let output = output(invocation, compress)?;
    let client = invocation.client()?;
    // A server that does not answer at all has nothing to gather from.
    let status = client.read("sys/seal-status").map_err(|failure| failure.context("Error asking the server"))?;
    let version = status.as_ref().map(|status| status.text("version").to_owned()).unwrap_or_default();
    console::line(format!(
        "==> Gathering from the server\n     Address: {}\n     Version: {version}\n    Duration: {}\n    Interval: {}\n     Targets: {}\n      \
         Output: {}\n",
        client.address(),
        crate::base::duration::short(plan.duration.as_secs()),
        crate::base::duration::short(plan.interval.as_secs()),
        plan.targets.join(", "),
        output.display()
    ));
    let mut bundle = Bundle::begin(&output, compress)?;
    let capture = Capture::new(invocation, client, plan)?.run();
    for (name, content) in &capture.files {
        bundle.add(name, content)?;
    }
    bundle.add("index.json", &capture.index(&version))?;
    bundle.finish()?;
    if !capture.errors.is_empty() {
        let lines: Vec<String> = capture.errors.iter().map(|(target, why)| format!("  * {target}: {why}")).collect();
        console::warn(format!("Not all could be gathered:\n\n{}\n", lines.join("\n")));
    }
    console::line(format!("Success! Bundle written to: {}", output.display()));
    Ok(Exit::SUCCESS)
}

fn plan(invocation: &Invocation) -> Result<Plan, Failure> {
    let wanted: Vec<String> = invocation
        .list("target")
        .iter()
        .flat_map(|list| list.split(','))
        .map(|target| target.trim().to_owned())
        .filter(|target| !target.is_empty())
        .collect();
    if let Some(target) = wanted.iter().find(|target| !TARGETS.contains(&target.as_str())) {
        let why = match target.as_str() {
            "pprof" => "the server is not written in Go and has no such profiles".to_owned(),
            other => match crate::base::closest::closest(other, TARGETS) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("choose of {}", TARGETS.join(", ")),
            },
        };
        return Err(Failure::local(format!("Cannot gather {target:?}: {why}")));
    }
    let targets =
        TARGETS.into_iter().filter(|target| wanted.is_empty() || wanted.iter().any(|wanted| wanted == target));
    let time = |name, least: u64| {
        let given = invocation.duration(name).unwrap_or_default();
        let short = Failure::local(format!("-{name} must be {least} s or more"));
        if given < Duration::from_secs(least) { Err(short) } else { Ok(given) }
    };
    Ok(Plan {
        targets: targets.collect(),
        duration: time("duration", 1)?,
        interval: time("interval", 1)?,
        metrics_interval: time("metrics-interval", 1)?,
    })
}

fn output(invocation: &Invocation, compress: bool) -> Result<PathBuf, Failure> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let mut name = match invocation.given("output").filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => format!("leasehold-debug-{now}"),
    };
    if compress && !name.ends_with(".tar.gz") && !name.ends_with(".tgz") {
        name.push_str(".tar.gz");
    }
    let path = PathBuf::from(name);
    if path.exists() {
        return Err(Failure::local(format!("{} is there already: name another with -output", path.display())));
    }
    Ok(path)
}
