//! What `operator rekey` and `operator generate-root` share: operations of several people, each of whom enters one unseal key,
//! held together by a nonce; and PGP keys, for which what comes out is encrypted.
//!
//! Invariant: a key that was asked for is sent only together with the nonce that was shown.

use crate::base::Secret;
use crate::cli::{Answer, Failure, Invocation, console};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The unseal key of the argument, of standard input, or asked for, and the nonce that goes with it.
pub fn key_and_nonce(
    invocation: &Invocation,
    status: &Map<String, Value>,
    nonce_of: &str,
) -> Result<(Secret<String>, String), Failure> {
    let running = status.get(nonce_of).and_then(Value::as_str).unwrap_or_default();
    let given = invocation.given("nonce").map(str::trim).filter(|nonce| !nonce.is_empty());
    let key = match invocation.argument(0) {
        "" if invocation.is_set("non-interactive") => {
            return Err(Failure::local("No key given, and asking is forbidden."));
        }
        "" => {
            let nonce = given.unwrap_or(running);
            console::complain(format!("Operation nonce: {nonce}"));
            let key = console::ask_secret("Unseal Key (will be hidden): ")?;
            return Ok((not_empty(key)?, nonce.to_owned()));
        }
        "-" => Secret::from(console::standard_input()?.trim()),
        key => Secret::from(key.trim()),
    };
    let nonce = given.ok_or_else(|| {
        Failure::local(
            "Missing nonce value: specify it via the -nonce flag, so that the key goes to the operation meant.",
        )
    })?;
    Ok((not_empty(key)?, nonce.to_owned()))
}

fn not_empty(key: Secret<String>) -> Result<Secret<String>, Failure> {
    if key.is_empty() { Err(Failure::local("No key was entered.")) } else { Ok(key) }
}

/// The flags among these that were given; more than one is refused.
pub fn one_of(invocation: &Invocation, flags: &[&'static str]) -> Result<Option<&'static str>, Failure> {
    let set: Vec<&'static str> = flags.iter().copied().filter(|flag| invocation.is_set(flag)).collect();
    match set.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        [first, second, ..] => Err(Failure::local(format!("Cannot use -{first} together with -{second}"))),
    }
}

/// Public keys from files, in the form in which servers take them: base64 without armour.
pub fn pgp_keys(files: &[String]) -> Result<Vec<String>, Failure> {
    files.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|file| !file.is_empty()).map(pgp_key).collect()
}

fn pgp_key(file: &str) -> Result<String, Failure> {
    if file.starts_with("keybase:") {
        return Err(Failure::local(format!(
            "{file}: keys are not fetched from Keybase. Fetch the key into a file and name that."
        )));
    }
    let path = file.strip_prefix('@').unwrap_or(file);
    let content = std::fs::read(path).map_err(|error| Failure::local(format!("could not read {path}: {error}")))?;
    let Ok(text) = std::str::from_utf8(&content) else { return Ok(STANDARD.encode(&content)) };
    match text.trim().strip_prefix("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        None => Ok(text.split_whitespace().collect()),
        Some(rest) => unarmoured(rest).ok_or_else(|| Failure::local(format!("{path} holds no public key of PGP"))),
    }
}

/// What stands between the headers of an armoured key and its checksum.
fn unarmoured(rest: &str) -> Option<String> {
    let body = rest.split("-----END").next()?.trim_start_matches([' ', '\t']);
    let lines = body.lines().skip(1).map(str::trim);
    let mut content = lines.skip_while(|line| line.contains(": ")).skip_while(|line| line.is_empty()).peekable();
    content.peek()?;
    let text: String = content.take_while(|line| !line.starts_with('=')).collect();
    STANDARD.decode(&text).is_ok_and(|key| !key.is_empty()).then_some(text)
}

/// Refuses to go on with a server that would print in clear what was to be encrypted.
pub fn must_encrypt(answer: &Answer, names: &[&str]) -> Result<(), Failure> {
    let says = |name: &&str| {
        let value = answer.data_or_body().and_then(|body| body.get(*name));
        value.is_some_and(|value| !value.is_null() && *value != "" && *value != Value::Array(Vec::new()))
    };
    if names.iter().any(says) {
        return Ok(());
    }
    Err(Failure::refused(
        "The server does not say that it encrypts for the PGP key: what was begun was given up. Do without the key.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armoured_key_loses_its_armour() {
        let armoured = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\nYWJj\nZGVm\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), armoured).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        assert_eq!(pgp_keys(&[format!("{path},{path}")]).unwrap(), ["YWJjZGVm", "YWJjZGVm"]);
        std::fs::write(file.path(), "-----BEGIN PGP PUBLIC KEY BLOCK-----\nnothing").unwrap();
        assert!(pgp_keys(std::slice::from_ref(&path)).is_err());
        std::fs::write(file.path(), [0x99, 0xff]).unwrap();
        assert_eq!(pgp_keys(&[path]).unwrap(), ["mf8="]);
        assert!(pgp_keys(&["keybase:anna".to_owned()]).unwrap_err().message.contains("Keybase"));
    }
}
