//! `lease …`: what lives for a while.

pub mod lookup;
pub mod renew;
pub mod revoke;

use crate::cli::command::Group;

pub const GROUP: Group = Group {
    name: "lease",
    summary: "Look up, renew and revoke leases",
    about: "Everything that is issued for a while has a lease, whose id comes with it. A lease can be looked up, renewed up \
            to its maximum, and revoked, which ends what was issued.",
};
