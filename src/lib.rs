//! leasehold: a secrets server whose heart is the lease, and its command line.

pub mod base;
pub mod http;
