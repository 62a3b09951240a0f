//! `token create`: makes a token.

use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Failure, Invocation, Outcome, output};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "token create",
    summary: "Make a token",
    arguments: "",
    takes: (0, 0),
    about: "Makes a token, the child of the one it is asked with. Without -policy it carries its parent's policies. It \
            cannot be allowed more than its parent, nor live longer.",
    examples: &[
        ("Make a token with the policy \"support\" that lives for an hour:", "token create -policy=support -ttl=1h"),
        ("Make one for a program that renews it every day:", "token create -policy=webapp -period=24h -orphan"),
        ("Print the token alone:", "token create -field=token -policy=support"),
    ],
    flags: &[
        Flag::list("policy", "A policy for the token. May be given more than once."),
        Flag::duration("ttl", "How long it lives at first. It can be renewed, up to its maximum."),
        Flag::duration("explicit-max-ttl", "How long it can live at most, however often it is renewed."),
        Flag::duration("period", "It never reaches a maximum as long as it is renewed within this time. Needs sudo."),
        Flag::bool("renewable", "Whether it can be renewed.").default("true"),
        Flag::bool("orphan", "It has no parent: it does not end with the token it is made with. Needs sudo."),
        Flag::bool("no-default-policy", "Leave the policy \"default\" away."),
        Flag::number("use-limit", "How often it can be used. 0 is without limit."),
        Flag::text("display-name", "A name for people, shown in look-ups and audit."),
        Flag::pairs("metadata", "key=value that is stored with it. May be given more than once."),
        Flag::text("entity-alias", "The alias of an entity to make it for; needs -role."),
        Flag::text("id", "The token itself, instead of a random one. Needs sudo."),
        Flag::text("type", "The kind of token: service or batch.").default("service"),
        Flag::text("role", "The token role to make it with."),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let orphan = invocation.is_set("orphan");
    let path = match invocation.given("role").filter(|role| !role.is_empty()) {
        Some(role) => format!("auth/token/create/{role}"),
        None if orphan => "auth/token/create-orphan".to_owned(),
        None => "auth/token/create".to_owned(),
    };
    let answer = invocation.client()?.post(&path, Value::Object(body(invocation)));
    let answer = answer.map_err(|failure| failure.context("Error creating token"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error creating token: the server answered without one"))?;
    output::answer(invocation, &answer)
}

/// What was asked for, and nothing else: what is absent is for the server to decide.
fn body(invocation: &Invocation) -> Map<String, Value> {
    let mut body = Map::new();
    if !invocation.list("policy").is_empty() {
        body.insert("policies".to_owned(), json!(invocation.list("policy")));
    }
    let metadata: Map<String, Value> =
        invocation.pairs("metadata").map(|(key, value)| (key.to_owned(), value.into())).collect();
    if !metadata.is_empty() {
        body.insert("meta".to_owned(), Value::Object(metadata));
    }
    for (flag, name) in [("ttl", "ttl"), ("explicit-max-ttl", "explicit_max_ttl"), ("period", "period")] {
        if let Some(duration) = invocation.duration(flag) {
            body.insert(name.to_owned(), Value::from(format!("{}s", duration.as_secs())));
        }
    }
    for (flag, name) in
        [("display-name", "display_name"), ("id", "id"), ("entity-alias", "entity_alias"), ("type", "type")]
    {
        if let Some(text) = invocation.text(flag).filter(|text| !text.is_empty()) {
            body.insert(name.to_owned(), Value::from(text));
        }
    }
    if let Some(limit) = invocation.number("use-limit") {
        body.insert("num_uses".to_owned(), Value::from(limit));
    }
    body.insert("renewable".to_owned(), Value::Bool(invocation.is_set("renewable")));
    if invocation.is_set("orphan") {
        body.insert("no_parent".to_owned(), Value::Bool(true));
    }
    if invocation.is_set("no-default-policy") {
        body.insert("no_default_policy".to_owned(), Value::Bool(true));
    }
    body
}
