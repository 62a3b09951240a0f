//! `sys/storage/…`: the storage as a whole.

pub mod adopt;
pub mod snapshot;
