//! Shares of a key, given one by one until there are enough. Nobody learns from it whether one of them is right: only together they
//! make a key.

use crate::base::{Error, Result, Secret};
use crate::seal::shamir;

/// Shares given so far.
#[derive(Default)]
pub struct Quorum {
    shares: Vec<Secret<Vec<u8>>>,
}

impl Quorum {
    #[must_use]
    pub fn given(&self) -> usize {
        self.shares.len()
    }

    #[must_use]
    pub fn has(&self, share: &Secret<Vec<u8>>) -> bool {
        self.shares.contains(share)
    }

    /// The key that the shares given so far make, right or wrong, when there are so many of them.
    #[must_use]
    pub fn peek(&self, threshold: u8) -> Option<Secret<[u8; 32]>> {
        (self.shares.len() == usize::from(threshold)).then(|| combine(&self.shares, threshold).ok()).flatten()
    }

    /// Takes a share; with enough of them, forgets them and answers the key that they make, right or wrong. The same share
    /// counts once.
    ///
    /// # Errors
    /// `BadRequest` for what is no share, or shares that cannot belong together (they are then forgotten).
    pub fn add(&mut self, share: Secret<Vec<u8>>, threshold: u8) -> Result<Option<Secret<[u8; 32]>>> {
        if !(32..=33).contains(&share.expose().len()) {
            return Err(Error::bad_request("an unseal key is 32 or 33 bytes, in hex or base64: this one is not"));
        }
        if !self.has(&share) {
            self.shares.push(share);
        }
        if self.shares.len() < usize::from(threshold) {
            return Ok(None);
        }
        combine(&std::mem::take(&mut self.shares), threshold).map(Some)
    }
}

fn combine(shares: &[Secret<Vec<u8>>], threshold: u8) -> Result<Secret<[u8; 32]>> {
    let whole = match shares {
        [only] if threshold == 1 => only.clone(),
        several => shamir::combine(several)?,
    };
    let key = <[u8; 32]>::try_from(whole.expose().as_slice());
    key.map(Secret::new).map_err(|_| Error::bad_request("the keys make no root key"))
}
