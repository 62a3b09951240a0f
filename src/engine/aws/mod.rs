//! AWS: IAM users and assumed roles, made on demand and leased. `config/` says with which keys, `roles` what may be made,
//! `creds` and `sts` make it; `iam`, `token_service` and `client` speak to AWS.

pub mod client;
pub mod config;
pub mod creds;
pub mod iam;
pub mod names;
pub mod roles;
pub mod token_service;
pub mod xml;

use crate::logical::{Engine, SecretKind};
use std::time::Duration;

/// AWS is eventually consistent: a user whose creation was asked for may show this late.
const SETTLE: Duration = Duration::from_secs(15 * 60);

pub static ENGINE: Engine = Engine {
    name: "aws",
    summary: "Makes AWS credentials on demand.",
    help: "This engine makes AWS credentials on demand: IAM users with the policies of a role, or temporary credentials of \
           a role that is assumed. Each is leased, can be renewed where AWS allows it, and is taken away when its lease \
           ends. Write the keys it works with to \"config/root\", describe what may be made under \"roles/\", and read \
           \"creds/\".",
    routes: &[
        &config::root::ROUTE,
        &config::lease::ROUTE,
        &config::rotate_root::ROUTE,
        &roles::LIST,
        &roles::ROUTE,
        &creds::CREDS,
        &creds::STS,
    ],
    secrets: &[
        SecretKind { kind: "iam_user", settle: SETTLE, renew: creds::renew, revoke: creds::revoke_user },
        SecretKind {
            kind: "sts_assumed_role",
            settle: Duration::ZERO,
            renew: creds::renew,
            revoke: creds::expires_only,
        },
    ],
};
