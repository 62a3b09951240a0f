//! Who a connection is really from, where a proxy in front says so: the PROXY protocol, versions 1 and 2, before the first byte
//! of the connection itself, and `X-Forwarded-For` in each request. Pure; what is read here comes from whoever connects, and is
//! believed only where the configuration trusts the address that it comes from.

use crate::base::cidr::Cidr;
use crate::config::{Forwarded, ProxyBehavior, ProxyProtocol};
use crate::http::headers::Headers;
use crate::http::refusal::Refusal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What becomes of a connection from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Believed,
    PassedOver,
    TurnedAway,
}

fn contains(blocks: &[Cidr], peer: Option<SocketAddr>) -> bool {
    peer.is_some_and(|peer| blocks.iter().any(|block| block.contains(peer.ip())))
}

impl ProxyProtocol {
    /// Whether the connections of this peer say whom they are from. One of this machine's sockets is as trusted as its file.
    pub(super) fn word_of(&self, peer: Option<SocketAddr>) -> Word {
        match self.behavior {
            _ if peer.is_none() || contains(&self.authorized, peer) => Word::Believed,
            ProxyBehavior::UseAlways => Word::Believed,
            ProxyBehavior::AllowAuthorized => Word::PassedOver,
            ProxyBehavior::DenyUnauthorized => Word::TurnedAway,
        }
    }
}

const MALFORMED: Refusal = Refusal::bad("the PROXY protocol's header is not valid");
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const TEXT: &[u8; 6] = b"PROXY ";
const LONGEST_TEXT: usize = 107;
const LONGEST_BINARY: usize = 16 + 2048;

/// What the first bytes of a connection come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// So many bytes more are needed to tell.
    More(usize),
    /// They are not of the PROXY protocol, but of the connection itself.
    Absent,
    /// The header is whole; whom the connection is from, if it says.
    From(Option<SocketAddr>),
}

/// Reads a header from the bytes that have come so far.
pub(super) fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let begins = |sign: &[u8]| bytes.iter().zip(sign).all(|(byte, sign)| byte == sign);
    if begins(TEXT) {
        return if bytes.len() < TEXT.len() { Ok(Reading::More(TEXT.len() - bytes.len())) } else { text(bytes) };
    }
    if begins(SIGNATURE) {
        return if bytes.len() < 16 { Ok(Reading::More(16 - bytes.len())) } else { binary(bytes) };
    }
    Ok(Reading::Absent)
}

fn text(bytes: &[u8]) -> Result<Reading, Refusal> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        return if bytes.len() < LONGEST_TEXT { Ok(Reading::More(1)) } else { Err(MALFORMED) };
    };
    let line = std::str::from_utf8(line).map_err(|_| MALFORMED)?;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(Reading::From(None)),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, _, port, _] => {
            let address: IpAddr = source.parse().map_err(|_| MALFORMED)?;
            let port = port.parse().map_err(|_| MALFORMED)?;
            if address.is_ipv4() != (*family == "TCP4") {
                return Err(MALFORMED);
            }
            Ok(Reading::From(Some(SocketAddr::new(address, port))))
        }
        _ => Err(MALFORMED),
    }
}

fn binary(bytes: &[u8]) -> Result<Reading, Refusal> {
    let whole = 16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if whole > LONGEST_BINARY {
        return Err(MALFORMED);
    }
    if bytes.len() < whole {
        return Ok(Reading::More(whole - bytes.len()));
    }
    let body = &bytes[16..whole];
    let port = |at: usize| body.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    match (bytes[12], bytes[13]) {
        // A health check of the proxy's own, and families that have no address of the network.
        (0x20, _) | (0x21, 0x00 | 0x31 | 0x32) => Ok(Reading::From(None)),
        (0x21, 0x11) => {
            let source: [u8; 4] = body.get(..4).and_then(|source| source.try_into().ok()).ok_or(MALFORMED)?;
            let port = port(8).ok_or(MALFORMED)?;
            Ok(Reading::From(Some(SocketAddr::new(Ipv4Addr::from(source).into(), port))))
        }
        (0x21, 0x21) => {
            let source: [u8; 16] = body.get(..16).and_then(|source| source.try_into().ok()).ok_or(MALFORMED)?;
            let port = port(32).ok_or(MALFORMED)?;
            Ok(Reading::From(Some(SocketAddr::new(Ipv6Addr::from(source).into(), port))))
        }
        _ => Err(MALFORMED),
    }
}

impl Forwarded {
    /// Whom a request is from, that came in by a connection from this peer.
    ///
    /// # Errors
    /// What a client is told that has to say whom it speaks for, and does not, or may not.
    pub(super) fn peer(&self, peer: Option<SocketAddr>, headers: &Headers) -> Result<Option<SocketAddr>, Refusal> {
        let mut hops = headers.all("X-Forwarded-For").flat_map(|value| value.split(',')).map(str::trim).peekable();
        if hops.peek().is_none() {
            return if self.reject_not_present {
                Err(Refusal::bad("missing x-forwarded-for header and configured to reject when not present"))
            } else {
                Ok(peer)
            };
        }
        if peer.is_some() && !contains(&self.authorized, peer) {
            return if self.reject_not_authorized {
                Err(Refusal::bad(
                    "client address not authorized for x-forwarded-for and configured to reject connection",
                ))
            } else {
                Ok(peer)
            };
        }
        let hops: Vec<&str> = hops.collect();
        let index = hops.len().checked_sub(1 + self.hop_skips);
        let hop = index.map(|at| hops[at]).ok_or(Refusal::bad(
            "malformed x-forwarded-for configuration or request: hops to skip would skip before earliest chain link",
        ))?;
        let port = peer.map_or(0, |peer| peer.port());
        parse(hop, port).map(Some).ok_or(Refusal::bad("malformed x-forwarded-for: there is no address in it"))
    }
}

/// An address, in brackets or not, with a port or without.
fn parse(text: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().map(|address| SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests;
