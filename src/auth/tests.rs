//! What holds for every auth method's tables.

use super::METHODS;
use crate::logical::help;
use std::collections::BTreeSet;

#[test]
fn every_method_has_a_name_of_its_own_and_explains_itself() {
    let names: BTreeSet<_> = METHODS.iter().map(|method| method.name).collect();
    assert_eq!(names.len(), METHODS.len());
    for method in METHODS {
        assert!(!method.summary.is_empty() && !method.help.is_empty(), "{}", method.name);
        let text = help::engine(method, "here/");
        assert!(method.docs().all(|route| text.contains(&format!("^{}$", route.pattern))), "{}", method.name);
    }
}

#[test]
fn every_route_says_what_it_is_for_and_what_it_takes() {
    for method in METHODS {
        let mut patterns = BTreeSet::new();
        for route in method.docs() {
            let place = format!("{}/{}", method.name, route.pattern);
            assert!(patterns.insert(route.pattern), "{place} stands twice");
            assert!(!route.summary.is_empty() && !route.actions.is_empty(), "{place}");
            assert!(route.actions.iter().all(|action| !action.summary.is_empty()), "{place}");
            assert!(route.captures().all(|name| route.field(name).is_some()), "{place}: a capture is in no field");
            for field in route.fields {
                assert!(!field.help.is_empty(), "{place}: {}", field.name);
                let default = field.default.map(serde_json::Value::from);
                assert!(default.is_none_or(|text| field.parse(&text).is_ok()), "{place}: {}'s default", field.name);
            }
        }
    }
}
