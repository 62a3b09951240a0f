//! What HTTP/1.1 asks of a server.

use crate::support::{Running, echo, get};
use leasehold::base::Kind;
use leasehold::http::{Answer, Limits, ListenerConfig, Request, Server};
use std::sync::Arc;

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let running = Running::start(Limits::default(), echo);
    let mut client = running.client();
    for number in 0..3 {
        client.send(get(&format!("/{number}")));
        assert_eq!(client.reply().body, format!("GET /{number} "));
    }
    let pipelined: String = (0..200).map(|number| get(&format!("/{number}"))).collect();
    client.send(pipelined);
    for number in 0..200 {
        assert_eq!(client.reply().body, format!("GET /{number} "));
    }
}

#[test]
fn every_method_reaches_the_service_with_its_body() {
    let running = Running::start(Limits::default(), echo);
    for method in ["GET", "PUT", "POST", "PATCH", "DELETE", "LIST", "OPTIONS"] {
        let request = format!("{method} /v1/a?b=%2F HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(running.ask(request).body, format!("{method} /v1/a?b=%2F body"));
    }
}

#[test]
fn an_answer_to_head_has_the_length_and_no_body() {
    let running = Running::start(Limits::default(), echo);
    let mut client = running.client();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_to_head();
    assert!(reply.status == 200 && reply.has("Content-Length: 7"), "{reply:?}");
    client.send(get("/next"));
    assert_eq!(client.reply().body, "GET /next ");
}

#[test]
fn old_clients_are_closed_unless_they_ask_to_be_kept() {
    let running = Running::start(Limits::default(), echo);
    let mut client = running.client();
    client.send("GET /0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(client.reply().has("Connection: keep-alive"));
    client.send("GET /1 HTTP/1.0\r\n\r\n");
    let reply = client.reply();
    assert!(reply.body == "GET /1 " && reply.has("Connection: close"), "{reply:?}");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_client_that_says_close_is_closed() {
    let running = Running::start(Limits::default(), echo);
    let mut client = running.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.reply().has("Connection: close"));
    assert_eq!(client.rest(), "");
}

#[test]
fn a_body_that_is_announced_is_asked_for() {
    let running = Running::start(Limits::default(), echo);
    let mut client = running.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply().status, 100);
    client.send("body");
    assert_eq!(client.reply().body, "PUT / body");
}

#[test]
fn a_body_that_is_too_large_is_not_asked_for() {
    let running = Running::start(Limits { max_body_bytes: 3, ..Limits::default() }, echo);
    let reply = running.ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(reply.status, 413);
}

#[test]
fn bodies_of_any_size_come_whole_with_a_length_or_in_chunks() {
    let running = Running::start(Limits::default(), echo);
    for size in [1, 4095, 4096, 65_536, 1_000_000] {
        let body: String = ('a'..='z').cycle().take(size).collect();
        let expected = format!("PUT / {body}");
        let reply = running.ask(format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{body}"));
        assert!(reply.body == expected, "{size}");
        let (left, right) = body.split_at(size / 3);
        let chunks: String = [left, right]
            .iter()
            .filter(|part| !part.is_empty())
            .fold(String::new(), |chunks, part| format!("{chunks}{:x}\r\n{part}\r\n", part.len()));
        let reply =
            running.ask(format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"));
        assert!(reply.body == expected, "{size}");
    }
}

#[test]
fn a_refusal_is_json_and_ends_the_connection() {
    let running = Running::start(Limits::default(), echo);
    let mut client = running.client();
    client.send("GET / HTTP/1.1\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body, r#"{"errors":["the request has no Host header"]}"#);
    assert!(reply.has("Content-Type: application/json") && reply.has("Connection: close"), "{reply:?}");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_panic_in_the_service_is_an_error_and_the_server_lives_on() {
    let running = Running::start(Limits { max_connections: 1, ..Limits::default() }, |request: Request| {
        if request.target == "/panic" {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        echo(request)
    });
    for _ in 0..10 {
        let mut client = running.client();
        client.send(get("/panic"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.body.as_str()), (500, r#"{"errors":["internal error"]}"#));
        assert_eq!(client.rest(), "");
    }
    assert_eq!(running.ask(get("/")).status, 200);
}

#[test]
fn a_service_cannot_split_its_answer() {
    let running = Running::start(Limits::default(), |request: Request| {
        let mut answer = Answer::empty(200);
        answer.headers.push(("X".to_owned(), request.target.replace("%0d%0a", "\r\n")));
        answer
    });
    let reply = running.ask(get("/a%0d%0aX-Evil:1"));
    assert!(reply.status == 500 && !reply.head.contains("X-Evil"), "{reply:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let running = Running::start(Limits::default(), echo);
    let address = running.address().to_string();
    let config = ListenerConfig::tcp(&address);
    let error = Server::bind(&[config], Arc::new(echo)).err().unwrap();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(error.message(), format!("cannot listen on {address}: the address is already in use"));
}

#[test]
fn several_listeners_are_served_each_at_its_address() {
    let config = || ListenerConfig::tcp("127.0.0.1:0");
    let server = Arc::new(Server::bind(&[config(), config()], Arc::new(echo)).unwrap());
    let serving = Arc::clone(&server);
    let thread = std::thread::spawn(move || serving.serve().unwrap());
    for address in server.addresses() {
        let mut client = crate::support::Client::over(crate::support::connect(address));
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    server.shutdown(crate::support::PATIENCE);
    thread.join().unwrap();
}
