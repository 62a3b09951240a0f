//! `auth/approle/`: machines that sign in with the id of a role and a secret that was made for it.
//!
//! The files follow the URLs: `role` and below it `role/…`, `login`, `tidy`. `stored` holds roles and secret ids as they are
//! kept.
//!
//! Invariants: a secret id is kept as a keyed hash alone, and opens one role; its uses are spent, and it is looked at once
//! more, in the transaction that brings the token to life; what is destroyed, spent or over makes no token.

mod login;
mod role;
mod stored;
#[cfg(test)]
mod tests;
mod tidy;

use crate::logical::{Engine, TaskKind};

pub static ENGINE: Engine = Engine {
    name: "approle",
    summary: "Machines that sign in with a role's id and a secret id.",
    help: "A role says what tokens are like. Its role id is like a name, and a secret id like a password, of which a role has any \
           number: each can be bound to addresses, to a number of uses and to a time, and is destroyed by itself. Secret ids are \
           kept as hashes; ask for one with -wrap-ttl, so that only who unwraps it has seen it.",
    routes: &[
        &role::LIST,
        &role::ROUTE,
        &role::role_id::ROUTE,
        &role::parts::POLICIES,
        &role::parts::BOUND_CIDR_LIST,
        &role::parts::SECRET_ID_BOUND_CIDRS,
        &role::parts::TOKEN_BOUND_CIDRS,
        &role::parts::BIND_SECRET_ID,
        &role::parts::SECRET_ID_NUM_USES,
        &role::parts::SECRET_ID_TTL,
        &role::parts::PERIOD,
        &role::parts::TOKEN_NUM_USES,
        &role::parts::TOKEN_TTL,
        &role::parts::TOKEN_MAX_TTL,
        &role::parts::LOCAL_SECRET_IDS,
        &role::secret_id::ROUTE,
        &role::secret_id::LOOKUP,
        &role::secret_id::DESTROY,
        &role::secret_id_accessor::LOOKUP,
        &role::secret_id_accessor::DESTROY,
        &role::custom_secret_id::ROUTE,
        &login::ROUTE,
        &tidy::ROUTE,
    ],
    renew_login: Some(login::renew),
    locks_out: true,
    tasks: &[
        TaskKind { kind: stored::EXPIRE, run: tidy::expire },
        TaskKind { kind: stored::FORGET, run: tidy::forget },
    ],
    ..Engine::BLANK
};
