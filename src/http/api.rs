//! The API as a service of the HTTP server: decode, hand to the core, encode.

use crate::core::Core;
use crate::http::{Answer, Request, Service, decode, encode};
use std::sync::Arc;
use std::time::Duration;

pub struct Api {
    pub core: Arc<Core>,
    /// How long a request may take to be served.
    pub at_most: Duration,
}

/// What a PATCH must be (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

impl Service for Api {
    fn call(&self, wire: Request) -> Answer {
        if wire.method == "PATCH" && !is_merge_patch(&wire) {
            let reason = format!("PATCH requires Content-Type of {MERGE_PATCH}: no other kind of patch is understood");
            return Answer::error(415, &reason);
        }
        match decode::decode(&wire, self.at_most) {
            Ok(mut request) => {
                let outcome = self.core.handle(&mut request);
                let mut answer = encode::encode(&request.id, outcome);
                answer.headers.extend(request.allowance.iter().flat_map(encode::allowance));
                answer
            }
            Err(error) => encode::encode("", Err(error)),
        }
    }
}

fn is_merge_patch(wire: &Request) -> bool {
    let given = wire.headers.first("Content-Type").unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(MERGE_PATCH))
}
