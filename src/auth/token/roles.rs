//! `roles`: what tokens that are made by a role may be. Whoever may call `create/{role}` may make what the role allows,
//! beyond the caller's own policies, and nothing else.
//!
//! Invariant: a role is a record of the token mount, and nothing of it is copied into a token but what limits that one token;
//! deleting a role ends no token.

use crate::base::{Error, Result, duration};
use crate::core::records::MountRecords;
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::token_parameters::{OF_ROLES, TokenParameters, TokenType, folded};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::json;

const FOLDER: &str = "roles/";

pub static LIST: Route<Call> = Route {
    pattern: "roles",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the names of the token roles.")],
    exists: None,
    summary: "Lists the token roles.",
    help: "The answer has their names.",
    flags: ORDINARY,
};

pub static ROLE: Route<Call> = Route {
    pattern: "roles/{role_name}",
    fields: &FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Shows a token role."),
        Action::new(Operation::Create, write, "Makes a token role."),
        Action::new(Operation::Update, write, "Changes a token role."),
        Action::new(Operation::Delete, delete, "Deletes a token role."),
    ],
    exists: Some(exists),
    summary: "Makes, shows and deletes a token role.",
    help: "A role says what the tokens of auth/token/create/{role_name} may be. With allowed policies they are chosen from \
           these and not from the caller's. The path of a token holds the role's name and its path_suffix, so that \
           sys/leases/revoke-prefix ends all that were made by it. Deleting the role ends none of them.",
    flags: ORDINARY,
};

const OWN: [Field; 13] = [
    Field::text("role_name", "The role's name."),
    Field::list("allowed_policies", "The policies that tokens may have; without, those of the caller."),
    Field::list("allowed_policies_glob", "More of them, as patterns in which * stands for any text."),
    Field::list("disallowed_policies", "Policies that no token gets; `default` keeps that from being added."),
    Field::list("disallowed_policies_glob", "More of them, as patterns in which * stands for any text."),
    Field::flag("orphan", "The tokens have no parent.").default("false"),
    Field::flag("renewable", "Whether the tokens can be renewed.").default("true"),
    Field::text("path_suffix", "Added to the path of the tokens, to tell those of one time from those of another."),
    Field::list("allowed_entity_aliases", "The aliases for which tokens may be made; * stands for any text."),
    Field::seconds("period", "The older name of token_period."),
    Field::seconds("explicit_max_ttl", "The older name of token_explicit_max_ttl."),
    Field::list("bound_cidrs", "The older name of token_bound_cidrs."),
    Field::text("name", "Passed over: the name is in the path."),
];

static FIELDS: [Field; OWN.len() + OF_ROLES.len()] = Field::joined(OWN, OF_ROLES);

const OLDER: &[(&str, &str)] =
    &[("period", "token_period"), ("explicit_max_ttl", "token_explicit_max_ttl"), ("bound_cidrs", "token_bound_cidrs")];

/// A role as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    pub allowed_policies: Vec<String>,
    pub allowed_policies_glob: Vec<String>,
    pub disallowed_policies: Vec<String>,
    pub disallowed_policies_glob: Vec<String>,
    pub orphan: bool,
    pub renewable: bool,
    pub path_suffix: String,
    /// Folded.
    pub allowed_entity_aliases: Vec<String>,
    pub token: TokenParameters,
    /// Which of the parameters were last given by their older names, and are shown by these too.
    pub older: Vec<String>,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            allowed_entity_aliases: Vec::new(),
            token: TokenParameters { token_type: TokenType::DefaultService, ..TokenParameters::default() },
            older: Vec::new(),
        }
    }
}

impl Role {
    /// The role of this name.
    ///
    /// # Errors
    /// `Internal` when it does not open.
    pub fn find(live: &Live, name: &str) -> Result<Option<Self>> {
        MountRecords::at(live, "auth/token/")?.load(&format!("{FOLDER}{name}"))
    }

    /// Whether tokens may have only the policies that the role names.
    #[must_use]
    pub fn allows_policies(&self) -> bool {
        !self.allowed_policies.is_empty() || !self.allowed_policies_glob.is_empty()
    }

    /// Whether the role has a say in the policies at all.
    #[must_use]
    pub fn says_policies(&self) -> bool {
        self.allows_policies() || !self.disallowed_policies.is_empty() || !self.disallowed_policies_glob.is_empty()
    }

