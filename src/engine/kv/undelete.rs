//! `undelete/:path`: makes deleted versions of a value readable again.

use super::versions::{self, PATH, VERSIONS};
use crate::base::Result;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "undelete/{path..}",
    fields: &[PATH, VERSIONS],
    actions: &[Action::new(Operation::Update, undelete, "Undeletes the versions.")],
    exists: None,
    summary: "Makes deleted versions of a value readable again.",
    help: "Where versions are deleted by their age, those undeleted now begin a new life. What was destroyed stays so.",
    flags: ORDINARY,
};

fn undelete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let now = ctx.now();
    versions::change(ctx, input, &|key, number, config, _| {
        let deletion = key.deletion(config, now);
        if let Some(version) = key.versions.get_mut(&number) {
            version.deletion = deletion;
        }
        Ok(())
    })
}
