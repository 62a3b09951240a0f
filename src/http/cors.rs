//! Pages in browsers that call the API from elsewhere (CORS): what they are answered before the API is asked, and with it.

use crate::core::headers::Cors;
use crate::http::{Answer, Request};

const METHODS: &str = "DELETE, GET, OPTIONS, POST, PUT, LIST, PATCH";

/// What a request with an `Origin` comes to: an answer that is all, or headers for the API's.
pub(super) enum Verdict {
    Answer(Answer),
    Headers(Vec<(String, String)>),
}

/// Judges a request where CORS is configured. Whoever sends no `Origin` is no page.
pub(super) fn judge(cors: &Cors, wire: &Request) -> Option<Verdict> {
    let origin = wire.headers.first("Origin").filter(|origin| !origin.is_empty())?;
    if !cors.allows(origin) {
        return Some(Verdict::Answer(Answer::error(403, "origin not allowed")));
    }
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![field("Access-Control-Allow-Origin", origin), field("Vary", "Origin")];
    if wire.method != "OPTIONS" {
        return Some(Verdict::Headers(headers));
    }
    let asked = wire.headers.first("Access-Control-Request-Method").unwrap_or_default();
    if !METHODS.split(", ").any(|known| known == asked) {
        return Some(Verdict::Answer(Answer::empty(405)));
    }
    headers.push(field("Access-Control-Allow-Methods", METHODS));
    headers.push(field("Access-Control-Allow-Headers", &cors.allowed_headers.join(",")));
    headers.push(field("Access-Control-Max-Age", "300"));
    Some(Verdict::Answer(Answer { headers, ..Answer::empty(204) }))
}
