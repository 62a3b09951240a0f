//! How a command ends: its exit code, or a failure that carries one together with the text for the person at the terminal.
//! Neither ever holds a token.

use crate::base::Error;
use std::fmt::Display;
use std::process::ExitCode;

/// What a command returns.
pub type Outcome = Result<Exit, Failure>;

/// The process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    pub const SUCCESS: Self = Self(0);
    /// The command line is wrong, or something on this machine is.
    pub const LOCAL: Self = Self(1);
    /// The server refused, or there is nothing at the path.
    pub const REFUSED: Self = Self(2);
    pub const UNKNOWN_COMMAND: Self = Self(127);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// A command that did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    /// The status code of a server that refused.
    pub status: Option<u16>,
    /// The message is what was asked for in place of the request itself: no failure, but the end of the command.
    pub is_answer: bool,
}

impl Failure {
    #[must_use]
    pub fn local(message: impl Into<String>) -> Self {
        Self { exit: Exit::LOCAL, message: message.into(), status: None, is_answer: false }
    }

    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self { exit: Exit::REFUSED, message: message.into(), status: None, is_answer: false }
    }

    /// Ends the command with a text in place of the request that it was about to send.
    #[must_use]
    pub fn instead(text: impl Into<String>) -> Self {
        Self { exit: Exit::SUCCESS, message: text.into(), status: None, is_answer: true }
    }

    /// Puts `what` in front of the message: `what: message`.
    #[must_use]
    pub fn context(mut self, what: impl Display) -> Self {
        if !self.is_answer {
            self.message = format!("{what}: {}", self.message);
        }
        self
    }

    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        if !self.is_answer {
            self.exit = exit;
        }
        self
    }
}

/// What fails in our own code, without a server, is local.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::local(error.message())
    }
}
