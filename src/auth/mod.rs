//! Ways to get a token.

pub mod token;
