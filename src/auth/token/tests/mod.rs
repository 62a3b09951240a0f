//! The rules for new tokens; how the endpoints serve them is in `served`.

mod served;

use super::rules::{Asked, Parent, display_name, life, policies};
use crate::base::Timestamp;
use crate::core::ttl::Limits;
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
    policies(&parent, &names(asked), no_default).map_err(|error| error.to_string())
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

fn granted(is_root: bool, expires: bool, asked: Asked) -> Result<super::rules::Life, String> {
    let parent = Parent { policies: &[], expires, sudo: true };
    life(&parent, is_root, asked, LIMITS, NOW).map_err(|error| error.to_string())
}

#[test]
fn an_expiring_root_cannot_make_one_that_does_not_expire() {
    let eternal = granted(true, false, Asked::default()).unwrap();
    assert_eq!((eternal.expires, eternal.maximum), (None, None));
    assert_eq!(
        granted(true, true, Asked::default()),
        Err("expiring root tokens cannot create non-expiring root tokens".to_owned())
    );
    let expiring = granted(true, true, Asked { ttl: HOUR, ..Asked::default() }).unwrap();
    assert_eq!(expiring.expires, Some(NOW.plus(HOUR)));
}

#[test]
fn a_life_stays_within_the_limits_and_says_when_it_was_cut() {
    let usual = granted(false, false, Asked::default()).unwrap();
    assert_eq!((usual.expires, usual.maximum), (Some(NOW.plus(HOUR)), Some(NOW.plus(HOUR * 2))));
    assert!(usual.warnings.is_empty());
    let long = granted(false, false, Asked { ttl: HOUR * 5, ..Asked::default() }).unwrap();
    assert_eq!((long.expires, long.warnings.len()), (Some(NOW.plus(HOUR * 2)), 1));
    let explicit = granted(false, false, Asked { explicit_max: HOUR / 2, ..Asked::default() }).unwrap();
    assert_eq!((explicit.expires, explicit.maximum), (Some(NOW.plus(HOUR / 2)), Some(NOW.plus(HOUR / 2))));
}

#[test]
fn a_period_has_no_maximum_unless_one_is_explicit() {
    let periodic = granted(false, false, Asked { period: HOUR, ..Asked::default() }).unwrap();
    assert_eq!((periodic.expires, periodic.maximum), (Some(NOW.plus(HOUR)), None));
    let bounded = granted(false, false, Asked { period: HOUR, explicit_max: HOUR / 2, ..Asked::default() }).unwrap();
    assert_eq!((bounded.expires, bounded.maximum), (Some(NOW.plus(HOUR / 2)), Some(NOW.plus(HOUR / 2))));
}

#[test]
fn a_display_name_is_safe_and_begins_with_token() {
    assert_eq!(display_name(""), "token");
    assert_eq!(display_name("ann smith/ops!"), "token-ann-smith-ops");
}
