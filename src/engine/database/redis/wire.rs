//! The protocol of Redis and Valkey (RESP2): a command is an array of texts, an answer is one of five kinds.
//!
//! Invariant: what a server sends is never trusted to be as long or as deep as it says.

use crate::base::failpoint::failpoint;
use crate::base::{Error, Result};
use crate::engine::database::stream::Stream;
use std::time::Instant;
use zeroize::Zeroizing;

/// The longest text and the longest list that are read.
const LONGEST: usize = 64 * 1024 * 1024;
const DEEPEST: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A simple or a bulk text.
    Text(String),
    Integer(i64),
    Nothing,
    List(Vec<Answer>),
}

/// The server's no: a word in capitals, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

pub struct Wire {
    stream: Stream,
    /// Bytes that arrived and were not read yet, from `at` on.
    unread: Zeroizing<Vec<u8>>,
    at: usize,
}

impl Wire {
    #[must_use]
    pub fn over(stream: Stream) -> Self {
        Self { stream, unread: Zeroizing::default(), at: 0 }
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// `Upstream` when the connection fails: whether the command was run is then open.
    pub fn run(&mut self, words: &[&str], deadline: Instant) -> Result<Result<Answer, Refusal>> {
        let room = words.iter().map(|word| word.len() + 32).sum::<usize>() + 32;
        let mut command = Zeroizing::new(Vec::with_capacity(room));
        command.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            command.extend_from_slice(word.as_bytes());
            command.extend_from_slice(b"\r\n");
        }
        self.unread.drain(..self.at);
        self.at = 0;
        self.stream.send(&command, deadline)?;
        if words.first() == Some(&"ACL") && words.get(1) != Some(&"GETUSER") {
            failpoint!("redis.sent");
        }
        self.answer(0, deadline)
    }

    fn answer(&mut self, depth: usize, deadline: Instant) -> Result<Result<Answer, Refusal>> {
        if depth > DEEPEST {
            return Err(not_understood());
        }
        let line = self.line(deadline)?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(not_understood)?;
        let number = || rest.parse::<i64>().map_err(|_| not_understood());
        Ok(Ok(match kind {
            "+" => Answer::Text(rest.to_owned()),
            "-" => return Ok(Err(Refusal(rest.to_owned()))),
            ":" => Answer::Integer(number()?),
            "$" => match length(number()?)? {
                None => Answer::Nothing,
                Some(length) => self.bulk(length, deadline)?,
            },
            "*" => match length(number()?)? {
                None => Answer::Nothing,
                Some(length) => {
                    let mut items = Vec::new();
                    for _ in 0..length {
                        match self.answer(depth + 1, deadline)? {
                            Ok(item) => items.push(item),
                            Err(refusal) => items.push(Answer::Text(refusal.0)),
                        }
                    }
                    Answer::List(items)
                }
            },
            _ => return Err(Error::upstream("what answers there does not speak the protocol of Redis")),
        }))
    }

    fn bulk(&mut self, length: usize, deadline: Instant) -> Result<Answer> {
        while self.unread.len() < self.at + length + 2 {
            self.read_more(deadline)?;
        }
        let text = String::from_utf8_lossy(&self.unread[self.at..self.at + length]).into_owned();
        self.at += length + 2;
        Ok(Answer::Text(text))
    }

    fn line(&mut self, deadline: Instant) -> Result<String> {
        let mut searched = self.at;
        loop {
            if let Some(end) = self.unread[searched..].windows(2).position(|pair| pair == b"\r\n") {
                let end = searched + end;
                let line = String::from_utf8_lossy(&self.unread[self.at..end]).into_owned();
                self.at = end + 2;
                return Ok(line);
            }
            searched = self.unread.len().saturating_sub(1).max(self.at);
            self.read_more(deadline)?;
        }
    }

    fn read_more(&mut self, deadline: Instant) -> Result<()> {
        let mut piece = Zeroizing::new([0; 16 * 1024]);
        let amount = self.stream.receive(piece.as_mut(), deadline)?;
        if self.unread.len() + amount > LONGEST {
            return Err(Error::upstream("the server's answer is too long"));
        }
        self.unread.extend_from_slice(&piece[..amount]);
        Ok(())
    }
}

/// A length as the server gives it: -1 is nothing.
fn length(number: i64) -> Result<Option<usize>> {
    match usize::try_from(number) {
        Ok(length) if length <= LONGEST => Ok(Some(length)),
        Err(_) if number == -1 => Ok(None),
        _ => Err(not_understood()),
    }
}

impl Answer {
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn items(&self) -> &[Answer] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The value behind a key, in a list that is keys and values in turn.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Answer> {
        let mut pairs = self.items().chunks_exact(2);
        pairs.find(|pair| pair[0].text() == Some(key)).map(|pair| &pair[1])
    }
}

fn not_understood() -> Error {
    Error::upstream("the server's answer is not understood")
}
