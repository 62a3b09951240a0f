//! Passwords by policy: how long they are, of which characters, and of which of them at least how many.
//!
//! Owns the policies' text form and the drawing. Invariant: every password that a policy allows is as likely as every other:
//! candidates are drawn evenly from all characters together, and those that break a rule are thrown away whole.

#[cfg(test)]
mod tests;

use crate::base::hcl::{self, Block, Item, Kind, Value};
use crate::base::{Error, Result, Secret, random};
use zeroize::Zeroizing;

pub const SHORTEST: usize = 4;
pub const LONGEST: usize = 100;

/// What holds where no policy is named.
pub const DEFAULT: &str = "length = 20\n\n\
    rule \"charset\" {\n  charset = \"abcdefghijklmnopqrstuvwxyz\"\n  min-chars = 1\n}\n\
    rule \"charset\" {\n  charset = \"ABCDEFGHIJKLMNOPQRSTUVWXYZ\"\n  min-chars = 1\n}\n\
    rule \"charset\" {\n  charset = \"0123456789\"\n  min-chars = 1\n}\n\
    rule \"charset\" {\n  charset = \"-\"\n  min-chars = 1\n}\n";

/// How many different characters there may be: as many as a byte has values.
const MOST_CHARACTERS: usize = 256;

/// Candidates that are drawn before a policy is given up: some tenths of a second's work.
const CANDIDATES: usize = 100_000;

/// Passwords that are made before a policy is taken to be one that works.
const TRIALS: usize = 10;

/// A parsed policy.
#[derive(Debug, Clone)]
pub struct Policy {
    length: usize,
    /// All characters of all rules, each once.
    characters: Vec<char>,
    rules: Vec<Rule>,
}

/// At least `minimum` of these characters. They are indices into the policy's.
#[derive(Debug, Clone)]
struct Rule {
    members: Vec<bool>,
    minimum: usize,
}

impl Policy {
    /// Reads a policy: `length = 20` and any number of `rule "charset" { charset = "…" min-chars = 1 }`, in HCL or JSON.
    ///
    /// # Errors
    /// `BadRequest` with the place, or with what is missing or cannot be.
    pub fn parse(text: &str) -> Result<Self> {
        let mut length = None;
        let mut charsets: Vec<(Vec<char>, usize)> = Vec::new();
        for item in hcl::parse(text)?.items {
            match item.key.text.as_str() {
                "length" if length.is_some() => {
                    return Err(item.key.position.error("length is given twice; expected it once"));
                }
                "length" => length = Some(number(item.attribute()?)?),
                "rule" => {
                    for block in item.labelled_blocks()? {
                        charsets.push(charset(block)?);
                    }
                }
                other => {
                    return Err(item.key.position.error(format!("invalid key {other:?}; expected length or rule")));
                }
            }
        }
        let length = length.ok_or_else(|| Error::bad_request("the policy says no length; expected length = 20"))?;
        Self::new(length, charsets)
    }

