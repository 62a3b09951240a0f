//! Flags as data, and the parser of Go-style command lines: `-flag=value`, `-flag value`, `--flag`, booleans `-force` and
//! `-force=false`. Flags stand before the positional arguments; what looks like one after them is an argument, and a
//! warning says so. Values are checked against their type here, once.

use crate::base::closest::closest;
use crate::base::duration;
use crate::cli::Failure;
use std::collections::BTreeMap;

/// One flag: all that the parser, the help and the completion know about it.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    pub name: &'static str,
    pub alias: Option<&'static str>,
    pub kind: Kind,
    pub default: Option<&'static str>,
    /// The environment variable that stands in when the flag is not given.
    pub variable: Option<&'static str>,
    pub help: &'static str,
}

/// What a flag's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Text,
    Number,
    Duration,
    /// A duration, or `system` for what the server's configuration says.
    Ttl,
    /// May be given more than once.
    List,
    /// `key=value`, may be given more than once.
    Pairs,
}

impl Flag {
    const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, alias: None, kind, default: None, variable: None, help }
    }

    #[must_use]
    pub const fn bool(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Bool, help)
    }

    #[must_use]
    pub const fn text(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Text, help)
    }

    #[must_use]
    pub const fn number(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Number, help)
    }

    #[must_use]
    pub const fn duration(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Duration, help)
    }

    #[must_use]
    pub const fn ttl(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Ttl, help)
    }

    #[must_use]
    pub const fn list(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::List, help)
    }

    #[must_use]
    pub const fn pairs(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Pairs, help)
    }

    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    #[must_use]
    pub const fn variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    #[must_use]
    pub const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }

    fn check(&self, value: &str) -> Result<(), Failure> {
        let complaint = match self.kind {
            Kind::Bool if parse_bool(value).is_none() => "it is neither true nor false".to_owned(),
            Kind::Number if value.parse::<i64>().is_err() => "it is not a whole number".to_owned(),
            Kind::Duration => match duration::parse(value) {
                Ok(_) => return Ok(()),
                Err(error) => error.message().to_owned(),
            },
            Kind::Ttl if value != "system" => match duration::parse(value) {
                Ok(_) => return Ok(()),
                Err(error) => error.message().to_owned(),
            },
            Kind::Pairs if !value.contains('=') => "it is not of the form key=value".to_owned(),
            _ => return Ok(()),
        };
        Err(Failure::local(format!("invalid value {value:?} for flag -{}: {complaint}", self.name)))
    }
}

/// The spellings of a boolean that Go's flags accept.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The flags that count behind the arguments, too: people add them to the end of a command that they have typed already.
const ANYWHERE: [&str; 4] = ["format", "detailed", "output-curl-string", "output-policy"];

/// A command line taken apart. It may hold secrets: outside tests it cannot be printed.
#[derive(Default)]
#[cfg_attr(test, derive(Debug))]
pub struct Parsed {
    /// Flag name → values in the order given; for flags that are not repeatable only the last counts.
    pub values: BTreeMap<&'static str, Vec<String>>,
    pub arguments: Vec<String>,
    /// What looks like flags but stands after the arguments.
    pub late: Vec<String>,
}

/// Takes a command line apart.
///
/// # Errors
/// An unknown flag, a flag without its value, or a value that is not of the flag's type.
pub fn parse(known: &[&Flag], words: &[String]) -> Result<Parsed, Failure> {
    let mut parsed = Parsed::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            parsed.arguments.extend(words.cloned());
            return Ok(parsed);
        }
        let Some((name, value)) = as_flag(word) else {
            parsed.arguments.push(word.clone());
            parsed.take_arguments(known, words.as_slice())?;
            return Ok(parsed);
        };
        let flag = find(known, name)?;
        let value = match value {
            Some(value) => value.to_owned(),
            None if flag.kind == Kind::Bool => "true".to_owned(),
            None => words.next().cloned().ok_or_else(|| Failure::local(format!("flag needs an argument: -{name}")))?,
        };
        parsed.set(flag, value)?;
    }
    Ok(parsed)
}

