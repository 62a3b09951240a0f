//! One command line being run: the command, its flags with their stand-ins from the environment, and its arguments.

use crate::base::duration;
use crate::cli::command::Command;
use crate::cli::flags::{Flag, Parsed, parse_bool};
use crate::cli::{Client, Environment, Failure};
use std::time::Duration;
use zeroize::Zeroize;

pub struct Invocation {
    pub command: &'static Command,
    pub arguments: Vec<String>,
    pub environment: Environment,
    parsed: Parsed,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Yaml,
}

impl Invocation {
    #[must_use]
    pub fn new(command: &'static Command, mut parsed: Parsed, environment: Environment) -> Self {
        Self { command, arguments: std::mem::take(&mut parsed.arguments), environment, parsed }
    }

    /// A positional argument; empty where it was not given.
    #[must_use]
    pub fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map(String::as_str).unwrap_or_default()
    }

    /// A flag's value: as given, else its variable, else its default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let flag = self.flag(name);
        self.given(name)
            .or_else(|| flag.and_then(|flag| flag.variable).and_then(|variable| self.environment.variable(variable)))
            .or_else(|| flag.and_then(|flag| flag.default))
    }

    /// A flag's value if it was given on the command line itself.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.list(name).last().map(String::as_str)
    }

    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.text(name).and_then(parse_bool).unwrap_or(false)
    }

    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.text(name).and_then(|text| duration::parse(text).ok())
    }

    /// Every value of a repeatable flag.
    #[must_use]
    pub fn list(&self, name: &str) -> &[String] {
        self.parsed.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every value of a repeatable flag, taken apart at its first equals sign.
    pub fn pairs(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.list(name).iter().filter_map(|pair| pair.split_once('='))
    }

    /// How to print the answer.
    ///
    /// # Errors
    /// A format that does not exist.
    pub fn format(&self) -> Result<Format, Failure> {
        match self.text("format").unwrap_or("table") {
            "table" | "pretty" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            "yaml" | "yml" => Ok(Format::Yaml),
            other => {
                Err(Failure::local(format!("Invalid output format: {other}. Choose table, json, yaml or pretty.")))
            }
        }
    }

    /// The one field to print, if one was asked for.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.text("field").filter(|field| !field.is_empty())
    }

    /// A client for the server that the flags and the environment name.
    ///
    /// # Errors
    /// An address, certificate or number that cannot be used.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::for_invocation(self)
    }

    fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.command.all_flags().into_iter().find(|flag| flag.name == name)
    }
}

/// Arguments and flags may hold tokens and keys.
impl Drop for Invocation {
    fn drop(&mut self) {
        self.arguments.zeroize();
        self.parsed.values.values_mut().for_each(Zeroize::zeroize);
    }
}

/// A path of the API as the server knows it: without blanks around it and slashes at its ends.
#[must_use]
pub fn trimmed_path(path: &str) -> &str {
    path.trim().trim_matches('/')
}

/// The path of a mount, which ends with a slash.
#[must_use]
pub fn mount_path(path: &str) -> String {
    format!("{}/", trimmed_path(path))
}
