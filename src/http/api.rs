//! The API as a service of the HTTP server: decode, hand to the core, encode.

use crate::base::Result;
use crate::core::Core;
use crate::core::watch::{self, AuditedHeader, InFlight};
use crate::http::cors::{self, Verdict};
use crate::http::{Answer, Request, Service, decode, encode};
use crate::logical::{self, Operation, Response};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

pub struct Api {
    pub core: Arc<Core>,
    /// How long a request may take to be served.
    pub at_most: Duration,
}

const METRICS: &str = "sys/metrics";
const FORMAT: &str = "format";

/// What a PATCH must be (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

impl Service for Api {
    fn call(&self, wire: Request) -> Answer {
        if wire.method == "PATCH" && !is_merge_patch(&wire) {
            let reason = format!("PATCH requires Content-Type of {MERGE_PATCH}: no other kind of patch is understood");
            return Answer::error(415, &reason);
        }
        match self.cors(&wire) {
            Some(Verdict::Answer(answer)) => answer,
            Some(Verdict::Headers(headers)) => {
                let mut answer = self.answer(&wire);
                answer.headers.extend(headers);
                answer
            }
            None => self.answer(&wire),
        }
    }
}

impl Api {
    /// What pages from elsewhere are told; none while sealed, and for all other clients.
    fn cors(&self, wire: &Request) -> Option<Verdict> {
        wire.headers.first("Origin")?;
        let table = self.core.live_or_none()?.headers.table();
        if table.cors.enabled { cors::judge(&table.cors, wire) } else { None }
    }

    fn answer(&self, wire: &Request) -> Answer {
        match decode::decode(wire, self.at_most) {
            Ok(mut request) => self.serve(wire, &mut request),
            Err(error) => encode::encode("", Err(error)),
        }
    }

    fn audited_headers(&self, wire: &Request) -> Arc<[AuditedHeader]> {
        let Some(live) = self.core.live_or_none() else { return Arc::default() };
        let table = live.headers.table();
        let audited = table.audited.iter().filter_map(|(name, audited)| {
            let values: Vec<String> = wire.headers.all(name).map(str::to_owned).collect();
            (!values.is_empty()).then(|| AuditedHeader { name: name.clone(), values, hashed: audited.hmac })
        });
        audited.collect()
    }

    fn serve(&self, wire: &Request, request: &mut logical::Request) -> Answer {
        let visit = self.core.watch.enter(&request.id, self.in_flight(wire));
        ask_for_text(wire, request);
        let outcome = self.open_to_all(wire, request).unwrap_or_else(|| self.core.handle(request));
        let mut answer = encode::encode(&request.id, outcome);
        answer.headers.extend(request.allowance.iter().flat_map(encode::allowance));
        if let Some((served, took)) = visit.completed(&answer.status.to_string()) {
            self.core.metrics.answered(&served.mount, request.operation, answer.status, took);
        }
        answer
    }

    fn in_flight(&self, wire: &Request) -> InFlight {
        InFlight {
            method: wire.method.clone(),
            path: wire.target.split('?').next().unwrap_or_default().to_owned(),
            peer: wire.peer,
            started: self.core.clock.now(),
            client_id: String::new(),
            // Served sealed or not, and not routed like the rest.
            mount: if wire.target.starts_with("/v1/sys/") { "sys/".to_owned() } else { String::new() },
            audited_headers: self.audited_headers(wire),
        }
    }

    /// What the listener answers to everybody, sealed or not; none for all else.
    fn open_to_all(&self, wire: &Request, request: &logical::Request) -> Option<Result<Response>> {
        if request.operation != Operation::Read {
            return None;
        }
        match request.path.as_str() {
            "sys/in-flight-req" if wire.open.in_flight_requests => Some(Ok(watch::shown(&self.core.watch))),
            METRICS if wire.open.metrics => {
                let format = request.data.get(FORMAT).and_then(Value::as_str).unwrap_or_default();
                Some(self.core.metrics_answer(format))
            }
            _ => None,
        }
    }
}

/// Prometheus says in `Accept` what it reads; its text format is meant by that.
fn ask_for_text(wire: &Request, request: &mut logical::Request) {
    let accepts = wire.headers.first("Accept").unwrap_or_default();
    if request.path.as_str() == METRICS && accepts.starts_with("application/openmetrics-text") {
        request.data.entry(FORMAT).or_insert_with(|| "prometheus".into());
    }
}

fn is_merge_patch(wire: &Request) -> bool {
    let given = wire.headers.first("Content-Type").unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(MERGE_PATCH))
}
