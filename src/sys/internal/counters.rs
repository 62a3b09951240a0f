//! `sys/internal/counters`: how many tokens and entities there are.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};
use crate::storage::LeaseKind;
use serde_json::json;

pub static TOKENS: Route<Call> = Route {
    pattern: "internal/counters/tokens",
    fields: &[],
    actions: &[Action::new(Operation::Read, tokens, "Counts the tokens.")],
    exists: None,
    summary: "Counts the service tokens.",
    help: "Those that are being revoked count until they are gone. Batch tokens are kept nowhere and cannot be counted.",
    flags: ORDINARY,
};

pub static ENTITIES: Route<Call> = Route {
    pattern: "internal/counters/entities",
    fields: &[],
    actions: &[Action::new(Operation::Read, entities, "Counts the entities.")],
    exists: None,
    summary: "Counts the entities.",
    help: "Those that identity/entity lists, disabled ones among them.",
    flags: ORDINARY,
};

fn tokens(call: &mut Call, _: &Input) -> Result<Response> {
    let counts = call.live()?.storage.reading(|snapshot| snapshot.lease_counts())?;
    let tokens: u64 = counts.iter().filter(|row| row.kind == LeaseKind::Token).map(|row| row.count).sum();
    Ok(Response::json(json!({ "counters": { "service_tokens": { "total": tokens } } })))
}

fn entities(call: &mut Call, _: &Input) -> Result<Response> {
    let entities = call.live()?.read_identities(|records| records.list("entity/"))?.len();
    Ok(Response::json(json!({ "counters": { "entities": { "total": entities } } })))
}
