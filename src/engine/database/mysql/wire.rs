//! The protocol of MySQL and MariaDB, the part that it takes to sign in and to run statements as texts.
//!
//! Owns packets, the handshake and the reading of answers; how passwords are proven is `proof`'s. Invariant: what a server
//! sends is never trusted to be as long as it says, nor asked to send a file.

use crate::base::failpoint::failpoint;
use crate::base::{Error, Result};
use crate::engine::database::mysql::address::{Address, Place, Tls};
use crate::engine::database::mysql::proof;
use crate::engine::database::stream::{Stream, Trust};
use std::time::Instant;
use zeroize::Zeroizing;

/// The longest packet that is not continued in another one.
const LONGEST_PACKET: usize = 0xff_ffff;
/// Rows that an answer may have.
const MOST_ROWS: usize = 100_000;

const LONG_PASSWORD: u32 = 1;
const LONG_FLAG: u32 = 1 << 2;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const MULTI_RESULTS: u32 = 1 << 17;
const PLUGIN_AUTH: u32 = 1 << 19;
const CONNECT_ATTRIBUTES: u32 = 1 << 20;

/// utf8mb4_general_ci, in which no character has a quote or a backslash for its second byte.
const UTF8MB4: u8 = 45;

const MORE_RESULTS: u16 = 8;

const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;
const COM_PING: u8 = 14;

/// What the server said no with.
#[derive(Debug)]
pub struct Refusal {
    pub code: u16,
    pub state: String,
    pub message: String,
}

/// What became of a statement: rows of texts (none for NULL), or a refusal.
pub type Outcome = Result<Vec<Row>, Refusal>;
pub type Row = Vec<Option<String>>;

pub struct Wire {
    stream: Stream,
    sequence: u8,
    /// Bytes that arrived and were not read yet.
    unread: Vec<u8>,
}

impl Wire {
    /// Connects and signs in.
    ///
    /// # Errors
    /// `Denied` for a refused login, `Upstream` for a server that is not there or not to be trusted.
    pub fn open(address: &Address, trust: &Trust<'_>, deadline: Instant) -> Result<Self> {
        let stream = match &address.place {
            Place::Tcp { host, port } => Stream::tcp(host, *port, deadline)?,
            Place::Unix(path) => Stream::unix(path, deadline)?,
        };
        let mut wire = Self { stream, sequence: 0, unread: Vec::new() };
        let greeting = Greeting::parse(&wire.packet(deadline)?)?;
        let mut flags = LONG_PASSWORD
            | LONG_FLAG
            | PROTOCOL_41
            | TRANSACTIONS
            | SECURE_CONNECTION
            | MULTI_RESULTS
            | PLUGIN_AUTH
            | (greeting.capabilities & CONNECT_ATTRIBUTES);
        if !address.database.is_empty() {
            flags |= CONNECT_WITH_DB;
        }
        wire.secure(address, trust, &greeting, &mut flags, deadline)?;
        wire.sign_in(address, &greeting, flags, deadline)?;
        Ok(wire)
    }

    /// Goes over to TLS, where it is wanted.
    fn secure(
        &mut self,
        address: &Address,
        trust: &Trust<'_>,
        greeting: &Greeting,
        flags: &mut u32,
        deadline: Instant,
    ) -> Result<()> {
        let Place::Tcp { host, .. } = &address.place else { return Ok(()) };
        let offered = greeting.capabilities & SSL != 0;
        match address.tls {
            Tls::Off => return Ok(()),
            Tls::Preferred if !offered => return Ok(()),
            _ if !offered => return Err(Error::upstream("the server offers no TLS, and the connection asks for it")),
            _ => {}
        }
        *flags |= SSL;
        self.send(&preamble(*flags), deadline)?;
        let name = if trust.server_name.is_empty() { host } else { trust.server_name };
        self.stream.secure(trust.configuration()?, name, deadline)
    }

