//! `lease …`: what lives for a while.

pub mod lookup;
mod names;
pub mod owner;
pub mod reconcile;
pub mod renew;
pub mod revoke;
pub mod tree;
pub mod why;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "lease",
    summary: "Look up, renew and revoke leases, and see what hangs together",
    about: "Everything that is issued for a while has a lease, whose id comes with it. A lease can be looked up, renewed up \
            to its maximum, and revoked, which ends what was issued. Leases and tokens form a tree: what ends takes \
            everything below it along.",
};
