//! `sys/version-history`: which versions of the program have served this store.

use crate::base::{Result, Timestamp};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Map, Operation, Response, Route};
use serde_json::json;

pub static HISTORY: Route<Call> = Route {
    pattern: "version-history",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the versions, the oldest first.")],
    exists: None,
    summary: "Lists the versions that have served this store.",
    help: "A version is put on record when it is first unsealed.",
    flags: ORDINARY,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let (mut keys, mut about) = (Vec::new(), Map::new());
    for installed in call.live()?.installed_versions()? {
        let shown = json!({
            "build_date": installed.built,
            "previous_version": installed.previous,
            "timestamp_installed": whole_seconds(installed.at),
        });
        keys.push(installed.version.clone());
        about.insert(installed.version, shown);
    }
    Ok(Response::data_and_top(json!({ "keys": keys, "key_info": about })))
}

fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_seconds(at.seconds()).rfc3339().replace(".000Z", "Z")
}
