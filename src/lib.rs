//! leasehold: a secrets server whose heart is the lease, and its command line.

pub mod audit;
pub mod auth;
pub mod barrier;
pub mod base;
pub mod cli;
pub mod config;
pub mod core;
pub mod engine;
pub mod http;
pub mod logical;
pub mod policy;
pub mod seal;
pub mod server;
pub mod storage;
pub mod sys;

/// The API level that this program implements, with its own version as build metadata: clients choose by it what they do.
pub const VERSION: &str = concat!("1.17.0+leasehold.", env!("CARGO_PKG_VERSION"));

/// When this release was made, in milliseconds since the Unix epoch: no clock that shows an earlier time is right. Set by hand
/// with the version, so that the same source makes the same program.
pub const RELEASED: base::Timestamp = base::Timestamp(1_795_478_400_000);
