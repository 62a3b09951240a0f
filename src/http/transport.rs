//! The bytes of one connection, with or without TLS, under deadlines that hold for a whole step however slowly its bytes
//! trickle in. Blocking: it is called on the connection's own worker.

use crate::http::socket::Socket;
use rustls::ServerConnection;
use rustls_pki_types::CertificateDer;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes that are thrown away for a peer that was refused, in the hope that it reads why.
const MOST_DRAINED: usize = 8 * 1024 * 1024;

pub(super) struct Transport<'a> {
    arriving: Arriving<'a>,
    tls: Option<Box<ServerConnection>>,
    /// The time-outs that the socket has now.
    read_timeout: Duration,
    write_timeout: Duration,
}

/// What comes from the peer: first what was read before its time and put back.
struct Arriving<'a> {
    socket: &'a Socket,
    put_back: Vec<u8>,
}

impl Read for Arriving<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.put_back.is_empty() {
            return self.socket.read(into);
        }
        let amount = into.len().min(self.put_back.len());
        into[..amount].copy_from_slice(&self.put_back[..amount]);
        self.put_back.drain(..amount);
        Ok(amount)
    }
}

/// Whether an error means that a deadline passed.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

impl<'a> Transport<'a> {
    pub fn new(socket: &'a Socket) -> Self {
        let arriving = Arriving { socket, put_back: Vec::new() };
        Self { arriving, tls: None, read_timeout: Duration::ZERO, write_timeout: Duration::ZERO }
    }

    /// Gives back what was read and is not what it was read for: it comes first again.
    pub fn put_back(&mut self, bytes: Vec<u8>) {
        self.arriving.put_back = bytes;
    }

    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits for the first byte without taking it; `None` when the peer has gone.
    pub fn peek(&mut self, deadline: Instant) -> io::Result<Option<u8>> {
        if let Some(first) = self.arriving.put_back.first() {
            return Ok(Some(*first));
        }
        self.arm_read(deadline)?;
        let mut first = [0];
        Ok((self.arriving.socket.peek(&mut first)? > 0).then_some(first[0]))
    }

    /// Whether the peer has not ended. What it may have sent is left where it is.
    pub fn is_open(&self) -> bool {
        let looked = self.arriving.socket.set_nonblocking(true).and_then(|()| self.arriving.socket.peek(&mut [0]));
        let restored = self.arriving.socket.set_nonblocking(false).is_ok();
        let open = match looked {
            Ok(amount) => amount > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        restored && open
    }

    pub fn handshake(&mut self, config: Arc<rustls::ServerConfig>, deadline: Instant) -> io::Result<()> {
        let mut tls = Box::new(ServerConnection::new(config).map_err(io::Error::other)?);
        while tls.is_handshaking() {
            if tls.wants_write() {
                self.arm_write(deadline)?;
                tls.write_tls(&mut self.arriving.socket)?;
            } else {
                self.receive(&mut tls, deadline)?;
            }
        }
        self.send(&mut tls, deadline)?;
        self.tls = Some(tls);
        Ok(())
    }

    pub fn client_certificates(&self) -> Arc<[CertificateDer<'static>]> {
        let chain = self.tls.as_ref().and_then(|tls| tls.peer_certificates()).unwrap_or_default();
        chain.iter().map(|certificate| certificate.clone().into_owned()).collect()
    }

    /// Reads what is there, waiting for the first byte of it; 0 when the peer has ended.
    pub fn read(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let Some(mut tls) = self.tls.take() else {
            self.arm_read(deadline)?;
            return retried(|| self.arriving.read(into));
        };
        let result = self.read_tls(&mut tls, into, deadline);
        self.tls = Some(tls);
        result
    }

    pub fn write(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let Some(mut tls) = self.tls.take() else { return self.write_plain(bytes, deadline) };
        let result = self.write_tls(&mut tls, bytes, deadline);
        self.tls = Some(tls);
        result
    }

    /// Says that nothing more will be sent. Errors do not matter any more.
    pub fn finish(&mut self, deadline: Instant) {
        if let Some(mut tls) = self.tls.take() {
            tls.send_close_notify();
            let _ = self.send(&mut tls, deadline);
        }
        let _ = self.arriving.socket.shutdown(Shutdown::Write);
    }

    /// Reads and throws away what the peer still sends: closing before would reset the connection, and what was written last
    /// would be lost with it. Not without end: who goes on sending did not listen.
    pub fn drain(&mut self, deadline: Instant) {
        let mut waste = [0; 4096];
        let mut left = MOST_DRAINED;
        while left > 0 && self.arm_read(deadline).is_ok() {
            match self.arriving.read(&mut waste) {
                Ok(amount @ 1..) => left = left.saturating_sub(amount),
                Ok(0) | Err(_) => return,
            }
        }
    }

    fn read_tls(&mut self, tls: &mut ServerConnection, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive(tls, deadline)?,
                other => return other,
            }
        }
    }

    fn receive(&mut self, tls: &mut ServerConnection, deadline: Instant) -> io::Result<()> {
        self.arm_read(deadline)?;
        let amount = retried(|| tls.read_tls(&mut self.arriving))?;
        if amount == 0 && tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(error) = tls.process_new_packets() {
            // The alert says what was wrong; whether it arrives is the peer's affair.
            let _ = self.send(tls, deadline);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        self.send(tls, deadline)
    }

    fn write_tls(&mut self, tls: &mut ServerConnection, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let amount = tls.writer().write(rest)?;
            rest = &rest[amount..];
            self.send(tls, deadline)?;
        }
        Ok(())
    }

    fn send(&mut self, tls: &mut ServerConnection, deadline: Instant) -> io::Result<()> {
        while tls.wants_write() {
            self.arm_write(deadline)?;
            if retried(|| tls.write_tls(&mut self.arriving.socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    fn write_plain(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.arm_write(deadline)?;
            match retried(|| self.arriving.socket.write(rest))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                amount => rest = &rest[amount..],
            }
        }
        Ok(())
    }

    fn arm_read(&mut self, deadline: Instant) -> io::Result<()> {
        if let Some(timeout) = needed_change(self.read_timeout, deadline)? {
            self.arriving.socket.set_read_timeout(timeout)?;
            self.read_timeout = timeout;
        }
        Ok(())
    }

    fn arm_write(&mut self, deadline: Instant) -> io::Result<()> {
        if let Some(timeout) = needed_change(self.write_timeout, deadline)? {
            self.arriving.socket.set_write_timeout(timeout)?;
            self.write_timeout = timeout;
        }
        Ok(())
    }
}

/// The time-out to set, if the present one is off by more than an eighth of it. Setting one costs a system call, and in the
/// common case, a request that arrives whole, there is none to set.
fn needed_change(present: Duration, deadline: Instant) -> io::Result<Option<Duration>> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok((present < left - left / 8 || present > left + left / 8).then_some(left))
}

fn retried<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
