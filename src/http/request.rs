//! A request, and the parser that makes one from bytes. The parser does no I/O: connections and the fuzz target use the same
//! one.

use crate::http::body::BodyReader;
use crate::http::config::{Limits, Open};
use crate::http::head::{self, Head};
use crate::http::headers::Headers;
use crate::http::refusal::Refusal;
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A whole request as a service gets it. No `Debug`: headers and body hold secrets.
pub struct Request {
    pub method: String,
    /// Path and query exactly as sent, undecoded, or `*`.
    pub target: String,
    pub headers: Headers,
    pub body: Zeroizing<Vec<u8>>,
    /// Nothing for one of this machine's sockets.
    pub peer: Option<SocketAddr>,
    /// The chain that the client showed, its own certificate first, to which it has the key; empty without one.
    pub client_certificates: Arc<[CertificateDer<'static>]>,
    pub tls: bool,
    /// What the listener that it came by leaves open to all.
    pub open: Open,
}

/// What was read from the wire: a request that does not know yet who sent it.
pub struct Message {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Zeroizing<Vec<u8>>,
    /// HTTP/1.0, whose answers say so when the connection stays open.
    pub legacy: bool,
    pub keep_alive: bool,
}

/// Parses one request from the front of `bytes`: the request and its length, or `None` when it is not all there.
///
/// # Errors
/// What is wrong with it, as soon as that is certain.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Option<(Message, usize)>, Refusal> {
    let mut parser = Parser::new(limits);
    let mut taken = 0;
    loop {
        match parser.advance(&bytes[taken..])? {
            Progress::Took(0) => return Ok(None),
            Progress::Took(amount) => taken += amount,
            Progress::Head { length, .. } => taken += length,
            Progress::Complete(message) => return Ok(Some((message, taken))),
        }
    }
}

/// Takes a request from bytes as they come.
pub(super) struct Parser<'a> {
    limits: &'a Limits,
    stage: Stage,
}

enum Stage {
    /// Before the head: one empty line is forgiven, since old clients send one after a body.
    Start,
    Head {
        scanned: usize,
    },
    Body(Box<(Head, BodyReader)>),
    Done,
}

pub(super) enum Progress {
    /// So many bytes from the front were used. None: more must arrive first.
    Took(usize),
    /// The head is complete and took so many bytes; the body comes next.
    Head { length: usize, expects_continue: bool },
    /// The request is whole; no byte was used to find this out.
    Complete(Message),
}

impl<'a> Parser<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Self { limits, stage: Stage::Start }
    }

    pub fn advance(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        match &mut self.stage {
            Stage::Start => self.skip_empty_line(input),
            Stage::Head { scanned } => match head::find_end(input, scanned, self.limits)? {
                Some(end) => self.head(&input[..end]),
                None => Ok(Progress::Took(0)),
            },
            Stage::Body(parts) if parts.1.is_complete() => Ok(self.complete()),
            Stage::Body(parts) => parts.1.feed(input).map(Progress::Took),
            Stage::Done => Ok(Progress::Took(0)),
        }
    }

    /// How much of a body has come so far.
    pub fn body_length(&self) -> usize {
        if let Stage::Body(parts) = &self.stage { parts.1.length() } else { 0 }
    }

    fn skip_empty_line(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        if input.is_empty() || input == b"\r" {
            return Ok(Progress::Took(0));
        }
        self.stage = Stage::Head { scanned: 0 };
        if input.starts_with(b"\r\n") { Ok(Progress::Took(2)) } else { self.advance(input) }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Progress, Refusal> {
        let head = head::parse(bytes, self.limits)?;
        let body = BodyReader::new(head.framing, self.limits);
        let expects_continue = head.expects_continue && !body.is_complete();
        self.stage = Stage::Body(Box::new((head, body)));
        Ok(Progress::Head { length: bytes.len(), expects_continue })
    }

    fn complete(&mut self) -> Progress {
        let Stage::Body(parts) = std::mem::replace(&mut self.stage, Stage::Done) else { return Progress::Took(0) };
        let (head, body) = *parts;
        Progress::Complete(Message {
            method: head.method,
            target: head.target,
            headers: head.headers,
            body: body.into_bytes(),
            legacy: head.legacy,
            keep_alive: head.keep_alive,
        })
    }
}

#[cfg(test)]
mod tests;
