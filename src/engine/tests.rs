//! What holds for every engine's tables.

use super::ENGINES;
use crate::logical::help;
use std::collections::BTreeSet;

#[test]
fn every_engine_has_a_name_of_its_own_and_explains_itself() {
    let names: BTreeSet<_> = ENGINES.iter().map(|engine| engine.name).collect();
    assert_eq!(names.len(), ENGINES.len());
    for engine in ENGINES {
        assert!(!engine.summary.is_empty() && !engine.help.is_empty(), "{}", engine.name);
        let text = help::engine(engine, "here/");
        assert!(engine.docs().all(|route| text.contains(&format!("^{}$", route.pattern))), "{}", engine.name);
    }
}

#[test]
fn every_route_says_what_it_is_for_and_what_it_takes() {
    for engine in ENGINES {
        let mut patterns = BTreeSet::new();
        for route in engine.docs() {
            let place = format!("{}/{}", engine.name, route.pattern);
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
