//! `delete/:path`: deletes versions of a value, which can be undeleted.

use super::key::Version;
use super::versions::{self, PATH, VERSIONS};
use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "delete/{path..}",
    fields: &[PATH, VERSIONS],
    actions: &[Action::new(Operation::Update, delete, "Deletes the versions.")],
    exists: None,
    summary: "Deletes versions of a value; they can be undeleted.",
    help: "A deleted version is answered as not found; its value stays until it is undeleted, destroyed, or among those that are \
           too many.",
    flags: ORDINARY,
};

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let now = ctx.now();
    versions::change(ctx, input, &|key, number, _, _| {
        if let Some(version) = key.versions.get_mut(&number).filter(|version| !version.is_gone(now)) {
            *version = Version { deletion: Some(now.0), ..*version };
        }
        Ok(())
    })
}
