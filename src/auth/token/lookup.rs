//! `lookup`, `lookup-self`, `lookup-accessor`: what a token is. Whoever has but the accessor is not shown the token.

use super::{ACCESSOR, TOKEN, accessor, named};
use crate::base::{Result, Timestamp};
use crate::core::authentication::LivingToken;
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Map, Operation, Response, Route};
use serde_json::{Value, json};

pub static LOOKUP: Route<Call> = Route {
    pattern: "lookup",
    fields: &[TOKEN],
    actions: &[Action::new(Operation::Update, lookup, "Shows a token.")],
    exists: None,
    summary: "Shows a token.",
    help: "Its policies, its life, and the path that made it.",
    flags: ORDINARY,
};

pub static LOOKUP_SELF: Route<Call> = Route {
    pattern: "lookup-self",
    fields: &[TOKEN],
    actions: &[
        Action::new(Operation::Read, lookup_self, "Shows the calling token."),
        Action::new(Operation::Update, lookup_self, "Shows the calling token."),
    ],
    exists: None,
    summary: "Shows the calling token.",
    help: "As lookup, for the token that the request is made with; a token in the body is passed over.",
    flags: ORDINARY,
};

pub static LOOKUP_ACCESSOR: Route<Call> = Route {
    pattern: "lookup-accessor",
    fields: &[ACCESSOR],
    actions: &[Action::new(Operation::Update, lookup_accessor, "Shows the token with this accessor, but not its id.")],
    exists: None,
    summary: "Shows a token by its accessor.",
    help: "As lookup, less the token's id.",
    flags: ORDINARY,
};

fn lookup(call: &mut Call, input: &Input) -> Result<Response> {
    let (live, token) = (call.live()?, named(input)?);
    show(live, &live.token_by_id(&token)?, token.expose())
}

fn lookup_self(call: &mut Call, _input: &Input) -> Result<Response> {
    let (live, identity) = (call.live()?, call.identity()?);
    // Not read anew: this may have been the token's last use.
    let id = call.token.as_ref().map_or("", |token| token.expose());
    Ok(Response::data(describe(&identity.living, &identity.identity_policies(), id, live.now())))
}

fn lookup_accessor(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    show(live, &live.token_by_accessor(&accessor(input)?)?, "")
}

fn show(live: &Live, living: &LivingToken, id: &str) -> Result<Response> {
    let entity = live.resolve_entity(&living.token.entity_id)?;
    let identity_policies = entity.map(|entity| entity.policies.clone()).unwrap_or_default();
    Ok(Response::data(describe(living, &identity_policies, id, live.now())))
}

fn describe(living: &LivingToken, identity_policies: &[String], id: &str, now: Timestamp) -> Map {
    let token = &living.token;
    let seconds_left = living.expires.map_or(0, |expires| now.until(expires).as_millis().div_ceil(1000));
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
    put("accessor", token.accessor.as_str().into());
    put("creation_time", living.issued.seconds().into());
    put("creation_ttl", token.creation_ttl.into());
    put("display_name", token.display_name.as_str().into());
    put("entity_id", token.entity_id.as_str().into());
    put("expire_time", living.expires.map(Timestamp::rfc3339).into());
    put("explicit_max_ttl", token.explicit_max_ttl.into());
    put("id", id.into());
    put("issue_time", living.issued.rfc3339().into());
    if let Some(renewed) = living.renewed {
        put("last_renewal", renewed.rfc3339().into());
        put("last_renewal_time", renewed.seconds().into());
    }
    put("meta", json!(token.meta));
    put("num_uses", token.num_uses.into());
    put("orphan", token.orphan.into());
    put("path", token.path.as_str().into());
    if token.period > 0 {
        put("period", token.period.into());
    }
    put("policies", json!(token.policies));
    if !identity_policies.is_empty() {
        put("identity_policies", json!(identity_policies));
    }
    if !token.role.is_empty() {
        put("role", token.role.as_str().into());
    }
    if !token.bound_cidrs.is_empty() {
        put("bound_cidrs", json!(token.bound_cidrs));
    }
    put("renewable", living.renewable.into());
    put("ttl", u64::try_from(seconds_left).unwrap_or(u64::MAX).into());
    put("type", living.kind().into());
    data
}
