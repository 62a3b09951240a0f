use super::*;
use serde_json::json;

fn found(versioned: bool, body: Value) -> Found {
    Found { answer: Answer::new(body), versioned }
}

#[test]
fn a_reference_is_a_path_and_perhaps_a_field() {
    let parsed = |text: &str| Reference::parse(text).map(|reference| (reference.path, reference.field)).ok();
    let some = |path: &str, field: Option<&str>| Some((path.to_owned(), field.map(str::to_owned)));
    assert_eq!(parsed("secret/app#password"), some("secret/app", Some("password")));
    assert_eq!(parsed("/secret/a#b/#c"), some("secret/a#b", Some("c")));
    assert_eq!(parsed("secret/app"), some("secret/app", None));
    for wrong in ["", "#x", "secret/app#", "/"] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
}

#[test]
fn a_named_reference_bears_a_name_that_a_shell_takes() {
    assert_eq!(Reference::named("PGUSER=db/creds/app#username").unwrap().0, "PGUSER");
    for wrong in ["db/creds/app#username", "=db#a", "1A=db#a", "A-B=db#a", "A="] {
        let failure = Reference::named(wrong).unwrap_err();
        assert!(failure.message.contains("NAME=PATH#FIELD") || failure.message.contains("PATH#FIELD"), "{wrong}");
    }
}

#[test]
fn the_versions_envelope_is_taken_off() {
    let plain = found(false, json!({"data": {"a": "b", "n": 1.50, "l": [1]}}));
    assert_eq!(plain.field("a").unwrap().expose(), "b");
    assert_eq!(plain.field("l").unwrap().expose(), "[1]");
    let versioned = found(true, json!({"data": {"data": {"a": "c"}, "metadata": {"version": 3}}}));
    assert_eq!(versioned.field("a").unwrap().expose(), "c");
    assert!(versioned.field("metadata").is_none());
}

#[test]
fn a_field_that_is_missing_is_told_with_those_that_are_there() {
    let answer = found(false, json!({"data": {"username": "u", "password": "p"}}));
    let failure = answer.value(&Reference::parse("db/creds/a#user").unwrap()).unwrap_err();
    assert!(failure.message.contains("no field \"user\"") && failure.message.contains("username, password"));
    let whole = answer.value(&Reference::parse("db/creds/a").unwrap()).unwrap();
    assert_eq!(whole.expose(), r#"{"username":"u","password":"p"}"#);
}

#[test]
fn only_what_has_a_lease_is_said_to_have_one() {
    let leased = json!({"lease_id": "db/creds/a/x", "lease_duration": 60, "renewable": true, "data": {}});
    let lease = found(false, leased).lease().unwrap();
    assert_eq!((lease.duration.as_secs(), lease.renewable), (60, true));
    assert_eq!(found(false, json!({"lease_id": "", "lease_duration": 2_764_800, "data": {}})).lease(), None);
}
