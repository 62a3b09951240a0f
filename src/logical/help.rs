//! The texts of `path-help`, made from the route tables.

use crate::logical::doc::RouteDoc;
use crate::logical::{Engine, FieldKind};

/// Help on one route; `full_pattern` begins with its mount.
#[must_use]
pub fn route(doc: &RouteDoc, full_pattern: &str) -> String {
    let mut text = format!("Matching Route: {full_pattern}\n\n{}\n", doc.summary);
    section(&mut text, "OPERATIONS");
    for (operation, summary) in &doc.operations {
        append(&mut text, &format!("    {:<8} {summary}\n", operation.name()));
    }
    if !doc.fields.is_empty() {
        section(&mut text, "PARAMETERS");
        for field in doc.fields {
            let default = field.default.map(|default| format!(", default {default}")).unwrap_or_default();
            append(&mut text, &format!("    {} ({}{default})\n        {}\n", field.name, kind(field.kind), field.help));
        }
    }
    section(&mut text, "DESCRIPTION");
    append(&mut text, &format!("{}\n", doc.help));
    text
}

/// Help on an engine: what it is, and its paths.
#[must_use]
pub fn engine(engine: &Engine, mount: &str) -> String {
    self::mount(mount, engine.help, engine.routes.iter().map(|route| route.doc()))
}

/// Help on a mount: what it is, and its paths.
#[must_use]
pub fn mount(path: &str, about: &str, routes: impl Iterator<Item = RouteDoc>) -> String {
    let mut text = format!("Mount: {path}\n");
    section(&mut text, "DESCRIPTION");
    append(&mut text, &format!("{about}\n"));
    section(&mut text, "PATHS");
    append(&mut text, "The paths below this mount. For help on one of them, ask for help on the path itself.\n");
    let mut docs: Vec<_> = routes.collect();
    docs.sort_by_key(|doc| doc.pattern);
    for doc in docs {
        let pattern = if doc.pattern.is_empty() { "(the mount itself)" } else { doc.pattern };
        append(&mut text, &format!("\n    {pattern}\n        {}\n", doc.summary));
    }
    text
}

fn section(text: &mut String, title: &str) {
    append(text, &format!("\n## {title}\n\n"));
}

fn append(text: &mut String, more: &str) {
    text.push_str(more);
}

fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "string",
        FieldKind::Integer => "integer",
        FieldKind::Flag => "boolean",
        FieldKind::Seconds => "duration",
        FieldKind::List => "list",
        FieldKind::Pairs => "map",
        FieldKind::Object => "object",
        FieldKind::Any => "any",
    }
}
