//! A new root token by the holders of keys, for when none is left. It is answered under a password of the one who began, so that the
//! one who gives the last key does not see it.

use crate::base::{Error, Result, Secret, random};
use crate::core::ceremonies::{Attempt, RootToken};
use crate::core::sealing::root_token;
use crate::core::tokens::{PREFIX, TOKEN_LENGTH};
use crate::core::{Core, Live};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

const WHAT: &str = "root generation";

/// As long as a token, so that each of its characters has one of its own.
pub const OTP_LENGTH: usize = PREFIX.len() + TOKEN_LENGTH;

impl Core {
    /// Begins; the password, which is made unless it is given.
    ///
    /// # Errors
    /// `BadRequest` when there is an attempt already, for a password of another length, and where there are no keys to give.
    pub fn begin_root_token(&self, live: &Live, otp: Option<Secret<String>>) -> Result<Secret<String>> {
        if self.keys_required()?.shares == 0 {
            return Err(Error::bad_request(
                "this server has no recovery key: it was initialised without recovery shares",
            ));
        }
        if otp.as_ref().is_some_and(|otp| otp.expose().len() != OTP_LENGTH) {
            return Err(Error::bad_request(format!("otp must be {OTP_LENGTH} characters long, as a token is")));
        }
        let otp = otp.map_or_else(|| random::base62(OTP_LENGTH).map(Secret::new), Ok)?;
        let mut root = live.ceremonies.root();
        if root.is_some() {
            return Err(Error::bad_request("root generation already in progress"));
        }
        *root = Some(RootToken { attempt: Attempt::new(live.now()), otp: otp.clone() });
        Ok(otp)
    }

    /// Takes one key; with enough of them, makes the token: it, under the password.
    ///
    /// # Errors
    /// `BadRequest` for another attempt's nonce, what is no key, and keys that are not the present ones (all are then given
    /// anew).
    pub fn continue_root_token(
        &self,
        live: &Live,
        share: Secret<Vec<u8>>,
        nonce: &str,
    ) -> Result<Option<Secret<String>>> {
        let config = self.keys_required()?;
        let mut slot = live.ceremonies.root();
        let root = slot.as_mut().ok_or_else(|| Error::bad_request("no root generation in progress"))?;
        root.attempt.check_nonce(nonce, WHAT)?;
        let Some(key) = root.attempt.add(share, config.threshold, WHAT)? else { return Ok(None) };
        self.check_quorum(live, &config, &key)?;
        let new = root_token(live, live.now(), None)?;
        let token = self.storage.writing(|tx| live.insert_active_token(tx, &new))?.token;
        let encoded = encode(&token, &root.otp);
        *slot = None;
        log::warn!("a root token was made by holders of keys");
        Ok(Some(encoded))
    }
}

fn encode(token: &Secret<String>, otp: &Secret<String>) -> Secret<String> {
    let pairs = token.expose().bytes().zip(otp.expose().bytes());
    let mixed: Zeroizing<Vec<u8>> = Zeroizing::new(pairs.map(|(left, right)| left ^ right).collect());
    Secret::new(STANDARD_NO_PAD.encode(&*mixed))
}

/// What `encode` did, undone.
///
/// # Errors
/// `BadRequest` for what is not base64, or a password of another length.
pub fn decode(encoded: &str, otp: &Secret<String>) -> Result<Secret<String>> {
    let text = encoded.trim();
    let mixed = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)).map(Zeroizing::new);
    let mixed = mixed.map_err(|_| Error::bad_request("encoded_token is not base64"))?;
    if mixed.len() != otp.expose().len() {
        return Err(Error::bad_request("encoded_token and otp are not of the same length"));
    }
    let bytes: Vec<u8> = mixed.iter().zip(otp.expose().bytes()).map(|(left, right)| left ^ right).collect();
    String::from_utf8(bytes)
        .map(Secret::new)
        .map_err(|_| Error::bad_request("otp is not the one that the token was made with"))
}
