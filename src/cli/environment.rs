//! The process's environment, taken once at the start, so that nothing below reads it behind anybody's back.

use crate::cli::help::PROGRAM;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// The program as it was called.
    program: Option<String>,
}

impl Environment {
    /// The variables of this process; those that are not text are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            program: std::env::args_os()
                .next()
                .and_then(|name| name.into_string().ok())
                .filter(|name| !name.is_empty()),
        }
    }

    /// A variable; an empty one counts as absent.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same with other values of some variables.
    #[must_use]
    pub fn with<const N: usize>(mut self, variables: [(&str, &str); N]) -> Self {
        self.variables.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self
    }

    /// The program as it was called, so that what is printed for a shell works in it.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(PROGRAM)
    }

    /// Where the person's own files lie.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { variables, program: None }
    }
}

impl From<Vec<(String, String)>> for Environment {
    fn from(variables: Vec<(String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), program: None }
    }
}