    fn sign_in(&mut self, address: &Address, greeting: &Greeting, flags: u32, deadline: Instant) -> Result<()> {
        let login = &address.login;
        let mut plugin = greeting.plugin.clone();
        let mut scramble = greeting.scramble.clone();
        let proof = proof::answer(&plugin, login.password.expose(), &scramble).unwrap_or_default();
        let mut packet = Zeroizing::new(preamble(flags));
        text(&mut packet, &login.username)?;
        packet.push(u8::try_from(proof.len()).map_err(|_| Error::internal("a proof that is too long"))?);
        packet.extend_from_slice(&proof);
        if flags & CONNECT_WITH_DB != 0 {
            text(&mut packet, &address.database)?;
        }
        text(&mut packet, &plugin)?;
        if flags & CONNECT_ATTRIBUTES != 0 {
            attributes(&mut packet);
        }
        self.send(&packet, deadline)?;
        loop {
            let answer = Zeroizing::new(self.packet(deadline)?);
            match answer.first() {
                Some(0x00) => return Ok(()),
                Some(0xff) => return Err(Refusal::parse(&answer)?.at_sign_in()),
                Some(0xfe) if answer.len() > 1 => {
                    (plugin, scramble) = switched(&answer[1..])?;
                    let proof = self.proof(address, &plugin, &scramble)?;
                    self.send(&proof, deadline)?;
                }
                Some(0x01) if plugin == proof::CACHING_SHA2 => {
                    self.prove_to_cache(address, &answer[1..], &scramble, deadline)?;
                }
                Some(0xfe) => return Err(unsupported("the oldest way of signing in")),
                _ => return Err(not_understood()),
            }
        }
    }

    fn proof(&self, address: &Address, plugin: &str, scramble: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let password = address.login.password.expose();
        if plugin == proof::CLEAR {
            if !address.cleartext || !self.stream.is_private() {
                return Err(unsupported(
                    "the password in clear, which is given only with allowCleartextPasswords=true and TLS",
                ));
            }
            return Ok(proof::clear(password));
        }
        proof::answer(plugin, password, scramble)
            .ok_or_else(|| unsupported(&format!("the authentication plugin {plugin:?}")))
    }

    /// `caching_sha2_password` knows us, or wants the password itself: in clear where nobody listens, else encrypted for its key.
    fn prove_to_cache(&mut self, address: &Address, said: &[u8], scramble: &[u8], deadline: Instant) -> Result<()> {
        let password = address.login.password.expose();
        match said {
            [3] => Ok(()),
            [4] if self.stream.is_private() => self.send(&proof::clear(password), deadline),
            [4] => self.send(&[2], deadline),
            key => self.send(&proof::encrypted(password, scramble, key)?, deadline),
        }
    }

    /// Runs one statement to its end.
    ///
    /// # Errors
    /// `Upstream` when the connection fails: whether the statement was run is then open.
    pub fn run(&mut self, statement: &str, deadline: Instant) -> Result<Outcome> {
        let mut packet = Zeroizing::new(Vec::with_capacity(statement.len() + 1));
        packet.push(COM_QUERY);
        packet.extend_from_slice(statement.as_bytes());
        self.sequence = 0;
        self.send(&packet, deadline)?;
        if !statement.starts_with("SELECT") {
            failpoint!("mysql.sent");
        }
        let mut first = None;
        loop {
            let (outcome, more) = self.result(deadline)?;
            let failed = outcome.is_err();
            if first.is_none() || failed {
                first = Some(outcome);
            }
            if !more || failed {
                return first.ok_or_else(not_understood);
            }
        }
    }

    /// # Errors
    /// `Upstream` when the server does not answer.
    pub fn ping(&mut self, deadline: Instant) -> Result<()> {
        self.sequence = 0;
        self.send(&[COM_PING], deadline)?;
        self.packet(deadline).map(drop)
    }

    /// One result, and whether another one follows.
    fn result(&mut self, deadline: Instant) -> Result<(Outcome, bool)> {
        let head = self.packet(deadline)?;
        match head.first() {
            Some(0x00) => {
                let mut reader = Reader(&head[1..]);
                reader.number()?;
                reader.number()?;
                Ok((Ok(Vec::new()), reader.short()? & MORE_RESULTS != 0))
            }
            Some(0xff) => Ok((Err(Refusal::parse(&head)?), false)),
            Some(0xfb) => Err(Error::upstream("the server asks for a file, which it does not get")),
            Some(_) => {
                let columns = usize::try_from(Reader(&head).number()?).map_err(|_| not_understood())?;
                for _ in 0..columns {
                    self.packet(deadline)?;
                }
                self.packet(deadline)?;
                self.rows(columns, deadline)
            }
            None => Err(not_understood()),
        }
    }

