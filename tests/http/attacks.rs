//! What brought other servers down, played against this one: sizes that are only announced, clients that are slow, silent or
//! many, and requests that two readers would understand differently. (Descriptors that run out: `http_descriptors`.)

use crate::support::{Client, PATIENCE, Running, echo, eventually, get};
use leasehold::http::{Answer, Limits, Request};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_huge_announced_length_costs_nothing() {
    let running = Running::start(Limits::default(), echo);
    for length in ["100000000000000", "18446744073709551615", "999999999999999999999999999999", "33554433"] {
        let reply = running.ask(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        assert_eq!((reply.status, reply.body.as_str()), (413, r#"{"errors":["request body too large"]}"#));
    }
    let reply = running.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffff\r\n");
    assert_eq!(reply.status, 413);
    assert_eq!(running.ask(get("/")).status, 200);
}

#[test]
fn many_open_connections_are_all_served() {
    let running = Running::start(Limits::default(), echo);
    let mut clients: Vec<_> = (0..64).map(|_| running.client()).collect();
    for round in 0..3 {
        for client in &mut clients {
            client.send(get(&format!("/{round}")));
        }
        for client in clients.iter_mut().rev() {
            assert_eq!(client.reply().body, format!("GET /{round} "));
        }
    }
}

#[test]
fn a_refused_upload_gets_to_see_the_refusal() {
    let running = Running::start(Limits { max_body_bytes: 1000, ..Limits::default() }, echo);
    let mut client = running.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(300_000)));
    assert_eq!(client.reply().status, 413);
}

#[test]
fn a_head_that_trickles_in_is_ended_at_its_deadline() {
    let running = Running::start(Limits { header_deadline: SHORT, ..Limits::default() }, echo);
    let mut client = running.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    assert_eq!(status_while_trickling(&mut client), 408);
}

#[test]
fn a_body_that_trickles_in_is_ended_at_its_deadline() {
    let running = Running::start(Limits { body_deadline: SHORT, ..Limits::default() }, echo);
    for framing in ["Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nfffff\r\n"] {
        let mut client = running.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}"));
        assert_eq!(status_while_trickling(&mut client), 408);
    }
}

/// Sends a byte every few milliseconds until an answer comes.
fn status_while_trickling(client: &mut Client<TcpStream>) -> u16 {
    client.stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    eventually("an answer to a request that trickles in", || {
        let _ = client.stream.write_all(b"x");
        client.stream.peek(&mut [0; 1]).ok()
    });
    client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client.reply().status
}

#[test]
fn a_silent_connection_is_closed() {
    let limits = Limits { header_deadline: SHORT, idle_deadline: SHORT, ..Limits::default() };
    let running = Running::start(limits, echo);
    assert_eq!(running.client().rest(), "");
    let mut client = running.client();
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    assert_eq!(client.rest(), "");
}

#[test]
fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let limits = Limits { write_deadline: SHORT, max_connections: 1, ..Limits::default() };
    let running = Running::start(limits, |request: Request| {
        let mut answer = echo(request);
        answer.body.resize(32 * 1024 * 1024, b'x');
        answer
    });
    let mut deaf = running.client();
    deaf.send(get("/"));
    // Its place is the only one: whoever is answered after it proves that it is gone.
    deaf.stream.peek(&mut [0; 1]).unwrap();
    eventually("a free place", || {
        let mut client = running.client();
        client.send(get("/"));
        let mut status = [0; 12];
        client.stream.read_exact(&mut status).is_ok_and(|()| status.ends_with(b"200")).then_some(())
    });
}

#[test]
fn headers_have_limits() {
    let running = Running::start(Limits::default(), echo);
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: x\r\n".repeat(101));
    for request in [long, many, format!("GET /{}", "x".repeat(20_000))] {
        assert_eq!(running.ask(request).status, 431);
    }
}

#[test]
fn no_request_is_smuggled_behind_another() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let running = Running::start(Limits::default(), move |request: Request| {
        noted.lock().unwrap().push(request.target.clone());
        echo(request)
    });
    let hidden = get("/hidden");
    for fields in [
        "Content-Length: 0\r\nContent-Length: 42",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: 0, 0",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "X: y\r\n Content-Length: 0",
        "X: y\nContent-Length: 0",
        "X: y\rContent-Length: 0",
    ] {
        let mut client = running.client();
        client.send(format!("POST /outer HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n{hidden}"));
        let status = client.reply().status;
        assert!((400..=501).contains(&status) && status != 500, "{fields:?}: {status}");
        assert_eq!(client.rest(), "", "{fields:?}");
    }
    assert!(seen.lock().unwrap().is_empty(), "{:?}", seen.lock().unwrap());
}

#[test]
fn at_the_cap_one_idle_connection_gives_way_and_the_others_stay() {
    let running = Running::start(Limits { max_connections: 3, ..Limits::default() }, echo);
    let mut clients: Vec<_> = (0..3).map(|_| running.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    // A connection is idle a moment after its answer was read: until then there is no one to give way.
    eventually("a place", || (running.ask(get("/new")).status == 200).then_some(()));
    // The one that gave way may just have asked again: then it is answered before it is closed.
    let kept = clients.iter_mut().filter_map(|client| {
        client.stream.write_all(get("/still").as_bytes()).ok()?;
        client.try_reply().ok().filter(|reply| !reply.has("Connection: close"))
    });
    assert_eq!(kept.count(), 2);
}

#[test]
fn many_silent_connections_keep_no_one_out() {
    let running = Running::start(Limits { max_connections: 4, ..Limits::default() }, echo);
    let silent: Vec<_> = (0..40).map(|_| running.client()).collect();
    for _ in 0..10 {
        assert_eq!(running.ask(get("/")).status, 200);
    }
    drop(silent);
}

/// A service whose every answer waits until the other end of the channel says so.
fn gated(started: Arc<AtomicUsize>) -> (impl Fn(Request) -> Answer + Send + Sync + 'static, mpsc::Sender<()>) {
    let (open, gate) = mpsc::channel();
    let gate = Mutex::new(gate);
    let service = move |request: Request| {
        started.fetch_add(1, Ordering::SeqCst);
        gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        echo(request)
    };
    (service, open)
}

#[test]
fn beyond_the_cap_of_busy_connections_a_client_is_told_so() {
    let started = Arc::new(AtomicUsize::new(0));
    let (service, open) = gated(Arc::clone(&started));
    let running = Running::start(Limits { max_connections: 2, ..Limits::default() }, service);
    let mut busy: Vec<_> = (0..2).map(|_| running.client()).collect();
    busy.iter_mut().for_each(|client| client.send(get("/busy")));
    eventually("two requests in the service", || (started.load(Ordering::SeqCst) == 2).then_some(()));

    let begin = Instant::now();
    let reply = running.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    assert_eq!((reply.status, reply.body.as_str()), (503, r#"{"errors":["too many connections, try again later"]}"#));
    assert!(begin.elapsed() < PATIENCE);

    (0..3).for_each(|_| open.send(()).unwrap());
    for client in &mut busy {
        assert_eq!(client.reply().status, 200);
    }
    // A connection that was answered counts as busy until its worker has looked again.
    eventually("there is room again", || (running.ask(get("/")).status == 200).then_some(()));
}
