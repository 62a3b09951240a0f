//! What an operator sees of a running server: its log, the requests in flight, its metrics, and the endpoints that tell of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod log;
mod metrics;
mod system;
