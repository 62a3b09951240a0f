//! The bytes of a body while they arrive. A small body is one block; what is larger comes into pages of its own, which go back to
//! the operating system at once when the body does, whatever became of it: memory that an allocator keeps for later would add up
//! over threads. All is wiped.

use crate::http::body::append_wiped;
use crate::http::refusal::Refusal;
use memmap2::MmapMut;
use zeroize::{Zeroize, Zeroizing};

/// The most that comes into one block.
const SMALL: usize = 64 * 1024;
const PIECE: usize = 1024 * 1024;

#[derive(Default)]
pub(super) struct Pieces {
    small: Zeroizing<Vec<u8>>,
    large: Vec<Piece>,
}

struct Piece {
    pages: MmapMut,
    length: usize,
}

impl Pieces {
    pub fn length(&self) -> usize {
        self.small.len() + self.large.iter().map(|piece| piece.length).sum::<usize>()
    }

    /// # Errors
    /// When the operating system has no memory.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if self.large.is_empty() && self.small.len() + bytes.len() <= SMALL {
            append_wiped(&mut self.small, bytes);
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.large.last().is_none_or(|piece| piece.length == PIECE) {
                let pages = MmapMut::map_anon(PIECE).map_err(|_| Refusal::NO_MEMORY)?;
                self.large.push(Piece { pages, length: 0 });
            }
            let Some(piece) = self.large.last_mut() else { return Ok(()) };
            let amount = rest.len().min(PIECE - piece.length);
            piece.pages[piece.length..piece.length + amount].copy_from_slice(&rest[..amount]);
            piece.length += amount;
            rest = &rest[amount..];
        }
        Ok(())
    }

    /// All in one block.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        if self.large.is_empty() {
            return self.small;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.length()));
        bytes.extend_from_slice(&self.small);
        // Each piece is given back before the next one is copied.
        for piece in self.large {
            bytes.extend_from_slice(&piece.pages[..piece.length]);
        }
        bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.pages[..self.length].zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_whatever_the_pieces() {
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        for size in [1_000, 65_537, 1_048_576, 3_000_000] {
            let mut pieces = Pieces::default();
            for part in sent.chunks(size) {
                pieces.append(part).unwrap();
            }
            assert_eq!(pieces.length(), sent.len());
            assert!(*pieces.into_bytes() == sent, "{size}");
        }
    }
}
