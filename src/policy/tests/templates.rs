//! Rules whose paths name who asks.

use super::*;

fn metadata(key: &str, value: &str) -> Metadata {
    Metadata::from([(key.to_owned(), value.to_owned())])
}

fn ann() -> Subject {
    let alias = Alias {
        accessor: "auth_userpass_1".to_owned(),
        id: "alias-id".to_owned(),
        name: "ann@example".to_owned(),
        metadata: metadata("namespace", "blue"),
        custom_metadata: metadata("room", "12"),
    };
    let entity = Entity {
        id: "e-1".to_owned(),
        name: "ann".to_owned(),
        metadata: metadata("team.name", "core"),
        aliases: vec![alias],
    };
    let group = Group { id: "g-1".to_owned(), name: "ops.eu".to_owned(), metadata: metadata("cost", "c7") };
    Subject { entity: Some(entity), groups: vec![group], slashes: false }
}

/// Somebody whose metadata `x` is this.
fn with(value: &str) -> Subject {
    Subject { entity: Some(Entity { metadata: metadata("x", value), ..Entity::default() }), ..Subject::default() }
}

fn acl_for(subject: &Subject, rules: &[&str]) -> Acl {
    let policies: Vec<Policy> = rules.iter().enumerate().map(|(at, rule)| policy(&format!("p{at}"), rule)).collect();
    Acl::new(policies.iter(), subject)
}

fn reads(acl: &Acl, path: &str) -> bool {
    acl.allows(path, Operation::Read, false).is_allowed()
}

#[test]
fn every_published_template_has_its_value() {
    for (template, value) in [
        ("identity.entity.id", "e-1"),
        (" identity.entity.name ", "ann"),
        ("identity.entity.metadata.team.name", "core"),
        ("identity.entity.aliases.auth_userpass_1.id", "alias-id"),
        ("identity.entity.aliases.auth_userpass_1.name", "ann@example"),
        ("identity.entity.aliases.auth_userpass_1.metadata.namespace", "blue"),
        ("identity.entity.aliases.auth_userpass_1.custom_metadata.room", "12"),
        ("identity.groups.ids.g-1.name", "ops.eu"),
        ("identity.groups.ids.g-1.metadata.cost", "c7"),
        ("identity.groups.names.ops.eu.id", "g-1"),
        ("identity.groups.names.ops.eu.metadata.cost", "c7"),
    ] {
        let acl = acl_for(&ann(), &[&format!("a/{{{{{template}}}}}/*:read")]);
        assert!(reads(&acl, &format!("a/{value}/x")), "{template}");
        assert!(!reads(&acl, "a/other/x"), "{template}");
    }
    let both = acl_for(&ann(), &["a/{{identity.entity.name}}-{{identity.entity.id}}:read"]);
    assert!(reads(&both, "a/ann-e-1"));
}

#[test]
fn what_is_no_template_is_refused() {
    for template in [
        "identity.entity",
        "identity.entity.",
        "identity.entity.metadata.",
        "identity.entity.custom_metadata.x",
        "identity.entity.aliases.x",
        "identity.entity.aliases..id",
        "identity.entity.aliases.x.other",
        "identity.groups.ids.x.id",
        "identity.groups.ids..name",
        "identity.groups.names.x.name",
        "identity.groups.names..id",
        "token.display_name",
        "",
    ] {
        let text = format!("path \"a/{{{{{template}}}}}\" {{}}");
        assert!(parsed(&text).contains("unknown template"), "{template}: {}", parsed(&text));
    }
    for text in ["path \"a/{{x\" {}", "path \"a}}\" {}", "path \"{{a{{identity.entity.id}}\" {}"] {
        assert!(parsed(text).contains("a template is not closed"), "{text}: {}", parsed(text));
    }
    assert!(parsed("path \"a/{{identity.entity.id}}+*\" {}").contains("invalid use of wildcards"));
}

#[test]
fn a_template_without_a_value_grants_nothing() {
    for template in [
        "identity.entity.id",
        "identity.entity.metadata.x",
        "identity.entity.aliases.a.name",
        "identity.groups.ids.g-1.name",
        "identity.groups.names.ops.eu.id",
    ] {
        let acl = acl_for(&Subject::default(), &[&format!("a/{{{{{template}}}}}*:read"), "b:read"]);
        for path in ["a/", "a/x", "a/*", "a/+"] {
            assert!(!reads(&acl, path), "{template} {path}");
        }
        assert!(reads(&acl, "b"), "the other rules hold");
        assert_eq!(acl.left_out().len(), 1);
        assert_eq!(acl.left_out()[0].why, format!("{template} has no value for this token"));
    }
}

#[test]
fn a_group_counts_for_its_members_alone() {
    let mut stranger = ann();
    stranger.groups.clear();
    let rule = "a/{{identity.groups.names.ops.eu.id}}:read";
    assert!(reads(&acl_for(&ann(), &[rule]), "a/g-1"));
    assert!(!reads(&acl_for(&stranger, &[rule]), "a/g-1"));
}

