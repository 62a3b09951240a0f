//! Wrapping tokens in the form of a JWT: the token itself, signed, together with where it can be spent and until when. Whoever
//! is handed one can see from it alone what it is, and with the server's public key that it is genuine.
//!
//! Invariant: a JWT is good for what the token inside is good for, and for nothing more; what is not signed by this server's
//! own key is no token at all. The key is made when it is first needed, and never leaves the barrier.

use super::wrapping::invalid;
use crate::base::{Error, Result, Secret, Timestamp};
use crate::core::live::Live;
use crate::core::records::MountRecords;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// The record of the system mount that holds the key.
const KEY: &str = "wrapping/jwt-key";

const ALGORITHM: &str = "ES512";
const TYPE: &str = "wrapping";

/// How long before its making a JWT is good already: clocks differ.
const EARLIER: Duration = Duration::from_secs(5);

/// Bytes of one coordinate of the curve P-521.
const COORDINATE: usize = 66;

#[derive(Serialize, Deserialize)]
struct StoredKey {
    /// In PKCS #8 and base64.
    pkcs8: String,
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        self.pkcs8.zeroize();
    }
}

/// What a JWT says beside the token.
pub(super) struct Said<'a> {
    pub token: &'a Secret<String>,
    pub made: Timestamp,
    pub ttl: Duration,
    /// The accessor of the token that is wrapped; empty where none is.
    pub accessor: &'a str,
}

/// The public half of the key, as the published endpoint shows it.
pub struct PublicKey {
    pub x: String,
    pub y: String,
    pub curve: &'static str,
}

/// Whether a text has the form of a JWT. Tokens have at most one dot.
#[must_use]
pub fn is_jwt(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Live {
    /// A wrapping token as a JWT.
    ///
    /// # Errors
    /// `Internal` when the key cannot be had.
    pub(super) fn wrapping_jwt(&self, said: &Said<'_>) -> Result<Secret<String>> {
        let seconds = |time: Timestamp| time.0.div_euclid(1000);
        let header = json!({ "alg": ALGORITHM, "typ": "JWT" });
        let mut claims = json!({
            "accessor": said.accessor,
            "addr": self.settings.api_addr,
            "exp": seconds(said.made.plus(said.ttl)),
            "iat": seconds(said.made),
            "jti": said.token.expose(),
            "nbf": seconds(Timestamp(said.made.0.saturating_sub(millis(EARLIER)))),
            "type": TYPE,
        });
        let payload = Zeroizing::new(claims.to_string());
        crate::logical::wipe(&mut claims);
        let mut jwt = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(&*payload));
        let key = self.wrapping_key()?;
        let signature = key.sign(&SystemRandom::new(), jwt.as_bytes()).map_err(|_| unusable())?;
        jwt.push('.');
        jwt.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        Ok(Secret::new(jwt))
    }

    /// The token inside a JWT that this server signed.
    ///
    /// # Errors
    /// `BadRequest` in the words for every invalid wrapping token.
    pub fn token_in_jwt(&self, jwt: &Secret<String>) -> Result<Secret<String>> {
        let (signed, signature) = jwt.expose().rsplit_once('.').ok_or_else(invalid)?;
        let (header, payload) = signed.split_once('.').ok_or_else(invalid)?;
        if decoded(header)?.get("alg").and_then(Value::as_str) != Some(ALGORITHM) {
            return Err(invalid());
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
        let key = self.wrapping_key()?;
        UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, key.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| invalid())?;
        let mut claims = decoded(payload)?;
        let is_wrapping = claims.get("type").and_then(Value::as_str) == Some(TYPE);
        match claims.get_mut("jti").map(Value::take) {
            Some(Value::String(token)) if is_wrapping => Ok(Secret::new(token)),
            _ => Err(invalid()),
        }
    }

    /// The key that others check such JWTs with.
    ///
    /// # Errors
    /// `Internal` when the key cannot be had.
    pub fn wrapping_public_key(&self) -> Result<PublicKey> {
        let key = self.wrapping_key()?;
        let point = key.public_key().as_ref();
        let coordinates = point.get(1..).filter(|bytes| bytes.len() == 2 * COORDINATE).ok_or_else(unusable)?;
        let (x, y) = coordinates.split_at(COORDINATE);
        Ok(PublicKey { x: decimal(x), y: decimal(y), curve: "p521" })
    }

    fn wrapping_key(&self) -> Result<EcdsaKeyPair> {
        let records = MountRecords::at(self, "sys/")?;
        let stored = match records.load::<StoredKey>(KEY)? {
            Some(stored) => stored,
            // Of two who come first at once, both get the one that is stored first.
            None => records.change(KEY, |there: Option<StoredKey>| there.map_or_else(generated, Ok))?,
        };
        let pkcs8 = Zeroizing::new(STANDARD.decode(&stored.pkcs8).map_err(|_| unusable())?);
        EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &pkcs8).map_err(|_| unusable())
    }
}

fn generated() -> Result<StoredKey> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &SystemRandom::new());
    Ok(StoredKey { pkcs8: STANDARD.encode(pkcs8.map_err(|_| unusable())?.as_ref()) })
}

fn decoded(part: &str) -> Result<Value> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(part).map_err(|_| invalid())?);
    serde_json::from_slice(&bytes).map_err(|_| invalid())
}

/// A large number in decimal digits.
fn decimal(number: &[u8]) -> String {
    let mut digits = vec![0u8];
    for byte in number {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

fn unusable() -> Error {
    Error::internal("the key that signs wrapping tokens cannot be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_told_in_decimal_digits() {
        for (bytes, digits) in [(&[][..], "0"), (&[0, 0], "0"), (&[1, 0], "256"), (&[0, 255, 255], "65535")] {
            assert_eq!(decimal(bytes), digits);
        }
        assert_eq!(decimal(&[255; 16]), u128::MAX.to_string());
    }

    #[test]
    fn what_is_no_jwt_is_left_alone() {
        assert!(is_jwt("a.b.c") && !is_jwt("hvs.token") && !is_jwt("a.b.c.d") && !is_jwt(""));
    }
}
