//! The secrets engines: one folder and one row here for each. Core is given this list and names none of them.

pub mod aws;
pub mod cubbyhole;
pub mod database;
pub mod identity;
pub mod kv;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

use crate::logical::Engine;

pub static ENGINES: &[&Engine] = &[&aws::ENGINE, &kv::ENGINE, &kv::GENERIC, &cubbyhole::ENGINE, &database::ENGINE];
