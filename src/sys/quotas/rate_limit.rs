//! `sys/quotas/rate-limit`: how many requests a client may send.

use super::{INHERITABLE, NAME, PATH, choice, find, inheritable, names, scope, word};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::quotas::{Kind, RateLimit};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;
use std::time::Duration;

pub static LIST: Route<Call> = Route {
    pattern: "quotas/rate-limit",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the names of all rate limits.")],
    exists: None,
    summary: "Lists the names of all rate limits.",
    help: "Rate limits whose mount is gone are gone with it.",
    flags: ORDINARY,
};

pub static QUOTA: Route<Call> = Route {
    pattern: "quotas/rate-limit/{name}",
    fields: &[
        NAME,
        PATH,
        Field::text("rate", "How many requests a client may send in each interval; fractions are allowed."),
        Field::seconds("interval", "The time that rate is for.").default("1s"),
        Field::seconds("block_interval", "How long a client that reached the limit is refused altogether.")
            .default("0"),
        Field::text("role", "Not available: no mount here tells the role of a request before it is served.")
            .default(""),
        INHERITABLE,
        Field::text(
            "group_by",
            "Who shares an allowance: ip (each client address has one), none (all share one), entity_then_ip or \
             entity_then_none (each entity has one, the rest have them by address, or share one).",
        )
        .default("ip"),
        Field::text("secondary_rate", "With the entity groups: the rate of requests without an entity; 0 is rate.")
            .default("0"),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows a rate limit."),
        Action::new(Operation::Update, write, "Makes a rate limit, or replaces it as a whole."),
        Action::new(Operation::Delete, delete, "Deletes a rate limit."),
    ],
    exists: None,
    summary: "How many requests a client may send.",
    help: "A client that sends more is answered 429, with the time to wait in Retry-After. Of all rate limits that a request \
           falls under, the most specific one counts: a path before a mount, a mount before the whole server. Allowances are \
           kept in memory: they are full after a start, and after the quota was changed. An IPv6 network of 64 bits counts \
           as one address.",
    flags: ORDINARY,
};

fn list(call: &mut Call, _input: &Input) -> Result<Response> {
    let live = call.live()?;
    names(live, &live.quotas.table().rate_limits)
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let table = live.quotas.table();
    let (quota, path) = find(live, &table.rate_limits, input)?;
    Ok(Response::json(json!({
        "type": Kind::RateLimit.name(),
        "name": quota.name,
        "path": path,
        "role": quota.scope.role,
        "rate": quota.rate,
        "interval": quota.interval.as_secs(),
        "block_interval": quota.block_interval.as_secs(),
        "inheritable": quota.inheritable,
        "group_by": word(&quota.group_by),
        "secondary_rate": quota.secondary_rate,
    })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let rate = number(input, "rate")?.filter(|rate| *rate > 0.0);
    let rate = rate.ok_or_else(|| Error::bad_request("'rate' is invalid: it is a number of requests above 0"))?;
    let interval = input.duration("interval").filter(|interval| !interval.is_zero());
    let scope = scope(live, Kind::RateLimit, input)?;
    live.put_rate_limit(RateLimit {
        name: input.required("name")?,
        inheritable: inheritable(input, &scope)?,
        scope,
        rate,
        interval: interval.ok_or_else(|| Error::bad_request("'interval' is invalid: it is one second or more"))?,
        block_interval: input.duration("block_interval").unwrap_or(Duration::ZERO),
        group_by: choice(input, "group_by", "ip, none, entity_then_ip, entity_then_none")?,
        secondary_rate: number(input, "secondary_rate")?.unwrap_or_default(),
        generation: 0,
    })?;
    Ok(Response::empty())
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    call.live()?.delete_quota(Kind::RateLimit, &input.required("name")?)?;
    Ok(Response::empty())
}

/// A number that is not negative and not beyond all bounds.
fn number(input: &Input, field: &'static str) -> Result<Option<f64>> {
    let Some(text) = input.text(field).filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..=1e12).contains(number));
    number.map(Some).ok_or_else(|| Error::bad_request(format!("'{field}' is invalid: it is a number from 0 up")))
}
