//! Randomness from the operating system, and the identifiers made from it.

use crate::base::{Error, Result, Timestamp};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Fills an array from the operating system's generator.
///
/// # Errors
/// `Internal` when the operating system gives none.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::internal("no randomness from the operating system").caused_by(error.to_string()))?;
    Ok(bytes)
}

/// `length` uniformly random characters of `[0-9A-Za-z]` (5.95 bits each).
///
/// # Errors
/// `Internal` when the operating system gives no randomness.
pub fn base62(length: usize) -> Result<String> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // 248 is the largest multiple of 62 in a byte: what lies above is thrown away so that no character is favoured.
        let fresh = bytes::<32>()?;
        text.extend(
            fresh
                .iter()
                .filter(|byte| **byte < 248)
                .map(|byte| char::from(BASE62[usize::from(*byte) % 62]))
                .take(length - text.len()),
        );
    }
    Ok(text)
}

/// Number of characters in which [`time_ordered`] writes the time.
pub const TIME_CHARACTERS: usize = 8;

/// A random identifier whose first eight characters are the time in milliseconds, so that rows keyed by it are inserted in
/// order; `length` counts both parts.
///
/// # Errors
/// `Internal` when the operating system gives no randomness.
pub fn time_ordered(now: Timestamp, length: usize) -> Result<String> {
    let mut digits = [b'0'; TIME_CHARACTERS];
    let mut rest = u64::try_from(now.0).unwrap_or(0);
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    let mut text: String = digits.iter().map(|digit| char::from(*digit)).collect();
    text.push_str(&base62(length.saturating_sub(TIME_CHARACTERS))?);
    Ok(text)
}

/// The time that [`time_ordered`] wrote into an identifier; zero where it holds none (any other text).
#[must_use]
pub fn time_of(identifier: &str) -> Timestamp {
    let digit = |byte: u8| BASE62.iter().position(|known| *known == byte).and_then(|at| i64::try_from(at).ok());
    let Some(head) = identifier.as_bytes().get(..TIME_CHARACTERS) else { return Timestamp(0) };
    let time = head.iter().try_fold(0_i64, |time, byte| time.checked_mul(62)?.checked_add(digit(*byte)?));
    Timestamp(time.unwrap_or(0))
}

/// A number from 0 to 1, to part those who would otherwise do the same at the same moment; 0 where there is no randomness.
#[must_use]
pub fn fraction() -> f64 {
    bytes::<4>().map_or(0.0, |bytes| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

/// A random UUID (RFC 9562, version 4) as text.
#[must_use]
pub fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_sorts_by_its_time_and_tells_it() -> Result<()> {
        let early = time_ordered(Timestamp(1_700_000_000_000), 24)?;
        let late = time_ordered(Timestamp(1_700_000_000_001), 24)?;
        assert!(early[..TIME_CHARACTERS] < late[..TIME_CHARACTERS]);
        assert_eq!(time_of(&early), Timestamp(1_700_000_000_000));
        assert_eq!(early.len(), 24);
        assert_ne!(late, time_ordered(Timestamp(1_700_000_000_001), 24)?);
        Ok(())
    }

    #[test]
    fn a_text_that_holds_no_time_tells_zero() {
        assert_eq!(time_of("root"), Timestamp(0));
        assert_eq!(time_of("dev-only-token"), Timestamp(0));
    }
}
