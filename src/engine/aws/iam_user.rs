//! The secret kind `iam_user`: a user for one lease, from nothing to nothing.
//!
//! Invariant: every user carries, from the call that makes it, the mark of its lease; nothing is ever taken from a user that
//! does not. So a name that was already somebody's costs an error and never a user.

use crate::base::{Error, Result, random};
use crate::engine::aws::client::{Client, Failure};
use crate::engine::aws::config::{lease, retired, root::Root};
use crate::engine::aws::names::{self, Named};
use crate::engine::aws::role::Role;
use crate::engine::aws::{iam, target};
use crate::logical::{Created, Ctx, Intent, LeaseView, Renewal, Response, Revoked, SecretKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub const KIND: SecretKind = SecretKind {
    kind: "iam_user",
    // AWS answers or drops a call within minutes; a user may show up that much after the call for it failed.
    settle: Duration::from_secs(15 * 60),
    expires_only: false,
    renew,
    revoke,
};

/// Begins the keys of the tags that the engine adds.
pub const TAG_PREFIX: &str = "leasehold:";
pub const SERVER_TAG: &str = "leasehold:server";
pub const MARK_TAG: &str = "leasehold:lease-mark";

/// Tries until a user that was just made is known to the part of IAM that adds to it.
const VISIBILITY_TRIES: u32 = 7;

/// What a lease holds to end its user by.
#[derive(Debug, Serialize, Deserialize)]
pub struct Owed {
    pub user: String,
    pub account: String,
    /// None for a user that was found without one.
    pub mark: Option<String>,
    pub iam_endpoint: String,
    /// AWS's own id of a user that was found; empty for one whose name the lease chose.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_id: String,
}

impl Owed {
    /// # Errors
    /// `Internal` when this is not what such a lease holds.
    pub fn of(revocation: &Value) -> Result<Self> {
        Self::deserialize(revocation).map_err(|_| Error::internal("the lease does not say which user it is about"))
    }

    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|_| Error::internal("a revocation cannot be written"))
    }

    /// Whether a user of that name is the lease's.
    #[must_use]
    pub fn is(&self, user: &iam::User) -> bool {
        user.tags.get(MARK_TAG) == self.mark.as_ref() && (self.user_id.is_empty() || self.user_id == user.id)
    }
}

/// Makes a user for a role, under a lease.
///
/// # Errors
/// AWS's; the lease's revocation then finds what was made until then.
pub fn issue(ctx: &mut Ctx, name: &str, role: &Role) -> Result<Response> {
    let root = Root::load(ctx)?;
    let (ttl, max_ttl) = lease::limits(ctx)?;
    let display_name = ctx.caller.display_name.clone();
    let user = names::choose(&root.username_template, Named::User, &display_name, name, ctx.clock.as_ref())?;
    let mark = random::base62(20)?;
    let owed = Owed {
        user: user.clone(),
        account: target::account(ctx, &root)?,
        mark: Some(mark.clone()),
        iam_endpoint: root.iam_endpoint.clone(),
        user_id: String::new(),
    };
    let revocation = owed.to_value()?;
    let intent = Intent {
        kind: KIND.kind,
        role: name.to_owned(),
        subject: user,
        target: target::identity(&owed.account),
        revocation,
        ttl,
        max_ttl,
        renewable: true,
    };
    let mut tags = role.iam_tags.clone();
    tags.insert(SERVER_TAG.to_owned(), ctx.server_id.clone());
    tags.insert(MARK_TAG.to_owned(), mark);
    let deadline = ctx.outside().deadline();
    let client = root.iam(ctx, deadline);
    ctx.issue(&intent, |_outside| {
        let key = create(&client, &owed.user, role, &tags)?;
        let secret = key.secret.expose();
        let data = json!({ "access_key": key.id, "secret_key": secret, "security_token": null });
        let data = data.as_object().cloned().unwrap_or_default();
        Ok(Created { data, subjects: vec![key.id.clone()], ..Created::default() })
    })
}

