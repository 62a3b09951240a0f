//! Devices at the end of a wire: listeners that come, go, swallow and refuse.

use super::{NOW, map, request};
use crate::audit::entry::Phase;
use crate::audit::{Broker, Definition, Disclosure, Event, Salt, open};
use crate::base::Error;
use crate::logical::{Operation, Request, Response};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A broker with one device.
fn broker(kind: &str, options: Value) -> Broker {
    let options = map(options);
    let definition = Definition {
        path: "wire/".to_owned(),
        kind: kind.to_owned(),
        description: String::new(),
        salt: Salt::generate().unwrap(),
        local: false,
        options,
    };
    let broker = Broker::new();
    let disclosure = Disclosure::from_options(&definition.options).unwrap();
    broker.add("wire/", open(&definition, &[]).unwrap(), &definition.salt, disclosure);
    broker
}

fn event(request: &Request) -> Event<'_> {
    Event { time: NOW, request, headers: &[], auth: None, mount: None, response: None, error: None }
}

fn told(broker: &Broker) -> bool {
    broker.request(&event(&request(json!({ "value": "x" })))).is_ok()
}

/// Tries until the device takes an entry again.
fn told_in_time(broker: &Broker) {
    let deadline = Instant::now() + PATIENCE;
    while !told(broker) {
        assert!(Instant::now() < deadline, "the device does not come back");
        thread::sleep(Duration::from_millis(20));
    }
}

fn parsed(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(line)))
}

/// The first line of each connection that is made.
fn first_lines(listener: TcpListener) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut line = String::new();
            let Ok(_) = BufReader::new(stream).read_line(&mut line) else { return };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

#[test]
fn a_listener_that_hung_up_gets_the_next_entry_on_a_new_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker =
        broker("socket", json!({ "address": listener.local_addr().unwrap().to_string(), "prefix": "audit: " }));
    let lines = first_lines(listener);
    for _ in 0..3 {
        assert!(told(&broker));
        let line = lines.recv_timeout(PATIENCE).unwrap();
        assert_eq!(parsed(line.strip_prefix("audit: ").unwrap().as_bytes())["type"], "request");
    }
}

#[test]
fn a_listener_that_swallows_is_given_up_in_its_time_and_then_left_alone_for_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let broker = broker("socket", json!({ "address": address, "write_timeout": "200ms", "log_raw": true }));
    let long = request(json!({ "value": "x".repeat(400_000) }));
    let start = Instant::now();
    while broker.request(&event(&long)).is_ok() {
        assert!(start.elapsed() < PATIENCE, "the kernel takes everything");
    }
    let start = Instant::now();
    for _ in 0..100 {
        assert!(!told(&broker));
    }
    assert!(start.elapsed() < Duration::from_millis(900), "each of them waited for it");
    // Accepting and reading is what brings it back.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
        }
    });
    told_in_time(&broker);
}

#[test]
fn a_unix_listener_takes_entries_and_one_that_is_missing_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.sock");
    let broker = broker("socket", json!({ "address": path.to_str().unwrap(), "socket_type": "unix" }));
    assert!(!told(&broker), "nobody listens");
    let listener = UnixListener::bind(&path).unwrap();
    told_in_time(&broker);
    let mut line = String::new();
    BufReader::new(listener.accept().unwrap().0).read_line(&mut line).unwrap();
    assert_eq!(parsed(line.as_bytes())["request"]["path"], "secret/app");
}

#[test]
fn an_entry_too_long_for_a_datagram_is_cut_with_the_hash_of_the_whole() {
    let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let broker = broker("socket", json!({ "address": address, "socket_type": "udp", "log_raw": true }));
    let long = request(json!({ "value": "x".repeat(100_000) }));
    assert!(broker.request(&event(&long)).is_ok());
    let mut datagram = vec![0; 70_000];
    let length = listener.recv(&mut datagram).unwrap();
    let entry = parsed(&datagram[..length]);
    assert_eq!(entry["request"]["id"], "request-id");
    assert_eq!(entry["cut"]["sha256"].as_str().map(str::len), Some(64));
    assert!(entry["cut"]["bytes"].as_u64().unwrap() > 100_000);
}

