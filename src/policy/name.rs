//! The names of policies: one canonical form, and the names that are taken.

use crate::base::{Error, Result, fold};

/// Allows everything; it has no text.
pub const ROOT_NAME: &str = "root";
/// Every token has it unless it was made without.
pub const DEFAULT_NAME: &str = "default";
/// Held by wrapping tokens alone.
pub const RESPONSE_WRAPPING_NAME: &str = "response-wrapping";
/// Held by control group tokens alone.
pub const CONTROL_GROUP_NAME: &str = "control-group";

/// None of these can be deleted.
pub const RESERVED_NAMES: [&str; 4] = [ROOT_NAME, DEFAULT_NAME, RESPONSE_WRAPPING_NAME, CONTROL_GROUP_NAME];

const LONGEST: usize = 512;

/// Whether the text of this policy (a canonical name) cannot be changed either: all reserved ones but `default`.
#[must_use]
pub fn is_fixed(name: &str) -> bool {
    name != DEFAULT_NAME && RESERVED_NAMES.contains(&name)
}

/// Trims and lower-cases the name of a policy. Names compare in this form only.
///
/// # Errors
/// `BadRequest` for an empty or overlong name, and for one with a comma or a control character, which could not be assigned.
pub fn canonical_name(name: &str) -> Result<String> {
    let name = fold(name);
    if name.is_empty() {
        return Err(Error::bad_request("the policy's name is empty"));
    }
    if name.len() > LONGEST {
        return Err(Error::bad_request(format!("the policy's name is longer than {LONGEST} bytes")));
    }
    if name.contains(|c: char| c == ',' || c.is_control()) {
        return Err(Error::bad_request(format!("the policy's name {name:?} holds a comma or a control character")));
    }
    Ok(name)
}
