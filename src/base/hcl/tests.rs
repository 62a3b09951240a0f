use super::*;
use proptest::prelude::*;

/// The tree without positions, short enough to compare by eye.
fn shown(items: &[Item]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| {
            let labels: String = item.labels.iter().map(|label| format!(" {:?}", label.text)).collect();
            format!("{}{labels}={}", item.key.text, shown_value(&item.value))
        })
        .collect();
    items.join(" ")
}

fn shown_value(value: &Value) -> String {
    match &value.kind {
        Kind::String(text) => format!("{text:?}"),
        Kind::Number(text) => text.clone(),
        Kind::Bool(value) => value.to_string(),
        Kind::List(values) => format!("[{}]", values.iter().map(shown_value).collect::<Vec<_>>().join(",")),
        Kind::Object(items) => format!("{{{}}}", shown(items)),
        Kind::Null => "null".to_owned(),
    }
}

fn read(text: &str) -> String {
    parse(text).map_or_else(|error| error.to_string(), |document| shown(&document.items))
}

#[test]
fn everything_that_hcl_1_allows_is_read() {
    for (text, tree) in [
        ("", ""),
        ("a = 1", "a=1"),
        ("a = 1 b = 2", "a=1 b=2"),
        ("a = 1, b = 2,", "a=1 b=2"),
        ("\"a b\" = \"x\"\r\nc-d.e = true\n_f=false", "a b=\"x\" c-d.e=true _f=false"),
        ("path \"x\" { a = 1 b = [1, 2,], }", "path \"x\"={a=1 b=[1,2]}"),
        ("path \"x\" = { }", "path \"x\"={}"),
        ("\"path\" \"x\" {}", "path \"x\"={}"),
        ("r \"a\" b \"c\" {}", "r \"a\" \"b\" \"c\"={}"),
        ("a = {b = {c = []}}", "a={b={c=[]}}"),
        ("a = [{b = 1}, [2], \"3\",]", "a=[{b=1},[2],\"3\"]"),
        ("# one\n// two\n/* three\n */ a /* four */ = # five\n 1", "a=1"),
        ("a = 0x1F b = -1.5e+3 c = 010 d = .5", "a=0x1F b=-1.5e+3 c=010 d=.5"),
        (r#"a = "q\" b\\ \n \t \u00e4 \x41 \101 \U0001F600""#, "a=\"q\\\" b\\\\ \\n \\t ä A A 😀\""),
        (r#"a = "x-${f("y", "{z}")}-w""#, r#"a="x-${f(\"y\", \"{z}\")}-w""#),
        ("a = <<EOF\none\n  two\nEOF\nb = 1", "a=\"one\\n  two\\n\" b=1"),
        ("a = <<-EOF\n    one\n      two\n    EOF\nb = 1", "a=\"one\\n  two\\n\" b=1"),
        ("a = <<-EOF\n one\n      two\n    EOF", "a=\" one\\n      two\\n\""),
        ("a = <<EOF\r\none\r\nEOF\r\n", "a=\"one\\n\""),
        ("a = [<<E\none\nE\n, 2]", "a=[\"one\\n\",2]"),
        ("\u{feff}a = 1", "a=1"),
    ] {
        assert_eq!(read(text), tree, "{text}");
    }
}

#[test]
fn json_gives_the_same_tree() {
    for (text, tree) in [
        ("{}", ""),
        (" \n{\"a\": 1, \"b\": [true, null, -1.5e3], \"c\": {\"d\": \"x\"}}", "a=1 b=[true,null,-1.5e3] c={d=\"x\"}"),
        (r#"{"a": "\u00e4 \ud83d\ude00 \/ ${x}"}"#, "a=\"ä 😀 / ${x}\""),
        (r#"{"a": 12345678901234567890123}"#, "a=12345678901234567890123"),
    ] {
        assert_eq!(read(text), tree, "{text}");
    }
}

#[test]
fn an_error_tells_the_place_the_fault_and_what_was_expected() {
    for (text, error) in [
        ("a = ", "line 1, column 5: found the end of the text; expected a value"),
        ("a = b", "line 1, column 5: found b; expected a value; put quotes around a string"),
        ("a\nb\n", "line 3, column 1: found the end of the text; expected { after the labels"),
        ("a", "line 1, column 2: found the end of the text; expected = or { after the key"),
        ("a \"b\" = 1", "line 1, column 9: found a number; expected { after the labels"),
        ("p {\n  x = 1\n", "line 3, column 1: found the end of the text; expected a key or }"),
        ("p { x = 1 }}", "line 1, column 12: found }; expected a key"),
        ("a = [1 2]", "line 1, column 8: found 2; expected , or ] in the list"),
        ("a = [1,,2]", "line 1, column 8: found ,; expected a value"),
        ("a = \"x\nb = 1", "line 1, column 5: this string never ends; expected a closing quote on the same line"),
        ("a = 'x'", "line 1, column 5: found a single quote; expected double quotes around a string"),
        ("ä = 1 ; b", "line 1, column 7: found the character ';'; expected a key or a value"),
        ("a = 1h", "line 1, column 5: 1h is not a number; expected a number, or quotes around a string"),
        ("1a = 1", "line 1, column 1: 1a is not a number; expected a number, or quotes around a string"),
        ("1 = 1", "line 1, column 1: found 1; expected a key; put quotes around one that begins with a digit"),
        ("/* x", "line 1, column 1: this comment never ends; expected */"),
        ("a = <<EOF\nx\n", "line 1, column 5: this heredoc never ends; expected a line that holds its mark alone"),
        (
            "a = << \nx\n",
            "line 1, column 5: this heredoc has no mark; expected <<MARK or <<-MARK and the end of the line",
        ),
        ("{\"a\" 1}", "line 1, column 6: found 1; expected : after the key"),
        ("{\"a\": 1,\n}", "line 2, column 1: found }; expected a key in double quotes"),
        ("{\"a\": 01}", "line 1, column 7: this is not a number; expected one as JSON writes it"),
        ("{\"a\": 1} x", "line 1, column 10: found x; expected the end of the text"),
        ("{\"a\": tru}", "line 1, column 7: found t; expected a value"),
    ] {
        assert_eq!(read(text), error, "{text}");
    }
}

#[test]
fn depth_and_size_are_limited() {
    for text in [
        "a {".repeat(200_000),
        format!("a = {}", "[".repeat(200_000)),
        format!("{{\"a\":{}", "[".repeat(200_000)),
        "{\"a\":".repeat(200_000),
    ] {
        assert!(read(&text).contains("nested more than 64 deep"), "{}", read(&text));
    }
    assert!(read(&" ".repeat(MAX_TEXT + 1)).contains("the limit is"));
    let allowed = format!("a = {}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(parse(&allowed).is_ok());
}

#[test]
fn a_labelled_block_reads_the_same_however_it_is_written() {
    for text in [
        "path \"a\" { x = 1 }\npath \"b\" { x = 2 }",
        "path \"a\" = { x = 1 }\npath = { \"b\" = { x = 2 } }",
        "path { a { x = 1 } b = { x = 2 } }",
        "{\"path\": {\"a\": {\"x\": 1}, \"b\": {\"x\": 2}}}",
        "{\"path\": [{\"a\": {\"x\": 1}}, {\"b\": [{\"x\": 2}]}]}",
    ] {
        let document = parse(text).unwrap();
        let blocks: Vec<Block<'_>> = document.items.iter().flat_map(|item| item.labelled_blocks().unwrap()).collect();
        let seen: Vec<String> =
            blocks.iter().map(|block| format!("{} {}", block.label.text, shown(block.items))).collect();
        assert_eq!(seen, ["a x=1", "b x=2"], "{text}");
    }
}

#[test]
fn a_block_without_its_label_is_an_error() {
    for (text, error) in [
        (
            "path { x = 1 }",
            "line 1, column 8: \"x\" stands where the label of a block is expected, as in path \"label\" { … }",
        ),
        ("path = 1", "line 1, column 8: found a number; expected a block of \"path\", { … }"),
        ("path \"a\" \"b\" {}", "line 1, column 10: \"path\" has a second label \"b\"; expected {"),
    ] {
        let document = parse(text).unwrap();
        let found = document.items[0].labelled_blocks().map(|blocks| blocks.len()).map_err(|error| error.to_string());
        assert_eq!(found, Err(error.to_owned()), "{text}");
    }
}

#[test]
fn integers_are_read_in_every_form() {
    for (text, number) in [
        ("12", Some(12)),
        ("-12", Some(-12)),
        ("0x1F", Some(31)),
        ("-0x1F", Some(-31)),
        ("010", Some(8)),
        ("0", Some(0)),
        ("1e3", Some(1000)),
        ("2.0", Some(2)),
        ("2.5", None),
        ("1e300", None),
        ("99999999999999999999", None),
        ("--1", None),
    ] {
        assert_eq!(integer(text), number, "{text}");
    }
}

#[test]
fn a_text_is_laid_out_canonically() {
    let text = r#"

# Policy of the team.
  // Second line.
path   "secret/*"   =   {capabilities=["read","list"], x_long=1 # why

  y={}
  }
path "a" {
}
"path" "b" { # inside
  capabilities = [ "read", # first
    "list"
    # last
  ]
  /* odd */ text = <<EOT
 kept  as it is
EOT
  nested = { a = 1
  bcd = [[1,2],{x = 1}] }
} # done
a /* here */ = /* and
 there */ true
"#;
    let laid_out = r#"# Policy of the team.
// Second line.
path "secret/*" {
  capabilities = ["read", "list"]
  x_long       = 1 # why

  y = {}
}

path "a" {}
"path" "b" {
  # inside
  capabilities = [
    "read", # first
    "list",
    # last
  ]
  /* odd */
  text = <<EOT
 kept  as it is
EOT
  nested = {
    a = 1
    bcd = [
      [1, 2],
      {
        x = 1
      },
    ]
  }
} # done

/* here */
/* and
 there */
a = true
"#;
    assert_eq!(format(text).unwrap(), laid_out);
    assert_eq!(format(laid_out).unwrap(), laid_out);
    assert_eq!(format("").unwrap(), "");
    assert_eq!(format("a = [<<E\nx\nE\n, 2] # c").unwrap(), "a = [\n  <<E\nx\nE\n  ,\n  2,\n] # c\n");
    assert_eq!(format("a = <<E\nx\nE\n, # c\nb = 2").unwrap(), "a = <<E\nx\nE\n# c\nb = 2\n");
}

#[test]
fn what_does_not_parse_is_not_laid_out() {
    assert!(format("a = ").unwrap_err().to_string().starts_with("line 1, column 5"));
    assert!(format("{}").unwrap_err().to_string().contains("expected HCL"));
}

/// Texts that parse, with comments, blank lines and odd spacing wherever the grammar lets them stand.
fn documents() -> impl Strategy<Value = String> {
    let gap = prop::sample::select(vec![
        " ",
        "\n",
        "\n\n\n",
        "\t",
        " # c\n",
        "/* d */",
        " // e\r\n",
        "\n/* f\n  g */\n",
        " ",
    ]);
    let key = prop::sample::select(vec!["a", "long_key", "\"q k\"", "ä-b", "path"]);
    let plain = prop::sample::select(vec![
        "1",
        "-0x1F",
        "1.5e3",
        "true",
        "\"s\"",
        "\"e\\n\\\"\"",
        "\"${x(\"y\"\n)}\"",
        "<<E\n one\n\ntwo\nE\n",
        "<<-E\n   in\n  E\n",
        "[]",
        "{}",
        "[1,2]",
        "[ ]",
    ])
    .prop_map(str::to_owned);
    let value = plain.prop_recursive(4, 24, 4, {
        let (gap, key) = (gap.clone(), key.clone());
        move |value| {
            let list = prop::collection::vec((gap.clone(), value.clone(), gap.clone()), 0..4).prop_map(|all| {
                all.into_iter().map(|(before, value, after)| format!("{before}{value}{after},")).collect::<String>()
            });
            let object = prop::collection::vec((key.clone(), gap.clone(), value, gap.clone(), any::<bool>()), 0..4)
                .prop_map(items);
            prop_oneof![
                (list, gap.clone()).prop_map(|(list, gap)| format!("[{list}{gap}]")),
                (object, gap.clone()).prop_map(|(object, gap)| format!("{{{gap}{object}}}")),
            ]
        }
    });
    let item = (key, gap.clone(), value, gap.clone(), any::<bool>());
    (gap, prop::collection::vec(item, 0..6)).prop_map(|(gap, all)| format!("{gap}{}", items(all)))
}

/// `key gap = value gap ,`, or a labelled block where the value is an object.
fn items(items: Vec<(&str, &str, String, &str, bool)>) -> String {
    let item = |(key, gap, value, after, flag): (&str, &str, String, &str, bool)| match (flag, value.starts_with('{')) {
        (true, true) => format!("{key} \"l\"{gap}{value}{after}"),
        (true, false) => format!("{key}{gap}={value}{after},{after}"),
        (false, _) => format!("{key} ={gap}{value}{after}\n"),
    };
    items.into_iter().map(item).collect()
}

fn comments(text: &str) -> Vec<String> {
    let tokens = lexer::tokens(text).unwrap();
    let comments = tokens.iter().filter(|token| token.kind == lexer::Kind::Comment);
    let mut comments: Vec<String> = comments.map(|token| token.raw.trim_end().to_owned()).collect();
    comments.sort();
    comments
}

proptest! {
    #[test]
    fn layout_keeps_meaning_and_comments_and_is_stable(text in documents()) {
        let laid_out = format(&text).unwrap();
        prop_assert_eq!(read(&laid_out), read(&text));
        prop_assert_eq!(comments(&laid_out), comments(&text));
        prop_assert_eq!(format(&laid_out).unwrap(), laid_out);
    }

    #[test]
    fn no_text_makes_it_panic_and_what_parses_is_laid_out_safely(text in r#"(a|path|=|\{|\}|\[|\]|,|"x|"|\$\{|\\|\\u12|<<-?E|\n|E|#|//|/\*|\*/|-?1|0x|\.5e|true|ä|:|null| |\r){0,40}"#) {
        if let Ok(laid_out) = format(&text) {
            prop_assert_eq!(read(&laid_out), read(&text));
            prop_assert_eq!(format(&laid_out).unwrap(), laid_out);
        }
        let _ = parse(&format!("{{{text}"));
    }
}
