//! The parameters of the tokens that are made: the same for every auth method and for token roles, so that they are one table
//! here, with how they are read, checked and shown. What they come to for one token is the core's business.

use crate::base::cidr::Cidr;
use crate::base::{Error, Result, fold};
use crate::logical::{Field, Input, Map};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

const TTL: Field = Field::seconds("token_ttl", "How long a token lives at first, and with each renewal.");
const MAX_TTL: Field = Field::seconds("token_max_ttl", "How long a token may live, counted from its making.");
const POLICIES: Field = Field::list("token_policies", "The policies of the tokens.");
const BOUND_CIDRS: Field =
    Field::list("token_bound_cidrs", "Blocks of addresses from which a token can be had and used; none are all.");
const EXPLICIT_MAX_TTL: Field =
    Field::seconds("token_explicit_max_ttl", "The end of a token's life, counted from its making, whatever renews it.");
const NO_DEFAULT_POLICY: Field = Field::flag("token_no_default_policy", "Leaves the policy `default` out.");
const NUM_USES: Field = Field::integer("token_num_uses", "How many requests a token is good for; 0 is any number.");
const PERIOD: Field =
    Field::seconds("token_period", "Each renewal gives a token this long again, without a maximum; 0 is none.");
const TYPE: Field =
    Field::text("token_type", "The kind of the tokens: service, batch, or default for the mount's own.");

/// What a token role has of them: it says nothing of policies and length, which each request does.
pub const OF_ROLES: [Field; 6] = [BOUND_CIDRS, EXPLICIT_MAX_TTL, NO_DEFAULT_POLICY, NUM_USES, PERIOD, TYPE];

/// What an auth method has of them: all.
pub const OF_METHODS: [Field; 9] =
    [TTL, MAX_TTL, POLICIES, BOUND_CIDRS, EXPLICIT_MAX_TTL, NO_DEFAULT_POLICY, NUM_USES, PERIOD, TYPE];

/// The kind of token that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenType {
    /// What the mount says, which is `service` unless it was tuned.
    #[default]
    Default,
    Service,
    Batch,
    /// `service` unless the request asks for another.
    DefaultService,
    /// `batch` unless the request asks for another.
    DefaultBatch,
}

impl TokenType {
    /// # Errors
    /// `BadRequest` for what is no kind of token.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "" | "default" => Self::Default,
            "service" => Self::Service,
            "batch" => Self::Batch,
            "default-service" => Self::DefaultService,
            "default-batch" => Self::DefaultBatch,
            _ => return Err(Error::bad_request(format!("invalid 'token_type' value {text:?}"))),
        })
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }

    /// Whether a batch token is made where the request asks for nothing else.
    #[must_use]
    pub fn is_batch(self) -> bool {
        matches!(self, Self::Batch | Self::DefaultBatch)
    }
}

/// The parameters as they are stored. Lengths are in seconds, and 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenParameters {
    pub ttl: u64,
    pub max_ttl: u64,
    /// Folded, sorted, each once.
    pub policies: Vec<String>,
    /// Blocks that parse, as they were given.
    pub bound_cidrs: Vec<String>,
    pub explicit_max_ttl: u64,
    pub no_default_policy: bool,
    pub num_uses: u32,
    pub period: u64,
    pub token_type: TokenType,
    /// The older names by which some of them were given last: reading shows those, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<String>,
}

impl TokenParameters {
    /// Takes what a request gives; the rest stays as it is. `older` are the method's older names for them, as
    /// `("policies", "token_policies")`, which count where the newer one is not given.
    ///
    /// # Errors
    /// `BadRequest` naming the parameter, and for parameters that exclude each other.
    pub fn take(&mut self, input: &Input, older: &[(&str, &str)]) -> Result<()> {
        let given = |name: &'static str| -> Option<&str> {
            let old = older.iter().find(|(old, new)| *new == name && input.given(old)).map(|(old, _)| *old);
            if input.given(name) { Some(name) } else { old }
        };
        let seconds = |name: &str| input.duration(name).unwrap_or_default().as_secs();
        for (name, place) in [
            ("token_ttl", &mut self.ttl),
            ("token_max_ttl", &mut self.max_ttl),
            ("token_explicit_max_ttl", &mut self.explicit_max_ttl),
            ("token_period", &mut self.period),
        ] {
            given(name).into_iter().for_each(|name| *place = seconds(name));
        }
        if let Some(name) = given("token_policies") {
            self.policies = folded(&input.list(name).unwrap_or_default());
        }
        if let Some(name) = given("token_bound_cidrs") {
            self.bound_cidrs = blocks(&input.list(name).unwrap_or_default())?;
        }
        if let Some(name) = given("token_no_default_policy") {
            self.no_default_policy = input.flag(name).unwrap_or_default();
        }
        if let Some(name) = given("token_num_uses") {
            let uses = input.integer(name).unwrap_or_default();
            self.num_uses = u32::try_from(uses).map_err(|_| {
                Error::bad_request(format!("{name:?} takes the number of uses of a token, 0 for any, and not {uses}"))
            })?;
        }
        if let Some(name) = given("token_type") {
            self.token_type = TokenType::parse(&input.text(name).unwrap_or_default())?;
        }
        for (old, new) in older {
            if input.given(old) || input.given(new) {
                self.older.retain(|name| name != old);
            }
            if input.given(old) && !input.given(new) {
                self.older.push((*old).to_owned());
            }
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        if self.max_ttl > 0 && self.ttl > self.max_ttl {
            return Err(Error::bad_request("'token_ttl' cannot be greater than 'token_max_ttl'"));
        }
        let refused = match (self.token_type.is_batch(), self.period, self.num_uses) {
            (true, 1.., _) => "periodic tokens",
            (true, _, 1..) => "tokens with limited use count",
            _ => return Ok(()),
        };
        Err(Error::bad_request(format!(
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate {refused}"
        )))
    }

