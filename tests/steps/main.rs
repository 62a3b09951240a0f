//! A crash at every step: the server ends itself by `kill -9` at each failpoint in turn, is started again, and nothing is left
//! outside that no lease knows, no lease without what it stands for, and no login that nobody has.
//!
//! What is walked through are the operations of `database` and `aws`; their steps are those that they are seen to reach. So a
//! new step is walked through as soon as it has a name, and a name that no operation reaches fails the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, which clippy does not take for tests.

mod aws;
mod database;
#[path = "../support/mod.rs"]
mod support;
mod walk;

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, thread};
use support::sites;
use walk::Seen;

#[test]
fn wherever_the_server_is_killed_nothing_is_orphaned_stranded_or_locked_out() {
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let walks: Vec<_> = sites::all().into_iter().map(|site| scope.spawn(move || database::walk(&site))).collect();
        let aws = [scope.spawn(aws::walk_leases), scope.spawn(aws::walk_rotations)];
        for walk in walks.into_iter().chain(aws) {
            seen.add(walk.join().expect("the walk ends well"));
        }
    });
    eprintln!("{} kills at {} steps", seen.kills, seen.names.len());
    assert_eq!(
        seen.names,
        named_in(Path::new("src")),
        "on the left the steps at which it was killed, on the right all"
    );
}

/// The names of all steps in the sources.
fn named_in(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(named_in(&path));
        } else if !path.ends_with("base/failpoint.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let begun = ["failpoint!(", "step!("].into_iter().flat_map(|word| text.split(word).skip(1));
            names.extend(
                begun.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).map(str::to_owned),
            );
        }
    }
    names
}
