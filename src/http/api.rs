//! The API as a service of the HTTP server: decode, hand to the core, encode.

use crate::base::Result;
use crate::core::Core;
use crate::core::watch::{self, InFlight};
use crate::http::{Answer, Request, Service, decode, encode};
use crate::logical::{self, Response};
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
            Ok(mut request) => self.serve(&wire, &mut request),
            Err(error) => encode::encode("", Err(error)),
        }
    }
}

impl Api {
    fn serve(&self, wire: &Request, request: &mut logical::Request) -> Answer {
        let visit = self.core.watch.enter(&request.id, self.in_flight(wire));
        let outcome = self.open_to_all(wire).unwrap_or_else(|| self.core.handle(request));
        let mut answer = encode::encode(&request.id, outcome);
        answer.headers.extend(request.allowance.iter().flat_map(encode::allowance));
        visit.completed(&answer.status.to_string());
        answer
    }

    fn in_flight(&self, wire: &Request) -> InFlight {
        InFlight {
            method: wire.method.clone(),
            path: wire.target.split('?').next().unwrap_or_default().to_owned(),
            peer: wire.peer,
            started: self.core.clock.now(),
            client_id: String::new(),
            mount: String::new(),
        }
    }

    /// What the listener answers to everybody, sealed or not; none for all else.
    fn open_to_all(&self, wire: &Request) -> Option<Result<Response>> {
        let path = wire.target.split('?').next().unwrap_or_default();
        match path.strip_prefix("/v1/sys/")? {
            "in-flight-req" if wire.open.in_flight_requests && wire.method == "GET" => {
                Some(Ok(watch::shown(&self.core.watch)))
            }
            _ => None,
        }
    }
}

fn is_merge_patch(wire: &Request) -> bool {
    let given = wire.headers.first("Content-Type").unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(MERGE_PATCH))
}
