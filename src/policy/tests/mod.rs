//! The grammar, the published precedence, and verdicts with their reasons; parameters and templates have files of their own.

mod constraints;
mod templates;

use super::*;
use proptest::prelude::*;

/// Rules as `pattern:capability,capability`, one policy each.
fn acl(rules: &[&str]) -> Acl {
    let policies: Vec<Policy> = rules.iter().enumerate().map(|(at, rule)| policy(&format!("p{at}"), rule)).collect();
    Acl::new(policies.iter(), &Subject::default())
}

fn policy(name: &str, rule: &str) -> Policy {
    let (pattern, capabilities) = rule.rsplit_once(':').unwrap();
    let capabilities: Vec<String> =
        capabilities.split(',').filter(|name| !name.is_empty()).map(|name| format!("{name:?}")).collect();
    Policy::parse(name, &format!("path {pattern:?} {{ capabilities = [{}] }}", capabilities.join(","))).unwrap()
}

fn parsed(text: &str) -> String {
    match Policy::parse("p", text) {
        Err(error) => error.to_string(),
        Ok(policy) => {
            let shown = |rule: &Rule| {
                format!("{}:{}@{}", rule.path, rule.capabilities.names().collect::<Vec<_>>().join(","), rule.line)
            };
            policy.rules.iter().map(shown).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn every_way_of_writing_a_rule_is_read() {
    for (text, rules) in [
        ("path \"a\" { capabilities = [\"read\", \"list\"] }", "a:list,read@1"),
        ("path \"/a/*\" { capabilities = [\"sudo\"] }", "a/*:sudo@1"),
        ("name = \"x\"\npath \"a\" { policy = \"read\" }", "a:list,read@2"),
        ("path \"a\" { policy = \"write\" }", "a:create,delete,list,patch,read,update@1"),
        ("path \"a\" { policy = \"sudo\" }", "a:create,delete,list,patch,read,sudo,update@1"),
        ("path \"a\" { policy = \"deny\" }", "a:deny@1"),
        ("path \"a\" { policy = \"write\" capabilities = [\"deny\"] }", "a:deny@1"),
        ("path \"a\" = { capabilities = \"read\" }", "a:read@1"),
        ("path \"a\" { capabilities = [] }", "a:@1"),
        ("path \"a\" {}", "a:@1"),
        ("{\"path\": {\"a\": {\"capabilities\": [\"read\"]},\n\"b\": {\"policy\": \"deny\"}}}", "a:read@1 b:deny@2"),
        ("{\"path\": [{\"a\": {\"capabilities\": [\"read\"]}}]}", "a:read@1"),
        ("path \"a\" {\n comment = \"why\"\n capabilities = [\"read\"]\n}", "a:read@1"),
        ("path \"/a/{{ identity.entity.id }}/*\" { policy = \"deny\" }", "a/{{ identity.entity.id }}/*:deny@1"),
        ("", ""),
    ] {
        assert_eq!(parsed(text), rules, "{text}");
    }
}

#[test]
fn what_is_wrong_in_a_policy_is_named_with_its_place() {
    for (text, error) in [
        ("path \"a\" {", "line 1, column 11: found the end of the text; expected a key or }"),
        ("paths \"a\" {}", "line 1, column 1: invalid key \"paths\"; expected path"),
        (
            "path \"a\" {\n  capability = []\n}",
            "line 2, column 3: path \"a\": invalid key \"capability\"; expected capabilities, policy, allowed_parameters, denied_parameters, required_parameters, min_wrapping_ttl, max_wrapping_ttl or comment",
        ),
        (
            "path \"a\" { capabilities = [\"red\"] }",
            "line 1, column 28: path \"a\": invalid capability \"red\"; expected create, read, update, patch, delete, list, sudo or deny",
        ),
        (
            "path \"a\" { policy = \"x\" }",
            "line 1, column 21: path \"a\": invalid policy \"x\"; expected deny, read, write or sudo",
        ),
        (
            "path \"a\" { capabilities = [\"read\"]\n capabilities = [\"deny\"] }",
            "line 2, column 2: path \"a\": the key \"capabilities\" is given twice; expected it once",
        ),
        ("path \"a\" { capabilities = [1] }", "line 1, column 28: found a number; expected a string"),
        (
            "path \"a\" {\n  expiration = \"1h\"\n}",
            "line 2, column 3: path \"a\": invalid key \"expiration\"; expected capabilities, policy, allowed_parameters, denied_parameters, required_parameters, min_wrapping_ttl, max_wrapping_ttl or comment",
        ),
        (
            "path \"a\" {\n allowed_parameters = { \"*\" = [\"x\"] }\n}",
            "line 2, column 25: path \"a\": \"*\" stands for all other parameters and takes no values; expected []",
        ),
        (
            "path \"a\" {\n denied_parameters = {\n  Ttl = []\n  ttl = [1]\n}\n}",
            "line 4, column 3: path \"a\": the parameter \"ttl\" is given twice; expected it once",
        ),
        ("path \"a\" { required_parameters = [1] }", "line 1, column 35: found a number; expected a string"),
        (
            "path \"a\" { min_wrapping_ttl = \"soon\" }",
            "line 1, column 31: \"soon\" is not a duration: write seconds (3600) or a number with a unit (90s, 15m, 1h30m, 2d)",
        ),
        (
            "path \"a\" { min_wrapping_ttl = \"2m\" max_wrapping_ttl = 60 }",
            "line 1, column 6: path \"a\": max_wrapping_ttl cannot be less than min_wrapping_ttl",
        ),
        (
            "\n path \"a/{{identity.entity.age}}\" {}",
            "line 2, column 7: path \"a/{{identity.entity.age}}\": unknown template \"identity.entity.age\"; expected identity.entity.id, .name, .metadata.KEY or .aliases.ACCESSOR.…, identity.groups.ids.ID.… or identity.groups.names.NAME.…",
        ),
        (
            "path \"a/{{identity.entity.id\" {}",
            "line 1, column 6: path \"a/{{identity.entity.id\": a template is not closed; expected {{ and }} around it",
        ),
        (
            "path \"a/+*\" {}",
            "line 1, column 6: path \"a/+*\": invalid use of wildcards ('+*' is forbidden: write + for one segment or * for any rest)",
        ),
    ] {
        assert_eq!(parsed(text), format!("failed to parse policy: {error}"), "{text}");
    }
}

#[test]
fn what_is_not_enforced_is_refused() {
    for text in [
        "path \"a\" { mfa_methods = [\"x\"] }",
        "path \"a\" { control_group = { factor \"x\" {} } }",
        "path \"a\" { subscribe_event_types = [\"*\"] }",
        "path \"a\" { pagination_limit = 10 }",
        "path \"a\" { capabilities = [\"subscribe\"] }",
    ] {
        assert!(parsed(text).contains("is not supported"), "{text}: {}", parsed(text));
    }
}

#[test]
fn the_most_specific_rule_decides() {
    // All match; the first of each list must win, whatever the order in which they are given.
    for (path, patterns) in [
        ("a/b", &["a/b", "a/b*", "a/*", "a/+", "*"][..]),
        ("a/b/c", &["a/b/c", "a/b/*", "a/b*", "a/+/c", "a/+/c*", "a/+/*", "a/*", "+/b/c", "+/+/c", "+/b/c*"]),
        ("a/b/c", &["a/b/*", "a/b*", "a/+/c"]),
        ("a/b/c", &["a/b/+", "a/b/*", "a/+/c"]),
        ("a/b/c", &["a/+/c", "a/+/+", "a/+/c*", "a/+/*", "a/*", "+/b/c"]),
        ("a/b/c", &["+/b/c", "+/b/+", "+/+/c*"]),
        ("a/b/c", &["+/b/*", "+/b*"]),
        ("a/b/c/d", &["+/b/c/d*", "+/b/c/*", "+/b/*", "+/+/c/d*", "+/+/c/*"]),
        ("a/b/c/d", &["a/+/+/d", "a/+/c/*", "a/+/*"][..]),
        ("a/b/c/d", &["+/b/c/+", "+/+/c/d"]),
        ("secret/team/x", &["secret/team/*", "secret/te*", "secret/*", "sec*", "*"]),
    ] {
        for shift in 0..patterns.len() {
            let rules: Vec<String> = (0..patterns.len())
                .map(|at| (at + shift) % patterns.len())
                .map(|at| format!("{}:{}", patterns[at], if at == 0 { "read" } else { "delete" }))
                .collect();
            let acl = acl(&rules.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(acl.capabilities(path), ["read"], "{path} {rules:?}");
        }
    }
}

#[test]
fn each_pair_of_wildcard_patterns_is_ordered_as_published() {
    for (higher, lower) in [
        ("secret/aaa/*", "secret/+/data"),
        ("secret/+/data", "+/aaa/data"),
        ("secret/+/data", "secret/+/data*"),
        ("secret/+/data", "secret/*"),
        ("secret/+/x/y", "secret/+/+/y"),
        ("secret/+/x/y*", "secret/+/x/*"),
        ("secret/+/b", "secret/+/a"),
    ] {
        let [higher, lower] = [higher, lower].map(|text| Pattern::parse(text).unwrap());
        assert!(higher.specificity() > lower.specificity(), "{higher} {lower}");
    }
}

#[test]
fn patterns_match_as_published() {
    for (pattern, matching, others) in [
        ("a/b", &["a/b"][..], &["a/b/", "a", "a/bc"][..]),
        ("a*", &["a", "a/b/c", "abc"], &["b", "A"]),
        ("*", &["", "a", "a/b"], &[]),
        ("+", &["a", ""], &["a/b"]),
        ("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/c/", "a/b/b/c", "b/b/c"]),
        ("a/+/c*", &["a/b/c", "a/b/cd", "a/b/c/d/e"], &["a/b", "a/b/d"]),
        ("a/+/*", &["a/b/", "a/b/c/d"], &["a/b", "a"]),
        ("a+/b", &["a+/b"], &["ax/b", "a/b"]),
        ("a/*/b", &["a/*/b"], &["a/x/b"]),
    ] {
        let pattern = Pattern::parse(pattern).unwrap();
        for path in matching {
            assert!(pattern.matches(path), "{pattern} should match {path}");
        }
        for path in others {
            assert!(!pattern.matches(path), "{pattern} should not match {path}");
        }
    }
}

#[test]
fn rules_of_one_pattern_are_united_and_deny_wins() {
    assert_eq!(acl(&["a:read", "a:list", "a*:delete"]).capabilities("a"), ["list", "read"]);
    assert_eq!(acl(&["a:read", "a:deny", "a:sudo"]).capabilities("a"), ["deny"]);
    assert_eq!(acl(&["/a/*:read", "a/*:list"]).capabilities("a/b"), ["list", "read"]);
    assert_eq!(acl(&["a/+:read", "a/+:deny"]).capabilities("a/b"), ["deny"]);
}

#[test]
fn capabilities_are_told_as_clients_expect() {
    assert_eq!(Acl::root().capabilities("x"), ["root"]);
    assert_eq!(acl(&["a:read"]).capabilities("b"), ["deny"]);
    assert_eq!(acl(&["a:"]).capabilities("a"), ["deny"]);
    assert_eq!(acl(&["a:list"]).capabilities("a/"), ["list"]);
    assert_eq!(
        acl(&["a:sudo,update,read,patch,list,delete,create"]).capabilities("a"),
        ["create", "delete", "list", "patch", "read", "sudo", "update"]
    );
}

#[test]
fn listing_finds_rules_with_and_without_the_slash_and_no_deny_is_dodged() {
    for (rules, path, allowed) in [
        (&["a/b:list"][..], "a/b/", true),
        (&["a/b/:list"], "a/b", true),
        (&["a/b/:list", "a/b:deny"], "a/b/", false),
        (&["a/b/:deny", "a/b:list"], "a/b", false),
        (&["+/b:list"], "a/b/", true),
        (&["a/*:list", "a/+:deny"], "a/b/", false),
        (&["a/*:list", "+/b:deny"], "a/b/", true),
        (&["a/*:deny", "a/b/*:list"], "a/b/", true),
        (&["a/*:deny", "a/b/*:list"], "a/b", true),
        (&["a/b:list", "a/b/*:deny"], "a/b/", true),
        (&["a/*:list", "a/b:deny"], "a/b/", false),
        (&["a/b/*:deny", "a/*:list"], "a/b", false),
        (&["a/*:deny", "a/+:list"], "a/b", false),
        (&["a/b:read"], "a/b/", false),
    ] {
        assert_eq!(acl(rules).allows(path, Operation::List, false).is_allowed(), allowed, "{rules:?} {path}");
    }
}

#[test]
fn a_verdict_tells_the_rule_that_decided() {
    let text = "path \"a\" {\n capabilities = [\"read\"]\n}\npath \"b*\" {\n policy = \"deny\"\n}";
    let policy = Policy::parse(" Support ", text).unwrap();
    let acl = Acl::new([&policy].into_iter(), &Subject::default());
    let rule = |line, pattern: &str| RuleRef { policy: "support".to_owned(), line, pattern: pattern.to_owned() };
    let (a, b) = (rule(1, "a"), rule(4, "b*"));
    let denied = |reason, rule| Verdict::Denied { reason, rule };
    for (path, operation, sudo, verdict) in [
        ("a", Operation::Read, false, Verdict::Allowed { rule: Some(&a) }),
        ("a", Operation::Help, true, Verdict::Allowed { rule: None }),
        ("a", Operation::Update, false, denied(Reason::NotGranted(Capabilities::READ), Some(&a))),
        ("a", Operation::Read, true, denied(Reason::NeedsSudo, Some(&a))),
        ("bc", Operation::Read, false, denied(Reason::DeniedByRule, Some(&b))),
        ("c", Operation::Read, false, denied(Reason::NoRule, None)),
    ] {
        assert_eq!(acl.allows(path, operation, sudo), verdict, "{path}");
    }
    assert_eq!(Acl::root().allows("x", Operation::Delete, true), Verdict::Allowed { rule: None });
}

#[test]
fn a_mount_is_seen_by_who_may_do_anything_below_it() {
    for (rules, prefix, seen) in [
        (&["secret/a/b:read"][..], "secret/", true),
        (&["secret/a/b:deny"], "secret/", false),
        (&["secret/a*:read"], "secret/", true),
        (&["sec*:read"], "secret/", true),
        (&["sec*:read", "secret/*:deny"], "secret/", false),
        (&["+/a:read"], "secret/", true),
        (&["+/a:read"], "secret/deep/", false),
        (&["+/de*:read"], "secret/deep/", true),
        (&["other/+:read"], "secret/", false),
        (&["secrets/a:read"], "secret/", false),
        (&["*:read"], "secret/", true),
    ] {
        assert_eq!(acl(rules).grants_below(prefix), seen, "{rules:?}");
    }
    assert!(Acl::root().grants_below("secret/"));
}

#[test]
fn names_have_one_form() {
    assert_eq!(canonical_name("  Ops-Team ").unwrap(), "ops-team");
    for name in ["", "  ", "a,b", "a\nb", &"x".repeat(600)] {
        assert!(canonical_name(name).is_err(), "{name:?}");
    }
    assert!(is_fixed(ROOT_NAME) && is_fixed(RESPONSE_WRAPPING_NAME) && !is_fixed(DEFAULT_NAME) && !is_fixed("x"));
}

#[test]
fn the_built_in_policies_grant_what_a_token_needs_for_itself_and_no_more() {
    let default = Policy::parse(DEFAULT_NAME, DEFAULT).unwrap();
    let acl = Acl::new([&default].into_iter(), &Subject::default());
    assert_eq!(acl.capabilities("auth/token/lookup-self"), ["read"]);
    assert_eq!(acl.capabilities("cubbyhole/x/y"), ["create", "delete", "list", "read", "update"]);
    assert_eq!(acl.capabilities("sys/tools/hash/sha2-256"), ["update"]);
    assert_eq!(acl.capabilities("identity/oidc/provider/x/authorize"), ["read", "update"]);
    let entity = Entity { id: "e-1".to_owned(), name: "ann".to_owned(), ..Entity::default() };
    let own = Acl::new([&default].into_iter(), &Subject { entity: Some(entity), ..Subject::default() });
    assert_eq!(own.capabilities("identity/entity/id/e-1"), ["read"]);
    assert_eq!(own.capabilities("identity/entity/id/e-2"), ["deny"]);
    for path in ["identity/entity/id/e-1", "auth/token/create", "sys/mounts", "secret/x", "sys/policies/acl/default"] {
        assert_eq!(acl.capabilities(path), ["deny"], "{path}");
    }
    for text in [RESPONSE_WRAPPING, CONTROL_GROUP] {
        assert_eq!(Policy::parse("x", text).unwrap().rules.len(), 2);
    }
}

proptest! {
    /// The quick look-up agrees with trying every rule in turn.
    #[test]
    fn the_look_up_finds_what_trying_every_rule_finds(
        patterns in prop::collection::btree_set("([ab+]|aa)(/([ab+]|ab)){0,3}/?", 1..12),
        globs in prop::collection::vec(any::<bool>(), 12),
        path in "[ab]{1,2}(/[ab]{1,2}){0,3}",
    ) {
        let rules: Vec<String> = patterns.iter().zip(globs)
            .map(|(pattern, glob)| if glob && !pattern.ends_with('+') { format!("{pattern}*") } else { pattern.clone() })
            .collect();
        let policies: Vec<Policy> =
            rules.iter().enumerate().map(|(at, rule)| policy(&format!("p{at}"), &format!("{rule}:read"))).collect();
        let resolved: Vec<Pattern> =
            policies.iter().map(|policy| policy.rules[0].path.resolve(&Subject::default()).unwrap()).collect();
        let expected = resolved.iter().filter(|pattern| pattern.matches(&path))
            .max_by_key(|pattern| (pattern.is_exact(), pattern.specificity())).map(ToString::to_string);
        let acl = Acl::new(policies.iter(), &Subject::default());
        let found = match acl.allows(&path, Operation::Read, false) {
            Verdict::Allowed { rule } => rule.map(|rule| rule.pattern.clone()),
            Verdict::Denied { .. } => None,
        };
        prop_assert_eq!(found, expected);
    }
}
