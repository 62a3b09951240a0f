//! After how many failures a name is locked, and for how long: by the mount, else by its kind in the configuration, else by
//! what the configuration says of all kinds, else as built in.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What holds at one mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub threshold: u32,
    pub duration: Duration,
    /// Failures that are older than this are forgotten when another comes.
    pub counter_reset: Duration,
}

impl Rules {
    pub const BUILT_IN: Self =
        Self { threshold: 5, duration: Duration::from_secs(15 * 60), counter_reset: Duration::from_secs(15 * 60) };
}

/// What somebody has said of it; what is not said, or zero, holds as it does elsewhere. Lengths are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    pub threshold: u32,
    pub duration: u64,
    pub counter_reset: u64,
    pub disabled: Option<bool>,
}

/// What the configuration says, by the kind of the mount; `all` is every kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// Nothing is locked anywhere.
    pub disabled: bool,
    pub by_kind: BTreeMap<String, Said>,
}

/// The kind that stands for every other.
pub const ALL: &str = "all";

impl Defaults {
    /// What holds at a mount of this kind; none where it is disabled.
    #[must_use]
    pub fn rules(&self, kind: &str, mount: Option<&Said>) -> Option<Rules> {
        let said = [mount, self.by_kind.get(kind), self.by_kind.get(ALL)];
        let said = || said.into_iter().flatten();
        let is_disabled = said().find_map(|said| said.disabled).unwrap_or_default();
        if self.disabled || is_disabled {
            return None;
        }
        let seconds = |of: fn(&Said) -> u64, otherwise: Duration| {
            said().map(of).find(|seconds| *seconds > 0).map_or(otherwise, Duration::from_secs)
        };
        Some(Rules {
            threshold: said().map(|said| said.threshold).find(|count| *count > 0).unwrap_or(Rules::BUILT_IN.threshold),
            duration: seconds(|said| said.duration, Rules::BUILT_IN.duration),
            counter_reset: seconds(|said| said.counter_reset, Rules::BUILT_IN.counter_reset),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_comes_before_its_kind_and_that_before_all_kinds() {
        let mut defaults = Defaults::default();
        assert_eq!(defaults.rules("userpass", None), Some(Rules::BUILT_IN));
        defaults.by_kind.insert(ALL.to_owned(), Said { threshold: 10, duration: 60, ..Said::default() });
        defaults.by_kind.insert("userpass".to_owned(), Said { threshold: 3, ..Said::default() });
        let rules = defaults.rules("userpass", Some(&Said { counter_reset: 5, ..Said::default() }));
        let expected = Rules { threshold: 3, duration: Duration::from_secs(60), counter_reset: Duration::from_secs(5) };
        assert_eq!(rules, Some(expected));
        assert_eq!(defaults.rules("approle", None).map(|rules| rules.threshold), Some(10));
        let off = Said { disabled: Some(true), ..Said::default() };
        assert_eq!(defaults.rules("userpass", Some(&off)), None);
        defaults.by_kind.insert(ALL.to_owned(), off);
        assert_eq!(defaults.rules("approle", None), None);
        let on = Said { disabled: Some(false), ..Said::default() };
        assert!(defaults.rules("approle", Some(&on)).is_some(), "a mount may be an exception");
        defaults.disabled = true;
        assert_eq!(defaults.rules("approle", Some(&on)), None);
    }
}
