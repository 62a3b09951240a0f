//! The HTTP server over real sockets. All limits are set low, so that what has to time out does so in milliseconds.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, which clippy does not take for tests.

mod arrivals;
mod attacks;
mod bounds;
mod differential;
mod protocol;
mod shutdown;
mod support;
mod tls;
