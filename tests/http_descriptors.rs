//! Descriptors run out and come back. Alone in its process, since the limit is the whole process's.

#![allow(clippy::unwrap_used)] // Helpers of tests, which clippy does not take for tests.

use leasehold::http::{Answer, ListenerConfig, Request, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn connect_and_ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(REQUEST).unwrap();
    stream
}

fn is_answered_within(mut stream: &TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut status = [0; 12];
    match stream.read_exact(&mut status) {
        Ok(()) => &status == b"HTTP/1.1 200",
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            false
        }
    }
}

/// Opens files until no descriptor is left.
fn use_up_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[test]
fn a_server_out_of_descriptors_recovers_and_idle_connections_give_way() {
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..before }).unwrap();
    let config = ListenerConfig::tcp("127.0.0.1:0");
    let server = Arc::new(Server::bind(&[config], Arc::new(|_: Request| Answer::empty(200))).unwrap());
    let serving = Arc::clone(&server);
    let thread = std::thread::spawn(move || serving.serve().unwrap());
    let address = server.addresses()[0];

    // One descriptor for the client, none for the server, and no connection that could give way: no one is answered.
    let mut files = use_up_descriptors();
    files.pop();
    let waiting = connect_and_ask(address);
    assert!(!is_answered_within(&waiting, Duration::from_millis(100)));

    // Descriptors come back, and the same client is served.
    drop(files);
    assert!(is_answered_within(&waiting, PATIENCE));

    // They run out again while a connection is idle: it gives way to the next.
    let mut files = use_up_descriptors();
    files.pop();
    assert!(is_answered_within(&connect_and_ask(address), PATIENCE));
    drop(files);

    setrlimit(Resource::Nofile, before).unwrap();
    server.shutdown(PATIENCE);
    thread.join().unwrap();
}
