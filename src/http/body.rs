//! The body of a request: takes bytes as they come and undoes the framing. Pure; memory grows with what has arrived, never
//! with what was announced.

use crate::http::config::Limits;
use crate::http::head::{Framing, is_token_byte};
use crate::http::pieces::Pieces;
use crate::http::refusal::Refusal;
use zeroize::Zeroizing;

pub(super) struct BodyReader {
    state: State,
    body: Pieces,
    max_body_bytes: usize,
    /// What trailers and chunk extensions may still take.
    overhead_left: usize,
    trailers: Vec<u8>,
}

/// Where in the body the next byte belongs. The first two are all that a body with a length needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain { left: usize },
    Done,
    Size { value: usize, digits: u8 },
    Extension { value: usize },
    SizeEnd { value: usize },
    Chunk { left: usize },
    ChunkReturn,
    ChunkEnd,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastEnd,
}

const NEXT_SIZE: State = State::Size { value: 0, digits: 0 };
const WRONG_CHUNK: Refusal = Refusal::bad("the chunked body is not valid");

impl BodyReader {
    pub fn new(framing: Framing, limits: &Limits) -> Self {
        Self {
            state: match framing {
                Framing::Length(0) => State::Done,
                Framing::Length(left) => State::Plain { left },
                Framing::Chunked => NEXT_SIZE,
            },
            body: Pieces::default(),
            max_body_bytes: limits.max_body_bytes,
            overhead_left: limits.max_header_bytes,
            trailers: Vec::new(),
        }
    }

    pub fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    /// How much of it has come so far.
    pub fn length(&self) -> usize {
        self.body.length()
    }

    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.body.into_bytes()
    }

    /// Takes what belongs to this body from the front of `input` and says how much that was.
    pub fn feed(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let mut taken = 0;
        while taken < input.len() && !self.is_complete() {
            let rest = &input[taken..];
            taken += match self.state {
                State::Plain { left } | State::Chunk { left } => self.take(rest, left)?,
                _ => {
                    self.state = self.framing_byte(rest[0])?;
                    1
                }
            };
        }
        Ok(taken)
    }

    fn take(&mut self, input: &[u8], left: usize) -> Result<usize, Refusal> {
        let amount = left.min(input.len());
        self.body.append(&input[..amount])?;
        let left = left - amount;
        self.state = match self.state {
            State::Plain { .. } if left > 0 => State::Plain { left },
            State::Plain { .. } => State::Done,
            _ if left > 0 => State::Chunk { left },
            _ => State::ChunkReturn,
        };
        Ok(amount)
    }

    fn framing_byte(&mut self, byte: u8) -> Result<State, Refusal> {
        Ok(match (self.state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() => self.size_digit(value, digits, byte)?,
            (State::Size { value, digits: 1.. }, b';') => State::Extension { value },
            (State::Size { value, digits: 1.. } | State::Extension { value }, b'\r') => State::SizeEnd { value },
            (State::Extension { value }, _) if byte == b'\t' || !byte.is_ascii_control() => {
                self.spend_overhead()?;
                State::Extension { value }
            }
            (State::SizeEnd { value: 0 }, b'\n') => State::TrailerStart,
            (State::SizeEnd { value: left }, b'\n') => State::Chunk { left },
            (State::ChunkReturn, b'\r') => State::ChunkEnd,
            (State::ChunkEnd, b'\n') => NEXT_SIZE,
            (State::TrailerStart, b'\r') => self.trailer_byte(byte, State::LastEnd)?,
            (State::TrailerStart, _) if is_token_byte(byte) => self.trailer_byte(byte, State::Trailer)?,
            (State::Trailer, b'\r') => self.trailer_byte(byte, State::TrailerEnd)?,
            (State::Trailer, _) if byte != b'\n' => self.trailer_byte(byte, State::Trailer)?,
            (State::TrailerEnd, b'\n') => self.trailer_byte(byte, State::TrailerStart)?,
            (State::LastEnd, b'\n') => {
                self.trailers.push(byte);
                self.check_trailers()?;
                State::Done
            }
            _ => return Err(WRONG_CHUNK),
        })
    }

    fn size_digit(&self, value: usize, digits: u8, byte: u8) -> Result<State, Refusal> {
        let digit = char::from(byte).to_digit(16).map_or(0, |digit| digit as usize);
        let value = value.checked_mul(16).and_then(|value| value.checked_add(digit)).ok_or(Refusal::BODY_TOO_LARGE)?;
        if value > self.max_body_bytes - self.length() {
            return Err(Refusal::BODY_TOO_LARGE);
        }
        // Sixteen digits write any size there is; more of them are zeros that hide something or cost time.
        if digits == 16 { Err(WRONG_CHUNK) } else { Ok(State::Size { value, digits: digits + 1 }) }
    }

    fn spend_overhead(&mut self) -> Result<(), Refusal> {
        self.overhead_left = self.overhead_left.checked_sub(1).ok_or(Refusal::HEADERS_TOO_LARGE)?;
        Ok(())
    }

    fn trailer_byte(&mut self, byte: u8, next: State) -> Result<State, Refusal> {
        self.spend_overhead()?;
        self.trailers.push(byte);
        Ok(next)
    }

    /// Trailers mean nothing here and are dropped, but one that is no header field is a sign of broken framing.
    fn check_trailers(&self) -> Result<(), Refusal> {
        let mut room = [httparse::EMPTY_HEADER; Limits::MOST_HEADERS];
        match httparse::parse_headers(&self.trailers, &mut room) {
            Ok(httparse::Status::Complete(_)) => Ok(()),
            _ => Err(Refusal::bad("the trailers of the chunked body are not valid")),
        }
    }
}

/// Appends without leaving behind unwiped memory: growing by `Vec`'s own means would free the old block as it is.
pub(super) fn append_wiped(buffer: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    let needed = buffer.len() + more.len();
    if needed > buffer.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(needed.max(2 * buffer.capacity())));
        grown.extend_from_slice(buffer);
        *buffer = grown;
    }
    buffer.extend_from_slice(more);
}
