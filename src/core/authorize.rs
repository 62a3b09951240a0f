//! The one place where "may this caller do this here" is decided. Only it makes [`Authorized`], and only with that value is
//! an operation reached.

use crate::base::Result;
use crate::core::Identity;
use crate::core::denial::{self, Finding};
use crate::logical::{Field, Flags, Map, Operation};
use crate::policy::{self, Acl, Question, ReadAs, Sent, Verdict};
use serde_json::Value;
use std::time::Duration;

/// Proof that the policy check let this request through.
pub struct Authorized(());

/// What is to be judged.
pub struct Wanted<'w> {
    /// Below the API's root, as rules see it.
    pub path: &'w str,
    /// The path with the names folded that its route folds, where that differs.
    pub folded: Option<String>,
    pub operation: Operation,
    pub flags: Flags,
    pub data: &'w Map,
    pub wrap_ttl: Option<Duration>,
    /// What the route takes.
    pub fields: Fields,
    /// The route tells create from update by what is there.
    pub hides_existence: bool,
}

/// A route's parameters, which know how it reads them.
pub struct Fields(pub &'static [Field]);

impl ReadAs for Fields {
    fn read_as(&self, name: &str, value: &Value) -> Option<Value> {
        self.0.iter().find(|field| field.name == name)?.parse(value).ok()
    }
}

/// Checks a caller against what it wants.
///
/// # Errors
/// `Denied`, in the words that clients look for, with the reason.
pub fn authorize(caller: Option<&Identity>, wanted: &Wanted<'_>) -> Result<Authorized> {
    if wanted.flags.public {
        return Ok(Authorized(()));
    }
    let Some(caller) = caller else { return Err(denial::without_token()) };
    match judge(&caller.acl, &wanted.question()) {
        Verdict::Allowed { .. } => Ok(Authorized(())),
        Verdict::Denied { reason, rule } => Err(Finding {
            reason: &reason,
            rule,
            path: wanted.path,
            operation: wanted.operation,
            sudo: wanted.flags.sudo,
            hides_existence: wanted.hides_existence,
        }
        .error()),
    }
}

/// Judges a path and, where it has one, its other form: a grant on either counts, and so does a refusal.
#[must_use]
pub fn judge<'a>(acl: &'a Acl, question: &Question<'_>) -> Verdict<'a> {
    let verdict = acl.judge(question);
    let Some(other) = other_form(question.path) else { return verdict };
    let other = acl.judge(&Question { path: &other, folded: None, ..*question });
    let rank = |verdict: &Verdict<'_>| match verdict {
        Verdict::Denied { .. } if verdict.is_refusal() => 3,
        Verdict::Allowed { .. } => 2,
        Verdict::Denied { rule: Some(_), .. } => 1,
        Verdict::Denied { rule: None, .. } => 0,
    };
    if rank(&other) > rank(&verdict) { other } else { verdict }
}

/// The policies that grant what is asked, by whichever of its forms [`judge`] allows it.
#[must_use]
pub fn granting(acl: &Acl, question: &Question<'_>) -> Vec<String> {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    if acl.judge(question).is_allowed() {
        return owned(acl.granting(question));
    }
    match other_form(question.path) {
        Some(other) => owned(acl.granting(&Question { path: &other, folded: None, ..*question })),
        None => Vec::new(),
    }
}

/// The lease operations have two paths each, `sys/leases/renew` and the older `sys/renew`. Answers the other form of such a
/// path.
#[must_use]
pub fn other_form(path: &str) -> Option<String> {
    const MOVED: [&str; 4] = ["renew", "revoke", "revoke-prefix", "revoke-force"];
    let is_moved = |rest: &str| MOVED.contains(&rest.split('/').next().unwrap_or(rest));
    if let Some(rest) = path.strip_prefix("sys/leases/") {
        return is_moved(rest).then(|| format!("sys/{rest}"));
    }
    let rest = path.strip_prefix("sys/")?;
    is_moved(rest).then(|| format!("sys/leases/{rest}"))
}

impl Wanted<'_> {
    /// The same as policies are asked it.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        Question {
            path: self.path,
            folded: self.folded.as_deref(),
            operation: self.operation.into(),
            sudo: self.flags.sudo,
            sent: Sent { data: self.data, wrap_ttl: self.wrap_ttl, read_as: &self.fields },
        }
    }
}

impl From<Operation> for policy::Operation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Create => Self::Create,
            Operation::Read => Self::Read,
            Operation::Update => Self::Update,
            Operation::Patch => Self::Patch,
            Operation::Delete => Self::Delete,
            Operation::List => Self::List,
            Operation::Help => Self::Help,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Subject};

    #[test]
    fn what_is_allowed_is_granted_by_the_policies_that_say_so() {
        let policies: Vec<Policy> = [
            ("reader", "path \"a/+\" { capabilities = [\"read\"] }"),
            ("lister", "path \"a/+\" { capabilities = [\"list\"] }"),
            ("admin", "path \"a/+\" { capabilities = [\"read\", \"sudo\"] }\npath \"sys/renew\" { capabilities = [\"update\"] }"),
            ("wide", "path \"*\" { capabilities = [\"read\", \"update\"] }"),
        ]
        .into_iter()
        .map(|(name, text)| Policy::parse(name, text).unwrap())
        .collect();
        let acl = Acl::new(policies.iter(), &Subject::default());
        let nothing = Map::new();
        for (path, operation, policies) in [
            ("a/b", policy::Operation::Read, &["reader", "admin"][..]),
            ("a/b", policy::Operation::Update, &[]),
            ("b", policy::Operation::Read, &["wide"]),
            ("sys/leases/renew", policy::Operation::Update, &["wide"]),
        ] {
            assert_eq!(granting(&acl, &Question::plain(path, operation, &nothing)), policies, "{path}");
        }
        let narrow = Acl::new(policies[..3].iter(), &Subject::default());
        let older = Question::plain("sys/leases/renew", policy::Operation::Update, &nothing);
        assert_eq!(granting(&narrow, &older), ["admin"], "by the older path");
        assert_eq!(granting(&Acl::root(), &older), ["root"]);
    }

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
            assert_eq!(other_form(one).as_deref(), other, "{one}");
        }
    }
}
