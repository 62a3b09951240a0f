//! The life of one connection, on one worker: handshake, then request after request in order, until someone ends it.

use crate::http::Service;
use crate::http::answer::{Answer, AnswerWriter, Manner};
use crate::http::buffer::Buffer;
use crate::http::config::Limits;
use crate::http::guests::Guest;
use crate::http::refusal::Refusal;
use crate::http::request::{Message, Parser, Progress, Request};
use crate::http::transport::{Transport, is_timeout};
use crate::logical::Stream;
use rustls_pki_types::CertificateDer;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a client that came when there was no room may take to ask, before it is closed unanswered.
const REFUSED_PATIENCE: Duration = Duration::from_secs(1);

/// How often a stream without anything to say looks whether anybody listens still.
const STREAM_LOOK: Duration = Duration::from_secs(1);

struct Connection<'a> {
    guest: &'a Guest,
    transport: Transport<'a>,
    buffer: Buffer,
    writer: AnswerWriter,
    limits: &'a Limits,
    service: &'a dyn Service,
    client_certificates: Arc<[CertificateDer<'static>]>,
}

/// Why a connection ends without an answer to a request.
enum End {
    /// There is no one, or no reason, to say anything to.
    Silent,
    Refused(Refusal),
}

/// A failure of the socket ends the connection; there is no one left to tell.
impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        log::debug!("a connection ended: {error}");
        Self::Silent
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Whether somebody has shown a certificate and could not sign with its key.
fn is_forged(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature)))
}

/// Serves the connection until it ends.
pub(super) fn serve(guest: &Guest, tls: Option<&Arc<rustls::ServerConfig>>, limits: &Limits, service: &dyn Service) {
    let mut connection = Connection {
        guest,
        transport: Transport::new(guest.socket()),
        buffer: Buffer::new(),
        writer: AnswerWriter::default(),
        limits,
        service,
        client_certificates: Arc::default(),
    };
    let end = connection.handshake(tls).and_then(|()| connection.serve_requests());
    connection.close(end.err().unwrap_or(End::Silent));
}

impl Connection<'_> {
    fn handshake(&mut self, tls: Option<&Arc<rustls::ServerConfig>>) -> Result<(), End> {
        let Some(config) = tls else { return Ok(()) };
        let first = self.transport.peek(Instant::now() + self.arrival_deadline())?.ok_or(End::Silent)?;
        self.guest.busy();
        if first.is_ascii_uppercase() {
            return Err(Refusal::PLAIN_ON_TLS.into());
        }
        let deadline = Instant::now() + self.limits.header_deadline;
        if let Err(error) = self.transport.handshake(Arc::clone(config), deadline) {
            if is_forged(&error) {
                log::warn!("{}: a client certificate was shown without its key", self.guest.peer);
            }
            return Err(error.into());
        }
        self.client_certificates = self.transport.client_certificates();
        Ok(())
    }

    fn serve_requests(&mut self) -> Result<(), End> {
        let mut patience = self.arrival_deadline();
        loop {
            if self.buffer.is_empty() {
                self.wait_for_request(patience)?;
            }
            let message = self.read_message()?;
            if !self.answer(message)? {
                return Ok(());
            }
            patience = self.limits.idle_deadline;
        }
    }

    /// Waits as idle, when a connection may be asked to leave, for the first bytes of a request.
    fn wait_for_request(&mut self, patience: Duration) -> Result<(), End> {
        let now = Instant::now();
        self.buffer.shrink();
        self.guest.idle(now);
        let amount = self.buffer.fill(|room| self.transport.read(room, now + patience))?;
        self.guest.busy();
        if amount == 0 { Err(End::Silent) } else { Ok(()) }
    }

    fn read_message(&mut self) -> Result<Message, End> {
        let mut parser = Parser::new(self.limits);
        let mut deadline = Instant::now() + self.limits.header_deadline;
        loop {
            match parser.advance(self.buffer.unread())? {
                Progress::Complete(message) => return Ok(message),
                Progress::Took(0) => self.read_more(deadline)?,
                Progress::Took(amount) => self.buffer.consume(amount),
                Progress::Head { length, expects_continue } => {
                    self.buffer.consume(length);
                    deadline = Instant::now() + self.limits.body_deadline;
                    if self.guest.is_refused() {
                        return Err(Refusal::NO_ROOM.into());
                    }
                    if expects_continue && self.buffer.is_empty() {
                        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n", deadline)?;
                    }
                }
            }
        }
    }

    fn read_more(&mut self, deadline: Instant) -> Result<(), End> {
        match self.buffer.fill(|room| self.transport.read(room, deadline)) {
            Ok(0) => Err(End::Silent),
            Ok(_) => Ok(()),
            Err(error) if is_timeout(&error) => Err(Refusal::TOO_SLOW.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the service answer and says whether the connection stays open.
    fn answer(&mut self, message: Message) -> Result<bool, End> {
        let Message { method, target, headers, body, legacy, keep_alive } = message;
        let without_body = method == "HEAD";
        let request = Request {
            method,
            target,
            headers,
            body,
            peer: self.guest.peer,
            client_certificates: Arc::clone(&self.client_certificates),
            tls: self.transport.is_tls(),
            open: self.limits.open,
        };
        let service = self.service;
        let answer = catch_unwind(AssertUnwindSafe(|| service.call(request)));
        let keep_alive = keep_alive && answer.is_ok() && !self.guest.must_leave();
        let mut answer = answer.unwrap_or_else(|_| Answer::error(500, "internal error"));
        let keep_alive = keep_alive && answer.stream.is_none();
        let manner = Manner { without_body, keep_alive, legacy };
        self.send(&answer, manner)?;
        if let Some(stream) = answer.stream.take().filter(|_| !without_body) {
            self.stream(stream, manner)?;
        }
        Ok(keep_alive)
    }

    /// Sends what a stream gives, until it is over, the client has gone or the server stops.
    fn stream(&mut self, mut stream: Box<dyn Stream>, manner: Manner) -> io::Result<()> {
        while !self.guest.must_leave() && self.transport.is_open() {
            let Some(piece) = stream.next(STREAM_LOOK) else { break };
            if !piece.is_empty() {
                self.send_piece(&piece, manner)?;
            }
        }
        self.send_piece(b"", manner)
    }

    fn send_piece(&mut self, piece: &[u8], manner: Manner) -> io::Result<()> {
        let bytes = self.writer.piece(piece, manner);
        let sent = self.transport.write(bytes, Instant::now() + self.limits.write_deadline);
        self.writer.wipe();
        sent
    }

    fn send(&mut self, answer: &Answer, manner: Manner) -> io::Result<()> {
        let bytes = self.writer.write(answer, manner);
        let sent = self.transport.write(bytes, Instant::now() + self.limits.write_deadline);
        self.writer.wipe();
        sent
    }

    fn close(mut self, end: End) {
        self.guest.leave();
        let refusal = if let End::Refused(refusal) = end { Some(refusal) } else { None };
        let told = refusal.is_some_and(|refusal| {
            log::debug!("{}: refused: {refusal}", self.guest.peer);
            self.send(&Answer::refusal(refusal), Manner::default()).is_ok()
        });
        let deadline = Instant::now() + self.limits.linger_deadline;
        self.transport.finish(deadline);
        if told {
            self.transport.drain(deadline);
        }
    }

    fn arrival_deadline(&self) -> Duration {
        if self.guest.is_refused() {
            REFUSED_PATIENCE.min(self.limits.header_deadline)
        } else {
            self.limits.header_deadline
        }
    }
}
