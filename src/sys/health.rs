//! `sys/health`: the state of the server as a status code, for load balancers. Never asks for a token.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::SEALED_OK;
use crate::logical::{Action, Field, Input, Operation, Outcome, Response, Route};
use serde_json::json;

pub static HEALTH: Route<Call> = Route {
    pattern: "health",
    fields: &[
        Field::integer("activecode", "The status code to answer while the server serves (200)."),
        Field::integer("sealedcode", "The status code to answer while it is sealed (503)."),
        Field::integer("uninitcode", "The status code to answer before it is initialised (501)."),
        Field::flag("standbyok", "Without effect: this server is never a standby."),
        Field::flag("perfstandbyok", "Without effect: this server is never a standby."),
        Field::integer("standbycode", "Without effect: this server is never a standby."),
        Field::integer("performancestandbycode", "Without effect: this server is never a standby."),
        Field::integer("drsecondarycode", "Without effect: this server does not replicate."),
        Field::integer("haunhealthycode", "Without effect: this server is never a standby."),
        Field::integer("removedcode", "Without effect: this server is alone."),
    ],
    actions: &[Action::new(Operation::Read, health, "Answers the server's state.")],
    exists: None,
    summary: "Tells load balancers how the server is.",
    help: "200 while it serves, 503 while it is sealed, 501 before it is initialised. Where a load balancer knows only \
           good and bad, the parameters choose other codes.",
    flags: SEALED_OK,
};

fn health(call: &mut Call, input: &Input) -> Result<Response> {
    let status = call.core.seal_status()?;
    let (outcome, field) = match (status.initialized, status.sealed) {
        (false, _) => (Outcome::NotInitialized, "uninitcode"),
        (true, true) => (Outcome::Sealed, "sealedcode"),
        (true, false) => (Outcome::Ok, "activecode"),
    };
    let mut body = json!({
        "initialized": status.initialized,
        "sealed": status.sealed,
        "standby": false,
        "performance_standby": false,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": call.core.clock.now().seconds(),
        "version": call.core.settings.version,
        "enterprise": false,
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
    });
    if let Some(why) = call.core.revocations_held()? {
        body["revocations_held"] = why.into();
    }
    if let Some((name, id)) = status.cluster {
        body["cluster_name"] = name.into();
        body["cluster_id"] = id.into();
    }
    let mut response = Response::bare(body);
    response.outcome = chosen(input, field)?.unwrap_or(outcome);
    Ok(response)
}

fn chosen(input: &Input, field: &str) -> Result<Option<Outcome>> {
    let Some(code) = input.integer(field) else { return Ok(None) };
    let code = u16::try_from(code).ok().filter(|code| (200..600).contains(code));
    let wrong = || Error::bad_request(format!("{field} takes an HTTP status code from 200 to 599"));
    code.map(|code| Some(Outcome::AsAsked(code))).ok_or_else(wrong)
}
