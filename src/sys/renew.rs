//! `sys/leases/renew` and its older form `sys/renew`: moves the end of a secret's lease. Tokens are renewed at
//! `auth/token/renew`.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};

pub static RENEW: Route<Call> = route("leases/renew");
pub static RENEW_URL: Route<Call> = route("leases/renew/{url_lease_id..}");
pub static OLDER: Route<Call> = route("renew");
pub static OLDER_URL: Route<Call> = route("renew/{url_lease_id..}");

const FIELDS: &[Field] = &[
    Field::text("lease_id", "The lease to renew."),
    Field::text("url_lease_id", "The lease to renew, where it is part of the path."),
    Field::seconds("increment", "How long the lease should live from now on; nothing asks for its usual length.")
        .default("0"),
];

const ACTIONS: &[Action<Call>] = &[Action::new(Operation::Update, renew, "Renews a lease.")];

const fn route(pattern: &'static str) -> Route<Call> {
    Route {
        pattern,
        fields: FIELDS,
        actions: ACTIONS,
        exists: None,
        summary: "Renews a lease.",
        help: "The lease's life is counted from now, and never passes the maximum that counts from its issue; where less was \
               granted than asked, a warning says so.",
        flags: ORDINARY,
    }
}

fn renew(call: &mut Call, input: &Input) -> Result<Response> {
    let increment = input.duration("increment").unwrap_or_default();
    let (lease, warning) = call.live()?.renew_lease(&lease_id(input)?, increment)?;
    let mut response = Response { lease: Some(lease), ..Response::default() };
    response.warnings.extend(warning);
    Ok(response)
}

/// The lease's id from the path or the body.
pub(super) fn lease_id(input: &Input) -> Result<String> {
    let given = |name| input.text(name).filter(|id| !id.is_empty());
    given("url_lease_id").or_else(|| given("lease_id")).ok_or_else(|| Error::bad_request("lease_id must be specified"))
}
