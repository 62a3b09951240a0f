//! `renew`, `renew-self`, `renew-accessor`: moves the end of a token's life. All that a token made lives no longer for it.

use super::roles::Role;
use super::{ACCESSOR, TOKEN, accessor, named};
use crate::base::{Error, Result, Secret};
use crate::core::authentication::{LivingToken, all_policies};
use crate::core::tokens::TokenRecord;
use crate::core::ttl::Limits;
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Auth, Caller, Field, Input, Operation, Response, Route};
use crate::storage::LeaseRow;
use std::time::Duration;

const INCREMENT: Field =
    Field::seconds("increment", "How long the token should live from now on; nothing asks for its first length again.")
        .default("0");

pub static RENEW: Route<Call> = Route {
    pattern: "renew",
    fields: &[TOKEN, INCREMENT],
    actions: &[Action::new(Operation::Update, renew, "Renews a token.")],
    exists: None,
    summary: "Renews a token.",
    help: "The new length counts from now and never passes the maximum that counts from the token's making. A token with a \
           period gets its period again, whatever is asked.",
    flags: ORDINARY,
};

pub static RENEW_SELF: Route<Call> = Route {
    pattern: "renew-self",
    fields: &[TOKEN, INCREMENT],
    actions: &[Action::new(Operation::Update, renew_self, "Renews the calling token.")],
    exists: None,
    summary: "Renews the calling token.",
    help: "As renew, for the token that the request is made with; a token in the body is passed over.",
    flags: ORDINARY,
};

pub static RENEW_ACCESSOR: Route<Call> = Route {
    pattern: "renew-accessor",
    fields: &[ACCESSOR, INCREMENT],
    actions: &[Action::new(Operation::Update, renew_accessor, "Renews the token with this accessor.")],
    exists: None,
    summary: "Renews a token by its accessor.",
    help: "As renew; the answer does not hold the token.",
    flags: ORDINARY,
};

fn renew(call: &mut Call, input: &Input) -> Result<Response> {
    let token = named(input)?;
    let living = call.live()?.token_by_id(&token)?;
    extend(call, input, &living, token)
}

fn renew_self(call: &mut Call, input: &Input) -> Result<Response> {
    let identity = call.identity()?;
    extend(call, input, &identity.living, call.token.clone().unwrap_or_default())
}

fn renew_accessor(call: &mut Call, input: &Input) -> Result<Response> {
    let living = call.live()?.token_by_accessor(&accessor(input)?)?;
    extend(call, input, &living, Secret::default())
}

fn extend(call: &Call, input: &Input, living: &LivingToken, token: Secret<String>) -> Result<Response> {
    let (row, record, renewable) = (living.row_to_be("renewed")?, &living.token, living.renewable);
    if !renewable || row.expires.is_none() {
        return Err(Error::bad_request("lease is not renewable"));
    }
    let live = call.live()?;
    let (period, limits) = match &record.login {
        Some(login) => {
            let mount = live.mount_of(&row.mount)?;
            let caller = Caller { peer: call.peer, certificates: call.certificates.clone(), ..Caller::default() };
            live.renewal_of_login(&mount, record, login, caller, row.issued)?
        }
        None => {
            let period = period(live, record)?;
            (period, limits(live, row, record, period)?)
        }
    };
    let asked = if period.is_zero() { input.duration("increment").unwrap_or_default() } else { Duration::ZERO };
    let granted = live.extend(row.id, asked, limits)?;
    let entity = live.living_entity(&record.entity_id)?;
    let auth = Auth {
        token,
        accessor: record.accessor.clone(),
        policies: all_policies(&record.policies, entity.as_deref()),
        token_policies: record.policies.clone(),
        identity_policies: entity.map(|entity| entity.policies.clone()).unwrap_or_default(),
        metadata: record.meta.clone(),
        ttl: live.now().until(granted.expires),
        renewable,
        entity_id: record.entity_id.clone(),
        token_type: "service",
        orphan: record.orphan,
        num_uses: record.num_uses,
    };
    let mut response = Response { auth: Some(auth), ..Response::default() };
    response.warnings.extend(granted.warning);
    Ok(response)
}

/// The period that each renewal gives: the one that its role has now, where a role made it.
fn period(live: &Live, record: &TokenRecord) -> Result<Duration> {
    if record.role.is_empty() {
        return Ok(Duration::from_secs(record.period));
    }
    let gone = || Error::bad_request(format!("original token role {:?} could not be found, not renewing", record.role));
    Ok(Role::find(live, &record.role)?.ok_or_else(gone)?.token.period())
}

/// A period begins anew with each renewal, so that the mount's maximum bounds the period itself and not the whole life; an
/// explicit maximum bounds both.
fn limits(live: &Live, row: &LeaseRow, record: &TokenRecord, period: Duration) -> Result<Limits> {
    let mount = live.limits(&*live.mount_at("auth/token/")?);
    let explicit = Some(Duration::from_secs(record.explicit_max_ttl)).filter(|max| !max.is_zero());
    if period.is_zero() {
        return Ok(mount.narrowed(Some(Duration::from_secs(record.creation_ttl)), explicit));
    }
    let period = period.min(mount.max);
    // The extension looks at the clock once more, a little later than here.
    let end = row.issued.until(live.now()) + period + Duration::from_secs(60);
    Ok(Limits { default: period, max: explicit.map_or(end, |explicit| explicit.min(end)) })
}
