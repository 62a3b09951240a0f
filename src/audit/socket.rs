//! The `socket` device: lines to a listener over TCP, UDP or a Unix socket.
//!
//! A connection is kept while it lasts, and made anew when a line fails: a line that fails on an old connection is tried once
//! on a fresh one, since the listener may have been restarted. What a listener swallows without reading is refused when the
//! time for a write is over.

use super::options::{self, Timed};
use super::{Device, Disclosure};
use crate::base::{Error, Result};
use crate::logical::{Field, Input, Map};
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The options that the device takes.
pub static OPTIONS: &[Field] = &[
    Field::text("address", "Where the listener is: host:port, or the path of a Unix socket."),
    Field::text("socket_type", "tcp, udp or unix.").default("tcp"),
    options::WRITE_TIMEOUT,
    options::FORMAT,
    options::PREFIX,
    Disclosure::LOG_RAW,
    Disclosure::HMAC_ACCESSOR,
    Disclosure::ELIDE_LIST_RESPONSES,
];

/// The most that fits into a UDP datagram over IPv4, less what the prefix may take.
const DATAGRAM: usize = 60 * 1024;

/// Opens the device by its options. The listener need not be there yet: the first line tells.
///
/// # Errors
/// `BadRequest` naming the option that is wrong.
pub fn open(given: &Map) -> Result<Box<dyn Device>> {
    let parsed = options::parse("socket", OPTIONS, given)?;
    let address = parsed.text("address").filter(|address| !address.is_empty());
    let address =
        address.ok_or_else(|| Error::bad_request("missing address: a socket device needs to know its listener"))?;
    let target = Target { kind: kind(&parsed)?, address, timeout: options::write_timeout(&parsed)? };
    Ok(Box::new(SocketDevice { target, connection: Mutex::new(None) }))
}

fn kind(options: &Input) -> Result<Kind> {
    match options.text("socket_type").as_deref() {
        None | Some("" | "tcp") => Ok(Kind::Tcp),
        Some("udp") => Ok(Kind::Udp),
        Some("unix") => Ok(Kind::Unix),
        Some(other) => Err(Error::bad_request(format!("option \"socket_type\" takes tcp, udp or unix, not {other:?}"))),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Udp,
    Unix,
}

struct Target {
    kind: Kind,
    address: String,
    timeout: Duration,
}

enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Unix(UnixStream),
}

struct SocketDevice {
    target: Target,
    connection: Mutex<Option<Connection>>,
}

impl Device for SocketDevice {
    fn write(&self, line: &[u8]) -> Result<()> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = connection.as_mut() {
            match kept.send(line, self.target.timeout) {
                Ok(()) => return Ok(()),
                // Half a line may be on its way: nothing more may follow on this connection.
                Err(error) => {
                    *connection = None;
                    if options::is_timeout(&error) {
                        return Err(self.failed(error));
                    }
                }
            }
        }
        let mut fresh = self.target.connect().map_err(|error| self.failed(error))?;
        fresh.send(line, self.target.timeout).map_err(|error| self.failed(error))?;
        *connection = Some(fresh);
        Ok(())
    }

    fn limit(&self) -> Option<usize> {
        (self.target.kind == Kind::Udp).then_some(DATAGRAM)
    }

    fn rests_after_failure(&self) -> Duration {
        options::REST
    }

    fn reopen(&self) -> Result<()> {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

impl SocketDevice {
    fn failed(&self, error: io::Error) -> Error {
        Error::internal("the audit listener does not take an entry")
            .caused_by(format!("{}: {error}", self.target.address))
    }
}

impl Target {
    fn connect(&self) -> io::Result<Connection> {
        match self.kind {
            Kind::Tcp => {
                let stream = self.each_address(|address| TcpStream::connect_timeout(&address, self.timeout))?;
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }
            Kind::Udp => self
                .each_address(|address| {
                    let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    let socket = UdpSocket::bind(local)?;
                    socket.connect(address)?;
                    Ok(socket)
                })
                .map(Connection::Udp),
            Kind::Unix => UnixStream::connect(&self.address).map(Connection::Unix),
        }
    }

    fn each_address<T>(&self, mut connect: impl FnMut(std::net::SocketAddr) -> io::Result<T>) -> io::Result<T> {
        let mut last = io::Error::other("the address names no host");
        for address in self.address.to_socket_addrs()? {
            match connect(address) {
                Ok(connected) => return Ok(connected),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Connection {
    fn send(&mut self, line: &[u8], timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                still_open(stream)?;
                Timed::new(stream, timeout).write_all(line)
            }
            Self::Unix(stream) => Timed::new(stream, timeout).write_all(line),
            Self::Udp(socket) => {
                let sent = socket.send(line)?;
                if sent == line.len() { Ok(()) } else { Err(io::Error::other("the datagram was cut")) }
            }
        }
    }
}

/// Whether the peer still listens: what is written after it has closed its side is taken by the kernel and read by nobody.
fn still_open(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let looked = stream.peek(&mut [0; 1]);
    stream.set_nonblocking(false)?;
    match looked {
        Ok(0) => Err(io::Error::new(io::ErrorKind::ConnectionReset, "the listener has hung up")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