impl Parsed {
    /// What stands behind the first argument: arguments all, except for the few flags that count anywhere.
    fn take_arguments(&mut self, known: &[&Flag], words: &[String]) -> Result<(), Failure> {
        for word in words {
            match as_flag(word) {
                Some((name, value)) if ANYWHERE.contains(&name) && find(known, name).is_ok() => {
                    let flag = find(known, name)?;
                    match (flag.kind, value) {
                        (_, Some(value)) => self.set(flag, value.to_owned())?,
                        (Kind::Bool, None) => self.set(flag, "true".to_owned())?,
                        (_, None) => self.arguments.push(word.clone()),
                    }
                }
                Some(_) => {
                    self.late.push(word.clone());
                    self.arguments.push(word.clone());
                }
                None => self.arguments.push(word.clone()),
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: &Flag, value: String) -> Result<(), Failure> {
        flag.check(&value)?;
        self.values.entry(flag.name).or_default().push(value);
        Ok(())
    }
}

/// Name and inline value of a word that is written as a flag; a lone `-` means standard input and is none.
fn as_flag(word: &str) -> Option<(&str, Option<&str>)> {
    let body = word.strip_prefix('-')?;
    let body = body.strip_prefix('-').unwrap_or(body);
    let (name, value) = body.split_once('=').map_or((body, None), |(name, value)| (name, Some(value)));
    (!name.is_empty() && !name.starts_with('-')).then_some((name, value))
}

fn find<'flag>(known: &[&'flag Flag], name: &str) -> Result<&'flag Flag, Failure> {
    known.iter().copied().find(|flag| flag.is_called(name)).ok_or_else(|| unknown(known, name))
}

fn unknown(known: &[&Flag], name: &str) -> Failure {
    let names = known.iter().flat_map(|flag| [Some(flag.name), flag.alias]).flatten();
    let hint = closest(name, names).map(|meant| format!("\nDid you mean -{meant}?")).unwrap_or_default();
    Failure::local(format!("flag provided but not defined: -{name}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag::bool("force", ""),
        Flag::text("format", ""),
        Flag::text("namespace", "").alias("ns"),
        Flag::number("shares", ""),
        Flag::duration("ttl", ""),
        Flag::ttl("max", ""),
        Flag::list("policy", ""),
        Flag::pairs("meta", ""),
    ];

    fn parsed(line: &str) -> Result<Parsed, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&FLAGS.iter().collect::<Vec<_>>(), &words)
    }

    fn values(line: &str, name: &str) -> Vec<String> {
        parsed(line).unwrap().values.remove(name).unwrap_or_default()
    }

    #[test]
    fn one_dash_or_two_and_a_space_or_an_equals_sign_mean_the_same() {
        for line in ["-format=json", "--format=json", "-format json", "--format json"] {
            assert_eq!(values(line, "format"), ["json"], "{line}");
        }
        assert_eq!(values("-ns=team", "namespace"), ["team"]);
        assert_eq!(values("-format=a=b", "format"), ["a=b"]);
        assert_eq!(values("-format=", "format"), [""]);
    }

    #[test]
    fn a_boolean_never_takes_the_next_word() {
        let line = parsed("-force true").unwrap();
        assert_eq!((&line.values["force"][0][..], &line.arguments[0][..]), ("true", "true"));
        assert_eq!(values("-force=false", "force"), ["false"]);
    }

    #[test]
    fn a_repeatable_flag_keeps_all_its_values_in_order() {
        assert_eq!(values("-policy=a -policy b -policy=c", "policy"), ["a", "b", "c"]);
    }

    #[test]
    fn a_flag_behind_an_argument_is_an_argument_and_noted() {
        let line = parsed("path -force key=value -policy=x -").unwrap();
        assert_eq!(line.arguments, ["path", "-force", "key=value", "-policy=x", "-"]);
        assert_eq!(line.late, ["-force", "-policy=x"]);
        assert!(line.values.is_empty());
    }

    #[test]
    fn the_format_counts_anywhere() {
        let line = parsed("path -format=json").unwrap();
        assert_eq!((line.arguments, line.values["format"].clone()), (vec!["path".to_owned()], vec!["json".to_owned()]));
    }

    #[test]
    fn behind_two_dashes_everything_is_an_argument() {
        let line = parsed("-force -- -format=json -").unwrap();
        assert_eq!(line.arguments, ["-format=json", "-"]);
        assert!(line.late.is_empty());
    }

    #[test]
    fn a_wrong_flag_is_named_with_what_is_wrong_about_it() {
        for (line, words) in [
            ("-nope", "flag provided but not defined: -nope"),
            ("-fromat=json", "flag provided but not defined: -fromat\nDid you mean -format?"),
            ("-format", "flag needs an argument: -format"),
            ("-force=maybe", "invalid value \"maybe\" for flag -force"),
            ("-shares=five", "not a whole number"),
            ("-ttl=soon", "is not a duration"),
            ("-max=soon", "is not a duration"),
            ("-meta=plain", "not of the form key=value"),
        ] {
            let failure = parsed(line).unwrap_err();
            assert!(failure.message.contains(words), "{line}: {}", failure.message);
        }
        assert_eq!(values("-max=system", "max"), ["system"]);
    }
}
