//! Shamir's secret sharing over GF(2⁸): each byte of the secret is the value at zero of a random polynomial, and a share is
//! the polynomials' values at some other place.
//!
//! A share is the values followed by one byte, the place. The field is that of AES (x⁸+x⁴+x³+x+1).
//!
//! Invariant: time and memory access depend on lengths and places alone, never on a secret: no tables, no branches.

use crate::base::{Error, Result, Secret};
use crate::seal::SealConfig;
use zeroize::Zeroizing;

/// Splits `secret` into `shares`, any `threshold` of which [`combine`] to it. A single share is the secret itself.
///
/// # Errors
/// `BadRequest` for numbers that [`SealConfig::new`] refuses or an empty secret; `Internal` without randomness.
pub fn split(secret: &[u8], shares: u8, threshold: u8) -> Result<Vec<Secret<Vec<u8>>>> {
    SealConfig::new(shares.into(), threshold.into())?;
    if secret.is_empty() {
        return Err(Error::bad_request("there is no secret to split"));
    }
    if threshold == 1 {
        return Ok(vec![Secret::new(secret.to_vec())]);
    }
    let mut parts: Vec<_> = (1..=shares).map(|_| Zeroizing::new(Vec::with_capacity(secret.len() + 1))).collect();
    let mut polynomial = Zeroizing::new(vec![0; usize::from(threshold)]);
    for byte in secret {
        polynomial[0] = *byte;
        fill_random(&mut polynomial[1..])?;
        for (place, part) in (1..=shares).zip(&mut parts) {
            part.push(value_at(place, &polynomial));
        }
    }
    for (place, part) in (1..=shares).zip(&mut parts) {
        part.push(place);
    }
    Ok(parts.into_iter().map(|mut part| Secret::new(std::mem::take(&mut *part))).collect())
}

/// Puts shares together. Too few, or shares of different secrets, give another value, not an error: who knows the threshold
/// counts, and what the value opens tells whether it is right. One share alone is the secret itself.
///
/// # Errors
/// `BadRequest` for no shares, or shares that cannot belong together.
pub fn combine(shares: &[Secret<Vec<u8>>]) -> Result<Secret<Vec<u8>>> {
    let shares: Vec<&[u8]> = shares.iter().map(|share| share.expose().as_slice()).collect();
    match shares.as_slice() {
        [] => Err(Error::bad_request("there are no shares to combine")),
        [alone] => Ok(Secret::new(alone.to_vec())),
        several => interpolate(several),
    }
}

fn interpolate(shares: &[&[u8]]) -> Result<Secret<Vec<u8>>> {
    let length = shares[0].len();
    if length < 2 {
        return Err(Error::bad_request("a share is too short"));
    }
    if shares.iter().any(|share| share.len() != length) {
        return Err(Error::bad_request("the shares differ in length"));
    }
    let places: Vec<u8> = shares.iter().map(|share| share[length - 1]).collect();
    if places.contains(&0) {
        return Err(Error::bad_request("a share is not valid"));
    }
    if (1..places.len()).any(|at| places[..at].contains(&places[at])) {
        return Err(Error::bad_request("the same share was given twice"));
    }
    let mut secret = Zeroizing::new(vec![0; length - 1]);
    for (at, share) in shares.iter().enumerate() {
        let weight = weight_at_zero(at, &places);
        for (byte, value) in secret.iter_mut().zip(*share) {
            *byte ^= multiply(weight, *value);
        }
    }
    Ok(Secret::new(std::mem::take(&mut *secret)))
}

/// The polynomial whose coefficients these are, lowest first, at `place`.
fn value_at(place: u8, polynomial: &[u8]) -> u8 {
    polynomial.iter().rev().fold(0, |value, coefficient| multiply(value, place) ^ coefficient)
}

/// How much the share number `at` counts towards the value at zero: the Lagrange basis polynomial of its place.
fn weight_at_zero(at: usize, places: &[u8]) -> u8 {
    let others = places.iter().enumerate().filter(|(other, _)| *other != at);
    others.fold(1, |weight, (_, place)| multiply(weight, multiply(*place, invert(place ^ places[at]))))
}

/// Multiplication in GF(2⁸) by shifting and adding, eight steps whatever the factors.
fn multiply(mut left: u8, right: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        product ^= left & mask(right >> bit);
        left = (left << 1) ^ (0x1b & mask(left >> 7));
    }
    product
}

/// All ones if the lowest bit is set, else zero. The barrier keeps the compiler from finding a branch in it.
fn mask(byte: u8) -> u8 {
    std::hint::black_box(byte & 1).wrapping_neg()
}

/// The inverse, as the 254th power (the group has 255 elements); of zero, zero.
fn invert(value: u8) -> u8 {
    let mut power = value;
    for _ in 0..6 {
        power = multiply(multiply(power, power), value);
    }
    multiply(power, power)
}

fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| Error::internal("no randomness from the operating system").caused_by(error.to_string()))
}

#[cfg(test)]
mod tests;