#[test]
fn a_value_that_would_change_the_shape_of_a_pattern_grants_nothing() {
    for value in ["*", "+", "a*", "a+b", "a/b", "/", "{", "}", "{{identity.entity.id}}", "", ".", "..", "a\nb"] {
        for rule in [
            "a/{{identity.entity.metadata.x}}/*",
            "a/{{identity.entity.metadata.x}}",
            "a/x{{identity.entity.metadata.x}}*",
        ] {
            let acl = acl_for(&with(value), &[&format!("{rule}:read")]);
            for path in ["a/b/c", "a/x", "a/*", "a/+", "a/", "a", "a//b", "a/x/b", "b", "a/xa"] {
                assert!(!reads(&acl, path), "{rule} with {value:?} reads {path}");
            }
            assert_eq!(acl.left_out().len(), 1, "{rule} {value:?}");
        }
    }
    assert!(reads(&acl_for(&with("ann-1_2@x.y:z"), &["a/{{identity.entity.metadata.x}}:read"]), "a/ann-1_2@x.y:z"));
}

#[test]
fn values_may_hold_slashes_where_the_server_is_told_so() {
    let with = |value| Subject { slashes: true, ..with(value) };
    for rule in ["a/{{identity.entity.metadata.x}}/*", "a/{{identity.entity.metadata.x}}/c"] {
        let acl = acl_for(&with("team/web"), &[&format!("{rule}:read")]);
        assert!(reads(&acl, "a/team/web/c"), "{rule}");
        for path in ["a/team/c", "a/team/web", "a/team/other/c", "a/x/team/web/c"] {
            assert!(!reads(&acl, path), "{rule} reads {path}");
        }
    }
    for value in ["/", "a/", "/a", "a//b", "a/../b", "a/./b", "a/*", "+/a", "..", ""] {
        let acl = acl_for(&with(value), &["a/{{identity.entity.metadata.x}}/*:read"]);
        assert_eq!(acl.left_out().len(), 1, "{value:?}");
        assert!(["a/b", "a/a/b", "a/a/b/c", "b/c"].iter().all(|path| !reads(&acl, path)), "{value:?}");
    }
}

#[test]
fn a_denial_without_a_value_holds_for_values_with_slashes_too() {
    let nobody = Subject { slashes: true, ..Subject::default() };
    for rule in ["a/{{identity.entity.id}}/b", "a/x-{{identity.entity.id}}", "a/{{identity.entity.id}}*"] {
        let acl = acl_for(&nobody, &[&format!("{rule}:deny"), "*:read", "a/1/2/b:read"]);
        assert!(!reads(&acl, "a/1/b") && !reads(&acl, "a/1/2/b"), "{rule}");
        assert!(reads(&acl, "b/1/b"), "{rule}");
    }
}

#[test]
fn a_denial_without_a_value_holds_for_every_value() {
    for (rule, denied, others) in [
        ("a/{{identity.entity.id}}/*", &["a/x/y", "a/y/z/1"][..], &["a/x", "b/x/y"][..]),
        ("a/{{identity.entity.id}}", &["a/x", "a/y"], &["a/x/y"]),
        ("a/{{identity.entity.id}}*", &["a/x", "a/x/y", "a/"], &["b/x"]),
        ("a/pre-{{identity.entity.id}}/b", &["a/pre-x/b"], &["a/pre-x/c"]),
        ("{{identity.entity.id}}/b", &["a/b", "b/b"], &["a/c"]),
    ] {
        for deny in ["deny", ""] {
            let rules = [format!("{rule}:{deny}"), "*:read".to_owned(), "a/x/y:read".to_owned(), "a/x:read".to_owned()];
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            for subject in [Subject::default(), with("x")] {
                let subject =
                    Subject { entity: subject.entity.map(|entity| Entity { id: "*".to_owned(), ..entity }), ..subject };
                let acl = acl_for(&subject, &rules);
                for path in denied {
                    let verdict = acl.allows(path, Operation::Read, false);
                    assert!(
                        matches!(&verdict, Verdict::Denied { reason: Reason::Unresolved, rule: Some(found) } if found.pattern == rule),
                        "{rule}:{deny} {path}: {verdict:?}"
                    );
                    assert_eq!(acl.capabilities(path), ["deny"], "{rule} {path}");
                }
                for path in others {
                    assert!(reads(&acl, path), "{rule}:{deny} {path}");
                }
            }
        }
    }
}

#[test]
fn a_denial_with_a_value_holds_for_that_value() {
    let acl = acl_for(&ann(), &["a/{{identity.entity.name}}/*:deny", "*:read"]);
    assert!(!reads(&acl, "a/ann/x"));
    assert!(reads(&acl, "a/bob/x"));
}

#[test]
fn a_resolved_rule_ranks_as_if_it_were_written_so() {
    let acl = acl_for(&ann(), &["a/{{identity.entity.name}}:read", "a/ann:list", "a/+:delete"]);
    assert_eq!(acl.capabilities("a/ann"), ["list", "read"]);
}
