//! Cuts HCL text into tokens with positions. Decodes strings and heredocs; keeps comments as tokens, which the parser skips
//! and the formatter writes out again.

use super::Position;
use crate::base::Result;

const ESCAPES: &str = r#"\n \t \r \" \\ \a \b \f \v \xNN \uNNNN \UNNNNNNNN \NNN (octal)"#;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Identifier,
    /// A quoted string, decoded.
    String(String),
    /// A heredoc, decoded.
    Heredoc(String),
    Number,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Assign,
    Comment,
    End,
}

/// A token and the text it was made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub raw: &'a str,
    pub position: Position,
}

impl Token<'_> {
    /// What stands here, in words for an error.
    pub fn describe(&self) -> String {
        match self.kind {
            Kind::End => "found the end of the text".to_owned(),
            Kind::Heredoc(_) => "found a heredoc".to_owned(),
            _ => {
                let shown: String = self.raw.chars().take(40).collect();
                let dots = if shown.len() < self.raw.len() { "…" } else { "" };
                format!("found {shown}{dots}")
            }
        }
    }
}

/// All tokens of a text; the last is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let mut lexer = Lexer { text, at: 0, position: Position::START };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let ended = token.kind == Kind::End;
        tokens.push(token);
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    position: Position,
}

impl<'a> Lexer<'a> {
    fn token(&mut self) -> Result<Token<'a>> {
        self.skip_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let (start, position) = (self.at, self.position);
        let kind = match self.peek() {
            None => Kind::End,
            Some('#') => self.line_comment(),
            Some('/') => self.slash(position)?,
            Some('"') => Kind::String(self.string(position)?),
            Some('<') => Kind::Heredoc(self.heredoc(position)?),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '.') => self.number(position)?,
            Some(c) if c.is_alphabetic() || c == '_' => {
                self.skip_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
                Kind::Identifier
            }
            Some(c) => self.punctuation(c, position)?,
        };
        Ok(Token { kind, raw: &self.text[start..self.at], position })
    }

    fn punctuation(&mut self, character: char, position: Position) -> Result<Kind> {
        let kind = match character {
            '{' => Kind::LeftBrace,
            '}' => Kind::RightBrace,
            '[' => Kind::LeftBracket,
            ']' => Kind::RightBracket,
            ',' => Kind::Comma,
            '=' => Kind::Assign,
            '\'' => return Err(position.error("found a single quote; expected double quotes around a string")),
            other => return Err(position.error(format!("found the character {other:?}; expected a key or a value"))),
        };
        self.advance();
        Ok(kind)
    }

    fn line_comment(&mut self) -> Kind {
        self.skip_while(|c| c != '\n');
        Kind::Comment
    }

    fn slash(&mut self, position: Position) -> Result<Kind> {
        if self.rest().starts_with("//") {
            return Ok(self.line_comment());
        }
        if !self.rest().starts_with("/*") {
            return Err(position.error("found a single /; expected // or /* for a comment"));
        }
        let length =
            self.rest()[2..].find("*/").ok_or_else(|| position.error("this comment never ends; expected */"))?;
        self.advance_to(self.at + length + 4);
        Ok(Kind::Comment)
    }

    /// A number: digits, hex, fraction, exponent. What follows directly must not look like more of it.
    fn number(&mut self, position: Position) -> Result<Kind> {
        let start = self.at;
        if self.peek() == Some('-') {
            self.advance();
        }
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.advance();
            self.advance();
            let digits = self.skip_while(|c| c.is_ascii_hexdigit());
            return self.end_of_number(start, digits > 0, position);
        }
        let mut digits = self.skip_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') {
            self.advance();
            digits += self.skip_while(|c| c.is_ascii_digit());
        }
        let mut whole = digits > 0;
        if whole && matches!(self.peek(), Some('e' | 'E')) {
            self.advance();
            if matches!(self.peek(), Some('+' | '-')) {
                self.advance();
            }
            whole = self.skip_while(|c| c.is_ascii_digit()) > 0;
        }
        self.end_of_number(start, whole, position)
    }

    fn end_of_number(&mut self, start: usize, whole: bool, position: Position) -> Result<Kind> {
        let trailing = self.skip_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if whole && trailing == 0 {
            return Ok(Kind::Number);
        }
        let raw: String = self.text[start..self.at].chars().take(40).collect();
        Err(position.error(format!("{raw} is not a number; expected a number, or quotes around a string")))
    }

    /// A quoted string. `${…}` stays as it is written, quotes and line ends inside it included.
    fn string(&mut self, position: Position) -> Result<String> {
        let never_ends = || position.error("this string never ends; expected a closing quote on the same line");
        self.advance();
        let mut text = String::new();
        let mut braces = 0_usize;
        loop {
            let here = self.position;
            let character = self.advance().ok_or_else(never_ends)?;
            match character {
                '"' if braces == 0 => return Ok(text),
                '\n' if braces == 0 => return Err(never_ends()),
                '\\' if braces == 0 => {
                    text.push(self.escape(here)?);
                    continue;
                }
                '$' if braces == 0 && self.peek() == Some('{') => {
                    self.advance();
                    braces = 1;
                    text.push_str("${");
                    continue;
                }
                '{' if braces > 0 => braces += 1,
                '}' if braces > 0 => braces -= 1,
                _ => {}
            }
            text.push(character);
        }
    }

    fn escape(&mut self, position: Position) -> Result<char> {
        let wrong = || position.error(format!("this escape is not known; expected one of {ESCAPES}"));
        let code = match self.advance().ok_or_else(wrong)? {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            'f' => return Ok('\u{c}'),
            'v' => return Ok('\u{b}'),
            literal @ ('"' | '\\') => return Ok(literal),
            'x' => self.digits(2, 16, 0),
            'u' => self.digits(4, 16, 0),
            'U' => self.digits(8, 16, 0),
            digit @ '0'..='7' => self.digits(2, 8, u32::from(digit) - u32::from('0')),
            _ => None,
        };
        code.and_then(char::from_u32).ok_or_else(wrong)
    }

    /// Exactly `count` digits, appended to the number `first`.
    fn digits(&mut self, count: usize, radix: u32, first: u32) -> Option<u32> {
        let mut number = first;
        for _ in 0..count {
            let digit = self.peek()?.to_digit(radix)?;
            self.advance();
            number = number.checked_mul(radix)?.checked_add(digit)?;
        }
        Some(number)
    }

    /// `<<MARK`, lines, and a line of the mark alone. With `<<-MARK` the indentation of the closing mark is taken from every
    /// line, if all of them have it.
    fn heredoc(&mut self, position: Position) -> Result<String> {
        let never_ends = || position.error("this heredoc never ends; expected a line that holds its mark alone");
        let (opening, body) = self.rest().split_once('\n').ok_or_else(never_ends)?;
        let mark = opening.strip_prefix("<<").unwrap_or_default().trim_end();
        let (indented, mark) = mark.strip_prefix('-').map_or((false, mark), |mark| (true, mark));
        if mark.is_empty() || !mark.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            return Err(position.error("this heredoc has no mark; expected <<MARK or <<-MARK and the end of the line"));
        }
        let mut lines = Vec::new();
        let mut at = self.at + opening.len() + 1;
        for line in body.split_inclusive('\n') {
            if line.trim() == mark {
                self.advance_to(at + line.trim_end_matches(['\n', '\r']).len());
                return Ok(heredoc_text(&lines, indented.then(|| &line[..line.len() - line.trim_start().len()])));
            }
            lines.push(line);
            at += line.len();
        }
        Err(never_ends())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        self.position = self.position.after(character);
        Some(character)
    }

    fn advance_to(&mut self, end: usize) {
        while self.at < end && self.advance().is_some() {}
    }

    /// Skips characters while `wanted` and tells how many.
    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) -> usize {
        let mut count = 0;
        while self.peek().is_some_and(&wanted) {
            self.advance();
            count += 1;
        }
        count
    }
}

fn heredoc_text(lines: &[&str], indentation: Option<&str>) -> String {
    let indentation = indentation.filter(|indentation| lines.iter().all(|line| line.starts_with(indentation)));
    lines.iter().map(|line| &line[indentation.map_or(0, str::len)..]).collect::<String>().replace("\r\n", "\n")
}
