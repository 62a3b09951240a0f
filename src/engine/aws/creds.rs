//! `creds/{name}`: credentials for a role, under a lease.

use crate::base::{Error, Result};
use crate::engine::aws::role::{CredentialType, Role};
use crate::engine::aws::{assumed_role, federation_token, iam_user, session_token};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};

/// What can be asked for, here and at `sts/{name}`.
pub(super) const FIELDS: &[Field] = &[
    Field::text("name", "Name of the role."),
    Field::text("role_arn", "Which of the role's role_arns to assume; may be left out where there is only one."),
    Field::text("role_session_name", "Name of the session of an assumed_role; made from the template if left out."),
    Field::seconds("ttl", "How long credentials of STS are to live: from 15m up to the role's max_sts_ttl."),
    Field::text(
        "mfa_code",
        "The six digits that the device of the role's mfa_serial_number shows; for a session_token.",
    ),
];

pub static ROUTE: Route<Ctx> = Route {
    pattern: "creds/{name}",
    fields: FIELDS,
    actions: &[
        Action::new(Operation::Read, issue, "Hand out credentials."),
        Action::new(Operation::Update, issue, "Hand out credentials, with parameters."),
    ],
    exists: None,
    summary: "Credentials for a role.",
    help: "Hands out what the role says, under a lease. For an iam_user that is an access key of a user that is made for this \
        lease alone and deleted with it; the lease can be renewed up to config/lease's lease_max. For the other types it is \
        an access key with a session token, which ends by itself: its lease cannot be renewed, and revoking it changes \
        nothing at AWS.\n\n\
        A new user takes AWS some seconds to be known everywhere: try again if the first call with it is refused.",
    flags: ORDINARY,
};

fn issue(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role = Role::load(ctx, &name)?;
    // The older form hands out users here and sessions at `sts`; the newer says which it is.
    if role.hands_out(CredentialType::IamUser) {
        return iam_user::issue(ctx, &name, &role);
    }
    if role.legacy {
        return Err(Error::bad_request(format!(
            "the role {name:?} was written with the older parameter arn and assumes a role: read sts/{name}"
        )));
    }
    by_session(ctx, input, &name, &role)
}

/// Opens a session for a role. Where the older form allows two sorts, the AWS role that was named counts more than the policy.
pub(super) fn by_session(ctx: &mut Ctx, input: &Input, name: &str, role: &Role) -> Result<Response> {
    if role.hands_out(CredentialType::AssumedRole) {
        assumed_role::issue(ctx, input, name, role)
    } else if role.hands_out(CredentialType::SessionToken) {
        session_token::issue(ctx, input, name, role)
    } else if role.hands_out(CredentialType::FederationToken) {
        federation_token::issue(ctx, input, name, role)
    } else {
        Err(Error::bad_request(format!("the role {name:?} makes IAM users: read creds/{name}")))
    }
}
