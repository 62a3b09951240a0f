//! `sts/{name}`: the same as `creds/{name}`, but for roles of the older form, which hand out sessions here.

use crate::base::Result;
use crate::engine::aws::role::{CredentialType, Role};
use crate::engine::aws::{creds, iam_user};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Input, Operation, Response, Route};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "sts/{name}",
    fields: creds::FIELDS,
    actions: &[
        Action::new(Operation::Read, issue, "Hand out credentials."),
        Action::new(Operation::Update, issue, "Hand out credentials, with parameters."),
    ],
    exists: None,
    summary: "Credentials for a role, by STS where the role allows both.",
    help: "Does what creds/ROLE does. The two differ only for roles that were written with the older parameters policy and \
        arn: here they hand out credentials of STS, there an IAM user.",
    flags: ORDINARY,
};

fn issue(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role = Role::load(ctx, &name)?;
    if role.hands_out(CredentialType::IamUser) && !role.legacy {
        return iam_user::issue(ctx, &name, &role);
    }
    creds::by_session(ctx, input, &name, &role)
}