    fn rows(&mut self, columns: usize, deadline: Instant) -> Result<(Outcome, bool)> {
        let mut rows = Vec::new();
        loop {
            let packet = self.packet(deadline)?;
            match packet.first() {
                Some(0xfe) if packet.len() < 9 => {
                    let status = Reader(packet.get(3..).unwrap_or_default()).short()?;
                    return Ok((Ok(rows), status & MORE_RESULTS != 0));
                }
                Some(0xff) => return Ok((Err(Refusal::parse(&packet)?), false)),
                _ if rows.len() == MOST_ROWS => return Err(Error::upstream("the answer has too many rows")),
                _ => {
                    let mut reader = Reader(&packet);
                    rows.push((0..columns).map(|_| reader.value()).collect::<Result<Row>>()?);
                }
            }
        }
    }

    fn send(&mut self, payload: &[u8], deadline: Instant) -> Result<()> {
        if payload.len() >= LONGEST_PACKET {
            return Err(Error::too_large("a statement is longer than 16 MiB"));
        }
        let length = u32::try_from(payload.len()).unwrap_or_default().to_le_bytes();
        let mut packet = Zeroizing::new(Vec::with_capacity(payload.len() + 4));
        packet.extend_from_slice(&[length[0], length[1], length[2], self.sequence]);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.send(&packet, deadline)
    }

    fn packet(&mut self, deadline: Instant) -> Result<Vec<u8>> {
        self.fill(4, deadline)?;
        let length = usize::from(self.unread[0]) | usize::from(self.unread[1]) << 8 | usize::from(self.unread[2]) << 16;
        if length == LONGEST_PACKET {
            return Err(Error::upstream("the server's answer is longer than 16 MiB"));
        }
        self.sequence = self.unread[3].wrapping_add(1);
        self.fill(4 + length, deadline)?;
        let rest = self.unread.split_off(4 + length);
        let mut packet = std::mem::replace(&mut self.unread, rest);
        packet.drain(..4);
        Ok(packet)
    }

    fn fill(&mut self, length: usize, deadline: Instant) -> Result<()> {
        let mut piece = [0; 16 * 1024];
        while self.unread.len() < length {
            let amount = self.stream.receive(&mut piece, deadline)?;
            self.unread.extend_from_slice(&piece[..amount]);
        }
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The server logs those who leave without a word.
        self.sequence = 0;
        self.send(&[COM_QUIT], Instant::now() + std::time::Duration::from_millis(100)).ok();
    }
}

/// The server's first packet.
struct Greeting {
    capabilities: u32,
    plugin: String,
    scramble: Vec<u8>,
}

impl Greeting {
    fn parse(packet: &[u8]) -> Result<Self> {
        match packet.first() {
            Some(10) => {}
            Some(0xff) => return Err(Refusal::parse(packet)?.at_sign_in()),
            _ => return Err(Error::upstream("what answers there does not speak MySQL's protocol (version 10)")),
        }
        let mut reader = Reader(&packet[1..]);
        reader.until_nul()?;
        reader.bytes(4)?;
        let mut scramble = reader.bytes(8)?.to_vec();
        reader.bytes(1)?;
        let low = reader.short()?;
        reader.bytes(3)?;
        let high = reader.short()?;
        let capabilities = u32::from(low) | u32::from(high) << 16;
        let length = usize::from(reader.bytes(1)?[0]);
        reader.bytes(10)?;
        // The second part is at least twelve bytes and a NUL.
        scramble.extend_from_slice(
            reader.bytes(length.saturating_sub(8).max(13))?.split_last().map_or(&[][..], |(_, rest)| rest),
        );
        scramble.truncate(20);
        if capabilities & (PROTOCOL_41 | SECURE_CONNECTION) != PROTOCOL_41 | SECURE_CONNECTION {
            return Err(unsupported("a way of signing in from before MySQL 4.1"));
        }
        let plugin = if capabilities & PLUGIN_AUTH == 0 { proof::NATIVE.to_owned() } else { reader.until_end()? };
        Ok(Self { capabilities, plugin, scramble })
    }
}