    /// All of them, as reading a method's configuration shows them.
    #[must_use]
    pub fn describe(&self) -> Map {
        let shown = json!({
            "token_bound_cidrs": self.bound_cidrs,
            "token_explicit_max_ttl": self.explicit_max_ttl,
            "token_max_ttl": self.max_ttl,
            "token_no_default_policy": self.no_default_policy,
            "token_num_uses": self.num_uses,
            "token_period": self.period,
            "token_policies": self.policies,
            "token_ttl": self.ttl,
            "token_type": self.token_type.name(),
        });
        if let Value::Object(shown) = shown { shown } else { Map::new() }
    }

    /// As [`Self::describe`], and by their older names those that were given by these last.
    #[must_use]
    pub fn describe_with(&self, older: &[(&str, &str)]) -> Map {
        let mut shown = self.describe();
        for (old, new) in older.iter().filter(|(old, _)| self.older.iter().any(|name| name == old)) {
            shown.get(*new).cloned().into_iter().for_each(|value| drop(shown.insert((*old).to_owned(), value)));
        }
        shown
    }

    #[must_use]
    pub fn period(&self) -> Duration {
        Duration::from_secs(self.period)
    }

    #[must_use]
    pub fn explicit_max_ttl(&self) -> Duration {
        Duration::from_secs(self.explicit_max_ttl)
    }
}

/// Names of policies in the form in which they compare, sorted, each once.
#[must_use]
pub fn folded(names: &[String]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| fold(name)).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
}

/// Checks that these are blocks of addresses.
///
/// # Errors
/// `BadRequest` naming the first that is none.
pub fn blocks(texts: &[String]) -> Result<Vec<String>> {
    texts.iter().map(|text| Cidr::parse(text).map(|_| text.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logical::Operation;

    static FIELDS: [Field; 11] = Field::joined(OF_METHODS, [Field::list("policies", ""), Field::seconds("ttl", "")]);
    const OLDER: &[(&str, &str)] = &[("policies", "token_policies"), ("ttl", "token_ttl")];

    fn taken(before: TokenParameters, body: Value) -> Result<TokenParameters> {
        let (input, _) = Input::parse(Operation::Update, "", &FIELDS, &[], body.as_object().unwrap())?;
        let mut parameters = before;
        parameters.take(&input, OLDER)?;
        Ok(parameters)
    }

    fn old_names(body: Value) -> Result<Map> {
        Ok(taken(TokenParameters::default(), body)?.describe_with(OLDER))
    }

    #[test]
    fn what_is_given_is_taken_and_the_rest_stays() -> Result<()> {
        let body = json!({
            "token_ttl": "1h", "token_max_ttl": 7200, "token_policies": "Web, app,web", "token_bound_cidrs": ["10.0.0.0/8"],
            "token_explicit_max_ttl": "1d", "token_no_default_policy": true, "token_num_uses": "3", "token_period": "0",
            "token_type": "service",
        });
        let first = taken(TokenParameters::default(), body)?;
        assert_eq!(first.policies, ["app", "web"]);
        assert_eq!((first.ttl, first.max_ttl, first.explicit_max_ttl, first.num_uses), (3600, 7200, 86_400, 3));
        let second = taken(first.clone(), json!({ "token_ttl": 60 }))?;
        assert_eq!(second, TokenParameters { ttl: 60, ..first.clone() });
        let emptied = taken(first, json!({ "token_policies": [], "token_bound_cidrs": "", "token_num_uses": 0 }))?;
        assert!(emptied.policies.is_empty() && emptied.bound_cidrs.is_empty() && emptied.num_uses == 0);
        assert_eq!(emptied.describe().len(), OF_METHODS.len());
        Ok(())
    }

    #[test]
    fn an_older_name_counts_where_the_newer_one_is_not_given() -> Result<()> {
        let old = taken(TokenParameters::default(), json!({ "policies": ["a"], "ttl": "1m" }))?;
        assert_eq!((old.policies, old.ttl), (vec!["a".to_owned()], 60));
        let both = taken(TokenParameters::default(), json!({ "policies": ["a"], "token_policies": ["b"] }))?;
        assert_eq!(both.policies, ["b"]);
        assert!(!both.describe_with(OLDER).contains_key("policies"));
        let shown = old_names(json!({ "policies": ["a"] }))?;
        assert_eq!((&shown["policies"], &shown["token_policies"]), (&json!(["a"]), &json!(["a"])));
        Ok(())
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (body, words) in [
            (json!({ "token_ttl": "2h", "token_max_ttl": "1h" }), "'token_ttl' cannot be greater"),
            (json!({ "token_num_uses": -1 }), "token_num_uses"),
            (json!({ "token_bound_cidrs": ["10.0.0.0/40"] }), "10.0.0.0/40"),
            (json!({ "token_type": "other" }), "invalid 'token_type' value \"other\""),
            (json!({ "token_type": "batch", "token_period": "1h" }), "periodic tokens"),
            (json!({ "token_type": "default-batch", "token_num_uses": 1 }), "limited use count"),
        ] {
            let error = taken(TokenParameters::default(), body).unwrap_err();
            assert!(error.message().contains(words), "{error:?}");
        }
    }
}
