//! What the integration tests share: the built server, an AWS emulator and real databases, each as a process.
//!
//! Use it with `mod support;` or, from a folder, `#[path = "../support/mod.rs"] mod support;`. A failure in here is a
//! failure of the test, so it panics with what it knows. Nothing in here sleeps where it can wait for a condition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code: a panic is the verdict")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod certificates;
pub mod clients;
pub mod clock;
pub mod daemon;
pub mod mariadb;
pub mod moto;
pub mod peers;
pub mod postgres;
pub mod prometheus;
pub mod python;
pub mod redis;
pub mod server;
pub mod sites;
pub mod transit;

use std::time::{Duration, Instant};

/// How long a process may take to do what it always does; generous, for machines that are busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer, and panics with `what` when there is none in time.
pub fn wait_for<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {within:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A client that reports every status as an answer, and gives up rather than hang a test.
pub fn http_client() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}
