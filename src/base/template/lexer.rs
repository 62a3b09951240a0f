//! Cuts a template into text and actions, and actions into tokens. Trimming (`{{-`, `-}}`) and comments are settled here.

use crate::base::Result;
use crate::base::hcl::Position;

pub(super) enum Piece {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    pub position: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A keyword or the name of a function.
    Word(String),
    /// `.A.B`
    Field(Vec<String>),
    Text(String),
    Integer(i64),
    Pipe,
    Open,
    Close,
    /// The `}}`.
    End,
}

pub(super) fn pieces(text: &str) -> Result<Vec<Piece>> {
    let mut lexer = Lexer { rest: text, position: Position::START };
    let mut pieces = Vec::new();
    let mut trim_start = false;
    while !lexer.rest.is_empty() {
        let end = lexer.rest.find("{{").unwrap_or(lexer.rest.len());
        let mut text = lexer.skip(end);
        if trim_start {
            text = text.trim_start_matches(is_space);
        }
        let opened = lexer.position;
        let at_action = lexer.take("{{");
        if at_action && lexer.takes_trim_mark() {
            text = text.trim_end_matches(is_space);
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        if at_action {
            let (tokens, trims) = lexer.action(opened)?;
            trim_start = trims;
            pieces.extend(tokens.map(Piece::Action));
        }
    }
    Ok(pieces)
}

struct Lexer<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Lexer<'a> {
    /// The tokens of an action, nothing for a comment; and whether the text after it is trimmed.
    fn action(&mut self, opened: Position) -> Result<(Option<Vec<Token>>, bool)> {
        let never_ends = || opened.error("this action never ends; expected }}");
        if self.rest.starts_with("/*") {
            let end = self.rest.find("*/").ok_or_else(never_ends)?;
            self.skip(end + 2);
            return match self.takes_end() {
                Some(trims) => Ok((None, trims)),
                None => Err(self.position.error("expected }} right after the comment")),
            };
        }
        let mut tokens = Vec::new();
        loop {
            let position = self.position;
            if let Some(trims) = self.takes_end() {
                tokens.push(Token { kind: Kind::End, position });
                return Ok((Some(tokens), trims));
            }
            self.skip_while(is_space);
            if let Some(trims) = self.takes_end() {
                tokens.push(Token { kind: Kind::End, position });
                return Ok((Some(tokens), trims));
            }
            let position = self.position;
            let first = self.rest.chars().next().ok_or_else(never_ends)?;
            tokens.push(Token { kind: self.token(first, position)?, position });
        }
    }

    fn token(&mut self, first: char, position: Position) -> Result<Kind> {
        match first {
            '|' => Ok(self.single(Kind::Pipe)),
            '(' => Ok(self.single(Kind::Open)),
            ')' => Ok(self.single(Kind::Close)),
            '"' => self.quoted(position),
            '`' => self.raw(position),
            '.' => self.field(position),
            '-' | '+' | '0'..='9' => self.integer(position),
            c if c.is_alphabetic() || c == '_' => {
                Ok(Kind::Word(self.skip_while(|c| c.is_alphanumeric() || c == '_').to_owned()))
            }
            other => Err(position.error(format!("found {other:?}; expected a field, a function or a value"))),
        }
    }

    fn single(&mut self, kind: Kind) -> Kind {
        self.skip(1);
        kind
    }

    fn quoted(&mut self, position: Position) -> Result<Kind> {
        let mut is_escaped = false;
        let mut end = None;
        for (at, character) in self.rest.char_indices().skip(1) {
            match character {
                '"' if !is_escaped => {
                    end = Some(at + 1);
                    break;
                }
                '\n' => break,
                _ => is_escaped = character == '\\' && !is_escaped,
            }
        }
        let end = end.ok_or_else(|| position.error("this string never ends; expected a closing quote"))?;
        let written = self.skip(end);
        // What Go and JSON escape alike; the few that only Go knows are not worth a decoder of their own.
        serde_json::from_str(written).map(Kind::Text).map_err(|_| {
            position.error(r#"this string holds an escape that is not known; expected \" \\ \n \r \t \uNNNN or `…`"#)
        })
    }

    fn raw(&mut self, position: Position) -> Result<Kind> {
        let length =
            self.rest[1..].find('`').ok_or_else(|| position.error("this string never ends; expected a closing `"))?;
        let written = self.skip(length + 2);
        Ok(Kind::Text(written[1..=length].to_owned()))
    }

    fn field(&mut self, position: Position) -> Result<Kind> {
        let written = self.skip_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let names: Vec<String> = written[1..].split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err(position.error("expected the name of a field after the dot, as in .DisplayName"));
        }
        Ok(Kind::Field(names))
    }

    fn integer(&mut self, position: Position) -> Result<Kind> {
        let written = self.skip_while(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.'));
        written.parse().map(Kind::Integer).map_err(|_| {
            position.error(format!("{written} is not a whole number; expected one, or quotes around a text"))
        })
    }

    /// After `{{`: a minus sign with space after it trims the text before.
    fn takes_trim_mark(&mut self) -> bool {
        let found = self.rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space));
        if found {
            self.skip(1);
            self.skip_while(is_space);
        }
        found
    }

    /// Takes `}}` or ` -}}` if one is next, and tells whether it trims the text after.
    fn takes_end(&mut self) -> Option<bool> {
        let after_space = self.rest.trim_start_matches(is_space);
        if after_space.len() < self.rest.len() && after_space.starts_with("-}}") {
            self.skip(self.rest.len() - after_space.len() + 3);
            return Some(true);
        }
        self.take("}}").then_some(false)
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest.starts_with(wanted);
        if found {
            self.skip(wanted.len());
        }
        found
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        self.skip(self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len()))
    }

    /// Goes on by `length` bytes, which end at a character, and gives them.
    fn skip(&mut self, length: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(length);
        self.position = skipped.chars().fold(self.position, Position::after);
        self.rest = rest;
        skipped
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}
