//! A byte stream to a database, plain or in TLS, on which every call ends by its deadline: looking up the name, connecting,
//! each read and each write, however slowly the other side dribbles.
//!
//! Owns sockets and says what is to be verified of the server's certificate; knows no protocol.

use crate::base::tls::{self, Identity, Names};
use crate::base::{Error, Result};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

pub struct Stream(Inner);

enum Inner {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
    /// TLS was begun and did not come about.
    Lost,
}

/// What a server's certificate is verified by, and what we show it; all in PEM, empty where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust<'p> {
    /// The authorities that may have signed the server's certificate; without any, those that browsers trust.
    pub authority: &'p str,
    /// The field's name, for errors.
    pub authority_field: &'static str,
    /// Our certificate and its private key.
    pub identity: &'p str,
    /// The field's name, for errors.
    pub identity_field: &'static str,
    /// Whom the certificate has to be for, where that is not the host that is called.
    pub server_name: &'p str,
    /// Encrypts without asking whom it talks to.
    pub blind: bool,
}

impl Stream {
    /// Connects to a host by its name or address, the first of its addresses that answers.
    ///
    /// # Errors
    /// `Upstream` when there is none in time.
    pub fn tcp(host: &str, port: u16, deadline: Instant) -> Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses(host, port, deadline)? {
            match remaining(deadline).and_then(|left| TcpStream::connect_timeout(&address, left)) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(failed)?;
                    return Ok(Self(Inner::Plain(Socket { kind: Kind::Tcp(stream), deadline })));
                }
                Err(error) => last = error,
            }
        }
        Err(Error::upstream(format!("cannot connect to {host}:{port}: {last}")))
    }

    /// # Errors
    /// `Upstream` when nobody listens there.
    pub fn unix(path: &str, deadline: Instant) -> Result<Self> {
        let stream =
            UnixStream::connect(path).map_err(|error| Error::upstream(format!("cannot connect to {path}: {error}")))?;
        Ok(Self(Inner::Plain(Socket { kind: Kind::Unix(stream), deadline })))
    }

    /// Goes over to TLS; the handshake is done when this returns.
    ///
    /// # Errors
    /// `Upstream` when the server cannot prove that it is `name`, or speaks no TLS.
    pub fn secure(&mut self, configuration: Arc<ClientConfig>, name: &str, deadline: Instant) -> Result<()> {
        let Inner::Plain(mut socket) = std::mem::replace(&mut self.0, Inner::Lost) else {
            return Err(Error::internal("TLS inside TLS"));
        };
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| Error::bad_request(format!("{name:?} is no name that a certificate can be for")))?;
        let mut connection =
            ClientConnection::new(configuration, server).map_err(|error| Error::internal("no TLS").caused_by(error))?;
        socket.deadline = deadline;
        connection
            .complete_io(&mut socket)
            .map_err(|error| Error::upstream(format!("no TLS with the database: {error}")))?;
        self.0 = Inner::Tls(Box::new(StreamOwned::new(connection, socket)));
        Ok(())
    }

    /// Whether nobody on the way can read what is sent.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match &self.0 {
            Inner::Plain(socket) => matches!(socket.kind, Kind::Unix(_)),
            Inner::Tls(_) => true,
            Inner::Lost => false,
        }
    }

    /// # Errors
    /// `Upstream` when the other side does not take it in time.
    pub fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        let writer: &mut dyn Write = match &mut self.0 {
            Inner::Plain(socket) => {
                socket.deadline = deadline;
                socket
            }
            Inner::Tls(stream) => {
                stream.sock.deadline = deadline;
                stream.as_mut()
            }
            Inner::Lost => return Err(lost()),
        };
        writer.write_all(bytes).and_then(|()| writer.flush()).map_err(failed)
    }

    /// Reads some bytes, at least one.
    ///
    /// # Errors
    /// `Upstream` when there are none in time, or the other side has closed.
    pub fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        let read = match &mut self.0 {
            Inner::Plain(socket) => {
                socket.deadline = deadline;
                socket.read(buffer)
            }
            Inner::Tls(stream) => {
                stream.sock.deadline = deadline;
                stream.read(buffer)
            }
            Inner::Lost => return Err(lost()),
        };
        match read {
            Ok(0) => Err(Error::upstream("the database closed the connection")),
            Ok(length) => Ok(length),
            Err(error) => Err(failed(error)),
        }
    }
}

fn lost() -> Error {
    Error::upstream("the connection is closed")
}

/// A socket whose every call ends by a deadline.
struct Socket {
    kind: Kind,
    deadline: Instant,
}

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = Some(remaining(self.deadline)?);
        let read = match &mut self.kind {
            Kind::Tcp(stream) => stream.set_read_timeout(left).and_then(|()| stream.read(buffer)),
            Kind::Unix(stream) => stream.set_read_timeout(left).and_then(|()| stream.read(buffer)),
        };
        read.map_err(timed_out)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let left = Some(remaining(self.deadline)?);
        let written = match &mut self.kind {
            Kind::Tcp(stream) => stream.set_write_timeout(left).and_then(|()| stream.write(buffer)),
            Kind::Unix(stream) => stream.set_write_timeout(left).and_then(|()| stream.write(buffer)),
        };
        written.map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The addresses of a host. A name is looked up on a thread of its own: a name server that is silent holds up nobody for longer
/// than the deadline.
fn addresses(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (tell, told) = mpsc::channel();
    let asked = host.to_owned();
    std::thread::Builder::new()
        .name("database-lookup".into())
        .spawn(move || {
            let found = (asked.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            // Nobody may be waiting any more.
            tell.send(found).ok();
        })
        .map_err(|error| Error::internal("no thread to look up a name").caused_by(error))?;
    let left = deadline.saturating_duration_since(Instant::now());
    match told.recv_timeout(left) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Error::upstream(format!("cannot look up {host:?}: {error}"))),
        Err(_) => Err(Error::upstream(format!("looking up {host:?} took too long"))),
    }
}

/// The time until the deadline, which is not zero: zero would mean no limit at all.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(timed_out(io::ErrorKind::WouldBlock.into())) } else { Ok(left) }
}

fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time")
        }
        _ => error,
    }
}

fn failed(error: io::Error) -> Error {
    Error::upstream(error.to_string())
}

impl Trust<'_> {
    /// The settings of TLS by this trust.
    ///
    /// # Errors
    /// `BadRequest` naming the field that holds no certificate or key.
    pub fn configuration(&self) -> Result<Arc<ClientConfig>> {
        let trust = match (self.blind, self.authority) {
            (true, _) => tls::Trust::Anybody,
            (false, "") => tls::Trust::Public,
            (false, authority) => {
                let given = tls::certificates(authority.as_bytes());
                tls::Trust::Given(given.map_err(|error| error.context(self.authority_field))?)
            }
        };
        let (identity, field) = match self.identity {
            "" => (None, self.authority_field),
            pem => {
                let named = |error: Error| error.context(self.identity_field);
                let chain = tls::certificates(pem.as_bytes()).map_err(named)?;
                let key = tls::private_key(pem.as_bytes()).map_err(named)?;
                (Some(Identity { chain, key }), self.identity_field)
            }
        };
        tls::client_config(trust, Names::Checked, identity).map_err(|error| error.context(field))
    }
}
