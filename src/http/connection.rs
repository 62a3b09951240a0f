//! The life of one connection, on one worker: handshake, then request after request in order, until someone ends it.

use crate::http::Service;
use crate::http::answer::{Answer, AnswerWriter, Manner};
use crate::http::budget::Share;
use crate::http::buffer::Buffer;
use crate::http::config::Limits;
use crate::http::guests::Guest;
use crate::http::proxy::{Reading, Word};
use crate::http::refusal::Refusal;
use crate::http::request::{Message, Parser, Progress, Request};
use crate::http::server::Listener;
use crate::http::transport::{Transport, is_timeout};
use crate::http::{json, proxy};
use crate::logical::Stream;
use rustls_pki_types::CertificateDer;
use std::io;
use std::net::SocketAddr;
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
    listener: &'a Listener,
    limits: &'a Limits,
    service: &'a dyn Service,
    /// Whom the connection is from, as far as that is believed.
    peer: Option<SocketAddr>,
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
pub(super) fn serve(guest: &Guest, listener: &Listener, service: &dyn Service) {
    let mut connection = Connection {
        guest,
        transport: Transport::new(guest.socket()),
        buffer: Buffer::new(),
        writer: AnswerWriter::default(),
        listener,
        limits: &listener.limits,
        service,
        peer: guest.peer,
        client_certificates: Arc::default(),
    };
    let end = connection.greet().and_then(|()| connection.handshake()).and_then(|()| connection.serve_requests());
    connection.close(end.err().unwrap_or(End::Silent));
}

/// How the log calls a client.
pub(super) fn name(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "a client of this machine".to_owned(), |peer| peer.to_string())
}

impl Connection<'_> {
    /// Hears what a proxy in front says of whom the connection is from.
    fn greet(&mut self) -> Result<(), End> {
        let Some(protocol) = &self.listener.proxy_protocol else { return Ok(()) };
        let word = protocol.word_of(self.peer);
        if word == Word::TurnedAway {
            log::info!("{}: turned away: it is no proxy that is trusted", name(self.peer));
            return Err(End::Silent);
        }
        self.hear(word)
    }

    fn hear(&mut self, word: Word) -> Result<(), End> {
        let deadline = Instant::now() + self.arrival_deadline();
        let mut bytes = Vec::new();
        loop {
            match proxy::read(&bytes)? {
                Reading::More(amount) => {
                    let have = bytes.len();
                    bytes.resize(have + amount, 0);
                    let came = self.transport.read(&mut bytes[have..], deadline)?;
                    if came == 0 {
                        return Err(End::Silent);
                    }
                    bytes.truncate(have + came);
                }
                Reading::Absent => {
                    self.transport.put_back(bytes);
                    return Ok(());
                }
                Reading::From(from) => {
                    self.peer = from.filter(|_| word == Word::Believed).or(self.peer);
                    return Ok(());
                }
            }
        }
    }

    fn handshake(&mut self) -> Result<(), End> {
        let Some(keeper) = &self.listener.tls else { return Ok(()) };
        let first = self.transport.peek(Instant::now() + self.arrival_deadline())?.ok_or(End::Silent)?;
        self.guest.busy();
        if first.is_ascii_uppercase() {
            return Err(Refusal::PLAIN_ON_TLS.into());
        }
        let deadline = Instant::now() + self.limits.header_deadline;
        if let Err(error) = self.transport.handshake(keeper.config(), deadline) {
            if is_forged(&error) {
                log::warn!("{}: a client certificate was shown without its key", name(self.peer));
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
            let mut share = self.listener.bodies.share();
            let message = self.read_message(&mut share)?;
            if !self.answer(message, share)? {
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

    fn read_message(&mut self, share: &mut Share) -> Result<Message, End> {
        let mut parser = Parser::new(self.limits);
        let mut deadline = Instant::now() + self.limits.header_deadline;
        loop {
            match parser.advance(self.buffer.unread())? {
                Progress::Complete(message) => return Ok(message),
                Progress::Took(0) => self.read_more(deadline)?,
                Progress::Took(amount) => {
                    self.buffer.consume(amount);
                    if !share.cover(parser.body_length()) {
                        return Err(Refusal::NO_MEMORY.into());
                    }
                }
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
    fn answer(&mut self, message: Message, mut share: Share) -> Result<bool, End> {
        let Message { method, target, headers, body, legacy, keep_alive } = message;
        let without_body = method == "HEAD";
        let peer = match &self.listener.forwarded {
            Some(forwarded) => forwarded.peer(self.peer, &headers)?,
            None => self.peer,
        };
        let request = Request {
            method,
            target,
            headers,
            body,
            peer,
            client_certificates: Arc::clone(&self.client_certificates),
            tls: self.transport.is_tls(),
            open: self.limits.open,
        };
        let mut seat = self.listener.in_flight.share();
        let refused = self.look_over(&request, &mut share).or((!seat.hold(1)).then_some(Refusal::TOO_MANY));
        let service = self.service;
        let (mut answer, panicked) = match refused {
            Some(refusal) => (Answer::refusal(refusal), false),
            None => match catch_unwind(AssertUnwindSafe(|| service.call(request))) {
                Ok(answer) => (answer, false),
                Err(_) => (Answer::error(500, "internal error"), true),
            },
        };
        drop((share, seat));
        let keep_alive = keep_alive && !panicked && !self.guest.must_leave() && answer.stream.is_none();
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

    /// Why a request is not served whose body would come to too much once it is parsed.
    fn look_over(&self, request: &Request, share: &mut Share) -> Option<Refusal> {
        let first = request.body.iter().find(|byte| !byte.is_ascii_whitespace())?;
        if !matches!(first, b'{' | b'[') {
            return None;
        }
        match json::survey(&request.body, &self.limits.json) {
            Ok(size) => (!share.cover(size)).then_some(Refusal::NO_MEMORY),
            Err(refusal) => Some(refusal),
        }
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
            log::debug!("{}: refused: {refusal}", name(self.peer));
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
