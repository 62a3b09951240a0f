//! What a new token may be: its policies within its parent's or its role's, its life within the limits. Nothing here reads or writes the
//! store.

use super::roles::Role;
use crate::base::{Error, Result, Timestamp, glob};
use crate::core::ttl::{self, Asked, Life, Limits};
use crate::logical::TokenType;
use crate::policy::{self, CONTROL_GROUP_NAME, DEFAULT_NAME, RESPONSE_WRAPPING_NAME, ROOT_NAME};

/// Who asks for a token, as far as the rules go.
pub(super) struct Parent<'p> {
    pub policies: &'p [String],
    pub expires: bool,
    /// On the path that was called; root has it everywhere.
    pub sudo: bool,
}

impl Parent<'_> {
    pub(super) fn is_root(&self) -> bool {
        self.holds(ROOT_NAME)
    }

    fn holds(&self, name: &str) -> bool {
        self.policies.iter().any(|policy| policy == name)
    }
}

/// The kind of a new token. A role may leave the choice to the request, or make it.
///
/// # Errors
/// `BadRequest` for a kind that there is not.
pub(super) fn is_batch(role: Option<&Role>, asked: &str) -> Result<bool> {
    let by_role = role.map_or(TokenType::DefaultService, |role| role.token.token_type);
    match (by_role, asked) {
        (TokenType::Service, _) => Ok(false),
        (TokenType::Batch, _) => Ok(true),
        (kind, "") => Ok(kind == TokenType::DefaultBatch),
        (_, "service") => Ok(false),
        (_, "batch") => Ok(true),
        _ => Err(Error::bad_request("invalid 'token_type' value")),
    }
}

/// The policies of a new token: canonical, sorted, each once.
///
/// # Errors
/// `BadRequest` for more than the parent or the role may give, and for policies that are never given.
pub(super) fn policies(
    parent: &Parent<'_>,
    role: Option<&Role>,
    asked: &[String],
    no_default: bool,
) -> Result<Vec<String>> {
    let asked = asked.iter().filter(|name| !name.trim().is_empty()).map(|name| policy::canonical_name(name));
    let asked = asked.collect::<Result<Vec<_>>>()?;
    let no_default = no_default || role.is_some_and(|role| role.token.no_default_policy);
    let names = match role.filter(|role| role.says_policies()) {
        Some(role) => by_role(parent, role, asked, no_default)?,
        None => by_parent(parent, asked, no_default)?,
    };
    if let Some(name) = names.iter().find(|name| [RESPONSE_WRAPPING_NAME, CONTROL_GROUP_NAME].contains(&name.as_str()))
    {
        return Err(Error::bad_request(format!("cannot assign policy {name:?}")));
    }
    if !names.iter().any(|name| name == ROOT_NAME) {
        return Ok(names);
    }
    if !parent.is_root() {
        return Err(Error::bad_request("root tokens may not be created without parent token being root"));
    }
    Ok(vec![ROOT_NAME.to_owned()])
}

/// Among the parent's policies, or where the caller has sudo, any.
fn by_parent(parent: &Parent<'_>, asked: Vec<String>, no_default: bool) -> Result<Vec<String>> {
    let privileged = parent.sudo || parent.is_root();
    // What is asked for beside root counts for nothing, and who may give root is looked at last.
    let is_root = asked.iter().any(|name| name == ROOT_NAME);
    if !privileged && !is_root && !asked.iter().all(|name| parent.holds(name)) {
        return Err(Error::bad_request("child policies must be subset of parent"));
    }
    // What is inherited has `default` where the parent has it.
    let with_default = !asked.is_empty() && (privileged || parent.holds(DEFAULT_NAME));
    let names = if asked.is_empty() { parent.policies.to_vec() } else { asked };
    if no_default {
        return Ok(sorted(names.into_iter().filter(|name| name != DEFAULT_NAME).collect(), false));
    }
    Ok(sorted(names, with_default))
}

/// Among those that the role allows and does not disallow, whatever the parent has.
fn by_role(parent: &Parent<'_>, role: &Role, asked: Vec<String>, no_default: bool) -> Result<Vec<String>> {
    let fits = |globs: &[String], name: &str| globs.iter().any(|pattern| glob::matches(pattern, name));
    let disallowed = |name: &str| {
        role.disallowed_policies.iter().any(|known| known == name) || fits(&role.disallowed_policies_glob, name)
    };
    let with_default = !no_default && !disallowed(DEFAULT_NAME);
    let names = match (asked.is_empty(), role.allows_policies()) {
        (true, true) => sorted(role.allowed_policies.clone(), with_default),
        (true, false) => sorted(parent.policies.to_vec(), with_default),
        (false, limited) => {
            let names = sorted(asked, with_default);
            let allowed = sorted(role.allowed_policies.clone(), with_default);
            let is_allowed = |name: &String| allowed.contains(name) || fits(&role.allowed_policies_glob, name);
            if limited && !names.iter().all(is_allowed) {
                return Err(Error::bad_request(format!(
                    "token policies ({}) must be subset of the role's allowed policies ({}) or glob policies ({})",
                    listed(&names),
                    listed(&allowed),
                    listed(&role.allowed_policies_glob)
                )));
            }
            names
        }
    };
    match names.iter().find(|name| disallowed(name)) {
        Some(name) => Err(Error::bad_request(format!("token policy {name:?} is disallowed by this role"))),
        None => Ok(names),
    }
}

fn sorted(mut names: Vec<String>, with_default: bool) -> Vec<String> {
    let is_root = names.iter().any(|name| name == ROOT_NAME);
    if with_default && !is_root {
        names.push(DEFAULT_NAME.to_owned());
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// `["a" "b"]`, as the reference writes lists.
fn listed(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" "))
}

/// The life that is granted, in the limits. Root alone may live for ever, and only where nothing is asked for.
///
/// # Errors
/// `BadRequest` when an expiring root would make one that does not expire.
pub(super) fn life(
    parent: &Parent<'_>,
    is_root: bool,
    asked: Asked,
    limits: Limits,
    now: Timestamp,
) -> Result<Option<Life>> {
    if !is_root || !asked.ttl.is_zero() || !asked.period.is_zero() {
        return Ok(Some(ttl::life(asked, limits, now)));
    }
    if !asked.explicit_max.is_zero() {
        return Ok(Some(ttl::life(Asked { ttl: asked.explicit_max, ..asked }, limits, now)));
    }
    if parent.expires {
        return Err(Error::bad_request("expiring root tokens cannot create non-expiring root tokens"));
    }
    Ok(None)
}

/// `token-<name>`, reduced to what is safe in logs and outside names.
pub(super) fn display_name(asked: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = asked.chars().map(safe).collect();
    format!("token-{name}").trim_end_matches('-').to_owned()
}
