use super::*;
use crate::base::{ManualClock, Timestamp};
use proptest::prelude::*;

const AWS_USER_NAME: &str = r#"{{ if (eq .Type "STS") }}{{ printf "vault-%s-%s" (unix_time) (random 20) | truncate 32 }}{{ else }}{{ printf "vault-%s-%s-%s" (printf "%s-%s" (.DisplayName) (.PolicyName) | truncate 42) (unix_time) (random 20) | truncate 64 }}{{ end }}"#;

fn values() -> Values {
    Values::new()
        .with("Type", "IAM")
        .with("DisplayName", "token-alice")
        .with("PolicyName", "support")
        .with("Count", 7)
        .with("Meta", Values::new().with("team", "ops"))
}

fn render(text: &str) -> String {
    let clock = ManualClock::at(Timestamp(1_700_000_000_123));
    let rendered = Template::parse(text).and_then(|template| template.render(&values(), &clock));
    rendered.unwrap_or_else(|error| error.to_string())
}

#[test]
fn the_published_default_for_aws_user_names_renders() {
    let name = render(AWS_USER_NAME);
    assert!(name.starts_with("vault-token-alice-support-1700000000-"), "{name}");
    assert_eq!(name.len(), "vault-token-alice-support-1700000000-".len() + 20);
    let clock = ManualClock::at(Timestamp(1_700_000_000_123));
    let sts = Template::parse(AWS_USER_NAME).unwrap().render(&values().with("Type", "STS"), &clock).unwrap();
    assert!(sts.starts_with("vault-1700000000-") && sts.len() == 32, "{sts}");
    let long = values().with("DisplayName", "x".repeat(100));
    let name = Template::parse(AWS_USER_NAME).unwrap().render(&long, &clock).unwrap();
    assert_eq!(name.len(), 64);
    assert!(name.starts_with(&format!("vault-{}-1700000000-", "x".repeat(42))), "{name}");
}

