//! leasehold: a secrets server whose heart is the lease, and its command line.

pub mod audit;
pub mod base;
pub mod engine;
pub mod logical;
pub mod storage;
