//! The AWS engine in a real server, against an emulator that checks every signature and authorises every call.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod forgotten;
mod reconcile;
mod sessions;
mod sources;

use serde_json::{Value, json};
use support::moto::{Moto, REGION};
use support::server::Server;

/// Mounts the engine and points it to the emulator, with its administrator's keys where `keys` are wanted.
fn configure(server: &Server, moto: &Moto, keys: bool) {
    done(server.put("sys/mounts/aws", json!({"type": "aws"})));
    let mut root = json!({"region": REGION, "iam_endpoint": moto.endpoint, "sts_endpoint": moto.endpoint});
    if keys {
        root["access_key"] = json!(moto.admin.access_key);
        root["secret_key"] = json!(moto.admin.secret_key);
    }
    done(server.put("aws/config/root", root));
}

fn done((status, answer): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{status} {answer}");
    answer
}
