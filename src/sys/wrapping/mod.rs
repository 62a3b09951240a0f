//! `sys/wrapping`: what can be done with the tokens that answers are wrapped in, one file per verb. Wrapping itself happens in
//! the pipeline, to any answer.

pub mod lookup;
pub mod pubkey;
pub mod rewrap;
#[cfg(test)]
mod tests;
pub mod unwrap;
pub mod wrap;

use crate::base::{Error, Result, Secret};
use crate::core::{Call, wrapping};
use crate::logical::{Field, Input};

const TOKEN: Field =
    Field::text("token", "The wrapping token; without, it is the token that the request is made with.");

/// The wrapping token that a request means.
fn meant(call: &Call, input: &Input) -> Result<Secret<String>> {
    if input.given("token") {
        let named = input.text("token").unwrap_or_default();
        return if named.is_empty() {
            Err(Error::bad_request("empty token in request body"))
        } else {
            Ok(named.into())
        };
    }
    call.token.clone().filter(|token| !token.is_empty()).ok_or_else(wrapping::invalid)
}
