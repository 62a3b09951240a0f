//! `sys/leases/reconcile/{mount..}`: what is outside, held against the leases of a mount; and, by a write, put right.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::causes::Event;
use crate::core::holds::told;
use crate::core::reconcile::{Cursor, Order};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::{Value, json};

pub static RECONCILE: Route<Call> = Route {
    pattern: "leases/reconcile/{mount..}",
    fields: &[
        Field::text("mount", "The mount whose leases are to be compared: aws."),
        Field::flag("fix", "End the orphans and the ghosts. Takes a write, and sudo. Without, all is only shown.")
            .default("false"),
        Field::text("after", "What an earlier answer gave as next: where to go on."),
    ],
    actions: &[
        Action::new(Operation::Read, show, "Shows how what is outside differs from the leases."),
        Action::new(Operation::Update, act, "Shows it, and with fix=true ends orphans and ghosts."),
    ],
    exists: None,
    summary: "Compares what is outside with the leases of a mount.",
    help: "Four kinds of differences. orphans: something outside that has no lease and is surely this server's, because it \
           carries its mark, because its name holds a checksum that only this server can make, or because a lease that has \
           ended had its name. ghosts: a living lease of which nothing is outside. drift: a living lease whose credential is \
           not as it should be; remedy is the command that would put that right. unknown: something that looks like this \
           server's and cannot be proven to be.\n\n\
           With fix=true orphans are ended, each by a lease that is written before, and the leases of ghosts end. What is \
           unknown is never touched, nor is what carries the mark of another server (of_others). What could not be asked is \
           under unreachable. One answer covers a part: while next is there, ask again with it as after.",
    flags: ORDINARY,
};

fn show(call: &mut Call, input: &Input) -> Result<Response> {
    if input.flag("fix") == Some(true) {
        return Err(Error::bad_request("fix takes a write: reading only shows"));
    }
    compare(call, input, false)
}

fn act(call: &mut Call, input: &Input) -> Result<Response> {
    let fix = input.flag("fix").unwrap_or_default();
    if fix && !call.has_sudo() {
        return Err(Error::permission_denied());
    }
    if let Some(restored) = call.live()?.restored().filter(|_| fix) {
        return Err(Error::conflict(format!("nothing is put right outside yet: {}", told(&restored))));
    }
    compare(call, input, fix)
}

fn compare(call: &Call, input: &Input, fix: bool) -> Result<Response> {
    let live = call.live()?;
    let path = format!("{}/", input.required("mount")?.trim_matches('/'));
    let mount = live.mount_at(&path)?;
    let cause = || call.cause(Event::Reconciled).at(&mount.path);
    let order = Order {
        from: Cursor::parse(&input.text("after").unwrap_or_default())?,
        fix: fix.then(cause),
        deadline: call.deadline,
        mount,
    };
    let report = live.reconcile(&order)?;
    let is_clean = report.shown() == 0 && report.unreachable.is_empty();
    let mut data = serde_json::to_value(&report).map_err(|_| Error::internal("a report cannot be written as JSON"))?;
    if let Value::Object(data) = &mut data {
        data.insert("mount".to_owned(), json!(order.mount.path));
        data.insert("fix".to_owned(), json!(fix));
        data.insert("is_clean".to_owned(), json!(is_clean));
    }
    Ok(Response::json(data))
}
