//! `sys/audit`: the audit devices, and `sys/audit-hash`, which tells how a device writes a value.

use super::settings::mount_path;
use crate::audit::{Definition, Salt};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::audits::{self, Listed};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use serde_json::{Value, json};

pub static LIST: Route<Call> = Route {
    pattern: "audit",
    fields: &[],
    actions: &[Action::new(Operation::Read, list, "Lists the audit devices.")],
    exists: None,
    summary: "Lists the audit devices.",
    help: "The answer has one key per device, its path. A device whose stored definition is damaged is listed too: it counts \
           as one that refuses every entry until it is disabled.",
    flags: SUDO,
};

pub static DEVICE: Route<Call> = Route {
    pattern: "audit/{path..}",
    fields: &[
        Field::text("path", "The device's name."),
        Field::text("type", "The kind of device: file, http, socket or syslog."),
        Field::text("description", "What the device is for, in words that people read."),
        Field::pairs(
            "options",
            "The device's own options: file_path of a file, address of a socket, uri of an http device.",
        ),
        Field::flag("local", "Kept and shown: a single server has nowhere to replicate to.").default("false"),
    ],
    actions: &[
        Action::new(Operation::Update, enable, "Enables an audit device."),
        Action::new(Operation::Delete, disable, "Disables an audit device."),
    ],
    exists: None,
    summary: "Enables and disables an audit device.",
    help: "A device is enabled once it has taken a first line. While any device is enabled, a request that none of them puts \
           on record is not served. File devices write only under the directories that the server's configuration allows.",
    flags: SUDO,
};

pub static HASH: Route<Call> = Route {
    pattern: "audit-hash/{path..}",
    fields: &[
        Field::text("path", "The device's name."),
        Field::text("input", "The value to look for in the device's entries.").required(),
    ],
    actions: &[Action::new(Operation::Update, hash, "Hashes a value as a device does.")],
    exists: None,
    summary: "Hashes a value as a device does.",
    help: "Devices write values as hashes keyed by a salt of their own. With the hash of a value, its entries are found.",
    flags: ORDINARY,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let mut listed = Map::new();
    for device in audits::list(call.live()?)? {
        match device {
            Listed::Known(device) => listed.insert(device.path.clone(), described(&device)),
            Listed::Damaged(name) => listed.insert(
                name.clone(),
                json!({ "path": name, "type": "", "description": "damaged", "options": {}, "local": false }),
            ),
        };
    }
    Ok(Response::data_and_top(Value::Object(listed)))
}

fn described(device: &Definition) -> Value {
    json!({
        "path": device.path,
        "type": device.kind,
        "description": device.description,
        "options": device.options,
        "local": device.local,
    })
}

fn enable(call: &mut Call, input: &Input) -> Result<Response> {
    let definition = Definition {
        path: mount_path(&input.required("path")?)?,
        kind: input.required("type")?,
        description: input.text("description").unwrap_or_default(),
        options: input.map("options").unwrap_or_default(),
        salt: Salt::generate()?,
        local: input.flag("local").unwrap_or_default(),
    };
    audits::enable(call.live()?, &definition)?;
    Ok(Response::empty())
}

fn disable(call: &mut Call, input: &Input) -> Result<Response> {
    audits::disable(call.live()?, &mount_path(&input.required("path")?)?)?;
    Ok(Response::empty())
}

fn hash(call: &mut Call, input: &Input) -> Result<Response> {
    let path = mount_path(&input.required("path")?)?;
    let hash = call.live()?.audit.hash(&path, &input.required("input")?);
    let hash = hash.ok_or_else(|| Error::bad_request(format!("unknown audit backend {path:?}")))?;
    Ok(Response::data_and_top(json!({ "hash": hash })))
}
