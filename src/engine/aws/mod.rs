//! The AWS engine: credentials for AWS under leases. An `iam_user` is made for one lease and deleted with it; what STS hands out
//! ends by itself.
//!
//! The files follow the URLs: `config/…`, `roles`, `creds`, `sts`, `static-roles`, `static-creds`. Below them: `role` (what a
//! role says), the four kinds of secret from issue to end (`iam_user`; `assumed_role`, `federation_token` and `session_token`,
//! which share `session`), `static_rotation`, `reconcile` (what is there), `target` (whose account it is), `names`, `turn`; `sources` (whose keys it works with
//! when it is given none); and the wire: `iam` and `sts_api` (actions as functions), `client` (signed calls), `answer` (XML).
//!
//! Invariant: no call that makes something at AWS is sent before its lease is committed.

mod answer;
mod assumed_role;
mod client;
mod config;
mod creds;
mod federation_token;
mod iam;
mod iam_user;
mod names;
mod reconcile;
mod role;
mod roles;
mod session;
mod session_token;
mod sources;
mod static_creds;
mod static_roles;
mod static_rotation;
mod sts;
mod sts_api;
mod target;
#[cfg(test)]
mod tests;
mod turn;

use crate::base::Result;
use crate::logical::{Ctx, Engine};

pub static ENGINE: Engine = Engine {
    name: "aws",
    summary: "Credentials for AWS, made on demand and ended with their leases.",
    help: "The aws engine hands out credentials for AWS. An operator gives it an access key (config/root) and says in roles \
        what may be had; whoever may read creds/ROLE gets an access key under a lease.\n\n\
        Four types of credentials. iam_user makes an IAM user for each lease and deletes it when the lease ends, so that \
        revoking a lease takes effect at AWS. The others come from STS and end by themselves at their time, not before: \
        assumed_role opens a session of an AWS role, federation_token one of the engine's own user narrowed by policies, \
        session_token one with all that this user may do.\n\n\
        A static role is a user that exists already: the engine keeps its access key and replaces it by schedule.",
    routes: &[
        &config::root::ROUTE,
        &config::lease::ROUTE,
        &config::rotate_root::ROUTE,
        &roles::LIST,
        &roles::ROUTE,
        &creds::ROUTE,
        &sts::ROUTE,
        &static_roles::LIST,
        &static_roles::ROUTE,
        &static_creds::ROUTE,
    ],
    secrets: &[iam_user::KIND, assumed_role::KIND, federation_token::KIND, session_token::KIND],
    recover: Some(recover),
    tasks: &[static_rotation::TASK, config::rotate_root::TASK, config::retired::TASK],
    reconciling: Some(&reconcile::RECONCILING),
    ..Engine::BLANK
};

fn recover(ctx: &mut Ctx) -> Result<()> {
    static_rotation::recover(ctx)?;
    config::rotate_root::recover(ctx)
}
