//! Blocks of IP addresses, as `10.0.0.0/8`; an address alone is a block of one.

use crate::base::{Error, Result};
use std::net::{IpAddr, Ipv6Addr};

/// A block: the addresses whose first bits are those of its own. IPv4 is kept as IPv6's mapped form of it, and a client that
/// comes with the mapped form is an IPv4 client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    /// How many of the 128 bits count.
    length: u32,
}

/// What every mapped IPv4 address begins with: ::ffff:0:0/96.
const MAPPED: u128 = 0xffff << 32;
const MAPPED_LENGTH: u32 = 96;

impl Cidr {
    /// # Errors
    /// `BadRequest` naming the text and what is allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::bad_request(format!(
                "{text:?} is not a block of addresses: write an address (10.1.2.3) or one with the number of bits that count (10.0.0.0/8)"
            ))
        };
        let (address, bits) =
            text.trim().split_once('/').map_or((text.trim(), None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let (width, offset) = if address.is_ipv4() { (32, MAPPED_LENGTH) } else { (128, 0) };
        let bits = match bits {
            None => width,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if bits > width {
            return Err(wrong());
        }
        Ok(Self { network: number(address), length: bits + offset })
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = number(address);
        if address >> 32 == MAPPED >> 32 && self.length < MAPPED_LENGTH {
            return false;
        }
        let mask = u128::MAX.checked_shl(128 - self.length).unwrap_or(0);
        address & mask == self.network & mask
    }

    /// Whether every address of the other block is in this one.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let is_mapped = other.network >> 32 == MAPPED >> 32 && other.length >= MAPPED_LENGTH;
        if other.length < self.length || (is_mapped && self.length < MAPPED_LENGTH) {
            return false;
        }
        let mask = u128::MAX.checked_shl(128 - self.length).unwrap_or(0);
        other.network & mask == self.network & mask
    }
}

fn number(address: IpAddr) -> u128 {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    mapped.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_the_addresses_that_begin_like_it() -> Result<()> {
        for (block, address, inside) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.1.2.3/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "203.0.113.9", false),
            ("::/0", "2001:db8::1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1/32", "::ffff:127.0.0.1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            (" ::1/128 ", "::1", true),
        ] {
            assert_eq!(Cidr::parse(block)?.contains(address.parse().unwrap()), inside, "{block} {address}");
        }
        Ok(())
    }

    #[test]
    fn a_block_holds_the_smaller_ones_inside_it() -> Result<()> {
        for (block, other, holds) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "10.0.0.1", true),
            ("::/0", "10.0.0.1", false),
            ("::/0", "2001:db8::/32", true),
            ("0.0.0.0/0", "::1", false),
        ] {
            assert_eq!(Cidr::parse(block)?.holds(&Cidr::parse(other)?), holds, "{block} {other}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_block_is_named_in_the_error() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "/8"] {
            let error = Cidr::parse(text).map(|_| ()).unwrap_err();
            assert!(error.message().contains("is not a block of addresses"), "{text}");
        }
    }
}
