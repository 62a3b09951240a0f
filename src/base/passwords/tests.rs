use super::{DEFAULT, Policy};
use crate::base::Result;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn refusal(text: &str) -> String {
    match Policy::parse(text).and_then(|policy| policy.try_out()) {
        Ok(()) => panic!("{text} was taken"),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn a_password_without_a_policy_is_twenty_characters_of_all_kinds() -> Result<()> {
    let policy = Policy::parse(DEFAULT)?;
    let mut passwords = BTreeSet::new();
    for _ in 0..100 {
        let password = policy.generate()?;
        let password = password.expose();
        assert_eq!(password.len(), 20);
        for class in [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit, |c: &char| *c == '-'] {
            assert!(password.chars().any(|character| class(&character)), "{password}");
        }
        assert!(password.chars().all(|character| character.is_ascii_alphanumeric() || character == '-'), "{password}");
        passwords.insert(password.clone());
    }
    assert_eq!(passwords.len(), 100);
    Ok(())
}

#[test]
fn a_policy_may_be_json_or_other_than_ascii() -> Result<()> {
    let json =
        r#"{"length": 8, "rule": [{"charset": {"charset": "ab", "min-chars": 8}}, {"charset": {"charset": "ab"}}]}"#;
    assert!(Policy::parse(json)?.generate()?.expose().chars().all(|character| "ab".contains(character)));
    let hcl = "length = 4\nrule \"charset\" {\n  charset = \"é🔑\"\n  min-chars = \"4\"\n}";
    assert_eq!(Policy::parse(hcl)?.generate()?.expose().chars().count(), 4);
    Ok(())
}

#[test]
fn what_could_make_no_password_is_refused_with_the_reason() {
    let rule = |inner: &str| format!("length = 20\nrule \"charset\" {{\n{inner}\n}}");
    for (text, words) in [
        ("rule \"charset\" { charset = \"a\" }".to_owned(), "says no length"),
        ("length = 20".to_owned(), "no charsets specified"),
        ("length = 3\nrule \"charset\" { charset = \"a\" }".to_owned(), "must be between 4 and 100 characters"),
        ("length = 101\nrule \"charset\" { charset = \"a\" }".to_owned(), "must be between 4 and 100 characters"),
        ("length = -1".to_owned(), "line 1, column 10: found a number; expected a number of characters"),
        ("length = 20\nlenght = 20".to_owned(), "line 2, column 1: invalid key \"lenght\""),
        ("length = 20\nrule \"words\" { }".to_owned(), "there is no rule \"words\""),
        (rule("charset = \"\""), "names no characters"),
        (rule("min-chars = 1"), "names no characters"),
        (rule("charset = \"a\\tb\""), "cannot be printed"),
        (rule("charset = \"a\"\nmin_chars = 1"), "invalid key \"min_chars\""),
        (rule("charset = \"a\"\nmin-chars = 21"), "at least 21 characters (min-chars), and the length is 20"),
        (rule("charset = [\"a\"]"), "expected a string of characters"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(words), "{text}: {message}");
    }
    let wide: String = (0x100_u32..0x201).filter_map(char::from_u32).collect();
    assert!(refusal(&rule(&format!("charset = \"{wide}\""))).contains("the most is 256"));
    let narrow = "length = 100\nrule \"charset\" { charset = \"a\" min-chars = 50 }\nrule \"charset\" { charset = \"bcdefghijkl\" }";
    assert!(refusal(narrow).contains("ask for fewer min-chars"));
}

#[test]
fn no_character_is_favoured() -> Result<()> {
    // Three does not divide 256; a charset that is named twice counts once.
    let policy =
        Policy::parse("length = 100\nrule \"charset\" { charset = \"abbb\" }\nrule \"charset\" { charset = \"bc\" }")?;
    let mut counts = BTreeMap::new();
    for _ in 0..3_000 {
        for character in policy.generate()?.expose().chars() {
            *counts.entry(character).or_insert(0_i64) += 1;
        }
    }
    // Six standard deviations of 100,000 in three.
    assert!(counts.len() == 3 && counts.values().all(|count| (count - 100_000).abs() < 1_550), "{counts:?}");
    Ok(())
}

proptest! {
    #[test]
    fn a_password_keeps_its_rules(length in 4_usize..=100, first in 0_usize..3, second in 0_usize..3) {
        let text = format!(
            "length = {length}\nrule \"charset\" {{ charset = \"abcdef\" min-chars = {first} }}\n\
             rule \"charset\" {{ charset = \"def0123\" min-chars = {second} }}"
        );
        if first + second <= length {
            let password = Policy::parse(&text).and_then(|policy| policy.generate());
            let password = password.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
            let count = |charset: &str| password.expose().chars().filter(|character| charset.contains(*character)).count();
            prop_assert_eq!(password.expose().len(), length);
            prop_assert_eq!(count("abcdef0123"), length);
            prop_assert!(count("abcdef") >= first && count("def0123") >= second);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = Policy::parse(&text);
    }
}
