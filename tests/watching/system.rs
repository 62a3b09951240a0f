//! The system's endpoints that tell of the server and set how it meets the world.

use crate::support::http_client;
use crate::support::server::{Server, text};
use serde_json::{Value, json};

/// A request as a browser makes it for a page of this origin; status and headers.
fn from_page(server: &Server, method: &str, origin: &str, extra: &[(&str, &str)]) -> (u16, Vec<(String, String)>) {
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{}/v1/sys/health", server.address))
        .header("Origin", origin);
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    let answer = http_client().run(request.body(Vec::<u8>::new()).unwrap()).unwrap();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status().as_u16(), headers.collect())
}

fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[test]
fn pages_from_elsewhere_call_only_where_they_are_let() {
    let mut server = Server::ready();
    assert_eq!(server.get("sys/config/cors").1["data"], json!({ "enabled": false }));
    let (status, headers) = from_page(&server, "GET", "https://ui.example", &[]);
    assert_eq!((status, value(&headers, "Access-Control-Allow-Origin")), (200, None));
    assert_eq!(server.put("sys/config/cors", json!({})).0, 400);
    assert_eq!(server.put("sys/config/cors", json!({ "allowed_origins": "*,https://ui.example" })).0, 400);
    let asked = json!({ "allowed_origins": ["https://ui.example"], "allowed_headers": "X-Custom" });
    assert_eq!(server.put("sys/config/cors", asked).0, 204);
    let (_, shown) = server.get("sys/config/cors");
    assert_eq!((&shown["enabled"], &shown["data"]["allowed_origins"]), (&json!(true), &json!(["https://ui.example"])));
    let is_there = |header: &str| shown["allowed_headers"].as_array().unwrap().contains(&json!(header));
    assert!(is_there("X-Custom") && is_there("X-Vault-Token"));

    server.crash_and_recover();
    let (status, headers) = from_page(&server, "GET", "https://ui.example", &[]);
    assert_eq!((status, value(&headers, "Access-Control-Allow-Origin")), (200, Some("https://ui.example")));
    assert_eq!(value(&headers, "Vary"), Some("Origin"));
    assert_eq!(from_page(&server, "GET", "https://evil.example", &[]).0, 403);
    let asks =
        |method| from_page(&server, "OPTIONS", "https://ui.example", &[("Access-Control-Request-Method", method)]);
    let (status, headers) = asks("PUT");
    assert_eq!(status, 204);
    assert!(value(&headers, "Access-Control-Allow-Methods").unwrap().contains("PUT"));
    assert!(value(&headers, "Access-Control-Allow-Headers").unwrap().contains("X-Custom"));
    assert_eq!(value(&headers, "Access-Control-Max-Age"), Some("300"));
    assert_eq!(asks("TRACE").0, 405);
    assert_eq!(server.delete("sys/config/cors").0, 204);
    assert_eq!(from_page(&server, "GET", "https://evil.example", &[]).0, 200);
}

#[test]
fn headers_for_a_web_ui_are_kept() {
    let server = Server::ready();
    assert_eq!(server.list("sys/config/ui/headers").0, 404);
    assert_eq!(server.put("sys/config/ui/headers/X-Custom-Header", json!({ "values": ["one", "two"] })).0, 204);
    assert_eq!(server.get("sys/config/ui/headers/x-custom-header").1["data"], json!({ "value": "one" }));
    let all = server.get("sys/config/ui/headers/X-Custom-Header?multivalue=true");
    assert_eq!(all.1["data"], json!({ "values": ["one", "two"] }));
    assert_eq!(server.list("sys/config/ui/headers").1["data"]["keys"], json!(["X-Custom-Header"]));
    for body in [json!({}), json!({ "values": [] })] {
        assert_eq!(server.put("sys/config/ui/headers/X-Other", body).0, 400);
    }
    assert_eq!(server.put("sys/config/ui/headers/X-Vault-Thing", json!({ "values": ["a"] })).0, 400);
    assert_eq!(server.put("sys/config/ui/headers/X-Other", json!({ "values": ["a\r\nb"] })).0, 400);
    assert_eq!(server.delete("sys/config/ui/headers/X-Custom-Header").0, 204);
    assert_eq!(server.get("sys/config/ui/headers/X-Custom-Header").0, 404);
}

#[test]
fn the_server_tells_of_itself_and_of_its_machine() {
    let server = Server::ready();
    let (_, state) = server.get("sys/config/state/sanitized");
    let state = &state["data"];
    assert_eq!((&state["storage"]["type"], &state["listeners"][0]["type"]), (&json!("sqlite"), &json!("tcp")));
    assert_eq!((&state["log_level"], &state["default_lease_ttl"]), (&json!("info"), &json!(768 * 3600)));
    assert!(!state.to_string().contains("data.db"), "where the storage lies is not shown");
    let (status, host) = server.get("sys/host-info");
    let host = &host["data"];
    assert_eq!(status, 200);
    assert!(host["memory"]["total"].as_u64().unwrap() > 0 && host["cpu_times"][0]["user"].as_f64().unwrap() > 0.0);
    assert!(!host["host"]["kernelVersion"].as_str().unwrap().is_empty());
    let (_, nodes) = server.get("sys/ha-status");
    assert_eq!(
        (&nodes["data"]["nodes"][0]["active_node"], nodes["data"]["nodes"][1].clone()),
        (&json!(true), Value::Null)
    );
    let (_, history) = server.list("sys/version-history");
    let versions = history["data"]["keys"].as_array().unwrap();
    assert_eq!(versions.len(), 1);
    assert_eq!(text(&versions[0]), text(&server.get("sys/health").1["version"]));
    let installed = &history["data"]["key_info"][text(&versions[0])];
    assert!(
        installed["timestamp_installed"].as_str().unwrap().ends_with('Z') && installed["previous_version"].is_null()
    );
    assert_eq!(server.put("sys/config/reload/license", Value::Null).0, 400);
    assert_eq!(server.put("sys/config/reload/log", Value::Null).0, 204);
}

