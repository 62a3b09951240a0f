//! `sys/quotas/config`: what holds for all rate limits.

use crate::base::Result;
use crate::core::Call;
use crate::core::quotas::Config;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static CONFIG: Route<Call> = Route {
    pattern: "quotas/config",
    fields: &[
        Field::list(
            "rate_limit_exempt_paths",
            "Paths that no rate limit holds for; a star at the end stands for anything.",
        ),
        Field::flag("enable_rate_limit_audit_logging", "Put requests that a rate limit refuses on record, too."),
        Field::flag("enable_rate_limit_response_headers", "Tell clients with each answer what they have left."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows what holds for all rate limits."),
        Action::new(Operation::Update, write, "Sets what holds for all rate limits."),
    ],
    exists: None,
    summary: "What holds for all rate limits.",
    help: "What is not given stays as it is. Requests that are served while sealed (status, unsealing) are never limited.",
    flags: ORDINARY,
};

fn read(call: &mut Call, _input: &Input) -> Result<Response> {
    let Config { rate_limit_exempt_paths, enable_rate_limit_audit_logging, enable_rate_limit_response_headers } =
        call.live()?.quotas.table().config.clone();
    Ok(Response::json(json!({
        "enable_rate_limit_audit_logging": enable_rate_limit_audit_logging,
        "enable_rate_limit_response_headers": enable_rate_limit_response_headers,
        "rate_limit_exempt_paths": rate_limit_exempt_paths,
    })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let before = live.quotas.table().config.clone();
    let flag = |name, before| input.flag(name).unwrap_or(before);
    live.configure_quotas(&Config {
        rate_limit_exempt_paths: input.list("rate_limit_exempt_paths").unwrap_or(before.rate_limit_exempt_paths),
        enable_rate_limit_audit_logging: flag(
            "enable_rate_limit_audit_logging",
            before.enable_rate_limit_audit_logging,
        ),
        enable_rate_limit_response_headers: flag(
            "enable_rate_limit_response_headers",
            before.enable_rate_limit_response_headers,
        ),
    })?;
    Ok(Response::empty())
}
