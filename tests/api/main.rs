//! The API from outside, endpoint by endpoint: what holds for all of them is asked of all of them, by the tables of routes
//! that they are made from. What an endpoint does is asked by the tests beside its code and in the other binaries.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod every_endpoint;
#[path = "../support/mod.rs"]
mod support;
