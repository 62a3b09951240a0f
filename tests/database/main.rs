//! The database engine against real servers: what it makes there, and that it is gone afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, which clippy does not take for tests.

mod bench;
mod conformance;
mod connections;
mod crash;
mod grants;
mod mysql;
mod postgresql;
mod reconcile;
mod redis;
mod restored;
mod servers;
mod silence;
#[path = "../support/mod.rs"]
mod support;
mod waiting;
