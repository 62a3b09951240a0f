//! Lays HCL 1 out in the usual way. It works on tokens, so that comments and the spelling of values stay as they are and only
//! the blanks between them change.

use crate::cli::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A name, number, text or here-document.
    Word(&'a str),
    /// One of `{ } [ ] = ,`.
    Sign(char),
    Comment(&'a str),
    NewLine,
}

/// The text in the usual layout.
pub fn laid_out(text: &str) -> Result<String, Failure> {
    let tokens = tokens(text)?;
    check_balance(&tokens)?;
    let mut writer = Writer::default();
    for (index, token) in tokens.iter().enumerate() {
        writer.token(*token, &tokens[index + 1..]);
    }
    Ok(writer.finish())
}

#[derive(Default)]
struct Writer {
    out: String,
    line: String,
    /// The brackets that are open; a list tells whether it is spread over lines.
    open: Vec<(char, bool)>,
    /// Line breaks of the original since the last token.
    breaks: usize,
}

impl Writer {
    fn token(&mut self, token: Token, rest: &[Token]) {
        match token {
            Token::NewLine => {
                self.breaks += 1;
                // A statement ends with its line; within a list on one line, or behind `=`, nothing does.
                if !self.in_one_line_list() && !self.line.ends_with('=') && !opens_block(rest) {
                    self.end_line();
                }
                return;
            }
            Token::Sign('}' | ']') => self.close(token),
            Token::Sign(sign @ ('{' | '[')) => self.open(sign, rest),
            Token::Sign(',') => {
                self.line.push(',');
                if self.in_spread_list() && !matches!(rest.first(), Some(Token::Comment(_))) {
                    self.end_line();
                }
            }
            Token::Sign(sign) => {
                self.space();
                self.line.push(sign);
            }
            Token::Word(word) => self.word(word),
            Token::Comment(comment) => self.comment(comment),
        }
        self.breaks = 0;
    }

    fn word(&mut self, word: &str) {
        let last = self.line.trim_end().rsplit(' ').next().unwrap_or_default();
        // Two statements on one line: `a = 1 b = 2`. What follows a value is a new name.
        let after_value = self.line.contains(" = ") && last != "=" && !self.in_list();
        if after_value {
            self.end_line();
        }
        self.space();
        self.line.push_str(word);
    }

    fn comment(&mut self, comment: &str) {
        if self.breaks > 0 {
            self.end_line();
        }
        self.space();
        self.line.push_str(comment);
        if comment.starts_with('#') || comment.starts_with("//") {
            self.end_line();
        }
    }

    fn open(&mut self, sign: char, rest: &[Token]) {
        self.space();
        self.line.push(sign);
        let close = if sign == '{' { '}' } else { ']' };
        let next = rest.iter().find(|token| **token != Token::NewLine);
        let empty = next == Some(&Token::Sign(close));
        let spread = !empty && (sign == '{' || is_spread(rest));
        self.open.push((sign, spread));
        if spread && !matches!(rest.first(), Some(Token::Comment(_))) {
            self.end_line();
        }
    }

    fn close(&mut self, token: Token) {
        let Some((open, spread)) = self.open.pop() else { return };
        if spread {
            self.open.push((open, spread));
            self.end_line();
            self.open.pop();
            self.out.truncate(self.out.trim_end_matches('\n').len());
            self.out.push('\n');
        }
        if let Token::Sign(sign) = token {
            self.line.push(sign);
        }
        if !self.in_list() {
            self.end_line_unless_comma();
        }
    }

    fn end_line_unless_comma(&mut self) {
        if self.line.ends_with('}') {
            self.end_line();
        }
    }

    /// Ends the line being written; of several empty lines one stays.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.trim().is_empty() {
            let room = !self.out.is_empty() && !self.out.ends_with("\n\n") && !self.out.ends_with("{\n");
            if self.breaks > 1 && room {
                self.out.push('\n');
            }
            return;
        }
        let text = line.trim_end();
        let closes = text.starts_with(['}', ']']);
        let depth = self.open.iter().filter(|(_, spread)| *spread).count();
        let opened_here =
            usize::from(!closes && text.ends_with(['{', '[']) && self.open.last().is_some_and(|(_, s)| *s));
        self.out.push_str(&"  ".repeat(depth.saturating_sub(opened_here)));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn space(&mut self) {
        if !self.line.is_empty() && !self.line.ends_with('[') {
            self.line.push(' ');
        }
    }

    fn in_list(&self) -> bool {
        self.open.last().is_some_and(|(sign, _)| *sign == '[')
    }

    fn in_one_line_list(&self) -> bool {
        self.open.last().is_some_and(|(sign, spread)| *sign == '[' && !spread)
    }

    fn in_spread_list(&self) -> bool {
        self.open.last().is_some_and(|(sign, spread)| *sign == '[' && *spread)
    }

    fn finish(mut self) -> String {
        self.end_line();
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }
}

/// Whether a brace opens on one of the next lines: it belongs to the statement before.
fn opens_block(rest: &[Token]) -> bool {
    rest.iter().find(|token| **token != Token::NewLine) == Some(&Token::Sign('{'))
}

