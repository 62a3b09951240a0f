//! `auth/token`: tokens are made, looked up, renewed and revoked. One file per verb; the way of naming a token (by itself,
//! the caller's own, by accessor) is a route of it.

pub mod accessors;
pub mod create;
pub mod lookup;
pub mod renew;
pub mod revoke;
pub mod roles;
mod rules;
#[cfg(test)]
mod tests;
pub mod tidy;

use crate::base::{Error, Result, Secret};
use crate::core::Call;
use crate::logical::{Field, Input, Route};

pub static ROUTES: &[&Route<Call>] = &[
    &accessors::ACCESSORS,
    &create::CREATE,
    &create::CREATE_ORPHAN,
    &create::CREATE_WITH_ROLE,
    &lookup::LOOKUP,
    &lookup::LOOKUP_ACCESSOR,
    &lookup::LOOKUP_SELF,
    &renew::RENEW,
    &renew::RENEW_ACCESSOR,
    &renew::RENEW_SELF,
    &revoke::REVOKE,
    &revoke::REVOKE_ACCESSOR,
    &revoke::REVOKE_ORPHAN,
    &revoke::REVOKE_SELF,
    &roles::LIST,
    &roles::ROLE,
    &tidy::TIDY,
];

const TOKEN: Field = Field::text("token", "The token.");
const ACCESSOR: Field = Field::text("accessor", "The token's accessor.");

/// The token that a request names.
fn named(input: &Input) -> Result<Secret<String>> {
    let token = input.text("token").filter(|token| !token.is_empty()).map(Secret::new);
    token.ok_or_else(|| Error::bad_request("missing token ID"))
}

/// The accessor that a request names.
fn accessor(input: &Input) -> Result<String> {
    input
        .text("accessor")
        .filter(|accessor| !accessor.is_empty())
        .ok_or_else(|| Error::bad_request("missing accessor ID"))
}
