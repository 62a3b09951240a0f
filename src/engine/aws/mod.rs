//! The AWS engine: credentials for AWS under leases. An `iam_user` is made for one lease and deleted with it; the session of
//! an `assumed_role` ends by itself.
//!
//! The files follow the URLs: `config/…`, `roles`, `creds`, `sts`. Below them: `role` (what a role says), `iam_user` and
//! `assumed_role` (the two kinds of secret, from issue to end), `target` (whose account it is), `names`; and the wire:
//! `iam` and `sts_api` (actions as functions), `client` (signed calls), `answer` (XML).
//!
//! Invariant: no call that makes something at AWS is sent before its lease is committed.

mod answer;
mod assumed_role;
mod client;
mod config;
mod creds;
mod iam;
mod iam_user;
mod names;
mod role;
mod roles;
mod sts;
mod sts_api;
mod target;
#[cfg(test)]
mod tests;

use crate::logical::Engine;

pub static ENGINE: Engine = Engine {
    name: "aws",
    summary: "Credentials for AWS, made on demand and ended with their leases.",
    help: "The aws engine hands out credentials for AWS. An operator gives it an access key (config/root) and says in roles \
        what may be had; whoever may read creds/ROLE gets an access key under a lease.\n\n\
        Two types of credentials: iam_user makes an IAM user for each lease and deletes it when the lease ends, so that \
        revoking a lease takes effect at AWS. assumed_role opens a session of an AWS role through STS: it needs no user, and \
        ends by itself at its time, not before.",
    routes: &[
        &config::root::ROUTE,
        &config::lease::ROUTE,
        &config::rotate_root::ROUTE,
        &roles::LIST,
        &roles::ROUTE,
        &creds::ROUTE,
        &sts::ROUTE,
    ],
    secrets: &[iam_user::KIND, assumed_role::KIND],
    recover: Some(config::rotate_root::recover),
    ..Engine::BLANK
};