    fn new(length: usize, charsets: Vec<(Vec<char>, usize)>) -> Result<Self> {
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(Error::bad_request(format!("passwords must be between {SHORTEST} and {LONGEST} characters")));
        }
        let mut characters: Vec<char> = charsets.iter().flat_map(|(charset, _)| charset).copied().collect();
        characters.sort_unstable();
        characters.dedup();
        if characters.is_empty() {
            return Err(Error::bad_request("no charsets specified: expected rule \"charset\" { charset = \"…\" }"));
        }
        if characters.len() > MOST_CHARACTERS {
            return Err(Error::bad_request(format!(
                "the charsets hold {} different characters together; the most is {MOST_CHARACTERS}",
                characters.len()
            )));
        }
        let least = charsets.iter().fold(0_usize, |sum, (_, minimum)| sum.saturating_add(*minimum));
        if least > length {
            return Err(Error::bad_request(format!(
                "the rules ask for at least {least} characters (min-chars), and the length is {length}"
            )));
        }
        let members = |charset: &[char]| characters.iter().map(|character| charset.contains(character)).collect();
        let rules = charsets.iter().map(|(charset, minimum)| Rule { members: members(charset), minimum: *minimum });
        Ok(Self { length, rules: rules.filter(|rule| rule.minimum > 0).collect(), characters })
    }

    /// Makes a password.
    ///
    /// # Errors
    /// `BadRequest` when hardly any candidate keeps the rules.
    pub fn generate(&self) -> Result<Secret<String>> {
        for _ in 0..CANDIDATES {
            let drawn = self.draw()?;
            if self.rules.iter().all(|rule| rule.is_kept(&drawn)) {
                let bytes = drawn.iter().map(|index| self.characters[usize::from(*index)].len_utf8()).sum();
                let mut password = String::with_capacity(bytes);
                password.extend(drawn.iter().map(|index| self.characters[usize::from(*index)]));
                return Ok(Secret::new(password));
            }
        }
        Err(Error::bad_request(format!(
            "unable to generate a password: of {CANDIDATES} candidates none kept the policy's rules; ask for fewer min-chars"
        )))
    }

    /// Sees that passwords can be made by this policy, and fast enough.
    ///
    /// # Errors
    /// As [`Policy::generate`].
    pub fn try_out(&self) -> Result<()> {
        (0..TRIALS).try_for_each(|_| self.generate().map(drop))
    }

    /// A candidate: indices of characters, each as likely as each other.
    fn draw(&self) -> Result<Zeroizing<Vec<u8>>> {
        let count = self.characters.len();
        // What lies above the largest multiple of the count is thrown away, so that no character is favoured.
        let fair = MOST_CHARACTERS - MOST_CHARACTERS % count;
        let mut drawn = Zeroizing::new(Vec::with_capacity(self.length));
        while drawn.len() < self.length {
            let fresh = Zeroizing::new(random::bytes::<64>()?);
            let indices = fresh.iter().map(|byte| usize::from(*byte)).filter(|value| *value < fair);
            let indices = indices.filter_map(|value| u8::try_from(value % count).ok());
            let missing = self.length - drawn.len();
            drawn.extend(indices.take(missing));
        }
        Ok(drawn)
    }
}

impl Rule {
    fn is_kept(&self, drawn: &[u8]) -> bool {
        drawn.iter().filter(|index| self.members[usize::from(**index)]).count() >= self.minimum
    }
}

fn charset(block: Block<'_>) -> Result<(Vec<char>, usize)> {
    if block.label.text != "charset" {
        return Err(block.label.position.error(format!("there is no rule {:?}; expected charset", block.label.text)));
    }
    let (mut characters, mut minimum) = (None, None);
    for item in block.items {
        match item.key.text.as_str() {
            "charset" if characters.is_none() => characters = Some(printable(item)?),
            "min-chars" if minimum.is_none() => minimum = Some(number(item.attribute()?)?),
            key @ ("charset" | "min-chars") => {
                return Err(item.key.position.error(format!("{key} is given twice; expected it once")));
            }
            other => {
                return Err(item.key.position.error(format!("invalid key {other:?}; expected charset or min-chars")));
            }
        }
    }
    let missing = || block.label.position.error("the rule names no characters; expected charset = \"…\"");
    let characters: Vec<char> = characters.filter(|found: &Vec<char>| !found.is_empty()).ok_or_else(missing)?;
    Ok((characters, minimum.unwrap_or_default()))
}

fn printable(item: &Item) -> Result<Vec<char>> {
    let value = item.attribute()?;
    let Kind::String(text) = &value.kind else { return Err(value.unexpected("a string of characters")) };
    let is_printable = |character: char| !character.is_control() && (character == ' ' || !character.is_whitespace());
    if let Some(character) = text.chars().find(|character| !is_printable(*character)) {
        return Err(value
            .position
            .error(format!("the charset holds a character that cannot be printed: {character:?}")));
    }
    Ok(text.chars().collect())
}

/// A number of characters; also in quotes, as JSON writers may have it.
fn number(value: &Value) -> Result<usize> {
    let number = match &value.kind {
        Kind::Number(text) | Kind::String(text) => hcl::integer(text).and_then(|number| usize::try_from(number).ok()),
        _ => None,
    };
    number.ok_or_else(|| value.unexpected("a number of characters"))
}
