//! What a new token may be: its policies within its parent's, its life within the limits. Nothing here reads or writes the
//! store.

use crate::base::{Error, Result, Timestamp, duration};
use crate::core::ttl::{self, Limits};
use crate::policy::{self, CONTROL_GROUP_NAME, DEFAULT_NAME, RESPONSE_WRAPPING_NAME, ROOT_NAME};
use std::time::Duration;

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

/// The policies of a new token: canonical, sorted, each once.
///
/// # Errors
/// `BadRequest` for more than the parent may give, and for policies that are never given.
pub(super) fn policies(parent: &Parent<'_>, asked: &[String], no_default: bool) -> Result<Vec<String>> {
    let mut names: Vec<String> = match asked.iter().filter(|name| !name.trim().is_empty()).collect::<Vec<_>>() {
        none if none.is_empty() => parent.policies.to_vec(),
        some => some.into_iter().map(|name| policy::canonical_name(name)).collect::<Result<_>>()?,
    };
    names.sort_unstable();
    names.dedup();
    if let Some(name) = names.iter().find(|name| [RESPONSE_WRAPPING_NAME, CONTROL_GROUP_NAME].contains(&name.as_str()))
    {
        return Err(Error::bad_request(format!("cannot assign policy {name:?}")));
    }
    if names.iter().any(|name| name == ROOT_NAME) {
        if !parent.is_root() {
            return Err(Error::bad_request("root tokens may not be created without parent token being root"));
        }
        return Ok(vec![ROOT_NAME.to_owned()]);
    }
    if !parent.sudo && !parent.is_root() && !names.iter().all(|name| parent.holds(name)) {
        return Err(Error::bad_request("child policies must be subset of parent"));
    }
    if no_default {
        names.retain(|name| name != DEFAULT_NAME);
    } else if !names.iter().any(|name| name == DEFAULT_NAME)
        && (parent.sudo || parent.is_root() || parent.holds(DEFAULT_NAME))
    {
        names.push(DEFAULT_NAME.to_owned());
        names.sort_unstable();
    }
    Ok(names)
}

/// The life that is asked for; zero is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    pub ttl: Duration,
    pub explicit_max: Duration,
    pub period: Duration,
}

/// The life that is granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// None: for ever.
    pub expires: Option<Timestamp>,
    pub maximum: Option<Timestamp>,
    pub explicit_max: Duration,
    pub period: Duration,
    pub warnings: Vec<String>,
}

/// Fits what is asked into the mount's limits. A period escapes the maximum, since each renewal begins it anew, but is not
/// longer than it itself; an explicit maximum is escaped by nothing.
///
/// # Errors
/// `BadRequest` when an expiring root would make one that does not expire.
pub(super) fn life(parent: &Parent<'_>, is_root: bool, asked: Asked, limits: Limits, now: Timestamp) -> Result<Life> {
    let mut warnings = Vec::new();
    let mut capped = |what: &str, asked: Duration| {
        if asked > limits.max {
            let (asked, max) = (duration::short(asked.as_secs()), duration::short(limits.max.as_secs()));
            warnings.push(format!(
                "{what} of {asked:?} is greater than the maximum of {max:?}; value is capped accordingly"
            ));
        }
        asked.min(limits.max)
    };
    let (explicit_max, period) = (capped("explicit_max_ttl", asked.explicit_max), capped("period", asked.period));
    if is_root && asked.ttl.is_zero() && period.is_zero() && explicit_max.is_zero() {
        if parent.expires {
            return Err(Error::bad_request("expiring root tokens cannot create non-expiring root tokens"));
        }
        return Ok(Life { expires: None, maximum: None, explicit_max, period, warnings });
    }
    let wanted = match (period.is_zero(), is_root && asked.ttl.is_zero()) {
        (false, _) => period,
        (true, true) => explicit_max,
        (true, false) => asked.ttl,
    };
    let bounds = limits.narrowed(None, Some(explicit_max));
    let granted = ttl::grant(wanted, bounds, now, now);
    warnings.extend(granted.warning);
    let maximum = (period.is_zero() || !explicit_max.is_zero()).then(|| now.plus(bounds.max));
    Ok(Life { expires: Some(granted.expires), maximum, explicit_max, period, warnings })
}

/// `token-<name>`, reduced to what is safe in logs and outside names.
pub(super) fn display_name(asked: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = asked.chars().map(safe).collect();
    format!("token-{name}").trim_end_matches('-').to_owned()
}
