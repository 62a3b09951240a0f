//! `sys/policies/explain` and `explain-self`: which rule of which policy allows or denies an operation at a path, which others
//! match and lose, and what would allow it.
//!
//! Nothing is done at the path, and nothing that is there is looked at.

#[cfg(test)]
mod tests;

use crate::base::{Error, Kind, Result, Secret};
use crate::core::authorize::{self, Wanted};
use crate::core::denial::{self, Finding};
use crate::core::routing::Target;
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, CanonicalPath, Field, Input, Map, Operation, Response, Route};
use crate::policy::{self, Acl, Match, Policy, ROOT_NAME, Subject, Verdict};
use serde_json::{Value, json};
use std::sync::Arc;

const PATH: Field = Field::text("path", "The path, below the root of the API: aws/creds/support.").required();
const OPERATION: Field =
    Field::text("operation", "What is to be done there: create, read, update, patch, delete or list; write is update.")
        .default("read");
const CAPABILITY: Field = Field::text("capability", "Another name of \"operation\".");
const DATA: Field = Field::object("data", "Parameters that the request would carry.");
const WRAP_TTL: Field = Field::seconds("wrap_ttl", "How long the token around a wrapped answer would live.");
const HELP: &str = "The answer tells whether it is allowed, the rule that decides with its policy and line, every rule that \
                    matches, the rules left out because their template has no value, and under to_allow the smallest policy \
                    that would allow it and takes nothing away; that is empty where no further policy helps. Nothing is done \
                    at the path.";

pub static EXPLAIN: Route<Call> = Route {
    pattern: "policies/explain",
    fields: &[
        Field::text("token", "The token to ask about."),
        Field::text("accessor", "The accessor of the token to ask about."),
        Field::list("policies", "The policies to ask about, as if a token had them."),
        PATH,
        OPERATION,
        CAPABILITY,
        DATA,
        WRAP_TTL,
    ],
    actions: &[Action::new(Operation::Update, of_others, "Explains what policies allow a token to do.")],
    exists: None,
    summary: "Explains which rule allows or denies something to a token.",
    help: HELP,
    flags: ORDINARY,
};

pub static EXPLAIN_SELF: Route<Call> = Route {
    pattern: "policies/explain-self",
    fields: &[PATH, OPERATION, CAPABILITY, DATA, WRAP_TTL],
    actions: &[Action::new(Operation::Update, of_caller, "Explains what policies allow the calling token to do.")],
    exists: None,
    summary: "Explains which rule allows or denies something to the calling token.",
    help: HELP,
    flags: ORDINARY,
};

fn of_caller(call: &mut Call, input: &Input) -> Result<Response> {
    let bearer = call.live()?.bearer(call.identity()?.token())?;
    explain(call, &bearer.policies, &bearer.subject, input)
}

fn of_others(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let given = |name: &str| input.text(name).filter(|text| !text.is_empty());
    let policies = input.list("policies").filter(|policies| !policies.is_empty());
    let lease = match (given("token"), given("accessor"), policies) {
        (Some(token), None, None) => {
            live.token_by_id(&Secret::new(token)).map_err(|error| unknown(error, "invalid token"))?
        }
        (None, Some(accessor), None) => {
            live.token_by_accessor(&accessor).map_err(|error| unknown(error, "invalid accessor"))?
        }
        (None, None, Some(policies)) => {
            let names = policies.iter().map(|name| policy::canonical_name(name)).collect::<Result<Vec<_>>>()?;
            return explain(call, &names, &Subject::default(), input);
        }
        _ => return Err(Error::bad_request("give one of token, accessor and policies")),
    };
    let bearer = live.bearer(&lease.token).map_err(|error| unknown(error, "invalid token"))?;
    explain(call, &bearer.policies, &bearer.subject, input)
}

/// It is the question that is wrong, not the caller's own token.
fn unknown(error: Error, what: &'static str) -> Error {
    if error.kind() == Kind::Internal { error } else { Error::bad_request(what) }
}

/// What is asked about, resolved.
struct Case<'c> {
    live: &'c Live,
    names: &'c [String],
    subject: &'c Subject,
    target: Target,
    path: CanonicalPath,
    operation: Operation,
    data: Map,
}

fn explain(call: &Call, names: &[String], subject: &Subject, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let operation = operation(input)?;
    let path = CanonicalPath::from_text(&input.required("path")?)?;
    let path = if operation == Operation::List { path.as_folder() } else { path };
    let target = Target::resolve(&call.core, live, path.as_str())?;
    let case = Case { live, names, subject, target, path, operation, data: input.map("data").unwrap_or_default() };
    let wanted = case.wanted(input);
    let mut answer = Map::new();
    answer.insert("path".to_owned(), wanted.path.into());
    answer.insert("operation".to_owned(), operation.name().into());
    answer.insert("policies".to_owned(), json!(names));
    answer.insert("unknown_policies".to_owned(), json!(case.unknown()));
    answer.extend(case.answer(&wanted)?);
    Ok(Response::data(answer))
}

