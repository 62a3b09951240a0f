//! `run`: a command with credentials of its own, which end when it does.
//!
//! Wishes (what is asked for) → keeper (the run's token and its leases) → delivery (variables, files, descriptors) → process
//! (the command and its signals). The keeper works in a thread of its own, so that a server that is slow never keeps a signal
//! or the command's end waiting. Invariant: the run's token is revoked when the command ends, however it ends; and when the
//! run itself is killed, the token's own short life sees to it.

mod delivery;
mod keeper;
mod place;
mod process;
mod project;
mod session;
mod wishes;

use crate::base::{clock, duration};
use crate::cli::command::{ANY, Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Invocation, Outcome, console};
use delivery::{Delivery, Variables};
use keeper::Keeper;
use process::{Event, Process};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;
use wishes::Wishes;

pub const COMMAND: Command = Command {
    name: "run",
    summary: "Run a command with credentials that end with it",
    arguments: "-- COMMAND [ARGUMENTS...]",
    takes: (0, ANY),
    about: "Makes a token for this run, reads what is asked for under it, and starts the command with it. While the command \
            runs, its leases are renewed at half of their length; one that cannot be renewed any more is replaced by a fresh \
            one before it ends. When the command ends, the token is revoked and everything made under it ends.\n\n\
            Fields of one path come from one answer. The command gets the terminal, the signals and the environment, less \
            VAULT_TOKEN; its exit code is this command's. If this command is killed with -9, the credentials end when the \
            run's token does: after -ttl.\n\n\
            A leasehold.hcl in the working directory can say the same: env = { NAME = \"PATH#FIELD\" }, file, fd, aws, \
            policies, ttl, on_change, command, and profile \"NAME\" { … } with any of these.",
    examples: &[
        (
            "Run psql as a database user made for it:",
            "run -env PGUSER=database/creds/app#username -env PGPASSWORD=database/creds/app#password -- psql shop",
        ),
        (
            "Give a key as a file, and restart when it changes:",
            "run -file TLS_KEY=secret/web#key -on-change=restart -- ./server",
        ),
        ("Use keys for AWS that are made for this run:", "run -aws=aws/creds/deploy -- aws s3 ls"),
        ("Run what leasehold.hcl says, as in staging:", "run -profile=staging"),
    ],
    flags: &[
        Flag::pairs("env", "NAME=PATH#FIELD: a variable with the value. May be given more than once."),
        Flag::pairs(
            "file",
            "NAME=PATH#FIELD: a file with the value, in a private directory; the variable NAME holds its path. Without \
             #FIELD the file holds the whole secret as JSON.",
        ),
        Flag::pairs("fd", "NAME=PATH#FIELD: an open descriptor with the value; the variable NAME holds its path."),
        Flag::text("aws", "PATH of keys for AWS, given to the AWS tools as the profile in use (credential_process)."),
        Flag::list("policy", "A policy of the run's token; without any, it has those of the token in use.")
            .alias("policies"),
        Flag::duration("ttl", "How long the credentials live when this command is killed: 2m unless said otherwise."),
        Flag::text(
            "on-change",
            "What the command is told when a credential was replaced: nothing, restart, or a signal as HUP. Files and \
             descriptors are rewritten in any case.",
        ),
        Flag::text("profile", "The profile of leasehold.hcl to use."),
        Flag::text("config", "The file to read instead of leasehold.hcl in the working directory."),
        Flag::bool("give-token", "Give the command the run's token, as VAULT_TOKEN."),
        Flag::bool("quiet", "Say nothing, except what goes wrong."),
    ],
    shares: &[&HTTP],
    run,
};

/// How long the server's last answers are waited for when the command has ended.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// A machine that slept through an expiry notices within this after it wakes.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

fn run(invocation: &Invocation) -> Outcome {
    let wishes = Wishes::of(invocation)?;
    let (sender, events) = mpsc::channel();
    // From here on a signal that would end this command ends it in order.
    process::listen(sender.clone())?;
    let keeper = Keeper::open(invocation.client()?, wishes)?;
    let ready = Delivery::begin(&keeper, &invocation.environment)
        .and_then(|delivery| delivery.variables(&keeper).map(|variables| (Arc::new(delivery), variables)));
    match ready {
        Ok((delivery, variables)) => {
            tell(&keeper);
            supervise(keeper, &delivery, variables, (sender, &events))
        }
        Err(failure) => {
            keeper.close();
            Err(failure)
        }
    }
}

/// Runs the command while a thread of its own keeps its credentials.
fn supervise(
    keeper: Keeper,
    delivery: &Arc<Delivery>,
    variables: Variables,
    (sender, events): (Sender<Event>, &Receiver<Event>),
) -> Outcome {
    let process = Process {
        words: keeper.wishes.command.clone(),
        withheld: Delivery::withheld(&keeper),
        on_change: keeper.wishes.on_change,
    };
    let ttl = duration::short(keeper.wishes.ttl.as_secs());
    let (stop, stopped) = mpsc::channel::<()>();
    let (done, closed) = mpsc::channel::<()>();
    let to_keep = Arc::clone(delivery);
    std::thread::spawn(move || {
        keep(keeper, &to_keep, &stopped, &sender).close();
        drop(done);
    });
    let ended = process.run(variables, events);
    drop(stop);
    delivery.end();
    if closed.recv_timeout(LAST_REQUESTS) == Err(RecvTimeoutError::Timeout) {
        console::complain(format!(
            "leasehold: the server does not answer; the run's token ends by itself within {ttl}"
        ));
    }
    ended.map(process::exit_as)
}

/// Tends the keeper until the command has ended.
fn keep(mut keeper: Keeper, delivery: &Delivery, stopped: &Receiver<()>, events: &Sender<Event>) -> Keeper {
    loop {
        let pause = keeper.next().saturating_sub(clock::since_boot()).min(LONGEST_SLEEP);
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return keeper,
        }
        if keeper.tend() {
            let refreshed = delivery.refresh(&keeper).and_then(|()| delivery.variables(&keeper));
            match refreshed {
                Ok(variables) => drop(events.send(Event::Changed(variables))),
                Err(failure) => console::complain(format!("leasehold: {}", failure.message)),
            }
        }
    }
}

/// What was done, in three lines.
fn tell(keeper: &Keeper) {
    if keeper.wishes.is_quiet {
        return;
    }
    let ttl = duration::short(keeper.wishes.ttl.as_secs());
    let session = &keeper.session;
    console::complain(format!(
        "leasehold: a token for this run (accessor {}, policies {}) dies with it, or {ttl} after it is killed",
        session.accessor,
        session.policies.join(", ")
    ));
    let secrets: Vec<String> = keeper
        .paths()
        .map(|(path, lease)| {
            let names = keeper.wishes.names_of(path).join(", ");
            let life = lease.map(|lease| format!(" (renewed, {} at a time)", duration::short(lease.as_secs())));
            format!("{names} from {path}{}", life.unwrap_or_default())
        })
        .collect();
    console::complain(format!(
        "leasehold: {}",
        if secrets.is_empty() { "no secrets".into() } else { secrets.join("; ") }
    ));
    console::complain(format!("leasehold: running {}", keeper.wishes.command.first().map_or("", String::as_str)));
}