#[test]
fn an_entry_that_is_cut_still_tells_why_something_was_denied() {
    let long = request(json!({ "value": "x" }));
    let denied = |reason: Value| Error::permission_denied().because(reason);
    for (reason, shown) in [
        (json!({ "code": "no_rule", "message": "No rule." }), json!({ "code": "no_rule", "message": "No rule." })),
        (json!({ "code": "not_granted", "message": "x".repeat(5000) }), json!({ "code": "not_granted" })),
    ] {
        let error = denied(reason);
        let event = Event { error: Some(&error), ..event(&long) };
        let line = super::super::shortened::cut(Phase::Request, &event, b"whole").unwrap();
        let entry = parsed(&line);
        assert_eq!((&entry["error"], &entry["reason"]), (&json!("permission denied"), &shown));
    }
}

#[test]
fn a_syslog_gets_messages_in_its_form_and_its_restart_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let syslog = UnixDatagram::bind(&path).unwrap();
    let options = json!({ "address": path.to_str().unwrap(), "facility": "local3", "tag": "secrets" });
    let broker = broker("syslog", options);
    assert!(told(&broker));
    let mut message = [0; 4096];
    let length = syslog.recv(&mut message).unwrap();
    let text = String::from_utf8_lossy(&message[..length]).into_owned();
    let head = format!("<158>secrets[{}]: ", std::process::id());
    assert_eq!(parsed(text.strip_prefix(&head).unwrap().as_bytes())["type"], "request");

    drop(syslog);
    std::fs::remove_file(&path).unwrap();
    assert!(!told(&broker), "a dead syslog takes nothing");
    let again = UnixDatagram::bind(&path).unwrap();
    told_in_time(&broker);
    assert!(again.recv(&mut message).unwrap() > 0);
}

#[test]
fn an_http_server_has_taken_an_entry_when_it_answers_with_success() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/audit", listener.local_addr().unwrap());
    let broker = broker("http", json!({ "uri": uri, "headers": { "X-Key": ["k"] }, "write_timeout": "5s" }));
    let (tell, told_of) = mpsc::channel();
    thread::spawn(move || {
        for (stream, status) in listener.incoming().zip(["500 Broken", "200 OK"]) {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut piece = [0; 4096];
            while !bytes.ends_with(b"}\n") {
                let length = stream.read(&mut piece).unwrap();
                bytes.extend(&piece[..length]);
            }
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            tell.send(String::from_utf8(bytes).unwrap()).unwrap();
        }
    });
    assert!(!told(&broker), "it answered 500");
    told_in_time(&broker);
    let posts: Vec<String> = told_of.iter().take(2).collect();
    for post in posts {
        let (head, body) = post.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /audit HTTP/1.1") && head.to_lowercase().contains("x-key: k"), "{head}");
        assert_eq!(parsed(body.as_bytes())["type"], "request");
    }
}

#[test]
fn a_list_is_shown_by_its_length_where_the_device_says_so() {
    let mut list = request(json!({}));
    list.operation = Operation::List;
    let response = Response::json(json!({ "keys": ["a", "b"], "key_info": { "a": {} } }));
    for (elide, keys) in [(true, json!(2)), (false, Value::Null)] {
        let options = map(json!({ "elide_list_responses": elide }));
        let scribe =
            crate::audit::entry::Scribe::new(&Salt::generate().unwrap(), Disclosure::from_options(&options).unwrap());
        let event = Event { response: Some(&response), ..event(&list) };
        let entry = parsed(&scribe.line(crate::audit::entry::Phase::Response, &event).unwrap());
        let shown = &entry["response"]["data"]["keys"];
        assert!(if keys.is_null() { shown.is_array() } else { *shown == keys }, "{entry}");
    }
}

#[test]
fn an_option_that_is_wrong_names_itself() {
    for (kind, options, word) in [
        ("socket", json!({}), "address"),
        ("socket", json!({ "address": "a:1", "socket_type": "carrier pigeon" }), "socket_type"),
        ("socket", json!({ "address": "a:1", "write_timeout": "0s" }), "write_timeout"),
        ("socket", json!({ "address": "a:1", "file_path": "/x" }), "file_path"),
        ("syslog", json!({ "facility": "kitchen" }), "facility"),
        ("syslog", json!({ "tag": "a b" }), "tag"),
        ("http", json!({}), "uri"),
        ("http", json!({ "uri": "ftp://a" }), "uri"),
        ("http", json!({ "uri": "http://a", "headers": { "a b": "c" } }), "headers"),
        ("http", json!({ "uri": "http://a", "format": "jsonx" }), "format"),
    ] {
        let definition = Definition {
            path: "wire/".to_owned(),
            kind: kind.to_owned(),
            description: String::new(),
            salt: Salt::generate().unwrap(),
            local: false,
            options: map(options),
        };
        let error = open(&definition, &[]).err().unwrap();
        assert!(error.message().contains(word), "{kind}: {error:?} should name {word}");
    }
}