/// Whether a list goes over several lines in the original.
fn is_spread(rest: &[Token]) -> bool {
    let mut depth = 0_usize;
    for token in rest {
        match token {
            Token::Sign(']') if depth == 0 => return false,
            Token::Sign(']') => depth -= 1,
            Token::Sign('[') => depth += 1,
            Token::NewLine | Token::Comment(_) => return true,
            _ => {}
        }
    }
    false
}

fn check_balance(tokens: &[Token]) -> Result<(), Failure> {
    let mut open = Vec::new();
    let mut line = 1;
    for token in tokens {
        match token {
            Token::NewLine => line += 1,
            Token::Word(text) | Token::Comment(text) => line += text.matches('\n').count(),
            Token::Sign(sign @ ('{' | '[')) => open.push((*sign, line)),
            Token::Sign(sign @ ('}' | ']')) => {
                let expected = if *sign == '}' { '{' } else { '[' };
                if open.pop().is_none_or(|(found, _)| found != expected) {
                    return Err(Failure::local(format!("line {line}: {sign} closes nothing")));
                }
            }
            Token::Sign(_) => {}
        }
    }
    match open.pop() {
        Some((sign, line)) => Err(Failure::local(format!("line {line}: {sign} is never closed"))),
        None => Ok(()),
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Failure> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\n' => {
                tokens.push(Token::NewLine);
                1
            }
            _ if first.is_whitespace() => first.len_utf8(),
            '{' | '}' | '[' | ']' | '=' | ',' => {
                tokens.push(Token::Sign(first));
                1
            }
            _ => {
                let length = length_of(rest).ok_or_else(|| {
                    let line = 1 + text[..text.len() - rest.len()].matches('\n').count();
                    Failure::local(format!("line {line}: a text or comment begins here and never ends"))
                })?;
                let token = rest[..length].trim_end_matches('\r');
                let is_comment = ["#", "//", "/*"].iter().any(|sign| token.starts_with(sign));
                tokens.push(if is_comment { Token::Comment(token.trim_end()) } else { Token::Word(token) });
                length
            }
        };
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// The length of the word or comment that the text begins with.
fn length_of(text: &str) -> Option<usize> {
    let end_of_line = text.find('\n').unwrap_or(text.len());
    if text.starts_with('#') || text.starts_with("//") {
        return Some(end_of_line);
    }
    if text.starts_with("/*") {
        return text.find("*/").map(|end| end + 2);
    }
    if text.starts_with("<<") {
        let mark = text[..end_of_line].trim_start_matches("<<").trim_start_matches('-').trim();
        let mut at = end_of_line + 1;
        for line in text.get(at..)?.split_inclusive('\n') {
            at += line.len();
            if line.trim() == mark {
                return Some(at - (line.len() - line.trim_end().len()));
            }
        }
        return None;
    }
    if text.starts_with('"') {
        let mut escaped = false;
        for (at, character) in text.char_indices().skip(1) {
            match character {
                '"' if !escaped => return Some(at + 1),
                '\n' => return None,
                _ => escaped = character == '\\' && !escaped,
            }
        }
        return None;
    }
    Some(text.find(|c: char| c.is_whitespace() || "{}[]=,\"#".contains(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_laid_out_one_statement_in_a_line() {
        let text = "path   \"aws/creds/support\"{capabilities=[\"read\" ,\"list\"] }\n\n\n\n# more\npath \"a\"\n{\n\n    capabilities = [ \"sudo\" ] // end\n}";
        let expected = "\
path \"aws/creds/support\" {
  capabilities = [\"read\", \"list\"]
}

# more
path \"a\" {
  capabilities = [\"sudo\"] // end
}
";
        assert_eq!(laid_out(text).unwrap(), expected);
    }

    #[test]
    fn a_list_over_several_lines_stays_one_item_in_a_line() {
        let text =
            "path \"a\" {\n capabilities = [\n\"read\", \"list\"\n]\n  allowed = {\n \"k\" = [] \"j\" = [\"x\"]\n}\n}";
        let expected = "\
path \"a\" {
  capabilities = [
    \"read\",
    \"list\"
  ]
  allowed = {
    \"k\" = []
    \"j\" = [\"x\"]
  }
}
";
        assert_eq!(laid_out(text).unwrap(), expected);
    }

    #[test]
    fn what_is_laid_out_stays_as_it_is() {
        for text in [
            "path \"a\" = { policy = \"read\" min = 1 max = \"2h\" }",
            "/* about\n   this */\npath \"a\" { x = <<EOF\n  text {\nEOF\n}",
            "a = 1\n\n\nb = \"with \\\" and # inside\"",
            "",
        ] {
            let once = laid_out(text).unwrap();
            assert_eq!(laid_out(&once).unwrap(), once, "{text}");
        }
        assert_eq!(laid_out("a = { b = 1 c = 2 }").unwrap(), "a = {\n  b = 1\n  c = 2\n}\n");
    }

    #[test]
    fn what_does_not_close_is_named_with_its_line() {
        for (text, words) in [
            ("a = 1\npath \"x\" {\n", "line 2: { is never closed"),
            ("}\n", "line 1: } closes nothing"),
            ("a = [1}\n", "line 1: } closes nothing"),
            ("a = 1\nb = \"open\n", "line 2"),
            ("x = <<EOF\nnever", "line 1"),
        ] {
            assert!(laid_out(text).unwrap_err().message.contains(words), "{text}: {:?}", laid_out(text));
        }
    }
}
