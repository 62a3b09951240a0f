//! Which version a mount's options ask for.

use crate::engine::kv::{ENGINE, GENERIC};
use crate::logical::Map;
use serde_json::json;

fn version(version: &str) -> Map {
    Map::from_iter([("version".to_owned(), json!(version))])
}

#[test]
fn a_mount_is_served_in_the_version_that_its_option_names() {
    for (options, served) in [(Map::new(), "1"), (version(""), "1"), (version("1"), "1"), (version("2"), "2")] {
        assert_eq!(ENGINE.for_options(&options).version, served, "{options:?}");
        assert_eq!(GENERIC.for_options(&options).version, served, "{options:?}");
        assert!(ENGINE.check_options(None, &options).is_ok());
    }
}

#[test]
fn there_is_no_version_but_those_and_no_way_back() {
    for unknown in ["0", "3", "v2"] {
        let error = ENGINE.check_options(None, &version(unknown)).unwrap_err();
        assert!(error.message().starts_with("invalid version provided"), "{}", error.message());
        assert!(error.message().contains(unknown) && error.message().contains("version 1 and version 2"));
    }
    for earlier in [version("1"), version(""), Map::new()] {
        let error = ENGINE.check_options(Some(&version("2")), &earlier).unwrap_err();
        assert_eq!(error.message(), "cannot downgrade mount from version 2");
    }
    assert!(ENGINE.check_options(Some(&version("2")), &version("2")).is_ok());
    assert!(ENGINE.check_options(Some(&Map::new()), &version("2")).is_ok());
    assert!(ENGINE.check_options(Some(&version("1")), &Map::new()).is_ok());
}