    fn take(&mut self, input: &Input) -> Result<()> {
        for (name, place) in [
            ("allowed_policies", &mut self.allowed_policies),
            ("allowed_policies_glob", &mut self.allowed_policies_glob),
            ("disallowed_policies", &mut self.disallowed_policies),
            ("disallowed_policies_glob", &mut self.disallowed_policies_glob),
            ("allowed_entity_aliases", &mut self.allowed_entity_aliases),
        ] {
            if input.given(name) {
                *place = folded(&input.list(name).unwrap_or_default());
            }
        }
        for (name, place) in [("orphan", &mut self.orphan), ("renewable", &mut self.renewable)] {
            if input.given(name) {
                *place = input.flag(name).unwrap_or_default();
            }
        }
        if input.given("path_suffix") {
            self.path_suffix = path_suffix(&input.text("path_suffix").unwrap_or_default())?;
        }
        for (old, new) in OLDER {
            if input.given(old) || input.given(new) {
                self.older.retain(|name| name != old);
            }
            if input.given(old) && !input.given(new) {
                self.older.push((*old).to_owned());
            }
        }
        self.token.take(input, OLDER)?;
        if self.token.token_type == TokenType::Default {
            self.token.token_type = TokenType::DefaultService;
        }
        self.check()
    }

    /// A batch token is none of what a role may make of others.
    fn check(&self) -> Result<()> {
        if self.token.token_type != TokenType::Batch {
            return Ok(());
        }
        let refused = [
            (!self.orphan, "non-orphan tokens"),
            (self.token.period > 0, "periodic tokens"),
            (self.renewable, "renewable tokens"),
            (self.token.explicit_max_ttl > 0, "tokens with an explicit max TTL"),
        ];
        match refused.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, what)) => {
                Err(Error::bad_request(format!("'token_type' cannot be 'batch' when role is set to generate {what}")))
            }
            None => Ok(()),
        }
    }

    fn describe(&self, name: &str) -> Response {
        let token = &self.token;
        let by_older = |old: &str| self.older.iter().any(|name| name == old);
        let mut shown = json!({
            "allowed_entity_aliases": self.allowed_entity_aliases,
            "allowed_policies": self.allowed_policies,
            "allowed_policies_glob": self.allowed_policies_glob,
            "disallowed_policies": self.disallowed_policies,
            "disallowed_policies_glob": self.disallowed_policies_glob,
            "explicit_max_ttl": if by_older("explicit_max_ttl") { token.explicit_max_ttl } else { 0 },
            "name": name,
            "orphan": self.orphan,
            "path_suffix": self.path_suffix,
            "period": if by_older("period") { token.period } else { 0 },
            "renewable": self.renewable,
            "token_explicit_max_ttl": token.explicit_max_ttl,
            "token_no_default_policy": token.no_default_policy,
            "token_period": token.period,
            "token_type": token.token_type.name(),
        });
        if !token.bound_cidrs.is_empty() {
            shown["token_bound_cidrs"] = json!(token.bound_cidrs);
            if by_older("bound_cidrs") {
                shown["bound_cidrs"] = json!(token.bound_cidrs);
            }
        }
        if token.num_uses > 0 {
            shown["token_num_uses"] = json!(token.num_uses);
        }
        Response::json(shown)
    }
}

/// A suffix that can stand in a path, and can be found again in one.
fn path_suffix(text: &str) -> Result<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = text.len() >= 3
        && text.starts_with(is_word)
        && text.ends_with(is_word)
        && text.chars().all(|c| is_word(c) || c == '-' || c == '.');
    if text.contains("..") {
        return Err(Error::bad_request("error registering path suffix: path cannot contain parent references"));
    }
    if !text.is_empty() && !fits {
        return Err(Error::bad_request(
            "given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w",
        ));
    }
    Ok(text.to_owned())
}

fn list(call: &mut Call, _input: &Input) -> Result<Response> {
    let names = MountRecords::at(call.live()?, "auth/token/")?.list(FOLDER)?;
    if names.is_empty() {
        return Err(Error::not_found(""));
    }
    Ok(Response::keys(names))
}

fn exists(call: &mut Call, input: &Input) -> Result<bool> {
    MountRecords::at(call.live()?, "auth/token/")?.has(&path(input)?)
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    Role::find(call.live()?, &name)?.map(|role| role.describe(&name)).ok_or_else(|| Error::not_found(""))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let path = path(input)?;
    let role = MountRecords::at(live, "auth/token/")?.change(&path, |role: Option<Role>| {
        let mut role = role.unwrap_or_default();
        role.take(input)?;
        Ok(role)
    })?;
    let longest = live.limits(&*live.mount_at("auth/token/")?).max;
    let mut response = Response::empty();
    for (name, length) in
        [("token_explicit_max_ttl", role.token.explicit_max_ttl()), ("token_period", role.token.period())]
    {
        if length > longest {
            let (length, longest) = (duration::short(length.as_secs()), duration::short(longest.as_secs()));
            response = response.warn(format!(
                "{name} of {length:?} is greater than the maximum of {longest:?}; tokens are capped accordingly"
            ));
        }
    }
    Ok(response)
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    MountRecords::at(call.live()?, "auth/token/")?.remove(&path(input)?)?;
    Ok(Response::empty())
}

fn path(input: &Input) -> Result<String> {
    Ok(format!("{FOLDER}{}", input.required("role_name")?))
}
