//! `sys/leader`: asked by clients that look for the active one of several servers. This server is always alone.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::SEALED_OK;
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static LEADER: Route<Call> = Route {
    pattern: "leader",
    fields: &[],
    actions: &[Action::new(Operation::Read, leader, "Says that there is no high availability.")],
    exists: None,
    summary: "Says who leads the cluster.",
    help: "One server is the whole cluster, so that there is never another leader to turn to.",
    flags: SEALED_OK,
};

fn leader(_call: &mut Call, _input: &Input) -> Result<Response> {
    Ok(Response::bare(json!({
        "ha_enabled": false,
        "is_self": false,
        "active_time": "0001-01-01T00:00:00Z",
        "leader_address": "",
        "leader_cluster_address": "",
        "performance_standby": false,
        "performance_standby_last_remote_wal": 0,
    })))
}
