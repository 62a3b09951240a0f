//! What rules ask of the parameters of a request and of its wrapping.

use super::*;
use serde_json::{Value, json};
use std::time::Duration;

/// What `data`, sent to a path under the rules in these braces, comes to: `allowed`, or the reason's code.
fn outcome(rules: &[&str], operation: Operation, data: &Value, wrap: Option<u64>) -> String {
    let policies: Vec<Policy> = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| Policy::parse(&format!("p{at}"), &format!("path \"a\" {{ {rule} }}")).unwrap())
        .collect();
    let data = data.as_object().cloned().unwrap_or_default();
    let sent = Sent { data: &data, wrap_ttl: wrap.map(Duration::from_secs), read_as: &Endpoint };
    let question = Question { path: "a", folded: None, operation, sudo: false, sent };
    match Acl::new(policies.iter(), &Subject::default()).judge(&question) {
        Verdict::Allowed { .. } => "allowed".to_owned(),
        Verdict::Denied { reason, .. } => {
            [Some(reason.code()), reason.parameter()].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

/// An endpoint with a list, a duration and a name that it folds.
struct Endpoint;

impl ReadAs for Endpoint {
    fn read_as(&self, name: &str, value: &Value) -> Option<Value> {
        match (name, value) {
            ("groups", Value::String(text)) => Some(text.split(',').map(str::trim).map(Value::from).collect()),
            ("groups", Value::Array(_)) => Some(value.clone()),
            ("ttl", Value::String(text)) => crate::base::duration::parse(text).ok().map(|ttl| json!(ttl.as_secs())),
            ("ttl", Value::Number(_)) => Some(value.clone()),
            ("role", Value::String(text)) => Some(Value::from(text.to_lowercase())),
            _ => None,
        }
    }
}

fn written(rule: &str, data: Value) -> String {
    outcome(&[&format!("capabilities = [\"update\"]\n{rule}")], Operation::Update, &data, None)
}

#[test]
fn allowed_parameters_are_the_only_ones_unless_others_are_named_by_a_star() {
    for (rule, data, expected) in [
        ("allowed_parameters = { x = [] }", json!({ "x": "anything" }), "allowed"),
        ("allowed_parameters = { x = [] }", json!({}), "allowed"),
        ("allowed_parameters = { x = [] }", json!({ "y": 1 }), "parameter_not_allowed y"),
        ("allowed_parameters = { x = [\"1\", \"2\"] }", json!({ "x": "2" }), "allowed"),
        ("allowed_parameters = { x = [\"1\", \"2\"] }", json!({ "x": "3" }), "parameter_not_allowed x"),
        ("allowed_parameters = { x = [\"1\"] \"*\" = [] }", json!({ "y": [1] }), "allowed"),
        ("allowed_parameters = { x = [\"1\"] \"*\" = [] }", json!({ "x": "2" }), "parameter_not_allowed x"),
        ("allowed_parameters { \"*\" = [] }", json!({ "x": 1 }), "allowed"),
        ("allowed_parameters = {}", json!({ "x": 1 }), "allowed"),
        ("allowed_parameters = { X = [] }", json!({ "x": 1 }), "allowed"),
        ("allowed_parameters = { x = [] }", json!({ "X": 1 }), "allowed"),
        ("allowed_parameters = { x = \"1\" }", json!({ "x": "1" }), "allowed"),
    ] {
        assert_eq!(written(rule, data.clone()), expected, "{rule} {data}");
    }
}

#[test]
fn denied_parameters_win_over_allowed_ones() {
    for (rule, data, expected) in [
        ("denied_parameters = { x = [] }", json!({ "x": 1 }), "parameter_denied x"),
        ("denied_parameters = { x = [] }", json!({ "y": 1 }), "allowed"),
        ("denied_parameters = { x = [\"1\"] }", json!({ "x": "2" }), "allowed"),
        ("denied_parameters = { x = [\"1\"] }", json!({ "x": "1" }), "parameter_denied x"),
        ("denied_parameters = { \"*\" = [] }", json!({ "y": 1 }), "parameter_denied y"),
        ("denied_parameters = { \"*\" = [] }", json!({}), "allowed"),
        ("denied_parameters = { x = [] } allowed_parameters = { x = [] }", json!({ "x": 1 }), "parameter_denied x"),
        (
            "denied_parameters = { y = [] } allowed_parameters = { x = [] }",
            json!({ "z": 1 }),
            "parameter_not_allowed z",
        ),
        ("denied_parameters = { X = [] }", json!({ "x": 1 }), "parameter_denied x"),
        ("denied_parameters = { x = [] }", json!({ "X": 1 }), "parameter_denied X"),
    ] {
        assert_eq!(written(rule, data.clone()), expected, "{rule} {data}");
    }
}

#[test]
fn required_parameters_must_be_there_whatever_their_value() {
    for (data, expected) in [
        (json!({ "x": "" , "y": null }), "allowed"),
        (json!({ "X": 1, "Y": 2, "z": 3 }), "allowed"),
        (json!({ "x": 1 }), "parameter_missing y"),
        (json!({}), "parameter_missing x"),
    ] {
        assert_eq!(written("required_parameters = [\"x\", \"Y\"]", data.clone()), expected, "{data}");
    }
}

#[test]
fn values_are_compared_by_what_they_are() {
    for (listed, sent, is_same) in [
        ("\"foo-*\"", json!("foo-x"), true),
        ("\"foo-*\"", json!("foo"), false),
        ("\"*-foo\"", json!("x-foo"), true),
        ("\"*-foo\"", json!("x-foo-"), false),
        ("\"*foo*\"", json!("a foo b"), true),
        ("\"*foo*\"", json!("a fo b"), false),
        ("\"*\"", json!("anything"), true),
        ("\"f*o\"", json!("foo"), false),
        ("\"f*o\"", json!("f*o"), true),
        ("\"Foo\"", json!("foo"), false),
        ("1", json!(1), true),
        ("1", json!(1.0), true),
        ("1.5", json!(1.5), true),
        ("1", json!(2), false),
        ("1", json!("1"), true),
        ("\"1\"", json!(1), true),
        ("true", json!(true), true),
        ("true", json!("true"), true),
        ("\"true\"", json!(true), true),
        ("false", json!(true), false),
        ("[\"a\", \"b\"]", json!(["a", "b"]), true),
        ("[\"a\", \"b\"]", json!(["b", "a"]), false),
        ("\"1\"", json!(null), false),
        ("\"1\"", json!({ "a": "1" }), false),
        ("9007199254740993", json!(9_007_199_254_740_992_i64), false),
    ] {
        let allowed = written(&format!("allowed_parameters = {{ x = [{listed}] }}"), json!({ "x": sent }));
        let denied = written(&format!("denied_parameters = {{ x = [{listed}] }}"), json!({ "x": sent }));
        assert_eq!((allowed == "allowed", denied != "allowed"), (is_same, is_same), "{listed} {sent}");
    }
}

#[test]
fn every_element_of_a_list_must_be_allowed_and_one_is_enough_to_be_denied() {
    for (sent, allowed, denied) in [
        (json!(["a"]), true, true),
        (json!(["b", "a"]), true, true),
        (json!(["a", "c"]), false, true),
        (json!(["c"]), false, false),
        (json!("a,b"), true, true),
        (json!("a, c"), false, true),
        (json!("c,d"), false, false),
        (json!([]), false, false),
    ] {
        for name in ["x", "groups"] {
            let listed = |key: &str| format!("{key} = {{ {name} = [\"a\", \"b\"] }}");
            let found =
                ["allowed_parameters", "denied_parameters"].map(|key| written(&listed(key), json!({ name: sent })));
            assert_eq!((found[0] == "allowed", found[1] != "allowed"), (allowed, denied), "{name}: {sent}: {found:?}");
        }
    }
}

#[test]
fn a_value_written_otherwise_does_not_dodge_what_it_means() {
    for (rule, data, expected) in [
        ("denied_parameters = { ttl = [\"24h\"] }", json!({ "ttl": 86400 }), "parameter_denied ttl"),
        ("denied_parameters = { ttl = [86400] }", json!({ "ttl": "1d" }), "parameter_denied ttl"),
        ("denied_parameters = { role = [\"admin*\"] }", json!({ "role": "ADMINS" }), "parameter_denied role"),
        ("denied_parameters = { groups = [\"ops*\"] }", json!({ "groups": "x,ops-1" }), "parameter_denied groups"),
        ("allowed_parameters = { ttl = [\"1h\"] }", json!({ "ttl": 3600 }), "allowed"),
        ("allowed_parameters = { ttl = [\"1h\"] }", json!({ "ttl": 3601 }), "parameter_not_allowed ttl"),
        ("allowed_parameters = { groups = [\"x/*\"] }", json!({ "groups": "x/a,y" }), "parameter_not_allowed groups"),
        ("allowed_parameters = { groups = [\"x/*\"] }", json!({ "groups": "x/a,x/b" }), "allowed"),
        ("allowed_parameters = { groups = [\"a,b\"] }", json!({ "groups": "a,b" }), "allowed"),
    ] {
        assert_eq!(written(rule, data.clone()), expected, "{rule} {data}");
    }
}

#[test]
fn parameters_matter_to_operations_that_have_some() {
    let rule = "policy = \"write\"\nrequired_parameters = [\"x\"]";
    for (operation, expected) in [
        (Operation::Create, "parameter_missing x"),
        (Operation::Read, "parameter_missing x"),
        (Operation::Update, "parameter_missing x"),
        (Operation::Patch, "parameter_missing x"),
        (Operation::Delete, "allowed"),
        (Operation::List, "allowed"),
        (Operation::Help, "allowed"),
    ] {
        assert_eq!(outcome(&[rule], operation, &json!({}), None), expected, "{operation:?}");
    }
}

#[test]
fn capabilities_come_before_parameters() {
    let rule = "capabilities = [\"read\"]\nrequired_parameters = [\"x\"]";
    assert_eq!(outcome(&[rule], Operation::Update, &json!({}), None), "not_granted");
}

#[test]
fn an_answer_is_wrapped_for_as_long_as_a_rule_asks() {
    let both = "min_wrapping_ttl = \"1m\"\nmax_wrapping_ttl = 90";
    for (rule, wrap, expected) in [
        (both, None, "wrapping_required"),
        (both, Some(0), "wrapping_required"),
        (both, Some(59), "wrapping_ttl_too_short"),
        (both, Some(60), "allowed"),
        (both, Some(90), "allowed"),
        (both, Some(91), "wrapping_ttl_too_long"),
        ("max_wrapping_ttl = 90", None, "wrapping_required"),
        ("max_wrapping_ttl = 90", Some(1), "allowed"),
        ("min_wrapping_ttl = 0", None, "allowed"),
    ] {
        for operation in [Operation::Read, Operation::List, Operation::Delete] {
            let rule = format!("policy = \"write\"\n{rule}");
            assert_eq!(outcome(&[&rule], operation, &json!({}), wrap), expected, "{rule} {wrap:?} {operation:?}");
        }
    }
}

#[test]
fn constraints_of_one_path_are_merged_from_all_policies() {
    let update = "capabilities = [\"update\"]\n";
    let of = |rules: &[&str], data: Value, wrap| {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{update}{rule}")).collect();
        let forwards = rules.iter().map(String::as_str).collect::<Vec<_>>();
        let backwards = rules.iter().rev().map(String::as_str).collect::<Vec<_>>();
        let found = outcome(&forwards, Operation::Update, &data, wrap);
        assert_eq!(found, outcome(&backwards, Operation::Update, &data, wrap), "the order does not matter");
        found
    };
    let x1 = "allowed_parameters = { x = [\"1\"] }";
    for (rules, data, wrap, expected) in [
        (&[x1, "allowed_parameters = { x = [\"2\"] }"][..], json!({ "x": "2" }), None, "allowed"),
        (&[x1, "allowed_parameters = { x = [] }"], json!({ "x": "3" }), None, "allowed"),
        (&[x1, "allowed_parameters = { y = [] }"], json!({ "x": "1", "y": 2 }), None, "allowed"),
        (&[x1, ""], json!({ "y": 2 }), None, "parameter_not_allowed y"),
        (&["denied_parameters = { x = [\"1\"] }", ""], json!({ "x": "1" }), None, "parameter_denied x"),
        (
            &["denied_parameters = { x = [\"1\"] }", "denied_parameters = { x = [] }"],
            json!({ "x": "2" }),
            None,
            "parameter_denied x",
        ),
        (
            &["required_parameters = [\"x\"]", "required_parameters = [\"y\"]"],
            json!({ "x": 1 }),
            None,
            "parameter_missing y",
        ),
        (&["min_wrapping_ttl = 60", "min_wrapping_ttl = 30"], json!({}), Some(30), "allowed"),
        (&["max_wrapping_ttl = 60", "max_wrapping_ttl = 30"], json!({}), Some(31), "wrapping_ttl_too_long"),
        (&["min_wrapping_ttl = 60", "max_wrapping_ttl = 30"], json!({}), Some(30), "wrapping_ttl_too_short"),
    ] {
        assert_eq!(of(rules, data.clone(), wrap), expected, "{rules:?} {data}");
    }
    assert_eq!(
        outcome(&[&format!("{update}{x1}"), "policy = \"deny\""], Operation::Update, &json!({}), None),
        "denied_by_rule"
    );
}

#[test]
fn the_rule_whose_constraint_is_broken_is_named() {
    let one = Policy::parse("one", "path \"a\" { capabilities = [\"update\"] }").unwrap();
    let two = Policy::parse("two", "\n\npath \"a\" { denied_parameters = { x = [] } }").unwrap();
    let acl = Acl::new([&one, &two].into_iter(), &Subject::default());
    let data = json!({ "x": 1 }).as_object().cloned().unwrap();
    let question = Question { path: "a", ..Question::plain("a", Operation::Update, &data) };
    let Verdict::Denied { reason, rule: Some(rule) } = acl.judge(&question) else { panic!("it should be denied") };
    assert_eq!((rule.policy.as_str(), rule.line), ("two", 3));
    assert_eq!(
        reason.message("a", "update", Some(rule)),
        "The parameter \"x\" or its value is denied by a rule: path \"a\" in policy \"two\", line 3."
    );
}
