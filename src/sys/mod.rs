//! The system's endpoints, `sys/…`: one file per path. Each opens with its routes as data; what they do is done by the core.
//!
//! Invariant: a handler decides nothing about who may call it. The pipeline has, by the route's flags, before it runs; only
//! the listings under `internal/ui`, which are public by nature, look at the token themselves.

pub mod absent;
pub mod audit;
pub mod auth;
pub mod capabilities;
pub mod clock;
pub mod config;
pub mod generate_root;
pub mod ha_status;
pub mod health;
pub mod host_info;
pub mod in_flight_req;
pub mod init;
pub mod internal;
pub mod key_status;
pub mod leader;
pub mod leases;
pub mod locked_users;
pub mod loggers;
pub mod metrics;
pub mod monitor;
pub mod mounts;
pub mod plugins;
pub mod policies;
pub mod policy;
pub mod quotas;
pub mod rekey;
pub mod rekey_recovery_key;
pub mod remount;
pub mod renew;
pub mod revoke;
pub mod rotate;
pub mod seal;
pub mod settings;
pub mod storage;
#[cfg(test)]
mod tests;
pub mod tools;
pub mod version_history;
pub mod wrapping;

use crate::core::Call;
use crate::logical::Route;

/// Every route below `sys/`.
pub static ROUTES: &[&Route<Call>] = &[
    &audit::LIST,
    &audit::DEVICE,
    &audit::HASH,
    &auth::LIST,
    &auth::METHOD,
    &auth::TUNE,
    &capabilities::TOKEN,
    &capabilities::OWN,
    &capabilities::ACCESSOR,
    &clock::CLOCK,
    &clock::ACCEPT,
    &generate_root::ATTEMPT,
    &generate_root::UPDATE,
    &generate_root::DECODE,
    &config::auditing::LIST,
    &config::auditing::HEADER,
    &config::cors::CORS,
    &config::reload::RELOAD,
    &config::state::SANITIZED,
    &config::ui::LIST,
    &config::ui::HEADER,
    &ha_status::STATUS,
    &health::HEALTH,
    &host_info::HOST_INFO,
    &in_flight_req::IN_FLIGHT,
    &init::INIT,
    &internal::counters::TOKENS,
    &internal::counters::ENTITIES,
    &internal::MOUNTS,
    &internal::MOUNT,
    &internal::RESULTANT_ACL,
    &internal::specs::OPENAPI,
    &key_status::KEY_STATUS,
    &leader::LEADER,
    &locked_users::LIST,
    &locked_users::UNLOCK,
    &leases::LOOKUP,
    &leases::LIST,
    &leases::count::COUNT,
    &leases::tidy::TIDY,
    &leases::targets::TARGETS,
    &leases::LEASES,
    &leases::owner::OWNER,
    &leases::reconcile::RECONCILE,
    &leases::revoke_alias::REVOKE,
    &leases::revoke_entity::REVOKE,
    &leases::revoke_role::REVOKE,
    &leases::tree::TREE,
    &leases::tree::OWN,
    &leases::why::WHY,
    &loggers::ALL,
    &loggers::ONE,
    &metrics::METRICS,
    &monitor::MONITOR,
    &mounts::LIST,
    &mounts::MOUNT,
    &mounts::TUNE,
    &plugins::CATALOG,
    &plugins::OF_TYPE,
    &plugins::PLUGIN,
    &policies::LIST,
    &policies::POLICY,
    &policies::explain::EXPLAIN,
    &policies::explain::EXPLAIN_SELF,
    &policies::password::LIST,
    &policies::password::POLICY,
    &policies::password::GENERATE,
    &policy::LIST,
    &policy::POLICY,
    &quotas::config::CONFIG,
    &quotas::lease_count::LIST,
    &quotas::lease_count::QUOTA,
    &quotas::rate_limit::LIST,
    &quotas::rate_limit::QUOTA,
    &rekey::INIT,
    &rekey::UPDATE,
    &rekey::VERIFY,
    &rekey::BACKUP,
    &rekey_recovery_key::INIT,
    &rekey_recovery_key::UPDATE,
    &rekey_recovery_key::VERIFY,
    &rekey_recovery_key::BACKUP,
    &remount::REMOUNT,
    &remount::STATUS,
    &renew::RENEW,
    &renew::RENEW_URL,
    &renew::OLDER,
    &renew::OLDER_URL,
    &revoke::REVOKE,
    &revoke::REVOKE_URL,
    &revoke::REVOKE_OLDER,
    &revoke::REVOKE_OLDER_URL,
    &revoke::REVOKE_PREFIX,
    &revoke::REVOKE_PREFIX_OLDER,
    &revoke::REVOKE_FORCE,
    &revoke::REVOKE_FORCE_OLDER,
    &rotate::ROTATE,
    &rotate::CONFIG,
    &seal::SEAL_STATUS,
    &seal::UNSEAL,
    &seal::SEAL,
    &storage::adopt::ADOPT,
    &storage::snapshot::SNAPSHOT,
    &tools::RANDOM,
    &tools::RANDOM_URL,
    &tools::RANDOM_BOTH,
    &tools::HASH,
    &tools::HASH_URL,
    &version_history::HISTORY,
    &wrapping::lookup::LOOKUP,
    &wrapping::pubkey::PUBKEY,
    &wrapping::rewrap::REWRAP,
    &wrapping::unwrap::UNWRAP,
    &wrapping::wrap::WRAP,
];
