//! The canonical layout of HCL: two spaces for each level, `=` aligned in runs of attributes, one blank line where there were
//! any, and one after a block. Strings and heredocs stay as written; every comment is kept.

use super::lexer::{self, Kind, Token};
use super::{is_json, parse};
use crate::base::{Error, Result};

/// Lays a text out. It means the same afterwards, and laying it out again changes nothing.
///
/// # Errors
/// Those of [`parse`]; `BadRequest` for JSON, which has no such layout.
pub fn format(text: &str) -> Result<String> {
    parse(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if is_json(text) {
        return Err(Error::bad_request("the text is JSON; expected HCL"));
    }
    let mut reader = Reader { tokens: lexer::tokens(text)?, at: 0, line: 1 };
    let mut writer = Writer { output: String::new(), level: 0 };
    writer.entries(&reader.entries(&Kind::End), false);
    Ok(writer.output)
}

/// What stands on lines of its own: a comment, an item, or an element of a list.
struct Entry<'a> {
    blank_before: bool,
    content: Content<'a>,
    /// A comment at the end of its line.
    trailing: Option<&'a str>,
}

enum Content<'a> {
    Comment(&'a str),
    Item { head: String, is_assigned: bool, value: Shape<'a> },
    Element(Shape<'a>),
}

enum Shape<'a> {
    Plain(&'a str),
    Heredoc(&'a str),
    List { entries: Vec<Entry<'a>>, on_one_line: bool },
    Object(Vec<Entry<'a>>),
}

impl Entry<'_> {
    /// Whether a comment can follow on the line on which the entry ends: not where that holds the mark of a heredoc alone.
    fn takes_trailing(&self) -> bool {
        let is_fit = match &self.content {
            Content::Comment(_) => false,
            Content::Item { value, .. } => !matches!(value, Shape::Heredoc(_)),
            Content::Element(_) => true,
        };
        is_fit && self.trailing.is_none()
    }

    /// The head and value of an attribute that fits on one line.
    fn attribute(&self) -> Option<(&str, String)> {
        match &self.content {
            Content::Item { head, is_assigned: true, value } => Some((head, value.on_one_line()?)),
            _ => None,
        }
    }

    fn is_long_block(&self) -> bool {
        matches!(&self.content, Content::Item { value: Shape::Object(entries), .. } if !entries.is_empty())
    }
}

impl Shape<'_> {
    fn on_one_line(&self) -> Option<String> {
        match self {
            Self::Plain(raw) => (!raw.contains('\n')).then(|| (*raw).to_owned()),
            Self::Object(entries) => entries.is_empty().then(|| "{}".to_owned()),
            Self::List { entries, on_one_line } if *on_one_line || entries.is_empty() => {
                let elements: Option<Vec<String>> = entries.iter().map(Entry::element_on_one_line).collect();
                Some(format!("[{}]", elements?.join(", ")))
            }
            Self::Heredoc(_) | Self::List { .. } => None,
        }
    }
}

impl Entry<'_> {
    fn element_on_one_line(&self) -> Option<String> {
        match (&self.content, self.trailing) {
            (Content::Element(value), None) => value.on_one_line(),
            _ => None,
        }
    }
}

/// Reads tokens that are known to parse.
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// On which the last token that was taken ends.
    line: u32,
}

impl<'a> Reader<'a> {
    /// The entries up to `end`, which is taken: elements when it closes a list, else items.
    fn entries(&mut self, end: &Kind) -> Vec<Entry<'a>> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        loop {
            let is_on_same_line = self.peek().position.line == self.line;
            let blank_before = !entries.is_empty() && self.peek().position.line > self.line.saturating_add(1);
            let last = entries.last_mut().filter(|last| last.takes_trailing());
            match &self.peek().kind {
                kind if kind == end || *kind == Kind::End => {
                    self.take();
                    return entries;
                }
                Kind::Comma => drop(self.take()),
                Kind::Comment => {
                    let comment = self.take().trim_end();
                    match last {
                        Some(last) if is_on_same_line => last.trailing = Some(comment),
                        _ => entries.push(Entry { blank_before, content: Content::Comment(comment), trailing: None }),
                    }
                }
                _ if *end == Kind::RightBracket => {
                    let content = Content::Element(self.shape());
                    entries.push(Entry { blank_before, content, trailing: None });
                }
                _ => self.item(blank_before, &mut entries),
            }
        }
    }

    /// An item; comments within it go before it.
    fn item(&mut self, mut blank_before: bool, entries: &mut Vec<Entry<'a>>) {
        let mut keys = Vec::new();
        let mut comments = Vec::new();
        let is_assigned = loop {
            match self.peek().kind {
                Kind::Comment => comments.push(self.take().trim_end()),
                Kind::Identifier | Kind::String(_) => keys.push(self.take()),
                Kind::Assign => {
                    self.take();
                    break true;
                }
                _ => break false,
            }
        };
        while self.peek().kind == Kind::Comment {
            comments.push(self.take().trim_end());
        }
        let value = self.shape();
        for comment in comments {
            entries.push(Entry { blank_before, content: Content::Comment(comment), trailing: None });
            blank_before = false;
        }
        // `path "x" = { … }` is written as the block that it is.
        let is_assigned = is_assigned && keys.len() == 1;
        let content = Content::Item { head: keys.join(" "), is_assigned, value };
        entries.push(Entry { blank_before, content, trailing: None });
    }

    fn shape(&mut self) -> Shape<'a> {
        let Token { kind, position, .. } = self.peek().clone();
        let raw = self.take();
        match kind {
            Kind::LeftBrace => Shape::Object(self.entries(&Kind::RightBrace)),
            Kind::LeftBracket => {
                let entries = self.entries(&Kind::RightBracket);
                Shape::List { entries, on_one_line: self.line == position.line }
            }
            Kind::Heredoc(_) => Shape::Heredoc(raw),
            _ => Shape::Plain(raw),
        }
    }

    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> &'a str {
        let token = self.peek();
        let (raw, start) = (token.raw, token.position.line);
        let line_ends = raw.bytes().filter(|byte| *byte == b'\n').count();
        self.line = start.saturating_add(u32::try_from(line_ends).unwrap_or(u32::MAX));
        self.at += 1;
        raw
    }
}

