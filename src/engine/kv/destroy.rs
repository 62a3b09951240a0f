//! `destroy/:path`: takes the values of versions for good.

use super::store;
use super::versions::{self, PATH, VERSIONS};
use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "destroy/{path..}",
    fields: &[PATH, VERSIONS],
    actions: &[Action::new(Operation::Update, destroy, "Destroys the versions.")],
    exists: None,
    summary: "Takes the values of versions for good.",
    help: "The value is gone from the store; that there was such a version, and when, stays known.",
    flags: ORDINARY,
};

fn destroy(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    versions::change(ctx, input, &|key, number, _, records| {
        if let Some(version) = key.versions.get_mut(&number) {
            version.destroyed = true;
        }
        store::delete_value(records, key, number)
    })
}
