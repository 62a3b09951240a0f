//! From the logical answer to HTTP: the one place that knows status codes and the shape of the envelope.

use crate::base::{Error, Kind};
use crate::http::Answer;
use crate::logical::{Allowance, Body, Outcome, Response, envelope};
use serde_json::{Value, json};

/// Encodes what a request came to. `id` is the request's.
#[must_use]
pub fn encode(id: &str, outcome: Result<Response, Error>) -> Answer {
    let is_replay = outcome.as_ref().is_ok_and(|response| response.replay_of.is_some());
    let mut answer = match outcome {
        Ok(response) => success(id, response),
        Err(error) => failure(id, &error),
    };
    // Nothing in between may keep what may be a secret.
    answer.headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
    if is_replay {
        answer.headers.push(("Idempotency-Replayed".to_owned(), "true".to_owned()));
    }
    answer
}

/// What a client is told of its rate limit.
#[must_use]
pub fn allowance(allowance: &Allowance) -> Vec<(String, String)> {
    let reset = envelope::whole_seconds(allowance.reset).to_string();
    let mut headers = Vec::new();
    if allowance.is_refused {
        headers.push(("Retry-After".to_owned(), reset.clone()));
    }
    if allowance.is_shown {
        headers.push(("X-RateLimit-Limit".to_owned(), allowance.limit.to_string()));
        headers.push(("X-RateLimit-Remaining".to_owned(), allowance.remaining.to_string()));
        headers.push(("X-RateLimit-Reset".to_owned(), reset));
    }
    headers
}

fn success(id: &str, mut response: Response) -> Answer {
    let original = response.request_id.take();
    let id = original.as_deref().unwrap_or(id);
    let status = match response.outcome {
        Outcome::Ok => 200,
        Outcome::Accepted => 202,
        Outcome::GoneWithData => 404,
        Outcome::Sealed => 503,
        Outcome::NotInitialized => 501,
        Outcome::AsAsked(status) => status,
    };
    let is_empty = response.is_empty();
    let mut body = std::mem::take(&mut response.body);
    match &mut body {
        Body::Raw { media_type, bytes } => {
            let mut answer = Answer::json(status, std::mem::take(bytes));
            answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            answer.headers.push(("Content-Type".to_owned(), media_type.to_string()));
            answer
        }
        Body::Stream { media_type, source } => {
            let headers = vec![("Content-Type".to_owned(), (*media_type).to_owned())];
            Answer { headers, stream: source.take(), ..Answer::empty(status) }
        }
        Body::Bare(value) => json_answer(status, value.take()),
        Body::Data(data) => {
            json_answer(status, Value::Object(envelope::write(id, &response, Value::Object(std::mem::take(data)))))
        }
        Body::DataAndTop(data) => {
            let data = std::mem::take(data);
            let mut whole = envelope::write(id, &response, Value::Object(data.clone()));
            whole.extend(data);
            json_answer(status, Value::Object(whole))
        }
        Body::Empty if !is_empty => json_answer(status, Value::Object(envelope::write(id, &response, Value::Null))),
        Body::Empty if status == 200 => Answer::empty(204),
        Body::Empty => Answer::empty(status),
    }
}

fn json_answer(status: u16, mut value: Value) -> Answer {
    // What cannot be written as JSON does not exist: values came from JSON.
    let mut bytes = serde_json::to_vec(&value).unwrap_or_default();
    bytes.push(b'\n');
    crate::logical::wipe(&mut value);
    Answer::json(status, bytes)
}

fn failure(id: &str, error: &Error) -> Answer {
    let status = match error.kind() {
        Kind::BadRequest => 400,
        Kind::Denied => 403,
        Kind::NotFound => 404,
        Kind::Unsupported => 405,
        Kind::Conflict => 409,
        Kind::Mismatch => 422,
        Kind::Sealed | Kind::NotInitialized => 503,
        Kind::TooLarge => 413,
        Kind::Busy => 429,
        Kind::Upstream => 502,
        Kind::Internal => 500,
    };
    if matches!(error.kind(), Kind::Internal | Kind::Upstream) {
        log::error!("request {id}: {}", error.for_log());
    }
    let errors: Vec<&str> = Some(error.message()).filter(|message| !message.is_empty()).into_iter().collect();
    let mut body = json!({ "errors": errors });
    if let Some(reason) = error.reason() {
        body["reason"] = reason.clone();
    }
    json_answer(status, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn told(is_refused: bool, is_shown: bool) -> Vec<(String, String)> {
        let reset = Duration::from_millis(4_200);
        allowance(&Allowance { limit: 823.5, remaining: 7, reset, is_refused, is_shown })
    }

    #[test]
    fn a_refused_client_is_told_when_to_come_again() {
        assert_eq!(told(true, false), [("Retry-After".to_owned(), "5".to_owned())]);
        assert!(told(false, false).is_empty());
    }

    #[test]
    fn an_answer_that_was_given_before_says_so() {
        let given = |replay_of| encode("id", Ok(Response { replay_of, ..Response::default() }));
        let says_so = |answer: Answer| answer.headers.iter().any(|(name, _)| name == "Idempotency-Replayed");
        assert!(says_so(given(Some("first".to_owned()))) && !says_so(given(None)));
        assert_eq!(encode("id", Err(Error::mismatch("other parameters"))).status, 422);
    }

    #[test]
    fn what_a_client_has_left_is_told_where_that_is_asked_for() {
        let headers = [("X-RateLimit-Limit", "823.5"), ("X-RateLimit-Remaining", "7"), ("X-RateLimit-Reset", "5")];
        assert_eq!(told(false, true), headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
