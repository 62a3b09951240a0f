//! `sys/internal`: what user interfaces and the command line ask before they ask for anything else.
//!
//! Invariant: the mount listings are served without a token, so each looks at the token itself and shows nothing that its
//! policies do not reach, but the mounts that are to be seen by all.

pub mod counters;
pub mod specs;

use super::settings::{describe, mount_path};
use crate::base::{Error, Result};
use crate::core::authentication::{Presented, Uses};
use crate::core::mounts::{Class, Mount, Resolved};
use crate::core::{Call, Live, denial, hints};
use crate::logical::route::{ORDINARY, PUBLIC};
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use crate::policy::{Acl, Capabilities};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub static MOUNTS: Route<Call> = Route {
    pattern: "internal/ui/mounts",
    fields: &[],
    actions: &[Action::new(Operation::Read, mounts, "Lists the mounts that the caller may see.")],
    exists: None,
    summary: "Lists the mounts that the caller may see.",
    help: "With a token: those at or below which its policies grant anything. Without: those whose listing_visibility is \
           \"unauth\".",
    flags: PUBLIC,
};

pub static MOUNT: Route<Call> = Route {
    pattern: "internal/ui/mounts/{path..}",
    fields: &[Field::text("path", "A path, of a mount or of anything below it.")],
    actions: &[Action::new(Operation::Read, mount, "Shows the mount that a path lies in.")],
    exists: None,
    summary: "Shows the mount that a path lies in.",
    help: "Needs a token whose policies grant anything at or below the mount. A path without a mount is denied in the same \
           words as one that is not granted.",
    flags: PUBLIC,
};

pub static RESULTANT_ACL: Route<Call> = Route {
    pattern: "internal/ui/resultant-acl",
    fields: &[],
    actions: &[Action::new(Operation::Read, resultant_acl, "Shows what the calling token's policies add up to.")],
    exists: None,
    summary: "Shows what the calling token's policies add up to.",
    help: "Exact paths, and those that end in a wildcard, each with its capabilities.",
    flags: ORDINARY,
};

fn mounts(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let acl = granted(call, live).ok();
    let (mut secret, mut auth) = (Map::new(), Map::new());
    for mount in live.mounts().active() {
        let is_granted = acl.as_ref().is_some_and(|acl| may_see(acl, mount));
        if !is_granted && mount.listing_visibility != "unauth" {
            continue;
        }
        let shown = if is_granted { describe(mount, live.settings.version) } else { shown_to_all(mount) };
        match mount.class {
            Class::Secret => secret.insert(mount.path.clone(), shown),
            Class::Auth => auth.insert(mount.path.trim_start_matches("auth/").to_owned(), shown),
        };
    }
    Ok(Response::json(json!({ "secret": secret, "auth": auth })))
}

/// What the caller may do, by the token that came with the call. It is looked up and not used: asking where to go spends none
/// of a token's uses.
fn granted(call: &Call, live: &Live) -> Result<Arc<Acl>> {
    let token = call.token.as_ref().filter(|token| !token.is_empty()).ok_or_else(denial::without_token)?;
    let peer = call.peer.map(|peer| peer.ip());
    let looked = Presented { peer, uses: Uses::Kept, ..Presented::default() };
    live.authenticate(token, looked).map(|identity| identity.acl)
}

fn may_see(acl: &Acl, mount: &Mount) -> bool {
    acl.grants_below(&mount.path)
}

fn shown_to_all(mount: &Mount) -> Value {
    json!({ "type": mount.kind, "description": mount.description, "options": mount.options })
}

fn mount(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let path = mount_path(&input.required("path")?)?;
    let acl = granted(call, live)?;
    let denied = || {
        let denied = Error::denied(format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path {path:?}"
        ));
        hints::add_to_preflight(denied, live, &acl, &path)
    };
    let Resolved::Mount(mount, _) = live.mounts().resolve(&live.barrier, &path) else { return Err(denied()) };
    if !may_see(&acl, &mount) {
        return Err(denied());
    }
    let mut shown = describe(&mount, live.settings.version);
    shown["path"] = Value::from(mount.path.clone());
    Ok(Response::json(shown))
}

fn resultant_acl(call: &mut Call, _: &Input) -> Result<Response> {
    let identity = call.identity()?;
    let merged: BTreeMap<String, Capabilities> =
        identity.acl.patterns().map(|(pattern, capabilities)| (pattern.to_string(), capabilities)).collect();
    let (mut exact, mut glob) = (Map::new(), Map::new());
    for (pattern, capabilities) in merged {
        let names = json!({ "capabilities": capabilities.names().collect::<Vec<_>>() });
        match pattern.strip_suffix('*') {
            Some(stem) => glob.insert(stem.to_owned(), names),
            None if pattern.contains('+') => glob.insert(pattern, names),
            None => exact.insert(pattern, names),
        };
    }
    Ok(Response::json(json!({ "root": identity.is_root(), "exact_paths": exact, "glob_paths": glob })))
}
