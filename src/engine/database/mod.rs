//! The database engine.

pub mod statements;
