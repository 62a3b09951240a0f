use super::Dialect::{self, MySql, PostgreSql};
use super::items;
use super::scan::{Piece, Place};
use crate::base::Result;
use proptest::prelude::*;

const HOSTILE: [&str; 12] = [
    "a\"; DROP TABLE x; --",
    "o'brien",
    "'; SELECT pg_sleep(9); --",
    "\\'; DROP USER root; #",
    "\\",
    "\\\\'",
    "`; DROP TABLE x; -- ",
    "$$; DROP TABLE x; $$",
    "*/ DROP TABLE x; /*",
    "line\nbreak' ",
    "{{password}}",
    "'é\u{2028}🔑''",
];

fn read(dialect: Dialect, text: &str) -> Result<Vec<String>> {
    Ok(dialect.read(&[text.to_owned()])?.iter().map(|statement| statement.text().to_owned()).collect())
}

fn fill(dialect: Dialect, text: &str, name: &str) -> Result<String> {
    let filled = dialect.fill(&[text.to_owned()], &[("name", name), ("password", "Hush-1")])?;
    Ok(filled.iter().map(|statement| statement.as_str()).collect::<Vec<_>>().join(";"))
}

fn refusal(dialect: Dialect, text: &str, name: &str) -> String {
    match fill(dialect, text, name) {
        Ok(filled) => panic!("{text} was filled in: {filled}"),
        Err(error) => error.message().to_owned(),
    }
}

fn places(dialect: Dialect, text: &str) -> Vec<(Place, &str)> {
    let pieces = dialect.pieces(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.what));
    pieces.iter().map(|Piece { place, range }| (*place, &text[range.clone()])).collect()
}

#[test]
fn a_list_is_split_at_the_semicolons_that_part_statements() -> Result<()> {
    for (dialect, text, statements) in [
        (PostgreSql, "A; B ;; C;", vec!["A", "B", "C"]),
        (
            PostgreSql,
            "A ';' \";\" /* ; /* ; */ ; */ $x$ ; $y$ ; $x$; -- ;\nB",
            vec!["A ';' \";\" /* ; /* ; */ ; */ $x$ ; $y$ ; $x$", "-- ;\nB"],
        ),
        (PostgreSql, "DO $$ BEGIN A; B; END $$; C", vec!["DO $$ BEGIN A; B; END $$", "C"]),
        (PostgreSql, "A E'\\';'; B '\\'; C", vec!["A E'\\';'", "B '\\'", "C"]),
        (MySql, "A ';' \";\" `;` /* ; */; # ;\nB; -- ;\n C", vec!["A ';' \";\" `;` /* ; */", "# ;\nB", "-- ;\n C"]),
        (MySql, "A '\\';'; B \"\\\";\"; C `\\`; D", vec!["A '\\';'", "B \"\\\";\"", "C `\\`", "D"]),
        (MySql, "A --1; B", vec!["A --1", "B"]),
        (MySql, " ; -- nothing\n; /* at all */", vec![]),
    ] {
        assert_eq!(read(dialect, text)?, statements, "{text}");
    }
    Ok(())
}

