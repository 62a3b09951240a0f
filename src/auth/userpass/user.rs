//! A user as it is stored, under `user/NAME` with the name folded.

use super::hashing::Password;
use crate::base::{Error, Result};
use crate::logical::ctx::{load, store};
use crate::logical::{Field, Input, Records, TokenParameters};
use serde::{Deserialize, Serialize};

/// A name in a path: one name whatever its case and the space around it.
pub const USERNAME: Field =
    Field::text("username", "The user's name; upper and lower case, and space around it, make no difference.").folded();

/// The older names of the parameters of tokens.
pub const OLDER: &[(&str, &str)] = &[
    ("policies", "token_policies"),
    ("ttl", "token_ttl"),
    ("max_ttl", "token_max_ttl"),
    ("bound_cidrs", "token_bound_cidrs"),
];

/// Folder of the users' records.
pub const FOLDER: &str = "user/";

/// The longest name of a user, in bytes; an alias may be as long.
const LONGEST_NAME: usize = 256;

#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    pub password: Password,
    #[serde(default)]
    pub token: TokenParameters,
}

impl User {
    /// # Errors
    /// `Internal` for a record that does not open.
    pub fn load_in(records: &(impl Records + ?Sized), name: &str) -> Result<Option<Self>> {
        load(records, &record(name))
    }

    /// # Errors
    /// `Internal` when the store fails.
    pub fn store_in(&self, records: &mut (impl Records + ?Sized), name: &str) -> Result<()> {
        store(records, &record(name), self)
    }
}

/// Where a user is kept.
#[must_use]
pub fn record(name: &str) -> String {
    format!("{FOLDER}{name}")
}

/// The name of a user that is to be made.
///
/// # Errors
/// `BadRequest` for one with other characters than the published ones.
pub fn checked_name(name: &str) -> Result<()> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let fits = name.chars().all(|character| is_word(character) || matches!(character, '-' | '.'))
        && name.starts_with(is_word)
        && name.ends_with(|last: char| is_word(last) || last == '-')
        && name.len() <= LONGEST_NAME;
    if fits {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "the name {name:?} cannot be a user's: it takes letters of a to z, digits, and _ - . between them, {LONGEST_NAME} at most"
    )))
}

/// The password that a request gives, in clear or as a hash that was made elsewhere; none where it gives none. In clear it is
/// hashed here, which takes a while.
///
/// # Errors
/// `BadRequest` for both at once and for what is no hash; `Busy` when too many are being hashed.
pub fn given_password(input: &Input, deadline: std::time::Instant) -> Result<Option<Password>> {
    let given = |name| input.text(name).filter(|text| !text.is_empty());
    match (given("password"), given("password_hash")) {
        (None, None) => Ok(None),
        (Some(password), None) => Password::new(&password.into(), deadline).map(Some),
        (None, Some(hash)) => Password::of_bcrypt(&hash).map(Some),
        (Some(_), Some(_)) => Err(Error::bad_request("password and password_hash are both given: give one of them")),
    }
}
