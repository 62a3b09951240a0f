//! What a role's users may do: `creation_statements` is a JSON array of ACL rules, `["~app:*", "+@read"]`.
//!
//! Invariant: a rule says nothing of passwords nor of whether the user is on: those are the engine's, and a rule for them
//! could leave a user open to everybody.

use crate::base::{Error, Result};
use crate::engine::database::statements::items;

/// What a user may where its role does not say.
const DEFAULT: [&str; 2] = ["~*", "+@read"];

/// The rules of a list of statements.
///
/// # Errors
/// `BadRequest` naming the rule that cannot be one of them.
pub fn read(statements: &[String]) -> Result<Vec<String>> {
    let rules: Vec<String> = items(statements).into_iter().filter(|rule| !rule.trim().is_empty()).collect();
    if rules.is_empty() {
        return Ok(DEFAULT.map(str::to_owned).to_vec());
    }
    rules
        .iter()
        .enumerate()
        .try_for_each(|(at, rule)| check_rule(rule).map_err(|error| error.context(format!("rule {}", at + 1))))?;
    Ok(rules)
}

/// Looks statements over before they are stored. Users are made by rules; nothing else about them is by statements.
///
/// # Errors
/// As [`read`]; also for statements that the server would never be sent.
pub fn check(statements: &[String], placeholders: &[&str]) -> Result<()> {
    let is_creation = placeholders.contains(&"expiration") && placeholders.contains(&"password");
    if is_creation {
        return read(statements).map(drop);
    }
    if statements.iter().all(|statement| statement.trim().is_empty()) {
        return Ok(());
    }
    Err(Error::bad_request(
        "Redis takes statements for creating users alone: a JSON array of ACL rules in creation_statements",
    ))
}

fn check_rule(rule: &str) -> Result<()> {
    // Selectors have spaces of their own, between brackets.
    let is_selector = rule.starts_with('(') && rule.ends_with(')');
    if rule.contains(|character: char| character.is_control() || (character.is_whitespace() && !is_selector)) {
        return Err(Error::bad_request(
            "it has spaces or control characters in it; each rule is an item of its own: [\"~app:*\", \"+@read\"]",
        ));
    }
    let word = rule.to_ascii_lowercase();
    let is_engines = matches!(word.as_str(), "on" | "off" | "nopass" | "resetpass" | "reset")
        || word.starts_with(['>', '<', '#', '!']);
    if is_engines {
        return Err(Error::bad_request("passwords, on and off are the engine's own business: leave the rule out"));
    }
    let is_rule = word.starts_with(['+', '-', '~', '&', '%', '('])
        || ["allkeys", "resetkeys", "allcommands", "nocommands", "allchannels", "resetchannels", "clearselectors"]
            .contains(&word.as_str())
        || ["sanitize-payload", "skip-sanitize-payload"].contains(&word.as_str());
    if is_rule { Ok(()) } else { Err(Error::bad_request("it is no ACL rule, as \"~app:*\" and \"+@read\" are")) }
}
