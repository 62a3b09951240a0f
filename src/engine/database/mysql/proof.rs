//! How a client proves to MySQL or MariaDB that it knows a password.

use crate::base::{Error, Result};
use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

pub const NATIVE: &str = "mysql_native_password";
pub const CACHING_SHA2: &str = "caching_sha2_password";
/// Wants the password as it is.
pub const CLEAR: &str = "mysql_clear_password";

/// The answer to a scramble; none for a plugin that is not known here. Without a password it is empty.
#[must_use]
pub fn answer(plugin: &str, password: &str, scramble: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match plugin {
        NATIVE | CACHING_SHA2 if password.is_empty() => Some(Zeroizing::default()),
        NATIVE => Some(native(password.as_bytes(), scramble)),
        CACHING_SHA2 => Some(caching_sha2(password.as_bytes(), scramble)),
        _ => None,
    }
}

/// The password with a NUL behind it.
#[must_use]
pub fn clear(password: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    bytes.extend_from_slice(password.as_bytes());
    bytes.push(0);
    bytes
}

/// The password so that only the holder of the key can read it. The scramble in it makes it useless another time.
///
/// # Errors
/// `Upstream` for what is no key, `BadRequest` for a password that is too long for it.
pub fn encrypted(password: &str, scramble: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    let no_key = || Error::upstream("the server's key for passwords is not understood");
    let key = SubjectPublicKeyInfoDer::from_pem_slice(key).map_err(|_| no_key())?;
    let key = PublicEncryptingKey::from_der(&key).map_err(|_| no_key())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| no_key())?;
    let mut plain = clear(password);
    xor(&mut plain, scramble);
    let mut sealed = vec![0; key.ciphertext_size()];
    key.encrypt(&OAEP_SHA1_MGF1SHA1, &plain, &mut sealed, None)
        .map(|sealed| sealed.to_vec())
        .map_err(|_| Error::bad_request("the password is too long for the server's key: use TLS"))
}

/// SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password)))
fn native(password: &[u8], scramble: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut once = hash(&SHA1_FOR_LEGACY_USE_ONLY, &[password]);
    let twice = hash(&SHA1_FOR_LEGACY_USE_ONLY, &[&once]);
    let mask = hash(&SHA1_FOR_LEGACY_USE_ONLY, &[scramble, &twice]);
    xor(&mut once, &mask);
    once
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble)
fn caching_sha2(password: &[u8], scramble: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut once = hash(&SHA256, &[password]);
    let twice = hash(&SHA256, &[&once]);
    let mask = hash(&SHA256, &[&twice, scramble]);
    xor(&mut once, &mask);
    once
}

fn hash(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let whole = Zeroizing::new(parts.concat());
    Zeroizing::new(digest(algorithm, &whole).as_ref().to_vec())
}

/// The mask is repeated where it is shorter.
fn xor(bytes: &mut [u8], mask: &[u8]) {
    for (byte, mask) in bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scramble and the answers of protocol traces.
    const SCRAMBLE: &[u8] = &[10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21];

    #[test]
    fn a_password_is_proven_as_servers_check_it() {
        // As a server does: it knows SHA1(SHA1(password)), takes its mask off the answer and hashes what is left.
        let answer = native(b"secret", SCRAMBLE);
        let stored = hash(&SHA1_FOR_LEGACY_USE_ONLY, &[&hash(&SHA1_FOR_LEGACY_USE_ONLY, &[b"secret"])]);
        let mut left = answer.clone();
        xor(&mut left, &hash(&SHA1_FOR_LEGACY_USE_ONLY, &[SCRAMBLE, &stored]));
        assert_eq!(hash(&SHA1_FOR_LEGACY_USE_ONLY, &[&left]), stored);

        let answer = caching_sha2(b"secret", SCRAMBLE);
        let stored = hash(&SHA256, &[&hash(&SHA256, &[b"secret"])]);
        let mut left = answer.clone();
        xor(&mut left, &hash(&SHA256, &[&stored, SCRAMBLE]));
        assert_eq!(hash(&SHA256, &[&left]), stored);
    }

    #[test]
    fn no_password_is_proven_by_nothing_and_an_unknown_way_not_at_all() {
        assert_eq!(answer(NATIVE, "", SCRAMBLE).map(|proof| proof.len()), Some(0));
        assert_eq!(answer(CACHING_SHA2, "", SCRAMBLE).map(|proof| proof.len()), Some(0));
        assert!(answer("client_ed25519", "secret", SCRAMBLE).is_none());
    }

    #[test]
    fn a_key_that_is_none_is_an_error() {
        assert!(
            encrypted("secret", SCRAMBLE, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").is_err()
        );
        assert!(encrypted("secret", SCRAMBLE, b"").is_err());
    }
}
