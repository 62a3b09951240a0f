//! `sys/ha-status`: the servers of the cluster. This one is always alone.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static STATUS: Route<Call> = Route {
    pattern: "ha-status",
    fields: &[],
    actions: &[Action::new(Operation::Read, read, "Shows the servers of the cluster.")],
    exists: None,
    summary: "Shows the servers of the cluster.",
    help: "One server is the whole cluster, and the active one.",
    flags: ORDINARY,
};

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let version = call.core.settings.version;
    Ok(Response::data_and_top(json!({ "nodes": [{
        "hostname": hostname.trim(),
        "api_address": call.core.settings.api_addr,
        "cluster_address": "",
        "active_node": true,
        "last_echo": null,
        "version": version,
        "upgrade_version": "",
        "redundancy_zone": "",
    }] })))
}
