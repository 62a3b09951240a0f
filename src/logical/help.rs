//! The texts of `path-help`, made from the tables of routes: one for a path, one for a whole mount.

use crate::logical::doc::RouteDoc;
use crate::logical::{Engine, Field};
use std::fmt::Write;

/// Widest line of a text that is not itself laid out.
const WIDTH: usize = 80;

/// The help of a route; `full_pattern` begins with its mount.
#[must_use]
pub fn route(doc: &RouteDoc, full_pattern: &str) -> String {
    let mut text = format!("Matching Route: {}\n\n{}\n\n", shown(full_pattern), doc.summary);
    if !doc.fields.is_empty() {
        text.push_str("## PARAMETERS\n\n");
        doc.fields.iter().for_each(|field| parameter(&mut text, field));
    }
    text.push_str("## OPERATIONS\n\n");
    for action in &doc.actions {
        let _ = writeln!(text, "    {}\n{}\n", action.operation.name(), wrapped(action.summary, 8));
    }
    let description = if doc.help.is_empty() { doc.summary } else { doc.help };
    let _ = write!(text, "## DESCRIPTION\n\n{}\n", wrapped(description, 0));
    text
}

/// The help of an engine's mount.
#[must_use]
pub fn engine(engine: &Engine, mount: &str) -> String {
    self::mount(mount, engine.help, engine.docs())
}

/// The help of the mount at a path, with these routes.
#[must_use]
pub fn mount(path: &str, about: &str, routes: impl Iterator<Item = RouteDoc>) -> String {
    let mut text = format!("## DESCRIPTION\n\n{}\n\n## PATHS\n\n", wrapped(about, 0));
    let hint = format!(
        "These are the paths below {path}. Ask for help on a path that one of them matches to learn more about it. What is \
         listed here is not by that permitted: the policies of the token decide."
    );
    let _ = writeln!(text, "{}\n", wrapped(&hint, 0));
    let mut routes: Vec<RouteDoc> = routes.collect();
    routes.sort_by_key(|route| route.pattern);
    for route in routes {
        let _ = writeln!(text, "    {}\n{}\n", shown(route.pattern), wrapped(route.summary, 8));
    }
    text
}

fn parameter(text: &mut String, field: &Field) {
    let _ = writeln!(text, "    {} ({})\n{}", field.name, field.kind.word(), wrapped(field.help, 8));
    match field.default {
        Some(default) if !default.is_empty() => {
            let _ = writeln!(text, "        Default: {default}");
        }
        _ if field.required => text.push_str("        Required.\n"),
        _ => {}
    }
    text.push('\n');
}

/// The pattern with its ends marked.
fn shown(pattern: &str) -> String {
    format!("^{pattern}$")
}

/// Fills paragraphs to the width and indents all. A line that begins with a space is laid out already: it stays as it is.
fn wrapped(text: &str, indent: usize) -> String {
    let mut blocks: Vec<String> = Vec::new();
    let mut in_paragraph = false;
    for line in text.trim_end().lines() {
        let laid_out = line.is_empty() || line.starts_with(' ');
        match blocks.last_mut() {
            Some(paragraph) if in_paragraph && !laid_out => {
                paragraph.push(' ');
                paragraph.push_str(line);
            }
            _ => blocks.push(line.to_owned()),
        }
        in_paragraph = !laid_out;
    }
    let margin = " ".repeat(indent);
    let lines: Vec<String> = blocks.iter().flat_map(|block| filled(block, WIDTH - indent)).collect();
    lines.iter().map(|line| format!("{margin}{line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn filled(block: &str, width: usize) -> Vec<String> {
    if block.is_empty() || block.starts_with(' ') {
        return vec![block.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in block.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logical::route::ORDINARY;
    use crate::logical::{Action, Input, Operation, Response, Route};

    fn nothing((): &mut (), _: &Input) -> crate::base::Result<Response> {
        Ok(Response::empty())
    }

    const ROLE: Route<()> = Route {
        pattern: "roles/{name}",
        fields: &[
            Field::text("name", "The role's name."),
            Field::seconds("ttl", "How long what it issues lives.").default("1h"),
            Field::list("groups", "Groups.").required(),
        ],
        actions: &[Action::new(Operation::Read, nothing, "Reads the role.")],
        exists: None,
        summary: "Manages roles.",
        help: "First,\nof two.\n\n    kept  as\n    it is\n\nLast.",
        flags: ORDINARY,
    };

    #[test]
    fn a_paths_help_has_every_part_of_its_table() {
        let expected = "\
Matching Route: ^aws/roles/{name}$

Manages roles.

## PARAMETERS

    name (string)
        The role's name.

    ttl (duration)
        How long what it issues lives.
        Default: 1h

    groups (list)
        Groups.
        Required.

## OPERATIONS

    read
        Reads the role.

## DESCRIPTION

First, of two.

    kept  as
    it is

Last.
";
        assert_eq!(route(&ROLE.doc(), "aws/roles/{name}"), expected);
    }

    #[test]
    fn a_mounts_help_lists_its_paths_in_order() {
        let creds = Route { pattern: "creds/{name}", summary: "Issues.", ..ROLE };
        let text = mount("aws/", "An engine.", [ROLE.doc(), creds.doc()].into_iter());
        assert!(text.starts_with("## DESCRIPTION\n\nAn engine.\n\n## PATHS\n"));
        assert!(
            text.ends_with("    ^creds/{name}$\n        Issues.\n\n    ^roles/{name}$\n        Manages roles.\n\n")
        );
    }

    #[test]
    fn paragraphs_are_filled_and_indented() {
        let text = wrapped(&"word ".repeat(40), 8);
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.starts_with("        word") && line.len() <= WIDTH));
    }
}
