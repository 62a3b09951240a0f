//! What of the published system API is not here: one table, which the answers at these paths and `docs/system-api.md` are made
//! from.
//!
//! Invariant: a path that a route serves counts as served, whatever stands here.

use crate::core::Call;
use crate::core::absent::Absent;
use crate::logical::{Route, route};
use std::fmt::Write;

const fn absent(pattern: &'static str, what: &'static str) -> Absent {
    Absent { pattern, what }
}

/// Every published path below `sys/` that nothing serves, with what it would be for.
pub static ABSENT: &[Absent] = &[
    absent("activation-flags", "features that are switched on once"),
    absent("activation-flags/{rest..}", "features that are switched on once"),
    absent("config/control-group", "control groups"),
    absent("config/group-policy-application", "policies of groups across namespaces"),
    absent("config/ui/custom-messages", "messages of a web UI"),
    absent("config/ui/custom-messages/{id}", "messages of a web UI"),
    absent("config/ui/login/default-auth", "settings of a web UI"),
    absent("config/ui/login/default-auth/{name}", "settings of a web UI"),
    absent("control-group/{rest..}", "control groups"),
    absent("decode-token", "tokens that were generated under a one-time password"),
    absent("experiments", "experiments"),
    absent("generate-recovery-token/{rest..}", "recovery mode"),
    absent("generate-root/{rest..}", "new root tokens by the unseal keys"),
    absent("internal/counters/activity", "counts of clients by month"),
    absent("internal/counters/activity/{rest..}", "counts of clients by month"),
    absent("internal/counters/config", "counts of clients by month"),
    absent("internal/counters/requests", "counts of requests by month; sys/metrics counts them by mount and operation"),
    absent("internal/inspect/{rest..}", "a look into the router"),
    absent("internal/ui/authenticated-messages", "messages of a web UI"),
    absent("internal/ui/default-auth-methods", "settings of a web UI"),
    absent("internal/ui/feature-flags", "settings of a web UI"),
    absent("internal/ui/namespaces", "namespaces"),
    absent("internal/ui/unauthenticated-messages", "messages of a web UI"),
    absent("internal/ui/version", "settings of a web UI"),
    absent("key-status", "rotation of the data keys"),
    absent("license/{rest..}", "licenses: nothing needs one"),
    absent("locked-users", "users who are locked out"),
    absent("locked-users/{rest..}", "users who are locked out"),
    absent("managed-keys/{rest..}", "keys in other systems"),
    absent("mfa/{rest..}", "second factors at signing in"),
    absent("namespaces", "namespaces"),
    absent("namespaces/{rest..}", "namespaces"),
    absent("plugins/pins", "versions of plug-ins: all are built in"),
    absent("plugins/pins/{rest..}", "versions of plug-ins: all are built in"),
    absent("plugins/reload/{rest..}", "restarting plug-ins: all are built in"),
    absent("plugins/runtimes/catalog", "runtimes of plug-ins: all are built in"),
    absent("plugins/runtimes/catalog/{rest..}", "runtimes of plug-ins: all are built in"),
    absent("policies/egp", "endpoint-governing policies in Sentinel"),
    absent("policies/egp/{name}", "endpoint-governing policies in Sentinel"),
    absent("policies/rgp", "role-governing policies in Sentinel"),
    absent("policies/rgp/{name}", "role-governing policies in Sentinel"),
    absent("pprof", "profiles of a running server"),
    absent("pprof/{rest..}", "profiles of a running server"),
    absent("raw", "raw access to the storage, which is encrypted"),
    absent("raw/{path..}", "raw access to the storage, which is encrypted"),
    absent("rekey/{rest..}", "other unseal keys for the same root key"),
    absent("rekey-recovery-key/{rest..}", "recovery keys"),
    absent("replication/{rest..}", "replication"),
    absent("rotate", "rotation of the data keys"),
    absent("rotate/{rest..}", "rotation of the data keys"),
    absent("seal-backend-status", "seals other than shared keys"),
    absent("sealwrap/rewrap", "wrapping by a seal: everything is encrypted in one way"),
    absent("step-down", "servers that elect a leader: this one is alone"),
    absent("storage/raft/{rest..}", "Raft"),
    absent("sync/{rest..}", "copies of secrets in other systems"),
    absent("utilization-report", "reports of use"),
    absent("well-known", "documents at well-known addresses"),
    absent("well-known/{rest..}", "documents at well-known addresses"),
];

/// The page that lists them.
#[must_use]
pub fn page(routes: &[&Route<Call>]) -> String {
    let mut page = String::from(
        "# What of the published system API is not here\n\nMade from one table; do not edit. The server answers at these paths \
         with 404 and the same words. Everything else of the\npublished system API is in [endpoints.md](endpoints.md).\n\n\
         | path | what is missing |\n|---|---|\n",
    );
    let is_served = |absent: &Absent| {
        let example = absent.pattern.replace("{rest..}", "x").replace("{path..}", "x").replace(['{', '}'], "");
        route::find(routes.iter().copied(), &example).is_some()
    };
    for absent in ABSENT.iter().filter(|absent| !is_served(absent)) {
        let _ = writeln!(
            page,
            "| `sys/{}` | {} |",
            absent.pattern.replace("{rest..}", "…").replace("{path..}", "…"),
            absent.what
        );
    }
    page
}
