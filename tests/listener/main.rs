//! The program's listeners as an operator has them: configured in files, with certificates that come and go, and under abuse.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod abuse;
mod configured;
mod program;
#[path = "../support/mod.rs"]
mod support;
