use super::*;
use serde_json::json;

fn table_of(body: Value) -> String {
    let answer = Answer::new(body);
    table::key_value(&rows(&answer).iter().map(|(key, value)| (key, plain(value))).collect::<Vec<_>>())
}

#[test]
fn a_leased_secret_shows_its_lease_first_and_its_data_sorted() {
    let shown = table_of(json!({
        "lease_id": "aws/creds/support/abc", "lease_duration": 3600, "renewable": true,
        "data": {"secret_key": "s", "access_key": "a", "security_token": null},
    }));
    let expected = "\
Key                Value
---                -----
lease_id           aws/creds/support/abc
lease_duration     1h
lease_renewable    true
access_key         a
secret_key         s
security_token     <nil>";
    assert_eq!(shown, expected);
}

#[test]
fn a_secret_without_a_lease_shows_how_often_to_look_again() {
    let shown = table_of(json!({"lease_id": "", "lease_duration": 2_764_800, "data": {"value": "", "ttl": 60}}));
    assert!(shown.contains("refresh_interval    768h"), "{shown}");
    assert!(shown.contains("value               n/a"), "{shown}");
    assert!(shown.contains("ttl                 1m"), "{shown}");
}

#[test]
fn a_token_shows_its_policies_in_quotes_and_no_end_as_infinity() {
    let shown = table_of(json!({"auth": {
        "client_token": "hvs.x", "accessor": "acc", "lease_duration": 0, "renewable": false,
        "policies": ["default", "support"], "token_policies": ["default", "support"], "metadata": {"team": "blue"},
    }}));
    for line in [
        "token                hvs.x",
        "token_duration       ∞",
        "token_policies       [\"default\" \"support\"]",
        "identity_policies    []",
        "token_meta_team      blue",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in\n{shown}");
    }
}

#[test]
fn json_keeps_numbers_as_they_came_and_sorts_the_data() {
    let body = serde_json::from_str(
        "{\"request_id\":\"r\",\"data\":{\"b\":1.50,\"a\":12345678901234567890123},\"auth\":null}",
    );
    let shown = json(&ordered(&Answer::new(body.unwrap())));
    assert!(shown.contains("\"a\": 12345678901234567890123,\n    \"b\": 1.50"), "{shown}");
    assert!(!shown.contains("auth"), "{shown}");
    assert!(shown.contains("\"warnings\": null"), "{shown}");
}

#[test]
fn yaml_reads_back_as_what_it_was() {
    let value = json!({
        "plain": "hvs.abc", "number-like": "1e5", "yes": "no", "lines": "a\nb: c\n", "empty": "", "none": null,
        "list": ["a", {"k": "v", "deep": [1, 2]}, [], {}, ["x", ["y"]]], "map": {"a b": "it's \"quoted\" #1"}, "n": -5,
        "colon": "a: b", "tail": "a:", "uuid": "5f2a-1", "unicode": "∞ ü",
    });
    let back: serde_json::Value = serde_yaml_ng::from_str(&yaml::text(&value)).unwrap();
    assert_eq!(back, value, "{}", yaml::text(&value));
}

#[test]
fn yaml_keeps_numbers_as_they_came() {
    let value: Value = serde_json::from_str("{\"big\":12345678901234567890123,\"m\":1.50}").unwrap();
    assert_eq!(yaml::text(&value), "big: 12345678901234567890123\nm: 1.50\n");
}

#[test]
fn nested_values_in_a_cell_are_written_as_the_field_writes_them() {
    assert_eq!(plain(&json!({"b": [1, "x"], "a": null})), "map[a:<nil> b:[1 x]]");
}
