//! Denied without permission, refused while sealed, and clear about input of the wrong kind: for each path and method.

use crate::support::server::{Server, text};
use leasehold::logical::doc::{Endpoint, captured};
use leasehold::logical::{FieldKind, Operation};
use serde_json::{Value, json};

/// Engines whose mount is not there from the start, at the places that the endpoint list shows.
fn mounted(server: &Server) -> Vec<Endpoint> {
    let endpoints = leasehold::server::registry().endpoints();
    for endpoint in &endpoints {
        let name = endpoint.mount.trim_end_matches('/');
        let (path, standing) = match endpoint.class.as_str() {
            "auth" => (format!("sys/auth/{}", name.trim_start_matches("auth/")), "auth/token/"),
            _ => (format!("sys/mounts/{name}"), "cubbyhole/"),
        };
        let is_always_there = [standing, "sys/", "identity/"].contains(&endpoint.mount.as_str());
        if !is_always_there && server.get(&path).0 != 200 {
            let kind = name.rsplit('/').next().unwrap();
            let (status, answer) = server.put(&path, json!({ "type": kind }));
            assert_eq!(status, 204, "{path}: {answer}");
        }
    }
    endpoints
}

fn method(operation: Operation) -> &'static str {
    match operation {
        Operation::Read | Operation::Help => "GET",
        Operation::List => "LIST",
        Operation::Create | Operation::Update => "PUT",
        Operation::Patch => "PATCH",
        Operation::Delete => "DELETE",
    }
}

/// A path of the endpoint: every capture is filled with a name that nothing has.
fn path(endpoint: &Endpoint) -> String {
    let segments = endpoint.route.pattern.split('/').map(|segment| captured(segment).map_or(segment, |_| "nobody"));
    format!("{}{}", endpoint.mount, segments.collect::<Vec<_>>().join("/"))
}

/// Asks every method of every endpoint that needs a token, and tells what was not answered as expected.
fn unexpected(
    server: &Server,
    endpoints: &[Endpoint],
    token: &str,
    expected: impl Fn(u16, &Value) -> bool,
) -> Vec<String> {
    let (mut found, mut asked) = (Vec::new(), 0);
    for endpoint in endpoints.iter().filter(|endpoint| !endpoint.route.flags.public) {
        for action in &endpoint.route.actions {
            let (method, path) = (method(action.operation), path(endpoint));
            let (status, answer) = server.call(method, &path, token, Value::Null);
            asked += 1;
            if !expected(status, &answer) {
                found.push(format!("{method} {path}: {status} {answer}"));
            }
        }
    }
    assert!(asked > 80, "only {asked} endpoints were asked");
    found
}

fn says(answer: &Value, words: &str) -> bool {
    answer["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error.as_str() == Some(words)))
}

#[test]
fn every_endpoint_denies_those_who_may_not_and_those_who_are_nobody() {
    let server = Server::ready();
    let endpoints = mounted(&server);
    assert_eq!(server.put("sys/policies/acl/nothing", json!({"policy": "path \"no/such\" {}"})).0, 204);
    let asked = json!({"policies": ["nothing"], "no_default_policy": true});
    let (status, made) = server.put("auth/token/create", asked);
    assert_eq!(status, 200, "{made}");
    let powerless = text(&made["auth"]["client_token"]);
    let denied = |status, answer: &Value| status == 403 && says(answer, "permission denied");
    assert_eq!(unexpected(&server, &endpoints, &powerless, denied), [""; 0]);
    assert_eq!(unexpected(&server, &endpoints, "", denied), [""; 0], "without a token");
    // Where the token itself is what is asked about, the answer is about it.
    let denied = |status, answer: &Value| {
        denied(status, answer) || (status == 400 && says(answer, "wrapping token is not valid or does not exist"))
    };
    assert_eq!(unexpected(&server, &endpoints, "hvs.unknown", denied), [""; 0], "with a token that is none");
}

#[test]
fn every_endpoint_is_closed_while_the_server_is_sealed() {
    let server = Server::ready();
    let endpoints = mounted(&server);
    assert_eq!(server.put("sys/seal", Value::Null).0, 204);
    let sealed = |status, answer: &Value| status == 503 && says(answer, "Vault is sealed");
    let root = server.root.clone();
    assert_eq!(unexpected(&server, &endpoints, &root, sealed), [""; 0]);
}

/// What no field of this kind takes; none for kinds that take anything.
fn wrong(kind: FieldKind) -> Option<Value> {
    match kind {
        FieldKind::Text | FieldKind::Integer | FieldKind::Flag | FieldKind::Seconds => Some(json!([{}])),
        FieldKind::List => Some(json!([{}])),
        FieldKind::Pairs | FieldKind::Object => Some(json!(7)),
        _ => None,
    }
}

#[test]
fn every_field_says_what_it_takes_when_it_is_given_something_else() {
    let server = Server::ready();
    let endpoints = mounted(&server);
    let mut found = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| !endpoint.route.flags.open) {
        let Some(action) = endpoint.route.write() else { continue };
        for field in endpoint.route.parameters() {
            let Some(value) = wrong(field.kind) else { continue };
            let (method, path) = (method(action.operation), path(endpoint));
            let (status, answer) = server.put(&path, json!({ field.name: value }));
            let named = answer["errors"][0].as_str().is_some_and(|error| error.contains(field.name));
            if status != 400 || !named {
                found.push(format!("{method} {path}, {}: {status} {answer}", field.name));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}
