//! The names of users and sessions: made by a template, fit for AWS, chosen before anything exists there.

use crate::base::template::{Shape, Template, Values};
use crate::base::{Clock, Error, Result};

/// The published default: who asked and for which role, the time, and chance.
pub const DEFAULT_TEMPLATE: &str = "{{ if (eq .Type \"STS\") }}\
    {{ printf \"vault-%s-%s\" (unix_time) (random 20) | truncate 32 }}\
    {{ else }}\
    {{ printf \"vault-%s-%s-%s\" (printf \"%s-%s\" (.DisplayName) (.PolicyName) | truncate 42) (unix_time) (random 20) \
    | truncate 64 }}\
    {{ end }}";

/// What is named, which decides how long the name may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    User,
    Session,
}

/// AWS's limit on the name that a caller chooses for a session itself.
const LONGEST_SESSION: usize = 64;

/// Makes a name from the template for whoever asks, in the name of a role.
///
/// # Errors
/// `BadRequest` when the template does not render, or to a name that is empty or too long.
pub fn choose(template: &str, named: Named, display_name: &str, role: &str, clock: &dyn Clock) -> Result<String> {
    let (kind, longest) = match named {
        Named::User => ("IAM", 64),
        Named::Session => ("STS", 32),
    };
    let name = rendered(template, kind, (display_name, role), clock)?;
    match name.len() {
        0 => Err(Error::bad_request("username_template makes an empty name")),
        length if length > longest => Err(Error::bad_request(format!(
            "username_template makes a name of {length} characters; {kind} takes {longest}: use truncate"
        ))),
        _ => Ok(name),
    }
}

fn rendered(template: &str, kind: &str, (display_name, role): (&str, &str), clock: &dyn Clock) -> Result<String> {
    let values = Values::new()
        .with("Type", kind.to_owned())
        .with("DisplayName", fitting(display_name))
        .with("PolicyName", fitting(role));
    let name = Template::parse(template)
        .and_then(|template| template.render(&values, clock))
        .map_err(|error| error.context("username_template"))?;
    Ok(fitting(name.trim()))
}

/// What the names of users by a template have in common.
#[must_use]
pub fn shape(template: &str) -> Shape {
    Shape::of(|sample, clock| rendered(template, "IAM", (sample, sample), clock))
}

/// The name that the caller wants for a session, cut and cleaned as AWS takes it.
#[must_use]
pub fn session(wanted: &str) -> String {
    let mut name = fitting(wanted);
    name.truncate(LONGEST_SESSION);
    name
}

/// Keeps what AWS takes in names (`[A-Za-z0-9_+=,.@-]`), and puts an underscore for everything else.
fn fitting(text: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    text.chars().map(|character| if fits(character) { character } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, Timestamp};

    fn choose_at_noon(template: &str, named: Named, display_name: &str) -> Result<String> {
        choose(template, named, display_name, "support", &ManualClock::at(Timestamp(1_440_938_160_000)))
    }

    #[test]
    fn a_user_is_named_for_who_asked_and_for_what() -> Result<()> {
        let name = choose_at_noon(DEFAULT_TEMPLATE, Named::User, "token-ci")?;
        assert!(name.starts_with("vault-token-ci-support-1440938160-"), "{name}");
        assert_ne!(name, choose_at_noon(DEFAULT_TEMPLATE, Named::User, "token-ci")?);
        let session = choose_at_noon(DEFAULT_TEMPLATE, Named::Session, "token-ci")?;
        assert!(session.starts_with("vault-1440938160-") && session.len() <= 32, "{session}");
        Ok(())
    }

    #[test]
    fn a_name_holds_only_what_aws_takes_and_no_more_than_it_takes() -> Result<()> {
        let name = choose_at_noon(DEFAULT_TEMPLATE, Named::User, &"é/ü b:".repeat(40))?;
        assert_eq!(name.len(), 64);
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)), "{name}");
        assert_eq!(session(&"a b".repeat(40)).len(), 64);
        Ok(())
    }

    #[test]
    fn a_template_that_makes_no_name_is_told_so() {
        for (template, words) in [
            ("{{ if (eq .Type \"STS\") }}x{{ end }}", "empty name"),
            ("{{ random 65 }}", "takes 64"),
            ("{{ .Nobody }}", "username_template"),
        ] {
            let error = choose_at_noon(template, Named::User, "x").unwrap_err();
            assert!(error.message().contains(words), "{error:?}");
        }
    }
}
