//! `config/rotate-root`: replaces the engine's own access key. The known key ids are noted first, so that a key made just
//! before a crash is found and removed by the next try; the old key goes only when the new one is stored.

use super::{Root, root};
use crate::base::{Error, Result};
use crate::engine::aws::client::Client;
use crate::engine::aws::iam;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::json;

const NOTE: &str = "config/rotate-root";

/// What was known before the rotation began.
#[derive(Serialize, Deserialize)]
struct Note {
    known: Vec<String>,
    /// The key in use when it began.
    old: String,
}

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/rotate-root",
    fields: &[],
    actions: &[Action::new(Operation::Update, rotate, "Replace the access key of config/root.")],
    exists: None,
    summary: "Replaces the engine's own access key.",
    help: "Makes a new key for the user of config/root, stores it, and deletes the old one; nobody but this server knows \
           the new secret. AWS allows a user two keys: the user must have only the one in use. If the server is stopped \
           half-way, call it again: it finishes or clears away what was begun.",
    flags: ORDINARY,
};

fn rotate(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let mut config = Root::load(ctx)?;
    let (service, keys, clock, deadline) = (config.iam(), config.keys(), ctx.clock.clone(), ctx.outside().deadline());
    let client = Client { service: &service, keys: &keys, clock: clock.as_ref(), deadline };
    let present = iam::key_ids(&client, None)?;
    if let Some(note) = ctx.load::<Note>(NOTE)? {
        clear(&client, &config, &note, &present)?;
        ctx.delete(NOTE)?;
        if note.old != config.access_key {
            return Ok(answer(&config));
        }
    }
    ctx.store(NOTE, &Note { known: iam::key_ids(&client, None)?, old: config.access_key.clone() })?;
    let made = iam::create_key(&client, None)?;
    let old = std::mem::replace(&mut config.access_key, made.id.clone());
    config.secret_key = made.secret.expose().clone();
    if let Err(error) = ctx.store(root::RECORD, &config) {
        // Nobody would know its secret: it must not stay.
        iam::delete_key(&client, None, &made.id)?;
        ctx.delete(NOTE)?;
        return Err(error);
    }
    let keys = config.keys();
    let client = Client { keys: &keys, ..client };
    iam::delete_key(&client, None, &old).map_err(|failure| {
        Error::from(failure).context(format!(
            "the new key {} is in use, the old key {old} is not deleted yet: call this again",
            made.id
        ))
    })?;
    ctx.delete(NOTE)?;
    Ok(answer(&config))
}

/// Removes what an interrupted rotation left: a key that nobody knows, or the old key after the new one was stored.
fn clear(client: &Client<'_>, config: &Root, note: &Note, present: &[String]) -> Result<()> {
    let stray = present.iter().filter(|id| **id != config.access_key && (!note.known.contains(id) || **id == note.old));
    for id in stray {
        iam::delete_key(client, None, id)?;
    }
    Ok(())
}

fn answer(config: &Root) -> Response {
    Response::json(json!({ "access_key": config.access_key }))
}
