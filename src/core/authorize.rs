//! The one place where "may this caller do this here" is decided. Only it makes [`Authorized`], and only with that value is
//! an operation reached.

use crate::base::{Error, Result};
use crate::core::Identity;
use crate::logical::{Flags, Operation};
use crate::policy::{self, Reason, Verdict};

/// Proof that the policy check let this request through.
pub struct Authorized(());

/// Checks a caller against a path (below the API's root) and an operation.
///
/// # Errors
/// `Denied`, in the words that clients look for.
pub fn authorize(caller: Option<&Identity>, flags: Flags, path: &str, operation: Operation) -> Result<Authorized> {
    if flags.public {
        return Ok(Authorized(()));
    }
    let Some(caller) = caller else { return Err(Error::permission_denied()) };
    let verdict = |path: &str| caller.acl.allows(path, policy_operation(operation), flags.sudo);
    let newer = verdict(path);
    let older = older_form(path).map(|path| verdict(&path));
    let all: Vec<Verdict> = std::iter::once(newer).chain(older).collect();
    let denied = all.iter().any(|verdict| matches!(verdict, Verdict::Denied { reason: Reason::DeniedByRule, .. }));
    let allowed = all.iter().any(|verdict| matches!(verdict, Verdict::Allowed { .. }));
    if allowed && !denied { Ok(Authorized(())) } else { Err(Error::permission_denied()) }
}

/// The lease operations have two paths each, `sys/leases/renew` and the older `sys/renew`; a grant on either counts, and so
/// does a deny. Answers the other form of the path.
fn older_form(path: &str) -> Option<String> {
    const MOVED: [&str; 4] = ["renew", "revoke", "revoke-prefix", "revoke-force"];
    let is_moved = |rest: &str| MOVED.contains(&rest.split('/').next().unwrap_or(rest));
    if let Some(rest) = path.strip_prefix("sys/leases/") {
        return is_moved(rest).then(|| format!("sys/{rest}"));
    }
    let rest = path.strip_prefix("sys/")?;
    is_moved(rest).then(|| format!("sys/leases/{rest}"))
}

fn policy_operation(operation: Operation) -> policy::Operation {
    match operation {
        Operation::Create => policy::Operation::Create,
        Operation::Read => policy::Operation::Read,
        Operation::Update => policy::Operation::Update,
        Operation::Patch => policy::Operation::Patch,
        Operation::Delete => policy::Operation::Delete,
        Operation::List => policy::Operation::List,
        Operation::Help => policy::Operation::Help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_paths_have_an_older_and_a_newer_form() {
        for (one, other) in [
            ("sys/leases/renew", Some("sys/renew")),
            ("sys/renew/aws/creds/a/b", Some("sys/leases/renew/aws/creds/a/b")),
            ("sys/leases/revoke-prefix/aws/", Some("sys/revoke-prefix/aws/")),
            ("sys/leases/lookup", None),
            ("sys/renewal", None),
            ("aws/renew", None),
        ] {
            assert_eq!(older_form(one).as_deref(), other, "{one}");
        }
    }
}
