//! `sys/rotate` and `sys/rotate/config`: the next data key, now or by itself.

use crate::base::{Result, duration};
use crate::core::Call;
use crate::core::rotation::Config;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static ROTATE: Route<Call> = Route {
    pattern: "rotate",
    fields: &[],
    actions: &[Action::new(Operation::Update, rotate, "Makes the next data key.")],
    exists: None,
    summary: "Makes the next data key.",
    help: "It seals what is written from now on; what older keys have sealed is sealed anew in the background. Nobody has to be \
           told, and unseal keys stay as they are.",
    flags: SUDO,
};

pub static CONFIG: Route<Call> = Route {
    pattern: "rotate/config",
    fields: &[
        Field::flag("enabled", "Whether the data key is rotated by itself."),
        Field::integer("max_operations", "After how many values it is."),
        Field::seconds("interval", "At what age it is; 0 for none."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows when the data key is rotated by itself."),
        Action::new(Operation::Update, write, "Sets when the data key is rotated by itself."),
    ],
    exists: None,
    summary: "When the data key is rotated by itself.",
    help: "What is not given stays as it is. It is looked at every ten minutes.",
    flags: ORDINARY,
};

fn rotate(call: &mut Call, _: &Input) -> Result<Response> {
    call.live()?.rotate()?;
    Ok(Response::empty())
}

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let config = call.live()?.rotation_config()?;
    let interval = if config.interval == 0 { json!(0) } else { json!(duration::long(config.interval)) };
    Ok(Response::json(json!({
        "enabled": config.enabled,
        "max_operations": config.max_operations,
        "interval": interval,
    })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let before = live.rotation_config()?;
    let operations = input.integer("max_operations").map(|count| u64::try_from(count).unwrap_or(0));
    live.configure_rotation(&Config {
        enabled: input.flag("enabled").unwrap_or(before.enabled),
        max_operations: operations.unwrap_or(before.max_operations),
        interval: input.duration("interval").map_or(before.interval, |interval| interval.as_secs()),
    })?;
    Ok(Response::empty())
}