fn operation(input: &Input) -> Result<Operation> {
    let name = input.text("capability").filter(|name| !name.is_empty()).or_else(|| input.text("operation"));
    Ok(match name.unwrap_or_default().to_lowercase().as_str() {
        "create" => Operation::Create,
        "read" => Operation::Read,
        "update" | "write" => Operation::Update,
        "patch" => Operation::Patch,
        "delete" => Operation::Delete,
        "list" => Operation::List,
        other => {
            return Err(Error::bad_request(format!(
                "invalid operation {other:?}; expected create, read, update, patch, delete or list"
            )));
        }
    })
}

impl Case<'_> {
    fn wanted(&self, input: &Input) -> Wanted<'_> {
        let wrap_ttl = input.duration("wrap_ttl").filter(|ttl| !ttl.is_zero());
        self.target.wanted(&self.path, self.operation, &self.data, wrap_ttl)
    }

    /// Names that no policy has, or had.
    fn unknown(&self) -> Vec<&String> {
        self.names.iter().filter(|name| self.live.policies.text(name).is_none()).collect()
    }

    fn answer(&self, wanted: &Wanted<'_>) -> Result<Map> {
        if wanted.flags.public {
            return Ok(verdict(true, "The path is open to all: it needs no token."));
        }
        if self.names.iter().any(|name| name == ROOT_NAME) {
            return Ok(verdict(true, "The policy \"root\" allows everything."));
        }
        let policies = match self.live.policies.compiled(&self.live.barrier, self.names) {
            Ok(policies) => policies,
            Err(error) => {
                let mut answer = verdict(false, error.message());
                answer.extend(error.reason().map(|reason| ("reason".to_owned(), reason.clone())));
                return Ok(answer);
            }
        };
        let acl = Acl::new(policies.iter().map(AsRef::as_ref), self.subject);
        let mut answer = self.judged(wanted, &acl);
        answer.insert("matches".to_owned(), matches(wanted, &acl));
        answer.insert("left_out".to_owned(), left_out(&acl));
        answer.insert("to_allow".to_owned(), self.remedy(wanted, &policies).into());
        Ok(answer)
    }

    fn judged(&self, wanted: &Wanted<'_>, acl: &Acl) -> Map {
        match authorize::judge(acl, &wanted.question()) {
            Verdict::Allowed { rule } => {
                let message = rule.map_or_else(String::new, |rule| {
                    format!("Allowed by path {:?} in policy {:?}, line {}.", rule.pattern, rule.policy, rule.line)
                });
                let mut answer = verdict(true, &message);
                answer.insert("rule".to_owned(), rule.map(denial::shown).into());
                answer
            }
            Verdict::Denied { reason, rule } => {
                let reason = Finding {
                    reason: &reason,
                    rule,
                    path: wanted.path,
                    operation: self.operation,
                    sudo: wanted.flags.sudo,
                    hides_existence: false,
                }
                .describe();
                let mut answer = verdict(false, reason["message"].as_str().unwrap_or_default());
                answer.insert("rule".to_owned(), rule.map(denial::shown).into());
                answer.insert("reason".to_owned(), reason);
                answer
            }
        }
    }

    fn remedy(&self, wanted: &Wanted<'_>, policies: &[Arc<Policy>]) -> Option<String> {
        let policies: Vec<&Policy> = policies.iter().map(AsRef::as_ref).collect();
        policy::remedy(&policies, self.subject, &wanted.question())
    }
}

fn verdict(allowed: bool, message: &str) -> Map {
    let mut answer = Map::new();
    answer.insert("allowed".to_owned(), allowed.into());
    answer.insert("message".to_owned(), message.into());
    answer
}

/// The rules for the path and, where it has one, for its other form.
fn matches(wanted: &Wanted<'_>, acl: &Acl) -> Value {
    let question = wanted.question();
    let other = authorize::other_form(wanted.path);
    let others = other.iter().flat_map(|path| acl.matches(&policy::Question { path, folded: None, ..question }));
    acl.matches(&question).into_iter().chain(others).map(|found| shown(&found)).collect()
}

fn shown(found: &Match<'_>) -> Value {
    let mut shown = denial::shown(found.rule);
    shown["capabilities"] = found.capabilities.names().collect();
    shown["standing"] = found.standing.name().into();
    shown
}

fn left_out(acl: &Acl) -> Value {
    let shown = |left: &policy::LeftOut| {
        let mut shown = denial::shown(&left.rule);
        shown["why"] = left.why.as_str().into();
        shown
    };
    acl.left_out().iter().map(shown).collect()
}
