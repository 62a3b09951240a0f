//! `config/…`: the keys to AWS, their rotation, and how long leases live.

mod guard;
pub mod lease;
pub mod retired;
pub mod root;
pub mod rotate_root;
