//! The ways in which a request names a lease, the same for all endpoints that look at one.

use crate::base::{Error, Result, Secret};
use crate::core::named::Name;
use crate::logical::{Field, Input};

pub const ID: Field = Field::text("id", "The lease's id.");
pub const TOKEN: Field = Field::text("token", "The token itself.");
pub const ACCESSOR: Field = Field::text("accessor", "The token's accessor.");

/// The lease that a request names.
///
/// # Errors
/// `BadRequest` unless exactly one name is given.
pub fn meant(input: &Input) -> Result<Name> {
    let given = |name| input.text(name).filter(|text| !text.is_empty());
    match (given("id"), given("token"), given("accessor")) {
        (Some(id), None, None) => Ok(Name::Lease(id)),
        (None, Some(token), None) => Ok(Name::Token(Secret::new(token))),
        (None, None, Some(accessor)) => Ok(Name::Accessor(accessor)),
        _ => Err(Error::bad_request("say which one is meant, by exactly one of id, token and accessor")),
    }
}