struct Writer {
    output: String,
    level: usize,
}

impl Writer {
    fn entries(&mut self, entries: &[Entry<'_>], in_list: bool) {
        let mut width = 0;
        for (at, entry) in entries.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &entries[before]);
            let after_block = !in_list && before.is_some_and(Entry::is_long_block);
            if entry.blank_before || after_block {
                self.output.push('\n');
            }
            let continues_run = !entry.blank_before && before.is_some_and(|before| before.attribute().is_some());
            if !continues_run {
                width = width_of_run(&entries[at..]);
            }
            self.entry(entry, width, in_list);
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, width: usize, in_list: bool) {
        self.indent();
        match &entry.content {
            Content::Comment(comment) => self.output.push_str(comment),
            Content::Element(value) => self.shape(value),
            Content::Item { head, is_assigned, value } => {
                self.output.push_str(head);
                if *is_assigned {
                    let padding = if entry.attribute().is_some() { width.saturating_sub(characters(head)) } else { 0 };
                    self.output.push_str(&" ".repeat(padding));
                    self.output.push_str(" =");
                }
                self.output.push(' ');
                self.shape(value);
            }
        }
        if in_list && let Content::Element(value) = &entry.content {
            if matches!(value, Shape::Heredoc(_)) {
                self.output.push('\n');
                self.indent();
            }
            self.output.push(',');
        }
        if let Some(comment) = entry.trailing {
            self.output.push(' ');
            self.output.push_str(comment);
        }
        self.output.push('\n');
    }

    fn shape(&mut self, shape: &Shape<'_>) {
        if let Some(text) = shape.on_one_line() {
            self.output.push_str(&text);
            return;
        }
        match shape {
            Shape::Plain(raw) | Shape::Heredoc(raw) => self.output.push_str(raw),
            Shape::Object(entries) => self.enclosed('{', entries, '}'),
            Shape::List { entries, .. } => self.enclosed('[', entries, ']'),
        }
    }

    fn enclosed(&mut self, open: char, entries: &[Entry<'_>], close: char) {
        self.output.push(open);
        self.output.push('\n');
        self.level += 1;
        self.entries(entries, close == ']');
        self.level -= 1;
        self.indent();
        self.output.push(close);
    }

    fn indent(&mut self) {
        self.output.push_str(&"  ".repeat(self.level));
    }
}

/// The width of the widest key among the attributes that stand together from here on.
fn width_of_run(entries: &[Entry<'_>]) -> usize {
    entries
        .iter()
        .enumerate()
        .take_while(|(at, entry)| *at == 0 || !entry.blank_before)
        .map_while(|(_, entry)| entry.attribute().map(|(head, _)| characters(head)))
        .max()
        .unwrap_or(0)
}

fn characters(text: &str) -> usize {
    text.chars().count()
}
