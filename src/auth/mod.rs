//! The ways to sign in: tokens, which are built in, and the auth methods: one folder and one row here for each.

pub mod approle;
pub mod cert;
#[cfg(test)]
mod tests;
pub mod token;
pub mod userpass;

use crate::logical::Engine;

pub static METHODS: &[&Engine] = &[&approle::ENGINE, &cert::ENGINE, &userpass::ENGINE];
