//! leasehold: a secrets server whose heart is the lease, and its command line.

pub mod base;
pub mod cli;

/// The level of the API that is spoken, with this program's own version as build metadata. Clients choose what they do by it.
pub const VERSION: &str = concat!("1.17.0+leasehold.", env!("CARGO_PKG_VERSION"));
