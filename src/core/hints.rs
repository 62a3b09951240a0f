//! What somebody may have meant by a path that leads nowhere. Only mounts that the caller's policies reach are named, and
//! only paths that the help of such a mount names as well.

use crate::base::Error;
use crate::base::closest::{closest, distance};
use crate::core::mounts::Mount;
use crate::core::routing::Target;
use crate::core::{Core, Live};
use crate::logical::{Action, Operation};
use crate::policy::Acl;
use serde_json::{Value, json};
use std::sync::Arc;

/// No more mounts than this are compared, or named.
const COMPARED: usize = 256;
const NAMED: usize = 8;

/// Nothing serves the path, and the caller may know: what it may have meant.
#[must_use]
pub fn no_route(core: &Core, live: &Live, acl: &Acl, target: &Target, path: &str) -> Value {
    if !target.is_mounted {
        return nowhere(live, acl, path);
    }
    let mount = &target.mount.path;
    let patterns = target.patterns(core, live);
    match nearest_pattern(&target.below, patterns.into_iter()) {
        Some(meant) => told(
            format!("{mount} has no path {:?}. Did you mean {mount}{meant}?", target.below),
            &format!("{mount}{meant}"),
        ),
        None => json!({
            "code": "no_route",
            "message": format!("{mount} has no path {:?}. Its paths are listed by: leasehold path-help {mount}", target.below),
        }),
    }
}

/// The route does not do this: what it does.
#[must_use]
pub fn operations<C>(asked: Operation, actions: &[Action<C>]) -> Value {
    let known: Vec<&str> = actions.iter().map(|action| action.operation.name()).collect();
    json!({
        "code": "unsupported_operation",
        "message": format!("This path does not take {}; it takes {}.", asked.name(), known.join(", ")),
        "operations": known,
    })
}

/// No rule matches the path: the mount that may have been meant.
#[must_use]
pub fn add_to_denial(denied: Error, live: &Live, acl: &Acl, path: &str) -> Error {
    let Some(reason) = denied.reason().filter(|reason| reason["code"] == "no_rule") else { return denied };
    let Some(meant) = nearest_mount(live, acl, path) else { return denied };
    let mut reason = reason.clone();
    let message = reason["message"].as_str().unwrap_or_default();
    reason["message"] = format!("{message} Did you mean {meant}?").into();
    reason["did_you_mean"] = meant.into();
    denied.because(reason)
}

/// No mount that the caller may see is there: the one that may have been meant.
#[must_use]
pub fn add_to_preflight(denied: Error, live: &Live, acl: &Acl, path: &str) -> Error {
    match nearest_mount(live, acl, path.trim_end_matches('/')) {
        Some(meant) => denied.because(told(format!("Did you mean {meant}?"), &meant)),
        None => denied,
    }
}

fn nowhere(live: &Live, acl: &Acl, path: &str) -> Value {
    if let Some(meant) = nearest_mount(live, acl, path) {
        return told(format!("Nothing is mounted at {path:?}. Did you mean {meant}?"), &meant);
    }
    let seen: Vec<String> = visible(live, acl).map(|mount| mount.path.clone()).take(NAMED + 1).collect();
    let more = if seen.len() > NAMED { ", …" } else { "" };
    let seen = seen[..seen.len().min(NAMED)].join(", ");
    json!({ "code": "no_route", "message": format!("Nothing is mounted at {path:?}. There are: {seen}{more}") })
}

fn told(message: String, meant: &str) -> Value {
    json!({ "code": "no_route", "message": message, "did_you_mean": meant })
}

/// The path below the mount that was meant, if the path's first segments nearly name one. Whether anything is mounted at the
/// path itself is not looked at, so that nothing is told of mounts that the caller may not see.
#[must_use]
pub fn nearest_mount(live: &Live, acl: &Acl, path: &str) -> Option<String> {
    let mounts: Vec<Arc<Mount>> = visible(live, acl).take(COMPARED).collect();
    if mounts.iter().any(|mount| path.starts_with(&mount.path) || format!("{path}/") == mount.path) {
        return None;
    }
    let nearest = mounts.iter().filter_map(|mount| {
        let segments = mount.path.matches('/').count();
        let end = path.match_indices('/').nth(segments - 1).map_or(path.len(), |(at, _)| at);
        let meant = mount.path.trim_end_matches('/');
        closest(&path[..end], [meant]).map(|_| (distance(&path[..end], meant), mount, end))
    });
    let (_, mount, end) = nearest.min_by_key(|(distance, _, _)| *distance)?;
    Some(format!("{}{}", mount.path.trim_end_matches('/'), &path[end..]))
}

/// The mounts that the caller's policies reach.
fn visible<'v>(live: &Live, acl: &'v Acl) -> impl Iterator<Item = Arc<Mount>> + 'v {
    let mounts: Vec<Arc<Mount>> = live.mounts().active().cloned().collect();
    mounts.into_iter().filter(|mount| acl.grants_below(&mount.path))
}

/// The pattern that nearly matches, with what the path has for its captures filled in.
fn nearest_pattern<'p>(below: &str, patterns: impl Iterator<Item = &'p str>) -> Option<String> {
    let given: Vec<&str> = below.trim_end_matches('/').split('/').collect();
    let fitted = patterns.filter_map(|pattern| {
        let wanted: Vec<&str> = pattern.split('/').collect();
        if pattern.is_empty() || wanted.len() < given.len() {
            return None;
        }
        let mut steps = 0;
        let mut letters = 0;
        for (want, given) in wanted.iter().zip(&given).filter(|(want, _)| !want.starts_with('{')) {
            steps += distance(given, want);
            letters += want.chars().count();
        }
        let missing = wanted.len() - given.len();
        let filled = wanted.iter().enumerate().map(|(at, want)| match given.get(at) {
            Some(given) if want.starts_with('{') => *given,
            _ => *want,
        });
        (letters > 0 && steps * 3 <= letters).then(|| (steps, missing, filled.collect::<Vec<_>>().join("/")))
    });
    fitted.min().map(|(_, _, meant)| meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_nearly_fits_a_pattern_is_completed() {
        let patterns = ["config/root", "config/lease", "roles", "roles/{name}", "creds/{name}", "data/{path..}", ""];
        for (below, meant) in [
            ("cred/support", Some("creds/support")),
            ("config/roto", Some("config/root")),
            ("creds", Some("creds/{name}")),
            ("role/a", Some("roles/a")),
            ("rolse", Some("roles")),
            ("config", Some("config/lease")),
            ("frobnicate/x", None),
            ("creds/a/b/c", None),
        ] {
            assert_eq!(nearest_pattern(below, patterns.into_iter()).as_deref(), meant, "{below}");
        }
    }
}
