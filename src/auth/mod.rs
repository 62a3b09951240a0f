//! The ways to sign in: tokens, which are built in, and the auth methods: one folder and one row here for each.

pub mod token;

use crate::logical::Engine;

pub static METHODS: &[&Engine] = &[];
