//! What a run is asked for: which secrets, under which names, with which rights, and what happens when they change.
//!
//! Taken from the flags and from `leasehold.hcl` ([`super::project`]), where a flag wins over the file. Asks no server.

use super::project;
use crate::cli::secret::Reference;
use crate::cli::{Failure, Invocation};
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::Duration;

/// How long the credentials outlive a run that is killed, when nobody says otherwise.
const USUAL_TTL: Duration = Duration::from_secs(120);
/// A token that lived shorter could die between two renewals over a slow line.
const SHORTEST_TTL: Duration = Duration::from_secs(5);

/// What a run is asked for.
#[derive(Default)]
pub struct Wishes {
    /// Variables that hold a value.
    pub variables: Vec<(String, Reference)>,
    /// Variables that hold the path of a file with the value.
    pub files: Vec<(String, Reference)>,
    /// Variables that hold the path of an open descriptor with the value.
    pub descriptors: Vec<(String, Reference)>,
    /// Where keys for AWS are read.
    pub aws: Option<Reference>,
    /// The policies of the run's token; none: those of the token in use.
    pub policies: Vec<String>,
    /// How long the run's token lives when nobody renews it.
    pub ttl: Duration,
    pub on_change: OnChange,
    pub gives_token: bool,
    pub is_quiet: bool,
    pub command: Vec<String>,
}

/// What the command is told when a credential was replaced; files are rewritten in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnChange {
    #[default]
    Nothing,
    Restart,
    Signal(Signal),
}

impl Wishes {
    /// What the command line and the project's file ask for together.
    ///
    /// # Errors
    /// A value that means nothing, two things under one name, no command.
    pub fn of(invocation: &Invocation) -> Result<Self, Failure> {
        let mut wishes = project::wishes(invocation)?;
        wishes.add_flags(invocation)?;
        if wishes.ttl.is_zero() {
            wishes.ttl = USUAL_TTL;
        }
        wishes.check()?;
        Ok(wishes)
    }

    fn add_flags(&mut self, invocation: &Invocation) -> Result<(), Failure> {
        for (flag, list) in [("env", &mut self.variables), ("file", &mut self.files), ("fd", &mut self.descriptors)] {
            for text in invocation.list(flag) {
                let named = Reference::named(text).map_err(|failure| failure.context(format!("-{flag}")))?;
                list.retain(|(name, _)| *name != named.0);
                list.push(named);
            }
        }
        if let Some(path) = invocation.given("aws") {
            self.aws = Some(Reference::parse(path)?);
        }
        if !invocation.list("policy").is_empty() {
            self.policies = invocation.list("policy").to_vec();
        }
        if let Some(ttl) = invocation.given("ttl").and(invocation.duration("ttl")) {
            self.ttl = ttl;
        }
        if let Some(text) = invocation.given("on-change") {
            self.on_change = OnChange::parse(text)?;
        }
        self.gives_token |= invocation.is_set("give-token");
        self.is_quiet |= invocation.is_set("quiet");
        if !invocation.arguments.is_empty() {
            self.command.clone_from(&invocation.arguments);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        if self.command.is_empty() {
            return Err(Failure::local("There is no command to run: put it behind --, as in: run -env … -- ./server"));
        }
        if self.ttl < SHORTEST_TTL {
            return Err(Failure::local(format!("-ttl must be {} s at least", SHORTEST_TTL.as_secs())));
        }
        let mut names: Vec<&str> = self.named().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Failure::local(format!("{} is asked for twice", pair[0]))),
            None => Ok(()),
        }
    }

    fn named(&self) -> impl Iterator<Item = &(String, Reference)> {
        self.variables.iter().chain(&self.files).chain(&self.descriptors)
    }

    /// The paths to read, each once: fields of one path come from one answer, or a user name would not fit its password.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for reference in self.named().map(|(_, reference)| reference).chain(&self.aws) {
            if !paths.contains(&reference.path) {
                paths.push(reference.path.clone());
            }
        }
        paths
    }

    /// The names under which the command finds what comes from a path.
    #[must_use]
    pub fn names_of(&self, path: &str) -> Vec<&str> {
        let named = self.named().filter(|(_, reference)| reference.path == path).map(|(name, _)| name.as_str());
        let aws = self.aws.iter().filter(|reference| reference.path == path).map(|_| "AWS_PROFILE");
        named.chain(aws).collect()
    }
}

impl OnChange {
    /// `nothing`, `restart`, or the name of a signal.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let name = text.strip_prefix("signal:").unwrap_or(text).to_ascii_uppercase();
        Ok(match name.strip_prefix("SIG").unwrap_or(&name) {
            "NOTHING" | "" => Self::Nothing,
            "RESTART" => Self::Restart,
            "HUP" => Self::Signal(Signal::HUP),
            "USR1" => Self::Signal(Signal::USR1),
            "USR2" => Self::Signal(Signal::USR2),
            "TERM" => Self::Signal(Signal::TERM),
            "INT" => Self::Signal(Signal::INT),
            "QUIT" => Self::Signal(Signal::QUIT),
            _ => {
                return Err(Failure::local(format!(
                    "-on-change is {text:?}: choose nothing, restart or one of the signals HUP, USR1, USR2, TERM, INT, QUIT"
                )));
            }
        })
    }
}

/// The project's file, when one is named or lies in the working directory.
#[must_use]
pub fn project_file(invocation: &Invocation) -> Option<PathBuf> {
    let named = invocation.given("config").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("leasehold.hcl")).filter(|file| file.is_file()))
}