/// Makes the user and all that belongs to it, the key last: no key works before its limits stand.
fn create(
    client: &Client,
    user: &str,
    role: &Role,
    tags: &BTreeMap<String, String>,
) -> Result<iam::AccessKey, Failure> {
    let path = if role.user_path.is_empty() { "/" } else { &role.user_path };
    let boundary = Some(role.permissions_boundary_arn.as_str()).filter(|arn| !arn.is_empty());
    iam::create_user(client, &iam::NewUser { name: user, path, permissions_boundary: boundary, tags })?;
    for group in &role.iam_groups {
        once_visible(client, user, || iam::add_user_to_group(client, user, group))?;
    }
    for arn in &role.policy_arns {
        once_visible(client, user, || iam::attach_user_policy(client, user, arn))?;
    }
    if !role.policy_document.is_empty() {
        once_visible(client, user, || iam::put_user_policy(client, user, user, &role.policy_document))?;
    }
    once_visible(client, user, || iam::create_access_key(client, Some(user)))
}

/// IAM spreads what it was told: for a moment a new user may not be found. Other things that are missing are an error at once.
fn once_visible<T>(client: &Client, user: &str, step: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut tries = 0;
    loop {
        match step() {
            Err(failure) if names_missing(&failure, user) && tries < VISIBILITY_TRIES && client.pause(tries) => {
                tries += 1
            }
            outcome => return outcome,
        }
    }
}

fn names_missing(failure: &Failure, user: &str) -> bool {
    matches!(failure, Failure::Refused { code, message, .. } if code == "NoSuchEntity" && message.contains(user))
}

fn renew(ctx: &mut Ctx, _lease: &LeaseView) -> Result<Renewal> {
    let (ttl, max_ttl) = lease::limits(ctx)?;
    Ok(Renewal { ttl, max_ttl })
}

fn revoke(ctx: &mut Ctx, lease: &LeaseView) -> Result<Revoked> {
    let owed = Owed::of(&lease.revocation)?;
    let (root, account) = retired::reach(ctx, &owed)?;
    if account != owed.account {
        return Err(Error::conflict(format!(
            "target changed: the user {} is in AWS account {}, and config/root is for account {account}",
            owed.user, owed.account
        )));
    }
    let deadline = ctx.outside().deadline();
    let client = root.iam(ctx, deadline);
    match iam::user(&client, &owed.user)? {
        None if root.iam_endpoint != owed.iam_endpoint => Err(Error::conflict(format!(
            "target changed: the user {} is not at the IAM that config/root names now",
            owed.user
        ))),
        None => Ok(Revoked::Gone),
        Some(user) if owed.is(&user) => {
            remove(&client, &owed.user)?;
            Ok(Revoked::Done)
        }
        // The name was taken before: this lease's user never came to be.
        Some(_) if lease.pending => Ok(Revoked::Gone),
        Some(_) => Err(Error::conflict(format!(
            "the user {} does not carry the mark of this lease (tag {MARK_TAG}) and is left alone",
            owed.user
        ))),
    }
}

/// Takes a user apart, in whatever state it is, and deletes it. Each step may be repeated.
fn remove(client: &Client, user: &str) -> Result<(), Failure> {
    let outcome = take_apart(client, user).and_then(|()| iam::delete_user(client, user));
    let outcome = match outcome {
        Err(failure) if failure.is("DeleteConflict") => {
            for rarity in &iam::RARITIES {
                if_possible(iam::strip(client, user, rarity))?;
            }
            take_apart(client, user).and_then(|()| iam::delete_user(client, user))
        }
        outcome => outcome,
    };
    match outcome {
        // It was there before: somebody else ended it meanwhile.
        Err(failure) if failure.is("NoSuchEntity") => Ok(()),
        outcome => outcome,
    }
}

/// First what the user signs in with, so that from here on nothing that was handed out works; then what it may do.
fn take_apart(client: &Client, user: &str) -> Result<(), Failure> {
    for id in iam::access_keys(client, Some(user))? {
        iam::delete_access_key(client, Some(user), &id)?;
    }
    if_possible(iam::delete_login_profile(client, user))?;
    iam::PERMISSIONS.iter().try_for_each(|permission| iam::strip(client, user, permission))
}

/// Passes over what the engine's own keys may not do or an emulator does not know: if it mattered, deleting the user says so.
fn if_possible(outcome: Result<(), Failure>) -> Result<(), Failure> {
    match outcome {
        Err(Failure::Refused { status, code, .. })
            if matches!(code.as_str(), "AccessDenied" | "InvalidAction" | "NotImplemented" | "HTTP 500")
                || status == 501 =>
        {
            Ok(())
        }
        outcome => outcome,
    }
}
