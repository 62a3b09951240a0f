//! The users that are in the account, for comparing them with the leases.
//!
//! Listing users tells their names alone; whose one is, its tags say, for which it has to be asked for by itself. So only names
//! that begin as the template's do are gone into. Invariant: the engine's own user and those of static roles are never listed.

use crate::base::template::Shape;
use crate::base::{Error, Result};
use crate::engine::aws::client::{Client, Failure};
use crate::engine::aws::config::root::Root;
use crate::engine::aws::iam_user::{KIND, MARK_TAG, Owed, SERVER_TAG};
use crate::engine::aws::static_roles;
use crate::engine::aws::{iam, names, sts_api, target};
use crate::logical::{Claim, Ctx, Drift, Intent, LeaseView, Look, Page, Reconciling, Remedy, Seen};
use serde_json::Value;

pub static RECONCILING: Reconciling = Reconciling { places, list, named, look, is_of, owed };

/// An account has one IAM.
const PLACE: &str = "iam";

fn places(_ctx: &mut Ctx) -> Result<Vec<String>> {
    Ok(vec![PLACE.to_owned()])
}

/// A page as IAM gives them.
fn list(ctx: &mut Ctx, _place: &str, after: &str) -> Result<Page> {
    let (root, client) = client(ctx)?;
    let shape = names::shape(&root.username_template);
    let page = iam::users(&client, after)?;
    let likely: Vec<_> = page.users.into_iter().filter(|user| user.name.starts_with(&shape.beginning)).collect();
    let own = if likely.is_empty() { String::new() } else { own_name(ctx, &root)? };
    let mut found = Vec::new();
    for user in likely {
        let name = user.name;
        if name == own || ctx.read(|records| records.has(&static_roles::owner(&name)))? {
            continue;
        }
        found.push(Seen { name, id: user.id, mark: None, claim: Claim::Unread, created: user.created });
    }
    Ok(Page { found, next: page.next })
}

fn named(ctx: &mut Ctx, _place: &str, wanted: &[String]) -> Result<Vec<Seen>> {
    let (root, client) = client(ctx)?;
    let shape = names::shape(&root.username_template);
    let mut found = Vec::new();
    for name in wanted {
        match iam::user(&client, name) {
            Ok(user) => found.extend(user.and_then(|user| seen(ctx, name, user, &shape))),
            // Its tags are not for us to see.
            Err(failure) if failure.is("AccessDenied") => {
                let claim = Claim::Alike { is_unique: false };
                found.push(Seen { name: name.clone(), id: String::new(), mark: None, claim, created: None });
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(found)
}

fn seen(ctx: &Ctx, name: &str, user: iam::User, shape: &Shape) -> Option<Seen> {
    let mark = user.tags.get(MARK_TAG).cloned();
    let claim = match (user.tags.get(SERVER_TAG), &mark) {
        (Some(server), Some(_)) if *server == ctx.server_id => Claim::Marked,
        (Some(server), _) if *server != ctx.server_id => Claim::Others,
        // A mark without a server, or a server without a mark: somebody changed the tags.
        _ if !shape.beginning.is_empty() => Claim::Alike { is_unique: shape.has_chance && mark.is_none() },
        _ => return None,
    };
    Some(Seen { name: name.to_owned(), id: user.id, mark, claim, created: user.created })
}

fn is_of(revocation: &Value, seen: &Seen) -> bool {
    match (Owed::of(revocation).ok().and_then(|owed| owed.mark), &seen.mark) {
        (Some(of_lease), Some(mark)) => of_lease == *mark,
        _ => true,
    }
}

fn look(ctx: &mut Ctx, leases: &[LeaseView]) -> Result<Vec<Look>> {
    let (root, client) = client(ctx)?;
    let account = match target::account(ctx, &root) {
        Ok(account) => account,
        Err(error) => return Ok(leases.iter().map(|_| unreachable(&error)).collect()),
    };
    let mut looks = Vec::new();
    let mut silence: Option<Error> = None;
    for lease in leases {
        let owed = Owed::of(&lease.revocation)?;
        if owed.account != account {
            looks.push(Look::Elsewhere(format!(
                "target changed: it is in AWS account {}, and config/root is for account {account}",
                owed.account
            )));
            continue;
        }
        if let Some(error) = &silence {
            looks.push(unreachable(error));
            continue;
        }
        looks.push(look_at(&client, &root, &owed, lease).unwrap_or_else(|failure| {
            let error = Error::from(failure);
            let look = unreachable(&error);
            silence = Some(error).filter(Error::is_silence);
            look
        }));
    }
    Ok(looks)
}

fn look_at(client: &Client, root: &Root, owed: &Owed, lease: &LeaseView) -> Result<Look, Failure> {
    let Some(user) = iam::user(client, &owed.user)? else {
        return Ok(match root.iam_endpoint == owed.iam_endpoint {
            true => Look::Gone,
            false => Look::Elsewhere("target changed: it is not at the IAM that config/root names now".to_owned()),
        });
    };
    let mut drift = Vec::new();
    let mut say = |what: String, remedy| drift.push(Drift { what, remedy });
    if !owed.is(&user) {
        let what = format!("does not carry its lease's mark (tag {MARK_TAG}), and is left alone when the lease ends");
        say(what, Remedy::ByHand);
    }
    let keys = iam::access_keys(client, Some(&owed.user))?;
    for lost in lease.subjects.iter().filter(|key| !keys.contains(key)) {
        say(format!("has the access key {lost} no more"), Remedy::Revoke);
    }
    for other in keys.iter().filter(|key| !lease.subjects.contains(key)) {
        say(format!("has an access key that is not its lease's: {other}"), Remedy::Revoke);
    }
    Ok(Look::There(drift))
}

fn unreachable(error: &Error) -> Look {
    Look::Unreachable { place: PLACE.to_owned(), reason: error.message().to_owned(), is_silence: error.is_silence() }
}

/// The lease of a user that has none.
fn owed(ctx: &mut Ctx, _place: &str, seen: &Seen) -> Result<Intent> {
    let root = Root::load(ctx)?;
    let owed = Owed {
        user: seen.name.clone(),
        account: target::account(ctx, &root)?,
        mark: seen.mark.clone(),
        iam_endpoint: root.iam_endpoint.clone(),
        user_id: seen.id.clone(),
    };
    Ok(Intent {
        kind: KIND.kind,
        role: String::new(),
        subject: seen.name.clone(),
        target: target::identity(&owed.account),
        revocation: owed.to_value()?,
        ttl: None,
        max_ttl: None,
        renewable: false,
    })
}

fn client(ctx: &mut Ctx) -> Result<(Root, Client)> {
    let root = Root::load(ctx)?;
    let deadline = ctx.outside().deadline();
    let client = root.iam(ctx, deadline);
    Ok((root, client))
}

/// The name of the user whose keys the engine works with; empty where they are no user's.
fn own_name(ctx: &mut Ctx, root: &Root) -> Result<String> {
    let deadline = ctx.outside().deadline();
    let arn = sts_api::caller_identity(&root.sts(ctx, deadline))?.arn;
    let name = arn.split_once(":user/").and_then(|(_, path)| path.rsplit('/').next());
    Ok(name.unwrap_or_default().to_owned())
}