#[test]
fn tokens_and_entities_are_counted() {
    let server = Server::ready();
    let tokens = || server.get("sys/internal/counters/tokens").1["data"]["counters"]["service_tokens"]["total"].clone();
    assert_eq!(tokens(), json!(1));
    assert_eq!(server.put("auth/token/create", json!({})).0, 200);
    assert_eq!(tokens(), json!(2));
    let entities = || server.get("sys/internal/counters/entities").1["data"]["counters"]["entities"]["total"].clone();
    assert_eq!(entities(), json!(0));
    assert_eq!(server.put("identity/entity", json!({ "name": "ada" })).0, 200);
    assert_eq!(entities(), json!(1));
}

#[test]
fn what_is_built_in_is_listed_and_nothing_else_gets_in() {
    let server = Server::ready();
    let (_, catalog) = server.get("sys/plugins/catalog");
    let has = |kind: &str, name: &str| catalog["data"][kind].as_array().unwrap().contains(&json!(name));
    assert!(has("secret", "aws") && has("secret", "kv") && has("database", "postgresql-database-plugin"));
    assert!(
        catalog["data"]["detailed"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["name"] == "kv" && one["type"] == "secret")
    );
    assert!(server.list("sys/plugins/catalog/secret").1["data"]["keys"].as_array().unwrap().contains(&json!("kv")));
    assert_eq!(server.get("sys/plugins/catalog/secret/kv").1["data"]["builtin"], true);
    assert_eq!(server.get("sys/plugins/catalog/secret/nothing").0, 404);
    assert_eq!(server.list("sys/plugins/catalog/nothing").0, 400);
    let (status, refusal) = server.put("sys/plugins/catalog/secret/mine", json!({ "command": "mine", "sha256": "00" }));
    assert_eq!(status, 400);
    assert!(refusal.to_string().contains("built in"), "{refusal}");
}

#[test]
fn random_bytes_and_hashes_are_made() {
    let server = Server::ready();
    let random = |path: &str, body: Value| text(&server.put(path, body).1["data"]["random_bytes"]);
    assert_eq!(random("sys/tools/random", json!({ "format": "hex" })).len(), 64);
    assert_eq!(random("sys/tools/random/7", json!({ "format": "hex" })).len(), 14);
    assert_eq!(random("sys/tools/random/platform/40", json!({ "format": "hex" })).len(), 80);
    assert_eq!(random("sys/tools/random/all", json!({ "format": "hex", "bytes": 3 })).len(), 6);
    assert_ne!(random("sys/tools/random", json!({})), random("sys/tools/random", json!({})));
    for (path, body) in [
        ("sys/tools/random/0", json!({})),
        ("sys/tools/random", json!({ "bytes": 131_073 })),
        ("sys/tools/random/dice", json!({})),
        ("sys/tools/random/platform/many", json!({})),
        ("sys/tools/random", json!({ "format": "octal" })),
        ("sys/tools/hash", json!({ "input": "%" })),
        ("sys/tools/hash/md5", json!({ "input": "" })),
    ] {
        assert_eq!(server.put(path, body).0, 400, "{path}");
    }
    // "abc", by FIPS 180-4 and FIPS 202.
    let hash = |path: &str, body: Value| text(&server.put(path, body).1["data"]["sum"]);
    assert!(hash("sys/tools/hash", json!({ "input": "YWJj" })).starts_with("ba7816bf8f01cfea"));
    assert!(hash("sys/tools/hash/sha2-224", json!({ "input": "YWJj" })).starts_with("23097d223405d822"));
    assert!(
        hash("sys/tools/hash", json!({ "input": "YWJj", "algorithm": "sha3-256" })).starts_with("3a985da74fe225b2")
    );
    assert_eq!(hash("sys/tools/hash/sha2-512", json!({ "input": "YWJj", "format": "base64" })).len(), 88);
}

#[test]
fn what_is_published_and_not_here_says_what_is_missing() {
    let server = Server::ready();
    for (path, words) in [
        ("sys/namespaces", "namespaces is not here"),
        ("sys/storage/raft/configuration", "Raft is not here"),
        ("sys/replication/status", "replication is not here"),
        ("sys/pprof/heap", "profiles of a running server is not here"),
    ] {
        let (status, answer) = server.get(path);
        assert_eq!(status, 404, "{path}");
        assert!(text(&answer["errors"][0]).contains(words), "{answer}");
    }
    assert_eq!(server.call("GET", "sys/namespaces", "", Value::Null).0, 403, "nobody is told before they may ask");
}
