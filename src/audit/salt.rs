//! A device's salt, and the keyed hashes made with it: equal values of one device have equal hashes, those of two devices
//! cannot be compared.

use crate::base::{Result, Secret, random};
use aws_lc_rs::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// 32 random bytes, made when the device is enabled and kept in its definition.
#[derive(Clone)]
pub struct Salt(Secret<[u8; 32]>);

impl Salt {
    /// # Errors
    /// `Internal` when the operating system gives no randomness.
    pub fn generate() -> Result<Self> {
        random::bytes().map(Secret::new).map(Self)
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode(self.0.expose())))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.as_bytes(), bytes.as_mut_slice())
            .map_err(|_| de::Error::custom("a salt is 64 hexadecimal digits"))?;
        Ok(Self(Secret::new(*bytes)))
    }
}

/// HMAC-SHA256 keyed with a salt.
pub struct Hasher(hmac::Key);

impl Hasher {
    #[must_use]
    pub fn new(salt: &Salt) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, salt.0.expose()))
    }

    /// As `hmac-sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self, value: &[u8]) -> String {
        format!("hmac-sha256:{}", hex::encode(hmac::sign(&self.0, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_published_hmac_sha256() {
        // RFC 4231, test case 2: its key is shorter than ours, and HMAC pads keys with zeros.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let hash = Hasher::new(&Salt(Secret::new(key))).hash(b"what do ya want for nothing?");
        assert_eq!(hash, "hmac-sha256:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_salt_is_kept_and_comes_back() -> Result<()> {
        let salt = Salt::generate()?;
        let stored = serde_json::to_string(&salt).unwrap();
        let back: Salt = serde_json::from_str(&stored).unwrap();
        assert_eq!(Hasher::new(&salt).hash(b"value"), Hasher::new(&back).hash(b"value"));
        assert_ne!(Hasher::new(&salt).hash(b"value"), Hasher::new(&Salt::generate()?).hash(b"value"));
        assert!(serde_json::from_str::<Salt>("\"00\"").is_err());
        Ok(())
    }
}
