//! The grammar of HCL 1: tokens to items. Comments are skipped; line ends mean nothing outside strings and comments.

use super::lexer::{self, Kind as TokenKind, Token};
use super::{Item, Key, Kind, MAX_DEPTH, Position, Value};
use crate::base::Result;

pub(super) fn parse(text: &str) -> Result<Vec<Item>> {
    let mut tokens = lexer::tokens(text)?;
    tokens.retain(|token| token.kind != TokenKind::Comment);
    let mut parser = Parser { tokens, at: 0 };
    parser.items(TokenKind::End, 0)
}

struct Parser<'a> {
    /// Never empty: the last is the end, and nothing goes past it.
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// Items up to `end`, which is taken. One comma may stand after each.
    fn items(&mut self, end: TokenKind, depth: usize) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        while !self.take_if(&end) {
            items.push(self.item(&end, depth)?);
            self.take_if(&TokenKind::Comma);
        }
        Ok(items)
    }

    fn item(&mut self, end: &TokenKind, depth: usize) -> Result<Item> {
        let key = self.key()?.ok_or_else(|| self.unexpected(after_items(end)))?;
        let mut labels = Vec::new();
        while let Some(label) = self.key()? {
            labels.push(label);
        }
        let assigned = self.take_if(&TokenKind::Assign);
        if !assigned && self.peek().kind != TokenKind::LeftBrace {
            return Err(self.unexpected(if labels.is_empty() { "= or { after the key" } else { "{ after the labels" }));
        }
        let value = self.value(depth)?;
        if !labels.is_empty() && !matches!(value.kind, Kind::Object(_)) {
            return Err(value.unexpected("{ after the labels"));
        }
        Ok(Item { key, labels, value })
    }

    /// A key or label, if one stands here.
    fn key(&mut self) -> Result<Option<Key>> {
        let token = self.peek();
        let text = match &token.kind {
            TokenKind::Identifier => token.raw.to_owned(),
            TokenKind::String(text) => text.clone(),
            TokenKind::Number => return Err(self.unexpected("a key; put quotes around one that begins with a digit")),
            _ => return Ok(None),
        };
        let position = token.position;
        self.take();
        Ok(Some(Key { text, position }))
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        let token = self.peek().clone();
        if depth >= MAX_DEPTH {
            return Err(too_deep(token.position));
        }
        let kind = match token.kind {
            TokenKind::String(text) | TokenKind::Heredoc(text) => Kind::String(text),
            TokenKind::Number => Kind::Number(token.raw.to_owned()),
            TokenKind::Identifier if token.raw == "true" => Kind::Bool(true),
            TokenKind::Identifier if token.raw == "false" => Kind::Bool(false),
            TokenKind::Identifier => return Err(self.unexpected("a value; put quotes around a string")),
            TokenKind::LeftBrace => {
                self.take();
                let items = self.items(TokenKind::RightBrace, depth + 1)?;
                return Ok(Value { kind: Kind::Object(items), position: token.position });
            }
            TokenKind::LeftBracket => {
                self.take();
                let values = self.list(depth + 1)?;
                return Ok(Value { kind: Kind::List(values), position: token.position });
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.take();
        Ok(Value { kind, position: token.position })
    }

    /// Values up to `]`, which is taken, with commas between them and, if one likes, after the last.
    fn list(&mut self, depth: usize) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        while !self.take_if(&TokenKind::RightBracket) {
            values.push(self.value(depth)?);
            if !self.take_if(&TokenKind::Comma) && self.peek().kind != TokenKind::RightBracket {
                return Err(self.unexpected(", or ] in the list"));
            }
        }
        Ok(values)
    }

    fn unexpected(&self, expected: &str) -> crate::base::Error {
        let token = self.peek();
        token.position.error(format!("{}; expected {expected}", token.describe()))
    }

    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) {
        self.at += 1;
    }

    fn take_if(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek().kind == *kind;
        self.at += usize::from(found);
        found
    }
}

fn after_items(end: &TokenKind) -> &'static str {
    if *end == TokenKind::End { "a key" } else { "a key or }" }
}

pub(super) fn too_deep(position: Position) -> crate::base::Error {
    position.error(format!("this is nested more than {MAX_DEPTH} deep; expected a flatter text"))
}
