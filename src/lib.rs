//! leasehold: a secrets server whose heart is the lease, and its command line.

pub mod barrier;
pub mod base;
pub mod config;
pub mod engine;
pub mod http;
pub mod logical;
pub mod policy;
pub mod seal;
pub mod storage;
