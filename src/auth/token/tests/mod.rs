//! The rules for new tokens; how the endpoints serve them is in `served`.

mod by_role;
mod served;

use super::roles::Role;
use super::rules::{Parent, display_name, is_batch, life, policies};
use crate::base::Timestamp;
use crate::core::ttl::{Asked, Life, Limits};
use crate::logical::TokenType;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const LIMITS: Limits = Limits { default: HOUR, max: Duration::from_secs(7200) };
const NOW: Timestamp = Timestamp(1_000_000);

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn chosen(holds: &[&str], sudo: bool, asked: &[&str], no_default: bool) -> Result<Vec<String>, String> {
    let holds = names(holds);
    let parent = Parent { policies: &holds, expires: true, sudo };
    policies(&parent, None, &names(asked), no_default).map_err(|error| error.to_string())
}

#[test]
fn a_child_has_no_policy_that_its_parent_lacks() {
    assert_eq!(chosen(&["a", "b", "default"], false, &["B "], false), Ok(names(&["b", "default"])));
    assert_eq!(chosen(&["a"], false, &["a", "b"], false), Err("child policies must be subset of parent".to_owned()));
    assert_eq!(chosen(&["a"], false, &["default"], false), Err("child policies must be subset of parent".to_owned()));
    assert_eq!(chosen(&["a"], false, &["a"], false), Ok(names(&["a"])), "`default` is not a way around it");
    assert_eq!(chosen(&["a"], true, &["b", "b"], false), Ok(names(&["b", "default"])), "sudo may give others");
}

#[test]
fn a_child_that_asks_for_nothing_has_its_parents_policies() {
    assert_eq!(chosen(&["a", "default"], false, &[], false), Ok(names(&["a", "default"])));
    assert_eq!(chosen(&["a", "default"], false, &[], true), Ok(names(&["a"])));
    assert_eq!(chosen(&["root"], true, &[], false), Ok(names(&["root"])));
}

#[test]
fn root_comes_from_root_alone_and_some_policies_from_nobody() {
    assert!(chosen(&["a"], true, &["root"], false).is_err_and(|message| message.contains("parent token being root")));
    assert_eq!(chosen(&["root"], true, &["a", "ROOT"], false), Ok(names(&["root"])));
    for name in ["response-wrapping", "Control-Group"] {
        assert!(
            chosen(&["root"], true, &[name], false).is_err_and(|message| message.contains("cannot assign policy")),
            "{name}"
        );
    }
}

fn by_role(role: &Role, holds: &[&str], asked: &[&str], no_default: bool) -> Result<Vec<String>, String> {
    let holds = names(holds);
    let parent = Parent { policies: &holds, expires: true, sudo: false };
    policies(&parent, Some(role), &names(asked), no_default).map_err(|error| error.to_string())
}

#[test]
fn a_role_allows_policies_that_the_caller_lacks() {
    let role =
        Role { allowed_policies: names(&["web", "db"]), allowed_policies_glob: names(&["team-*"]), ..Role::default() };
    assert_eq!(by_role(&role, &["a"], &[], false), Ok(names(&["db", "default", "web"])), "all that are named");
    assert_eq!(by_role(&role, &["a"], &["Web"], false), Ok(names(&["default", "web"])));
    assert_eq!(by_role(&role, &["a"], &["team-x", "db"], true), Ok(names(&["db", "team-x"])));
    assert_eq!(
        by_role(&role, &["a"], &["a", "web"], false),
        Err("token policies ([\"a\" \"default\" \"web\"]) must be subset of the role's allowed policies \
             ([\"db\" \"default\" \"web\"]) or glob policies ([\"team-*\"])"
            .to_owned()),
        "the caller's own are not among them"
    );
}

#[test]
fn a_role_disallows_policies_whatever_else_is_said() {
    let role = Role {
        disallowed_policies: names(&["default"]),
        disallowed_policies_glob: names(&["*-admin"]),
        ..Role::default()
    };
    assert_eq!(by_role(&role, &["a", "b"], &[], false), Ok(names(&["a", "b"])), "without default");
    assert_eq!(by_role(&role, &["a"], &["z"], false), Ok(names(&["z"])), "as the reference has it: no subset here");
    let refused = |name: &str| Err(format!("token policy {name:?} is disallowed by this role"));
    assert_eq!(by_role(&role, &["a"], &["db-admin"], false), refused("db-admin"));
    assert_eq!(by_role(&role, &["default"], &["default"], false), refused("default"));
    assert_eq!(by_role(&role, &["default", "a"], &[], false), refused("default"), "inherited ones count too");
    let both = Role { allowed_policies: names(&["x-admin", "x"]), ..role };
    assert_eq!(by_role(&both, &["a"], &[], false), refused("x-admin"));
}