#[test]
fn templates_render_as_in_go() {
    for (template, text) in [
        ("", ""),
        ("plain } text {", "plain } text {"),
        ("a {{ .Type }} b", "a IAM b"),
        ("{{.Meta.team}}{{.Count}}", "ops7"),
        ("a \n{{- .Type -}}\n b", "aIAMb"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("a {{/* nothing */}} b", "a  b"),
        ("{{ -3 }}{{-3}}", "-3-3"),
        (r#"{{ "q\"\u00e4\n" }}{{ `raw "\` }}"#, "q\"ä\nraw \"\\"),
        ("{{ if .Count }}y{{ else }}n{{ end }}", "y"),
        ("{{ if not .Count }}y{{ end }}", ""),
        ("{{ if eq .Type \"X\" }}1{{ else if eq .Type \"Y\" \"IAM\" }}2{{ else }}3{{ end }}", "2"),
        ("{{ if ne .Type \"IAM\" }}1{{ else if false }}2{{ else }}3{{ end }}", "3"),
        ("{{ if and (eq .Type \"IAM\") (or false .Count) }}{{ if true }}in{{ end }}{{ end }}", "in"),
        ("{{ or \"\" \"b\" }}{{ and \"a\" \"\" }}", "b"),
        ("{{ .DisplayName | uppercase | truncate 5 | printf \"%s-%s\" .Type }}", "IAM-TOKEN"),
        ("{{ replace \"-\" \"_\" .DisplayName | lowercase }}", "token_alice"),
        ("{{ truncate 3 \"aäöü\" }}", "aä"),
        ("{{ truncate_sha256 12 \"abcdefghijklmnop\" }}", "abcdc1bd5d19"),
        ("{{ truncate_sha256 16 \"abcdefghijklmnop\" }}", "abcdefghijklmnop"),
        ("{{ sha256 \"abc\" }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("{{ \"abc\" | base64 }}", "YWJj"),
        ("{{ unix_time }} {{ unix_time_millis }}", "1700000000 1700000000123"),
        ("{{ timestamp \"2006-01-02T15:04:05.000Z07:00\" }}", "2023-11-14T22:13:20.123Z"),
        (
            "{{ timestamp \"Mon Jan _2 3:04PM 06 (002), Monday, January; Month\" }}",
            "Tue Nov 14 10:13PM 23 (318), Tuesday, November; Month",
        ),
    ] {
        assert_eq!(render(template), text, "{template}");
    }
}

#[test]
fn printf_writes_as_in_go() {
    for (arguments, text) in [
        ("\"%s|%5s|%-5s|%.2s\" \"a\" \"b\" \"c\" \"ddd\"", "a|    b|c    |dd"),
        ("\"%d|%4d|%04d|%-4d|%+d\" 1 2 -3 4 5", "1|   2|-003|4   |+5"),
        ("\"%q %v %v %v %%\" \"a\\\"\" true 3 \"x\"", "\"a\\\"\" true 3 x %"),
        ("\"%x %X %x\" \"hi\" 255 -255", "6869 FF -ff"),
        ("\"%5.1s|\" \"xyz\"", "    x|"),
    ] {
        assert_eq!(render(&format!("{{{{ printf {arguments} }}}}")), text, "{arguments}");
    }
}

#[test]
fn random_values_have_their_form_and_differ() {
    let (one, two) = (render("{{ random 30 }}"), render("{{ random 30 }}"));
    assert!(one.len() == 30 && one.chars().all(|c| c.is_ascii_alphanumeric()) && one != two);
    assert_eq!(render("{{ uuid }}").len(), 36);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (template, error) in [
        ("a {{ .Type", "line 1, column 3: this action never ends; expected }}"),
        ("\n{{ if true }}", "line 2, column 4: this if never ends; expected {{ end }}"),
        ("{{ end }}", "line 1, column 4: found end; expected an if before it"),
        (
            "{{ if true }}{{ else }}{{ else }}{{ end }}",
            "line 1, column 17: this else is not followed by its end; expected {{ end }}",
        ),
        ("{{ range .X }}{{ end }}", "line 1, column 4: range is not supported yet; expected if"),
        ("{{ .Type .Type }}", "line 1, column 10: found .Type; expected }}"),
        ("{{ .Type | .Type }}", "line 1, column 12: found .Type; expected a function after |"),
        ("{{ (.Type }}", "line 1, column 10: found }}; expected )"),
        ("{{ . }}", "line 1, column 4: expected the name of a field after the dot, as in .DisplayName"),
        ("{{ \"x }}", "line 1, column 4: this string never ends; expected a closing quote"),
        ("{{ truncate 3 }}", "line 1, column 4: truncate is given 1 arguments; expected truncate LENGTH TEXT"),
        ("{{ printf truncate }}", "line 1, column 11: truncate needs arguments; expected parentheses around it"),
        ("{{ 1.5 }}", "line 1, column 4: 1.5 is not a whole number; expected one, or quotes around a text"),
        (
            "{{ .Other }}",
            "line 1, column 4: there is no field .Other; expected one of .Count, .DisplayName, .Meta, .PolicyName, .Type",
        ),
        ("{{ .Meta.other }}", "line 1, column 4: there is no field .Meta.other; expected one of .team"),
        ("{{ truncate 0 .Type }}", "line 1, column 4: truncate: expected a length between 1 and 65536"),
        ("{{ random 99999999 }}", "line 1, column 4: random: expected a length between 1 and 65536"),
        ("{{ printf \"%d\" \"x\" }}", "line 1, column 4: printf: %d cannot write x"),
        ("{{ printf \"%s\" }}", "line 1, column 4: printf: there is no value for %s"),
        ("{{ printf \"x\" 1 }}", "line 1, column 4: printf: there are more values than verbs"),
        ("{{ printf \"%9999s\" \"x\" }}", "line 1, column 4: printf: a width or precision is larger than 1024"),
    ] {
        assert_eq!(render(template), error, "{template}");
    }
    assert!(
        render("{{ shell \"x\" }}").starts_with("line 1, column 4: there is no function shell; expected one of and,")
    );
}

#[test]
fn nesting_length_and_output_are_limited() {
    assert!(render(&format!("{{{{ {} }}}}", "(".repeat(60_000))).contains("nested more than 32 deep"));
    assert!(render(&"{{if true}}".repeat(5_000)).contains("nested more than 32 deep"));
    assert!(render(&format!("{{{{ \"\" {} }}}}", "| uppercase".repeat(5_000))).contains("more than 16 functions"));
    let deepest = (0..30).fold(".Type".to_owned(), |inner, _| format!("({inner}{})", " | lowercase".repeat(15)));
    assert_eq!(render(&format!("{{{{ {deepest} }}}}")), "iam");
    assert!(render(&"x".repeat(MAX_TEMPLATE + 1)).contains("longer than"));
    assert!(render(&"{{ random 65536 }}".repeat(17)).contains("writes more than"));
    let replaced = "{{ \"aaaaaaaaaa\" | replace \"a\" \"aaaaaaaaaa\"".to_owned();
    let explosion = format!("{replaced}{} }}}}", " | replace \"a\" \"aaaaaaaaaa\"".repeat(8));
    assert!(render(&explosion).contains("the result may be larger than"), "{}", render(&explosion).len());
}

proptest! {
    #[test]
    fn no_template_makes_it_panic(text in r#"(\{\{-?|-?\}\}| |\.Type|if|else|end|\(|\)|\||"x"|`|printf|"%5d"|truncate|random|-?3|true|/\*|\*/|ä|timestamp|"2006"){0,24}"#) {
        let _ = render(&text);
    }

    #[test]
    fn no_layout_or_format_makes_it_panic(text in "[%.0-9a-zA-Z+ä,:_-]{0,20}") {
        let _ = render(&format!("{{{{ timestamp \"{text}\" }}}}"));
        let _ = render(&format!("{{{{ printf \"{text}\" 3 \"ä\" }}}}"));
    }

    #[test]
    fn text_without_actions_is_written_as_it_is(text in "[^{]{0,60}") {
        prop_assert_eq!(render(&text), text);
    }
}
