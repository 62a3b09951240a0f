//! The read buffer of one connection: what has arrived and is not used yet. Small while idle, larger under load, wiped as it
//! is used. A connection that has sent nothing has none.

use std::io;
use zeroize::{Zeroize, Zeroizing};

pub(super) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

const SMALL: usize = 4 * 1024;
const LARGE: usize = 64 * 1024;

impl Buffer {
    pub fn new() -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), start: 0, end: 0 }
    }

    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub fn consume(&mut self, amount: usize) {
        let used = self.start..self.end.min(self.start + amount);
        self.start = used.end;
        self.bytes[used].zeroize();
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads once, into all the room there is. Where there is none it is doubled, which is how a large body comes to be read
    /// in large pieces.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.make_room();
        let room = &mut self.bytes[self.end..];
        let amount = read(room)?;
        let filled = amount == room.len();
        self.end += amount;
        if filled && self.bytes.len() < LARGE {
            self.resize(2 * self.bytes.len());
        }
        Ok(amount)
    }

    /// Gives back what a large request took, before a wait that may be long.
    pub fn shrink(&mut self) {
        if self.is_empty() && self.bytes.len() > SMALL {
            *self = Self::new();
        }
    }

    fn make_room(&mut self) {
        if self.end < self.bytes.len() {
            return;
        }
        if self.start == 0 {
            self.resize((2 * self.bytes.len()).max(SMALL));
        } else {
            self.bytes.copy_within(self.start.., 0);
            self.end -= self.start;
            self.start = 0;
            self.bytes[self.end..].zeroize();
        }
    }

    fn resize(&mut self, size: usize) {
        let mut bytes = Zeroizing::new(vec![0; size]);
        let unread = self.end - self.start;
        bytes[..unread].copy_from_slice(self.unread());
        (self.bytes, self.start, self.end) = (bytes, 0, unread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(buffer: &mut Buffer, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            buffer.fill(|room| io::Read::read(&mut rest, room)).unwrap();
        }
    }

    #[test]
    fn bytes_come_out_as_they_went_in_whatever_the_pieces() {
        let sent: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let mut buffer = Buffer::new();
        let (mut got, mut given) = (Vec::new(), 0);
        for piece in [1, 4095, 4096, 4097, 10_000, 100_000, 77_711] {
            give(&mut buffer, &sent[given..given + piece]);
            given += piece;
            let part = buffer.unread().len().min(piece / 2 + 1);
            got.extend_from_slice(&buffer.unread()[..part]);
            buffer.consume(part);
        }
        got.extend_from_slice(buffer.unread());
        assert_eq!(got, sent[..given]);
    }

    #[test]
    fn what_was_used_is_wiped() {
        let mut buffer = Buffer::new();
        give(&mut buffer, b"canary, then more");
        buffer.consume(6);
        assert!(!buffer.bytes.windows(6).any(|window| window == b"canary"));
        assert_eq!(buffer.unread(), b", then more");
    }

    #[test]
    fn a_large_buffer_is_given_back_when_it_is_empty() {
        let mut buffer = Buffer::new();
        give(&mut buffer, &[1; 50_000]);
        buffer.consume(50_000);
        buffer.shrink();
        assert!(buffer.bytes.is_empty());
    }
}
