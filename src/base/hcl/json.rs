//! JSON, strict as RFC 8259, read into the same tree as HCL, with positions.

use super::parser::too_deep;
use super::{Item, Key, Kind, MAX_DEPTH, Position, Value};
use crate::base::{Error, Result};

pub(super) fn parse(text: &str) -> Result<Vec<Item>> {
    let mut reader = Reader { text, at: 0, position: Position::START };
    let value = reader.value(0)?;
    reader.skip_space();
    match (reader.peek(), value.kind) {
        (None, Kind::Object(items)) => Ok(items),
        (None, _) => Err(value.position.error("the text is no object; expected {")),
        (Some(_), _) => Err(reader.unexpected("the end of the text")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    position: Position,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value> {
        self.skip_space();
        let position = self.position;
        if depth >= MAX_DEPTH {
            return Err(too_deep(position));
        }
        let kind = match self.peek() {
            Some('{') => Kind::Object(self.object(depth + 1)?),
            Some('[') => Kind::List(self.list(depth + 1)?),
            Some('"') => Kind::String(self.string()?),
            Some('-' | '0'..='9') => Kind::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Value { kind, position })
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        self.advance();
        if self.take_if('}') {
            return Ok(items);
        }
        loop {
            self.skip_space();
            let position = self.position;
            if self.peek() != Some('"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = Key { text: self.string()?, position };
            if !self.take_if(':') {
                return Err(self.unexpected(": after the key"));
            }
            items.push(Item { key, labels: Vec::new(), value: self.value(depth)? });
            if self.take_if('}') {
                return Ok(items);
            }
            if !self.take_if(',') {
                return Err(self.unexpected(", or } in the object"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        self.advance();
        if self.take_if(']') {
            return Ok(values);
        }
        loop {
            values.push(self.value(depth)?);
            if self.take_if(']') {
                return Ok(values);
            }
            if !self.take_if(',') {
                return Err(self.unexpected(", or ] in the list"));
            }
        }
    }

    fn string(&mut self) -> Result<String> {
        let opened = self.position;
        let never_ends = || opened.error("this string never ends; expected a closing quote");
        self.advance();
        let mut text = String::new();
        loop {
            let here = self.position;
            match self.advance().ok_or_else(never_ends)? {
                '"' => return Ok(text),
                '\\' => text.push(self.escape(here)?),
                control if control < ' ' => {
                    return Err(here.error("a control character stands in this string; expected an escape such as \\n"));
                }
                character => text.push(character),
            }
        }
    }

    fn escape(&mut self, position: Position) -> Result<char> {
        let wrong = || position.error(r#"this escape is not known; expected one of \" \\ \/ \b \f \n \r \t \uNNNN"#);
        Ok(match self.advance().ok_or_else(wrong)? {
            literal @ ('"' | '\\' | '/') => literal,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.utf16().ok_or_else(wrong)?,
            _ => return Err(wrong()),
        })
    }

    /// Four hex digits, or two groups of them where they make a surrogate pair.
    fn utf16(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(u32::from(first));
        }
        if self.advance() != Some('\\') || self.advance() != Some('u') {
            return None;
        }
        char::decode_utf16([first, self.four_digits()?]).next()?.ok()
    }

    fn four_digits(&mut self) -> Option<u16> {
        let mut number = 0_u16;
        for _ in 0..4 {
            number = number * 16 + u16::try_from(self.advance()?.to_digit(16)?).ok()?;
        }
        Some(number)
    }

    fn number(&mut self) -> Result<String> {
        let (start, position) = (self.at, self.position);
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')) {
            self.advance();
        }
        let text = &self.text[start..self.at];
        match serde_json::from_str::<serde_json::Number>(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err(position.error("this is not a number; expected one as JSON writes it")),
        }
    }

    fn word(&mut self) -> Result<Kind> {
        for (word, kind) in [("true", Kind::Bool(true)), ("false", Kind::Bool(false)), ("null", Kind::Null)] {
            if self.text[self.at..].starts_with(word) {
                for _ in word.chars() {
                    self.advance();
                }
                return Ok(kind);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = self.peek().map_or_else(|| "the end of the text".to_owned(), String::from);
        self.position.error(format!("found {found}; expected {expected}"))
    }

    /// Takes `character` if it is the next one that is no space.
    fn take_if(&mut self, character: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(character);
        if found {
            self.advance();
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
            self.advance();
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        self.position = self.position.after(character);
        Some(character)
    }
}
