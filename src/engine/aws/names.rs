//! Names of what is made at AWS: they say where they come from, and fit AWS's limits.

use crate::base::template::{Template, Values};
use crate::base::{Clock, Result};

/// IAM's limit on user names, in characters.
const USER: usize = 64;
/// STS's limit on session names.
const SESSION: usize = 64;

/// The published default.
const DEFAULT: &str = r#"{{ if (eq .Type "STS") }}{{ printf "vault-%s-%s" (unix_time) (random 20) | truncate 32 }}{{ else }}{{ printf "vault-%s-%s-%s" (printf "%s-%s" (.DisplayName) (.PolicyName) | truncate 42) (unix_time) (random 20) | truncate 64 }}{{ end }}"#;

/// A name for an IAM user, from the mount's template or the default.
///
/// # Errors
/// `BadRequest` when the template cannot be rendered.
pub fn user(template: &str, display_name: &str, role: &str, clock: &dyn Clock) -> Result<String> {
    let name = render(template, "IAM", display_name, role, clock)?;
    Ok(name.chars().take(USER).collect())
}

/// A name for the session of an assumed role.
///
/// # Errors
/// As [`user`].
pub fn session(given: &str, template: &str, display_name: &str, role: &str, clock: &dyn Clock) -> Result<String> {
    let name = if given.is_empty() { render(template, "STS", display_name, role, clock)? } else { allowed(given) };
    Ok(name.chars().take(SESSION).collect())
}

fn render(template: &str, kind: &str, display_name: &str, role: &str, clock: &dyn Clock) -> Result<String> {
    let template = Template::parse(if template.is_empty() { DEFAULT } else { template })?;
    let values =
        Values::new().with("Type", kind).with("DisplayName", allowed(display_name)).with("PolicyName", allowed(role));
    template.render(&values, clock).map(|name| allowed(&name))
}

/// What IAM allows in names (`[\w+=,.@-]`); all else becomes `_`.
fn allowed(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, Timestamp};

    #[test]
    fn a_user_name_says_where_it_comes_from_and_fits() -> Result<()> {
        let clock = ManualClock::at(Timestamp(1_700_000_000_000));
        let name = user("", "token-it's me", "support", &clock)?;
        assert!(name.starts_with("vault-token-it_s_me-support-1700000000-"), "{name}");
        assert!(user("", &"x".repeat(200), "support", &clock)?.len() <= 64);
        Ok(())
    }
}
