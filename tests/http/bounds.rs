//! What requests together may take, and what one in JSON may be.

use crate::support::{Client, PATIENCE, Running, echo, eventually, get};
use leasehold::config::JsonLimits;
use leasehold::http::{Limits, Request};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

fn post(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_body_that_would_come_to_too_much_is_refused_and_the_connection_goes_on() {
    let json = JsonLimits { depth: 5, ..JsonLimits::default() };
    let running = Running::start(Limits { json, ..Limits::default() }, echo);
    let mut client = running.client();
    for (body, status) in [
        ("[[[[[]]]]]".to_owned(), 200),
        ("[[[[[[]]]]]]".to_owned(), 400),
        ("[".repeat(100_000), 400),
        (format!("{{\"a\":[{}0]}}", "0,".repeat(20_000)), 400),
        ("no JSON [[[[[[[[[".to_owned(), 200),
    ] {
        client.send(post(&body));
        let reply = client.reply();
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(status == 200 || reply.body.starts_with("{\"errors\":[\"failed to parse JSON input"), "{}", reply.body);
    }
}

#[test]
fn requests_beyond_those_that_are_answered_at_once_are_told_to_come_again() {
    let started = Arc::new(AtomicUsize::new(0));
    let (open, gate) = mpsc::channel();
    let (gate, counted) = (Mutex::new(gate), Arc::clone(&started));
    let service = move |request: Request| {
        counted.fetch_add(1, Ordering::SeqCst);
        gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        echo(request)
    };
    let running = Running::start(Limits { max_in_flight: 1, ..Limits::default() }, service);
    let mut busy = running.client();
    busy.send(get("/busy"));
    eventually("a request in the service", || (started.load(Ordering::SeqCst) == 1).then_some(()));
    let mut client = running.client();
    client.send(get("/"));
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (503, r#"{"errors":["too many requests at once, try again later"]}"#)
    );
    open.send(()).unwrap();
    assert_eq!(busy.reply().status, 200);
    open.send(()).unwrap();
    client.send(get("/"));
    assert_eq!(client.reply().status, 200, "on the same connection");
}

#[test]
fn large_bodies_have_no_more_memory_than_there_is_for_all_and_small_ones_go_through() {
    // One body of the largest size, and the MiB that all may take besides.
    let running = Running::start(Limits { max_body_bytes: 1024 * 1024, ..Limits::default() }, echo);
    let part = "x".repeat(1024 * 1024 - 1);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    let mut held: Vec<Client<TcpStream>> = Vec::new();
    // Each lacks its last byte, so that the server holds what has come of it.
    let refused = eventually("there is no more room", || {
        let mut client = running.client();
        client.send(head);
        let _ = std::io::Write::write_all(&mut client.stream, part.as_bytes());
        client.stream.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let reply = client.try_reply().ok();
        held.push(client);
        reply
    });
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (503, r#"{"errors":["too many large requests at once, try again later"]}"#)
    );
    assert!((2..=4).contains(&held.len()), "{}", held.len());
    assert_eq!(running.ask(post("small")).status, 200);
    for client in held.iter_mut().take(2) {
        client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send("x");
        assert_eq!(client.reply().status, 200);
    }
    drop(held);
    eventually("there is room again", || (running.ask(format!("{head}{part}x")).status == 200).then_some(()));
}
