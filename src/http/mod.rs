//! The HTTP/1.1 server: sockets, TLS, framing, threads and deadlines. It hands whole requests to a [`Service`] and writes
//! whole answers; what a path or a body means is decided above.
//!
//! One thread accepts; every connection lives on a worker thread, blocking, for as long as it is open, and workers are
//! reused. So a connection never waits for another one, a handshake never holds up the accept loop, and a request costs
//! one read and one write. The price is a thread per open connection, which is why their number is capped: at the cap the
//! connection that has been idle longest gives way to the new one, and where none is idle the new one is told 503.
//!
//! Invariants: every wait has a deadline; every size has a limit, checked before memory is taken; what two readers could
//! understand differently (two lengths, a length and a coding, a bare line feed) is refused and its connection closed; what
//! held a request or an answer is wiped from memory.
//!
//! The files, outside in: `door` opens the sockets, `server` accepts and stops, `guests` counts connections and makes idle ones
//! leave, `workers` are the threads, `connection` is the life of one connection on top of `transport` (`socket`, `tls`, deadlines)
//! and `buffer`, `proxy` tells whom it is from, `request`, `head`, `body` (`pieces`) and `json` parse without any I/O, `budget` bounds what all
//! requests together take, `answer` writes.

mod answer;
pub mod api;
mod body;
mod budget;
mod buffer;
mod config;
mod connection;
mod cors;
pub mod decode;
mod door;
pub mod encode;
mod guests;
mod head;
mod headers;
mod json;
mod pieces;
mod proxy;
mod refusal;
pub mod request;
mod server;
mod socket;
mod tls;
mod transport;
mod workers;

pub use answer::Answer;
pub use config::{Address, Limits, ListenerConfig, Open, TlsConfig, TlsVersion};
pub use headers::Headers;
pub use refusal::Refusal;
pub use request::Request;
pub use server::Server;
pub use tls::check_tls;

/// What answers requests. Called on many threads at once; a panic in it becomes a 500 and ends only its connection.
pub trait Service: Send + Sync + 'static {
    fn call(&self, request: Request) -> Answer;
}

impl<F: Fn(Request) -> Answer + Send + Sync + 'static> Service for F {
    fn call(&self, request: Request) -> Answer {
        self(request)
    }
}
