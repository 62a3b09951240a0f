//! `sys/leases/revoke-role`: ends everything that a role has handed out.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::causes::Event;
use crate::core::mounts::Resolved;
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::sys::revoke::{SYNC, end_all};

pub static REVOKE: Route<Call> = Route {
    pattern: "leases/revoke-role/{role..}",
    fields: &[Field::text("role", "The role below its mount: aws/support."), SYNC, DRY_RUN],
    actions: &[Action::new(Operation::Update, revoke, "Revokes all leases of a role.")],
    exists: None,
    summary: "Revokes all leases of a role.",
    help: "Whatever path they were read at: leases of aws/creds/support and aws/sts/support are of the same role. All of them \
           are dead at once; then their credentials are ended one by one.",
    flags: SUDO,
};

fn revoke(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let path = input.required("role")?;
    let mounts = live.mounts();
    let (mount, role) = match mounts.resolve(&live.barrier, &path) {
        Resolved::Mount(mount, role) if !role.trim_matches('/').is_empty() => {
            (mount, role.trim_matches('/').to_owned())
        }
        _ => {
            return Err(Error::bad_request(format!(
                "{path:?} is no role: write its mount and its name, as aws/support"
            )));
        }
    };
    let selection = Selection::Role(mount, role);
    if plan::is_asked_for(input) {
        return live.plan(&selection, call.deadline);
    }
    let cause = call.cause(Event::RevokedByRole).at(&path);
    let rows = live.revoke_selected(&selection, &cause)?;
    end_all(call, cause, input, &rows)
}
