//! The command of a run: started without a shell, in the same terminal and process group, told every signal that the run is
//! told.
//!
//! Invariant: it ends before the run does, and how it ended is how the run ends.

use super::delivery::Variables;
use super::wishes::OnChange;
use crate::cli::{Exit, Failure, console};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::signal::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How long a command that is to be started again may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nothing is waited for longer than this without a look at the command.
const LOOK: Duration = Duration::from_secs(60);

/// What happens while the command runs.
pub enum Event {
    Signal(Origin),
    /// A credential was replaced; the variables as they are now.
    Changed(Variables),
}

/// The signals that are passed on, and the one that says that the command has changed its state.
const SIGNALS: &[i32] = &[SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD];

/// Sends every signal that comes from now on into the channel.
///
/// # Errors
/// The operating system lets no handler be set.
pub fn listen(events: Sender<Event>) -> Result<(), Failure> {
    let signals = SignalsInfo::<WithOrigin>::new(SIGNALS);
    let mut signals = signals.map_err(|error| Failure::local(format!("could not listen for signals: {error}")))?;
    std::thread::spawn(move || {
        for origin in &mut signals {
            if events.send(Event::Signal(origin)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// A command, and how it is started.
pub struct Process {
    pub words: Vec<String>,
    pub withheld: Vec<&'static str>,
    pub on_change: OnChange,
}

impl Process {
    /// Runs the command to its end, and starts it again when that is what a change asks for.
    ///
    /// # Errors
    /// A command that cannot be started: 127 where there is none, 126 where it may not be run.
    pub fn run(&self, variables: Variables, events: &Receiver<Event>) -> Result<ExitStatus, Failure> {
        let mut child = self.start(&variables)?;
        drop(variables);
        let mut again: Option<(Variables, Instant)> = None;
        loop {
            let patience = again.as_ref().map_or(LOOK, |(_, until)| until.saturating_duration_since(Instant::now()));
            match events.recv_timeout(patience) {
                Ok(Event::Signal(origin)) if origin.signal != SIGCHLD => {
                    // Whoever wants the run to end does not want it to go on with a new command.
                    again = again.filter(|_| !matches!(origin.signal, SIGTERM | SIGINT | SIGQUIT | SIGHUP));
                    pass_on(&child, &origin);
                }
                Ok(Event::Signal(_)) | Err(RecvTimeoutError::Disconnected) => {}
                Ok(Event::Changed(variables)) => match self.on_change {
                    OnChange::Nothing => {}
                    OnChange::Signal(signal) => tell(&child, signal),
                    OnChange::Restart => {
                        tell(&child, Signal::TERM);
                        again = Some((variables, Instant::now() + PATIENCE));
                    }
                },
                Err(RecvTimeoutError::Timeout) => {
                    if let Some((_, until)) = &mut again {
                        tell(&child, Signal::KILL);
                        *until = Instant::now() + PATIENCE;
                    }
                }
            }
            let ended = child.try_wait().map_err(|error| Failure::local(format!("lost the command: {error}")))?;
            match (ended, again.take()) {
                (None, waiting) => again = waiting,
                (Some(status), None) => return Ok(status),
                (Some(_), Some((variables, _))) => child = self.start(&variables)?,
            }
        }
    }

    fn start(&self, variables: &Variables) -> Result<Child, Failure> {
        let (program, arguments) =
            self.words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Command::new(program);
        command.args(arguments);
        self.withheld.iter().for_each(|name| {
            command.env_remove(name);
        });
        command.envs(variables.iter().map(|(name, value)| (name, value.expose())));
        command.spawn().map_err(|error| {
            let exit = if error.kind() == ErrorKind::NotFound { Exit(127) } else { Exit(126) };
            Failure::local(format!("could not run {program}: {error}")).with_exit(exit)
        })
    }
}

/// What the terminal sends, it has sent to the command as well.
fn pass_on(child: &Child, origin: &Origin) {
    if origin.cause != Cause::Kernel
        && let Some(signal) = Signal::from_named_raw(origin.signal)
    {
        tell(child, signal);
    }
}

fn tell(child: &Child, signal: Signal) {
    if let Err(error) = kill_process(Pid::from_child(child), signal) {
        console::complain(format!("leasehold: the command could not be sent a signal: {error}"));
    }
}

/// Ends as the command has ended: with its exit code, or by the signal that ended it.
#[must_use]
pub fn exit_as(status: ExitStatus) -> Exit {
    let code = |number: i32| Exit(u8::try_from(number).unwrap_or(u8::MAX));
    match status.signal() {
        None => code(status.code().unwrap_or(1)),
        Some(signal @ (SIGTERM | SIGHUP | SIGINT | SIGUSR1 | SIGUSR2)) => {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            code(128 + signal)
        }
        // The others would leave a picture of this process's memory.
        Some(signal) => code(128 + signal),
    }
}