impl Refusal {
    fn parse(packet: &[u8]) -> Result<Self> {
        let mut reader = Reader(packet.get(1..).unwrap_or_default());
        let code = reader.short()?;
        let rest = String::from_utf8_lossy(reader.0).into_owned();
        let (state, message) = match rest.strip_prefix('#').and_then(|rest| rest.split_at_checked(5)) {
            Some((state, message)) => (state.to_owned(), message.to_owned()),
            None => ("HY000".to_owned(), rest),
        };
        Ok(Self { code, state, message })
    }

    fn at_sign_in(self) -> Error {
        let message = format!("{} (error {}, SQLSTATE {})", self.message, self.code, self.state);
        match self.code {
            // Access denied; to the database; without a password; host not allowed; account locked; password expired.
            1045 | 1044 | 1698 | 1130 | 3118 | 4151 | 1862 | 1820 => Error::denied(message),
            _ => Error::upstream(message),
        }
    }
}

/// The head of the packet that signs in, and all of the one that asks for TLS.
fn preamble(flags: u32) -> Vec<u8> {
    let mut packet = Vec::with_capacity(256);
    packet.extend_from_slice(&flags.to_le_bytes());
    packet.extend_from_slice(&u32::try_from(LONGEST_PACKET).unwrap_or_default().to_le_bytes());
    packet.push(UTF8MB4);
    packet.extend_from_slice(&[0; 23]);
    packet
}

/// A text with a NUL behind it.
fn text(packet: &mut Vec<u8>, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::bad_request("a name with a NUL in it cannot be"));
    }
    packet.extend_from_slice(text.as_bytes());
    packet.push(0);
    Ok(())
}

/// What the server's lists of sessions say of us.
fn attributes(packet: &mut Vec<u8>) {
    const PAIR: [&str; 2] = ["program_name", "leasehold"];
    let mut pairs = Vec::new();
    for word in PAIR {
        pairs.extend(u8::try_from(word.len()));
        pairs.extend_from_slice(word.as_bytes());
    }
    packet.extend(u8::try_from(pairs.len()));
    packet.extend_from_slice(&pairs);
}

/// Another plugin's name and its scramble.
fn switched(body: &[u8]) -> Result<(String, Vec<u8>)> {
    let mut reader = Reader(body);
    let plugin = String::from_utf8_lossy(reader.until_nul()?).into_owned();
    let scramble = reader.0.strip_suffix(&[0]).unwrap_or(reader.0);
    Ok((plugin, scramble.to_vec()))
}

/// Reads a packet from its front.
struct Reader<'p>(&'p [u8]);

impl<'p> Reader<'p> {
    fn bytes(&mut self, length: usize) -> Result<&'p [u8]> {
        let (head, rest) = self.0.split_at_checked(length).ok_or_else(not_understood)?;
        self.0 = rest;
        Ok(head)
    }

    fn short(&mut self) -> Result<u16> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn until_nul(&mut self) -> Result<&'p [u8]> {
        let length = self.0.iter().position(|byte| *byte == 0).ok_or_else(not_understood)?;
        let text = self.bytes(length)?;
        self.bytes(1)?;
        Ok(text)
    }

    fn until_end(&mut self) -> Result<String> {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(text.to_vec()).map_err(|_| not_understood())
    }

    /// A number in its own length.
    fn number(&mut self) -> Result<u64> {
        let length = match self.bytes(1)?[0] {
            small @ 0..=0xfa => return Ok(u64::from(small)),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            _ => return Err(not_understood()),
        };
        Ok(self.bytes(length)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A text with its length before it, or NULL.
    fn value(&mut self) -> Result<Option<String>> {
        if self.0.first() == Some(&0xfb) {
            self.bytes(1)?;
            return Ok(None);
        }
        let length = usize::try_from(self.number()?).map_err(|_| not_understood())?;
        Ok(Some(String::from_utf8_lossy(self.bytes(length)?).into_owned()))
    }
}

fn not_understood() -> Error {
    Error::upstream("the server's answer is not understood")
}

fn unsupported(what: &str) -> Error {
    Error::bad_request(format!("the server asks for {what}, which is not supported"))
}