#[test]
fn an_item_may_be_a_json_array_or_base64() {
    let given = [r#"["A, B; C", "D"]"#, "QTsgQg==", "WyJBIiwgIkIiXQ==", "E 'x, y'"].map(str::to_owned);
    assert_eq!(items(&given), ["A, B; C", "D", "A; B", "A", "B", "E 'x, y'"]);
}

#[test]
fn postgresql_is_read_as_postgresql_reads_it() {
    use Place::{BlockComment, Dollar, Double, Escaped, LineComment, Single, Unicode};
    for (text, expected) in [
        ("a'b''c'd", (Single, "'b''c'")),
        ("a'b\\'d", (Single, "'b\\'")),
        ("x E'b\\'c' d", (Escaped, "E'b\\'c'")),
        ("x fooE'b\\' d", (Single, "'b\\'")),
        ("x E'a' -- more\n '\\'' d", (Escaped, "E'a' -- more\n '\\''")),
        ("x 'a' '\\'", (Single, "'a'")),
        ("x \"a\"\"b\" d", (Double, "\"a\"\"b\"")),
        ("x U&'\\0041' d", (Unicode, "U&'\\0041'")),
        ("x u&\"a\" d", (Unicode, "u&\"a\"")),
        ("x $$a$b$$ d", (Dollar, "$$a$b$$")),
        ("x $t1$a$t$b$t1$ d", (Dollar, "$t1$a$t$b$t1$")),
        ("f(a$b$c, 'x$b$') d", (Single, "'x$b$'")),
        ("x --a'\n'b'", (LineComment, "--a'")),
        ("x /* ' /* */ ' */ y", (BlockComment, "/* ' /* */ ' */")),
        ("x + $1 - 'a'", (Single, "'a'")),
    ] {
        let found = places(PostgreSql, text);
        assert_eq!(found.iter().find(|(place, _)| *place != Place::Bare), Some(&expected), "{text}: {found:?}");
    }
}

#[test]
fn mysql_is_read_as_mysql_reads_it() {
    use Place::{Backtick, BlockComment, Double, LineComment, Single};
    for (text, expected) in [
        ("a 'b\\'c' d", (Single, "'b\\'c'")),
        ("a 'b''c' d", (Single, "'b''c'")),
        ("a \"b\\\"c\" d", (Double, "\"b\\\"c\"")),
        ("a `b\\` d", (Backtick, "`b\\`")),
        ("a -- b'\n", (LineComment, "-- b'")),
        ("a # b'\n", (LineComment, "# b'")),
        ("a --1 'b'", (Single, "'b'")),
        ("a /* b' /* */ c", (BlockComment, "/* b' /* */")),
        ("a /*!50701 b */ c", (BlockComment, "/*!50701 b */")),
        ("a$$b 'c$$' d", (Single, "'c$$'")),
    ] {
        let found = places(MySql, text);
        assert_eq!(found.iter().find(|(place, _)| *place != Place::Bare), Some(&expected), "{text}: {found:?}");
    }
}

#[test]
fn what_is_read_differently_here_and_there_is_refused() {
    for (dialect, text) in [
        (PostgreSql, "SELECT 1e5$$ '$$"),
        (PostgreSql, "SELECT 1E'a\\' b'"),
        (MySql, "SELECT /*!50000 'a' */ 1"),
        (MySql, "SELECT /*! 1; */ 1"),
        (MySql, "SELECT /*M! -- */ 1"),
        (MySql, "CREATE FUNCTION f AS $$ x $$"),
        (PostgreSql, "SELECT 'a"),
        (PostgreSql, "SELECT $a$ $b$"),
        (PostgreSql, "/* /* */"),
        (MySql, "SELECT `a"),
        (MySql, "SELECT 'a\\'"),
    ] {
        let refused = dialect.read(&[text.to_owned()]).err().map(|error| error.message().to_owned());
        assert!(refused.is_some_and(|message| message.starts_with("statement 1, line 1, column ")), "{text}");
    }
}

#[test]
fn a_value_is_escaped_by_where_it_stands() -> Result<()> {
    let name = "a'b\"c`d\\e";
    for (dialect, text, filled) in [
        (PostgreSql, "x '{{name}}'", r#"x 'a''b"c`d\e'"#),
        (PostgreSql, "x E'{{name}}'", r#"x E'a''b"c`d\\e'"#),
        (PostgreSql, "x \"{{name}}\"", r#"x "a'b""c`d\e""#),
        (MySql, "x '{{name}}'", r#"x 'a''b"c`d\\e'"#),
        (MySql, "x \"{{name}}\"", r#"x "a'b""c`d\\e""#),
        (MySql, "x `{{name}}`", r#"x `a'b"c``d\e`"#),
    ] {
        assert_eq!(fill(dialect, text, name)?, filled);
    }
    assert_eq!(
        fill(PostgreSql, "x {{name}} $$ {{name}} $$ -- {{name}}", "v-a_1@b.c")?,
        "x v-a_1@b.c $$ v-a_1@b.c $$ -- v-a_1@b.c"
    );
    assert_eq!(fill(MySql, "x '{{name}}'@'%' /* {{name}} */", "plain")?, "x 'plain'@'%' /* plain */");
    Ok(())
}

#[test]
fn outside_quotes_only_plain_values_are_put_in_and_none_is_told() {
    for name in HOSTILE {
        for text in ["x {{name}}", "x $$ {{name}} $$", "x -- {{name}}\n", "x /* {{name}} */"] {
            let message = refusal(PostgreSql, text, name);
            assert!(message.contains("{{name}}") && message.starts_with("statement 1, line 1, column "), "{message}");
            assert!(!message.contains(name) || name == "\\", "{message}");
        }
    }
    let message = refusal(PostgreSql, "A; SELECT\n  {{name}}", "o'brien");
    assert!(message.starts_with("statement 2, line 2, column 3: {{name}}: it stands outside quotes"), "{message}");
}

#[test]
fn a_value_cannot_become_part_of_a_quote_or_comment_beside_it() {
    for (dialect, text, name) in [
        (PostgreSql, "x -{{name}}", "-y"),
        (PostgreSql, "x {{name}}y", "--"),
        (PostgreSql, "x {{name}}'a\\'", "E"),
        (PostgreSql, "x {{name}}$$a$$", "b"),
        (PostgreSql, "x $tag$ $ta{{name}}$ $tag$", "g"),
        (PostgreSql, "x /{{name}}* y", ""),
        (PostgreSql, "x 'a'{{name}}'b'", ""),
        (MySql, "x --{{name}} y", ""),
        (MySql, "x *{{name}}/ /* y *{{name}}/ */", ""),
    ] {
        let message = refusal(dialect, text, name);
        assert!(message.contains("would change how the statement reads"), "{text}: {message}");
    }
    assert!(refusal(PostgreSql, "x E'\\{{name}}'", "n").contains("backslash before it"));
    assert!(refusal(MySql, "x 'a\\\\\\{{name}}'", "n").contains("backslash before it"));
    assert!(refusal(PostgreSql, "x U&'{{name}}'", "n").contains("U& string"));
}

#[test]
fn a_placeholder_that_means_nothing_is_told_with_those_that_do() {
    let message = refusal(PostgreSql, "x '{{nmae}}'", "n");
    assert_eq!(
        message,
        "statement 1, line 1, column 4: {{nmae}}: there is nothing to put in for it; there is {{name}}, {{password}}"
    );
    let check = |text: &str| PostgreSql.check(&[text.to_owned()], &["name"]);
    assert!(check("x '{{name}}' '{{\"a\": {}}}'").is_ok());
    assert!(check("x '{{password}}'").is_err());
    assert!(check("x '{{ name }}'").is_err_and(|error| error.message().ends_with("without space: {{name}}")));
}

#[test]
fn values_are_not_read_again() -> Result<()> {
    assert_eq!(fill(PostgreSql, "x '{{name}}'", "{{password}}")?, "x '{{password}}'");
    Ok(())
}

/// What a quoted piece means.
fn meaning(dialect: Dialect, place: Place, piece: &str) -> String {
    let body = piece.trim_start_matches('E');
    let quote = body.chars().next().unwrap_or_default();
    let mut characters = body[1..body.len() - 1].chars();
    let mut meaning = String::new();
    while let Some(character) = characters.next() {
        let escapes = character == quote || (character == '\\' && place.has_backslashes(dialect));
        meaning.extend(if escapes { characters.next() } else { Some(character) });
    }
    meaning
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'", "''", "\"", "`", "\\", "$", "$$", "$a$", "--", "-- ", "#", "/*", "*/", "/*!", ";", "\n", "\r", " ", "E",
        "e'", "U&'", "{{name}}", "a", "1", "é", ".", "-", "@", "%",
    ]);
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_quoted_value_is_that_value_whatever_it_is(value in "[^\0]*", hostile in hostile()) {
        for value in [value, hostile] {
            for (dialect, text, place) in [
                (PostgreSql, "CREATE ROLE '{{name}}' X", Place::Single),
                (PostgreSql, "CREATE ROLE E'{{name}}' X", Place::Escaped),
                (PostgreSql, "CREATE ROLE \"{{name}}\" X", Place::Double),
                (MySql, "CREATE ROLE '{{name}}' X", Place::Single),
                (MySql, "CREATE ROLE \"{{name}}\" X", Place::Double),
                (MySql, "CREATE ROLE `{{name}}` X", Place::Backtick),
            ] {
                let filled = fill(dialect, text, &value).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
                let found = places(dialect, &filled);
                prop_assert_eq!(found.len(), 3);
                prop_assert_eq!(found[1].0, place);
                prop_assert_eq!(meaning(dialect, place, found[1].1), value.clone());
            }
        }
    }

    #[test]
    fn a_filled_statement_has_the_tokens_that_it_had(before in hostile(), after in hostile(), plain in "[A-Za-z0-9_.@-]{1,4}") {
        for dialect in [PostgreSql, MySql] {
            let Ok(statements) = dialect.read(&[format!("{before}{{{{name}}}}{after}{{{{name}}}}{before}")]) else { continue };
            for value in [&before, &plain].into_iter().filter(|value| !value.is_empty()) {
                for statement in &statements {
                    let Ok(filled) = statement.fill(&[("name", value)]) else { continue };
                    let had: Vec<_> = statement.pieces.iter().map(|piece| piece.place).collect();
                    let has: Vec<_> = places(dialect, &filled).into_iter().map(|(place, _)| place).collect();
                    prop_assert_eq!(has, had);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", hostile in hostile()) {
        for text in [text, hostile] {
            for dialect in [PostgreSql, MySql] {
                let _ = dialect.fill(std::slice::from_ref(&text), &[("name", "x'y")]);
            }
        }
    }
}
