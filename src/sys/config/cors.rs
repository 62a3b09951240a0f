//! `sys/config/cors`: the pages in browsers that may call the API from elsewhere.

use crate::base::Result;
use crate::core::Call;
use crate::core::headers::Cors;
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static CORS: Route<Call> = Route {
    pattern: "config/cors",
    fields: &[
        Field::list("allowed_origins", "Origins whose pages may call, as https://ui.example.org; a star alone: all."),
        Field::list("allowed_headers", "Headers that they may send, besides those that clients always need."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows whose pages may call."),
        Action::new(Operation::Update, write, "Lets pages of these origins call."),
        Action::new(Operation::Delete, delete, "Lets no page from elsewhere call."),
    ],
    exists: None,
    summary: "Which pages in browsers may call the API from elsewhere (CORS).",
    help: "Off until it is written. Browsers ask first; pages of other origins are refused with 403.",
    flags: SUDO,
};

/// What clients of the API send.
pub const ALWAYS: [&str; 11] = [
    "Content-Type",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Vault-Policy-Override",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-Namespace",
];

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let table = call.live()?.headers.table();
    if !table.cors.enabled {
        return Ok(Response::data_and_top(json!({ "enabled": false })));
    }
    Ok(Response::data_and_top(json!({
        "enabled": true,
        "allowed_origins": table.cors.allowed_origins,
        "allowed_headers": table.cors.allowed_headers,
    })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let mut allowed_headers = ALWAYS.map(str::to_owned).to_vec();
    for header in input.list("allowed_headers").unwrap_or_default() {
        if !allowed_headers.iter().any(|known| known.eq_ignore_ascii_case(&header)) {
            allowed_headers.push(header);
        }
    }
    let cors =
        Cors { enabled: true, allowed_origins: input.list("allowed_origins").unwrap_or_default(), allowed_headers };
    cors.check()?;
    call.live()?.change_headers(|table| {
        table.cors = cors.clone();
        Ok(())
    })?;
    Ok(Response::empty())
}

fn delete(call: &mut Call, _: &Input) -> Result<Response> {
    call.live()?.change_headers(|table| {
        table.cors = Cors::default();
        Ok(())
    })?;
    Ok(Response::empty())
}
