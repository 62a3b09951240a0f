//! The log: its levels and formats while the server runs, its file, and those who listen in.

use crate::support::server::{Server, text};
use crate::support::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

fn ready(extra: &str) -> Server {
    let mut server = Server::start(extra);
    server.init(1, 1);
    server.unseal();
    server
}

fn hang_up(server: &Server) {
    let sent = Command::new("kill").args(["-s", "HUP", &server.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn logs(server: &Server, words: &str) {
    wait_for(words, PATIENCE, || server.log().contains(words).then_some(()));
}

/// A stream of the log, as its lines come.
struct Listening(BufReader<TcpStream>);

impl Listening {
    fn start(server: &Server, token: &str, query: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("GET /v1/sys/monitor?{query} HTTP/1.0\r\nX-Vault-Token: {token}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut listening = Self(BufReader::new(stream));
        assert!(listening.line().unwrap().contains(" 200 "), "the stream begins");
        while listening.line().is_some_and(|line| !line.is_empty()) {}
        listening
    }

    /// The next line; none when the stream is over.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    fn line_with(&mut self, words: &str) -> String {
        loop {
            let line = self.line().unwrap_or_else(|| panic!("the stream ended before {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }
}

#[test]
fn a_completed_request_is_told_with_its_id_mount_and_duration_once_that_is_asked_for() {
    let server = ready("");
    assert_eq!(server.get("sys/mounts").0, 200);
    assert!(!server.log().contains("completed request"), "not by default");
    assert_eq!(server.put("sys/loggers/request", json!({ "level": "debug" })).0, 204);
    let (_, answer) = server.get("sys/mounts");
    let id = format!("id={}", text(&answer["request_id"]));
    logs(&server, &id);
    let log = server.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    for part in
        ["[DEBUG] request: completed request", "method=GET", "/v1/sys/mounts", "mount=sys/", "status=200", "duration="]
    {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert_eq!(server.delete("sys/loggers/request").0, 204);
    assert_eq!(server.get("sys/loggers/request").1["request"], "info");
}

#[test]
fn levels_are_changed_for_all_or_one_and_brought_back() {
    let server = ready("log_level = \"warn\"");
    let level = |name: &str| text(&server.get("sys/loggers").1["data"][name]);
    assert_eq!((level("core"), level("expiration")), ("warn".to_owned(), "warn".to_owned()));
    assert_eq!(server.put("sys/loggers", json!({ "level": "trace" })).0, 204);
    assert_eq!(server.put("sys/loggers/core", json!({ "level": "ERR" })).0, 204);
    assert_eq!((level("core"), level("expiration")), ("error".to_owned(), "trace".to_owned()));
    assert_eq!(server.delete("sys/loggers").0, 204);
    assert_eq!((level("core"), level("expiration")), ("warn".to_owned(), "warn".to_owned()));
    for (path, body, status) in [
        ("sys/loggers/nobody", json!({ "level": "info" }), 404),
        ("sys/loggers", json!({ "level": "loud" }), 400),
        ("sys/loggers", json!({}), 400),
    ] {
        assert_eq!(server.put(path, body).0, status, "{path}");
    }
    assert_eq!((server.get("sys/loggers/nobody").0, server.delete("sys/loggers/nobody").0), (404, 404));
}

#[test]
fn a_hang_up_takes_on_the_level_that_the_configuration_has_by_then_and_a_moved_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.log");
    let server = ready(&format!("log_level = \"info\"\nlog_file = \"{}\"", file.display()));
    let said = |words: &str| std::fs::read_to_string(&file).unwrap_or_default().contains(words);
    assert!(said("[INFO]  core: unsealed") || said("seal: unsealed"), "{:?}", std::fs::read_to_string(&file));
    let configuration = std::fs::read_to_string(server.path("server.hcl")).unwrap();
    std::fs::write(server.path("server.hcl"), configuration.replace("\"info\"", "\"debug\"")).unwrap();
    std::fs::rename(&file, folder.path().join("moved")).unwrap();
    hang_up(&server);
    wait_for("the file is there again", PATIENCE, || said("audit files are reopened").then_some(()));
    assert_eq!(server.get("sys/loggers/core").1["core"], "debug");
    wait_for("requests are told", PATIENCE, || said("completed request").then_some(()));

    std::fs::write(server.path("server.hcl"), "this is no configuration {").unwrap();
    hang_up(&server);
    logs(&server, "the configuration is not taken on");
    assert_eq!(server.get("sys/loggers/core").1["core"], "debug", "it goes on as it was");
}

#[test]
fn json_lines_are_json() {
    let server = ready("log_format = \"json\"\nlog_level = \"trace\"");
    let log = server.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().any(|line| line["@message"] == "unsealed" && line["@level"] == "info"), "{log}");
    let other: Vec<&str> = log.lines().filter(|line| !line.starts_with('{') && !line.is_empty()).collect();
    assert_eq!(other, ["==> Vault server started! Log data will stream in below:"]);
}

#[test]
fn whoever_may_listens_in_at_a_level_of_their_own_until_their_token_ends() {
    let server = ready("");
    assert_eq!(
        server
            .put("sys/policies/acl/listen", json!({ "policy": "path \"sys/monitor\" { capabilities = [\"read\"] }" }))
            .0,
        204
    );
    let (_, made) = server.put("auth/token/create", json!({ "policies": ["listen"] }));
    let token = text(&made["auth"]["client_token"]);
    let mut listening = Listening::start(&server, &token, "log_level=debug&log_format=json");
    let (_, flying) = server.get("sys/in-flight-req");
    let paths: Vec<_> = flying.as_object().unwrap().values().map(|request| request["request_path"].clone()).collect();
    assert!(paths.contains(&json!("/v1/sys/in-flight-req")), "{paths:?}");
    let (_, answer) = server.get("sys/mounts");
    let line: Value = serde_json::from_str(&listening.line_with(&text(&answer["request_id"]))).unwrap();
    assert_eq!((&line["@level"], &line["@module"]), (&json!("debug"), &json!("request")));
    assert!(!server.log().contains("completed request"), "the server's own log is as quiet as before");
    assert_eq!(server.put("auth/token/revoke", json!({ "token": token })).0, 204);
    while listening.line().is_some() {}
    assert_eq!(server.call("GET", "sys/monitor", "", Value::Null).0, 403);
    assert_eq!(server.get("sys/monitor?log_level=loud").0, 400);
}

#[test]
fn a_server_stops_while_somebody_listens() {
    let mut server = ready("");
    let mut listening = Listening::start(&server, &server.root, "");
    server.stop();
    while listening.line().is_some() {}
}