#[test]
fn a_role_that_says_nothing_of_policies_leaves_them_to_the_caller() {
    let role = Role::default();
    assert_eq!(by_role(&role, &["a", "default"], &[], false), Ok(names(&["a", "default"])));
    assert!(by_role(&role, &["a"], &["b"], false).is_err());
    let mut bare = Role::default();
    bare.token.no_default_policy = true;
    assert_eq!(by_role(&bare, &["a", "default"], &[], false), Ok(names(&["a"])));
    let rooted = Role { allowed_policies: names(&["root"]), ..Role::default() };
    assert!(by_role(&rooted, &["a"], &[], false).is_err_and(|message| message.contains("parent token being root")));
    let wrapping = Role { allowed_policies: names(&["response-wrapping"]), ..Role::default() };
    assert!(by_role(&wrapping, &["a"], &[], false).is_err_and(|message| message.contains("cannot assign policy")));
}

#[test]
fn a_role_chooses_the_kind_or_leaves_the_choice() {
    let chosen = |kind: TokenType, asked: &str| {
        let mut role = Role::default();
        role.token.token_type = kind;
        is_batch(Some(&role), asked).ok()
    };
    assert_eq!((is_batch(None, "").ok(), is_batch(None, "batch").ok()), (Some(false), Some(true)));
    assert!(is_batch(None, "default-batch").is_err() && is_batch(None, "x").is_err());
    assert_eq!(chosen(TokenType::Service, "batch"), Some(false));
    assert_eq!(chosen(TokenType::Batch, "service"), Some(true));
    assert_eq!(
        (chosen(TokenType::DefaultBatch, ""), chosen(TokenType::DefaultBatch, "service")),
        (Some(true), Some(false))
    );
    assert_eq!(
        (chosen(TokenType::DefaultService, ""), chosen(TokenType::DefaultService, "batch")),
        (Some(false), Some(true))
    );
}

fn granted(is_root: bool, expires: bool, asked: Asked) -> Result<Option<Life>, String> {
    let parent = Parent { policies: &[], expires, sudo: true };
    life(&parent, is_root, asked, LIMITS, NOW).map_err(|error| error.to_string())
}

fn ending(is_root: bool, asked: Asked) -> Life {
    granted(is_root, true, asked).unwrap().unwrap()
}

#[test]
fn an_expiring_root_cannot_make_one_that_does_not_expire() {
    assert_eq!(granted(true, false, Asked::default()), Ok(None));
    assert_eq!(
        granted(true, true, Asked::default()),
        Err("expiring root tokens cannot create non-expiring root tokens".to_owned())
    );
    assert_eq!(ending(true, Asked { ttl: HOUR, ..Asked::default() }).expires, NOW.plus(HOUR));
    let bounded = ending(true, Asked { explicit_max: HOUR / 2, ..Asked::default() });
    assert_eq!((bounded.expires, bounded.maximum), (NOW.plus(HOUR / 2), Some(NOW.plus(HOUR / 2))));
}

#[test]
fn a_life_stays_within_the_limits_and_says_when_it_was_cut() {
    let usual = ending(false, Asked::default());
    assert_eq!((usual.expires, usual.maximum), (NOW.plus(HOUR), Some(NOW.plus(HOUR * 2))));
    assert!(usual.warnings.is_empty());
    let long = ending(false, Asked { ttl: HOUR * 5, ..Asked::default() });
    assert_eq!((long.expires, long.warnings.len()), (NOW.plus(HOUR * 2), 1));
    let explicit = ending(false, Asked { explicit_max: HOUR / 2, ..Asked::default() });
    assert_eq!((explicit.expires, explicit.maximum), (NOW.plus(HOUR / 2), Some(NOW.plus(HOUR / 2))));
}

#[test]
fn a_period_has_no_maximum_unless_one_is_explicit() {
    let periodic = ending(false, Asked { period: HOUR, ..Asked::default() });
    assert_eq!((periodic.expires, periodic.maximum), (NOW.plus(HOUR), None));
    let bounded = ending(false, Asked { period: HOUR, explicit_max: HOUR / 2, ..Asked::default() });
    assert_eq!((bounded.expires, bounded.maximum), (NOW.plus(HOUR / 2), Some(NOW.plus(HOUR / 2))));
}

#[test]
fn a_display_name_is_safe_and_begins_with_token() {
    assert_eq!(display_name(""), "token");
    assert_eq!(display_name("ann smith/ops!"), "token-ann-smith-ops");
}
