use super::{Address, PLUGIN, rules};
use crate::base::Result;
use crate::engine::database::driver::Parameters;
use serde_json::json;

fn parameters(value: serde_json::Value) -> Parameters {
    Parameters(value.as_object().cloned().unwrap_or_default())
}

fn refusal<T>(outcome: Result<T>) -> String {
    outcome.err().map(|error| error.message().to_owned()).unwrap_or_default()
}

#[test]
fn rules_are_a_json_array_or_the_default() -> Result<()> {
    assert_eq!(rules::read(&[])?, ["~*", "+@read"]);
    assert_eq!(rules::read(&[r#"["~app:*", "+@read", "+@write"]"#.to_owned()])?, ["~app:*", "+@read", "+@write"]);
    assert_eq!(rules::read(&["allkeys".to_owned(), "+@all".to_owned()])?, ["allkeys", "+@all"]);
    assert_eq!(rules::read(&[r#"["(~a* +get)"]"#.to_owned()])?, ["(~a* +get)"]);
    Ok(())
}

#[test]
fn a_rule_that_would_open_a_user_or_hide_another_rule_is_refused() {
    for (rules, words) in [
        (r#"["+@read ~*"]"#, "rule 1: it has spaces"),
        ("[\"+@read\", \"~a\\nuser evil on nopass ~* +@all\"]", "rule 2: it has spaces or control characters"),
        (r#"["nopass"]"#, "the engine's own business"),
        (r#"["NoPass"]"#, "the engine's own business"),
        (r#"[">other"]"#, "the engine's own business"),
        (r#"["off"]"#, "the engine's own business"),
        (r#"["reset"]"#, "the engine's own business"),
        (r#"["ACL SETUSER {{name}} on"]"#, "it has spaces"),
        (r#"["everything"]"#, "no ACL rule"),
    ] {
        let message = refusal(rules::read(&[rules.to_owned()]));
        assert!(message.starts_with("rule ") && message.contains(words), "{rules}: {message}");
    }
}

#[test]
fn only_creation_is_by_statements() {
    let statements = [r#"["+@all"]"#.to_owned()];
    assert!(rules::check(&statements, &["name", "username", "password", "expiration"]).is_ok());
    for placeholders in [&["name", "username", "password"][..], &["name", "username"][..]] {
        assert!(refusal(rules::check(&statements, placeholders)).contains("creating users alone"));
        assert!(rules::check(&[], placeholders).is_ok());
    }
}

#[test]
fn a_configuration_that_leads_nowhere_is_refused() -> Result<()> {
    for (given, words) in [
        (json!({ "username": "default" }), "missing host"),
        (json!({ "host": "localhost" }), "missing username"),
        (json!({ "host": "redis://localhost", "username": "default" }), "host is a name"),
        (json!({ "host": "localhost", "port": 70_000, "username": "default" }), "port is a number"),
        (json!({ "host": "localhost", "port": "x", "username": "default" }), "port is a number"),
        (json!({ "host": "localhost", "username": "default", "persistence_mode": "disk" }), "none, aclfile or rewrite"),
        (
            json!({ "host": "localhost", "username": "default", "tls": true, "ca_cert": "x" }),
            "ca_cert: there is no certificate",
        ),
    ] {
        let message = refusal((PLUGIN.check)(&parameters(given.clone())));
        assert!(message.contains(words), "{given}: {message}");
    }
    let given = parameters(json!({ "host": "Cache.example", "port": "6380", "username": "default", "ca_cert": "" }));
    assert_eq!(Address::of(&given)?.words(), "redis cache.example:6380");
    assert!((PLUGIN.check)(&given)?.is_empty());
    Ok(())
}
