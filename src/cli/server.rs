//! `server`: runs a server. The one command that is not a client.

use crate::base::logging::level as log_level;
use crate::base::{Error, Result, Secret};
use crate::cli::command::Command;
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, token_helper};
use crate::config::{self, Config, LogFormat};
use crate::server::{self, dev, logging};
use std::path::PathBuf;

pub const COMMAND: Command = Command {
    name: "server",
    summary: "Start a server",
    arguments: "",
    takes: (0, 0),
    about: "Starts a server and runs it until it is told to stop (SIGTERM or SIGINT): requests in flight are finished, \
            then it ends.\n\n\
            A server needs a configuration, which says where its data lies and where it listens. A new one must be \
            initialised with \"operator init\", and each start is followed by \"operator unseal\". For trying things \
            out there is -dev, which needs neither and keeps nothing.",
    examples: &[
        ("Start a server with a configuration:", "server -config=server.hcl"),
        ("Try a configuration without starting:", "server -check -config=server.hcl"),
        ("Start one to try things out, in memory and unsealed:", "server -dev -dev-root-token-id=root"),
    ],
    flags: &[
        Flag::list("config", "File or directory with the configuration, HCL or JSON. May be given more than once."),
        Flag::bool("check", "Try the configuration and say what is wrong with it, without starting."),
        Flag::bool("dev", "Development mode: in memory, initialised and unsealed. Everything is gone when it ends."),
        Flag::text("dev-root-token-id", "The root token of a development server.").variable("VAULT_DEV_ROOT_TOKEN_ID"),
        Flag::text("dev-listen-address", "Where a development server listens.")
            .variable("VAULT_DEV_LISTEN_ADDRESS")
            .default("127.0.0.1:8200"),
        Flag::bool("dev-no-store-token", "Do not store the development server's root token for the command line."),
        Flag::text("log-level", "What is logged: trace, debug, info, warn or error.").variable("VAULT_LOG_LEVEL"),
        Flag::text("log-format", "How it is logged: standard or json.").variable("VAULT_LOG_FORMAT"),
    ],
    shares: &[],
    run,
};

/// Runs the server until it is told to stop.
///
/// # Errors
/// One line that says why it cannot start or go on.
pub fn run(invocation: &Invocation) -> Outcome {
    if invocation.is_set("check") {
        return check(invocation);
    }
    let outcome = if invocation.is_set("dev") { run_dev(invocation) } else { run_configured(invocation) };
    outcome.map(|()| Exit::SUCCESS).map_err(|error| Failure::local(error.for_log()))
}

fn run_configured(invocation: &Invocation) -> Result<()> {
    let config = configure(invocation)?;
    server::run(&config, || reread(invocation), |_| Ok(()))
}

/// Says all that is wrong with a configuration, and all that is odd about it.
fn check(invocation: &Invocation) -> Outcome {
    let paths: Vec<PathBuf> = invocation.list("config").iter().map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err(Failure::local("There is nothing to check: give -config=FILE."));
    }
    let (config, warnings) = config::load(&paths).map_err(|error| Failure::local(error.message()))?;
    let findings = server::check::check(&config);
    for note in warnings.iter().map(ToString::to_string).chain(findings.notes) {
        console::line(format!("Note: {note}"));
    }
    if findings.faults.is_empty() {
        console::line("The configuration is good: a server would start with it.");
        return Ok(Exit::SUCCESS);
    }
    Err(Failure::local(findings.faults.join("\n")))
}

fn run_dev(invocation: &Invocation) -> Result<()> {
    let options = dev::Options {
        root_token: invocation.text("dev-root-token-id").filter(|token| !token.is_empty()).map(Secret::from),
        address: invocation.text("dev-listen-address").unwrap_or("127.0.0.1:8200").to_owned(),
    };
    let config = dev::config(configure(invocation)?, &options)?;
    let reread = || dev::config(reread(invocation)?, &options);
    server::run(&config, reread, |running| {
        let token = dev::prepare(running, &options)?;
        if !invocation.is_set("dev-no-store-token") {
            store_token(invocation, &token);
        }
        Ok(())
    })
}

/// Reads the configuration, starts logging as it or the flags say, and then says what is odd about it.
fn configure(invocation: &Invocation) -> Result<Config> {
    let paths: Vec<PathBuf> = invocation.list("config").iter().map(PathBuf::from).collect();
    let (config, warnings) = match paths.as_slice() {
        [] if invocation.is_set("dev") => (Config::default(), Vec::new()),
        [] => {
            return Err(Error::bad_request(
                "a server needs a configuration: give -config=FILE, or -dev to try things out",
            ));
        }
        paths => config::load(paths)?,
    };
    let config = with_flags(config, invocation)?;
    logging::start(&config)?;
    for warning in warnings {
        log::warn!("{warning}");
    }
    Ok(config)
}

/// The configuration as it is now, with what the flags say.
fn reread(invocation: &Invocation) -> Result<Config> {
    let paths: Vec<PathBuf> = invocation.list("config").iter().map(PathBuf::from).collect();
    let config = if paths.is_empty() { Config::default() } else { config::load(&paths)?.0 };
    with_flags(config, invocation)
}

fn with_flags(mut config: Config, invocation: &Invocation) -> Result<Config> {
    let given = |name: &str| invocation.text(name).filter(|text| !text.is_empty());
    if let Some(level) = given("log-level") {
        config.log_level = log_level(level)?;
    }
    if let Some(format) = given("log-format") {
        config.log_format = LogFormat::parse(format)?;
    }
    Ok(config)
}

/// So that the command line works at once; that it could not be stored is no reason not to serve.
fn store_token(invocation: &Invocation, token: &Secret<String>) {
    if let Err(failure) = token_helper::store(&invocation.environment, token) {
        log::warn!("the root token was not stored for the command line: {}", failure.message);
    }
}
