//! Stopping: requests in flight are finished, no one else is waited for.

use crate::support::{PATIENCE, Running, echo, eventually, get};
use leasehold::http::{Limits, Request};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

#[test]
fn requests_in_flight_are_finished_and_idle_connections_closed() {
    let (begun, has_begun) = mpsc::channel();
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let running = Running::start(Limits::default(), move |request: Request| {
        if request.target == "/slow" {
            begun.send(()).unwrap();
            gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        echo(request)
    });
    let (mut idle, mut silent, mut slow) = (running.client(), running.client(), running.client());
    idle.send(get("/"));
    assert_eq!(idle.reply().status, 200);
    slow.send(get("/slow"));
    has_begun.recv_timeout(PATIENCE).unwrap();

    let server = Arc::clone(&running.server);
    let stopping = std::thread::spawn(move || server.shutdown(PATIENCE));
    assert_eq!(idle.rest(), "");
    assert_eq!(silent.rest(), "");
    let address = running.address();
    eventually("a closed port", || TcpStream::connect(address).is_err().then_some(()));
    assert!(!stopping.is_finished());

    open.send(()).unwrap();
    let reply = slow.reply();
    assert!(reply.body == "GET /slow " && reply.has("Connection: close"), "{reply:?}");
    stopping.join().unwrap();
}

#[test]
fn what_does_not_finish_within_the_grace_is_cut_off() {
    let (begun, has_begun) = mpsc::channel();
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let running = Running::start(Limits::default(), move |request: Request| {
        begun.send(()).unwrap();
        let _ = gate.lock().unwrap().recv_timeout(PATIENCE);
        echo(request)
    });
    let mut slow = running.client();
    slow.send(get("/slow"));
    has_begun.recv_timeout(PATIENCE).unwrap();
    let start = Instant::now();
    running.server.shutdown(Duration::from_millis(50));
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(slow.rest(), "");
    drop(open);
}

#[test]
fn a_server_that_never_served_can_be_stopped() {
    let running = Running::start(Limits::default(), echo);
    running.server.shutdown(Duration::ZERO);
    running.server.shutdown(Duration::ZERO);
}
