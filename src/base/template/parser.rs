//! From pieces to the tree: blocks (`if … else … end`), pipelines, calls and parentheses.

use super::functions;
use super::lexer::{self, Kind, Piece, Token};
use super::{Expression, Node, Value};
use crate::base::hcl::Position;
use crate::base::{Error, Result};
use std::vec::IntoIter;

/// How deep blocks and parentheses may be nested.
const MAX_DEPTH: usize = 32;

/// How many functions may stand after each other in a pipeline. Each nests the ones before it, so that an expression is at
/// most the product of both limits deep.
const MAX_PIPELINE: usize = 16;

pub(super) fn parse(text: &str) -> Result<Vec<Node>> {
    let mut pieces = lexer::pieces(text)?.into_iter();
    let (nodes, ending) = nodes(&mut pieces, 0)?;
    match ending {
        Ending::Text => Ok(nodes),
        Ending::Else(_, position) => Err(position.error("found else; expected an if before it")),
        Ending::End(position) => Err(position.error("found end; expected an if before it")),
    }
}

/// What ended a run of nodes.
enum Ending {
    /// There is no more.
    Text,
    /// `else`, with what follows it in its action.
    Else(Action, Position),
    End(Position),
}

fn nodes(pieces: &mut IntoIter<Piece>, depth: usize) -> Result<(Vec<Node>, Ending)> {
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let tokens = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(tokens) => tokens,
        };
        let mut action = Action { tokens, at: 0, depth };
        let position = action.peek().position;
        match action.keyword() {
            Some("if") => nodes.push(conditional(action, pieces, position)?),
            Some("else") => return Ok((nodes, Ending::Else(action, position))),
            Some("end") => {
                action.finish()?;
                return Ok((nodes, Ending::End(position)));
            }
            Some(other) => return Err(position.error(format!("{other} is not supported yet; expected if"))),
            None => {
                let expression = action.pipeline()?;
                action.finish()?;
                nodes.push(Node::Output(expression));
            }
        }
    }
    Ok((nodes, Ending::Text))
}

/// An `if` whose keyword was just taken, up to its `end`.
fn conditional(mut action: Action, pieces: &mut IntoIter<Piece>, opened: Position) -> Result<Node> {
    let depth = action.deeper(opened)?;
    let mut branches = Vec::new();
    loop {
        let condition = action.pipeline()?;
        action.finish()?;
        let (body, ending) = nodes(pieces, depth)?;
        branches.push((condition, body));
        let (mut next, position) = match ending {
            Ending::Text => return Err(opened.error("this if never ends; expected {{ end }}")),
            Ending::End(_) => return Ok(Node::If(branches, Vec::new())),
            Ending::Else(next, position) => (next, position),
        };
        if next.keyword() == Some("if") {
            action = next;
            continue;
        }
        next.finish()?;
        return match nodes(pieces, depth)? {
            (otherwise, Ending::End(_)) => Ok(Node::If(branches, otherwise)),
            _ => Err(position.error("this else is not followed by its end; expected {{ end }}")),
        };
    }
}

/// The tokens of one action while they are read; the last is always the end.
struct Action {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Action {
    /// Takes a keyword if one is next.
    fn keyword(&mut self) -> Option<&'static str> {
        const KEYWORDS: [&str; 10] =
            ["if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"];
        let Kind::Word(word) = &self.peek().kind else { return None };
        let keyword = KEYWORDS.into_iter().find(|keyword| word == keyword)?;
        self.at += 1;
        Some(keyword)
    }

    /// `command | command | …`: each result is the last argument of the next.
    fn pipeline(&mut self) -> Result<Expression> {
        let mut result = self.command(None)?;
        for _ in 0..MAX_PIPELINE {
            if self.peek().kind != Kind::Pipe {
                return Ok(result);
            }
            self.at += 1;
            result = self.command(Some(result))?;
        }
        Err(self.peek().position.error(format!("more than {MAX_PIPELINE} functions in one pipeline")))
    }

    /// A function with its arguments, or a single value.
    fn command(&mut self, piped: Option<Expression>) -> Result<Expression> {
        let Token { kind, position } = self.peek().clone();
        let Kind::Word(name) = kind else {
            return match piped {
                None => self.operand(),
                Some(_) => Err(self.unexpected("a function after |")),
            };
        };
        if let Some(constant) = self.boolean() {
            return if piped.is_none() { Ok(constant) } else { Err(position.error("expected a function after |")) };
        }
        let function = functions::named(&name).ok_or_else(|| unknown_function(&name, position))?;
        self.at += 1;
        let mut arguments = Vec::new();
        while !matches!(self.peek().kind, Kind::Pipe | Kind::Close | Kind::End) {
            arguments.push(self.operand()?);
        }
        arguments.extend(piped);
        if !function.arguments.contains(&arguments.len()) {
            let usage = function.usage;
            return Err(position.error(format!("{name} is given {} arguments; expected {usage}", arguments.len())));
        }
        Ok(Expression::Call(function, arguments, position))
    }

    /// A field, a constant, a function without arguments, or a pipeline in parentheses.
    fn operand(&mut self) -> Result<Expression> {
        if let Some(constant) = self.boolean() {
            return Ok(constant);
        }
        let Token { kind, position } = self.peek().clone();
        let expression = match kind {
            Kind::Field(names) => Expression::Field(names, position),
            Kind::Text(text) => Expression::Constant(Value::Text(text)),
            Kind::Integer(number) => Expression::Constant(Value::Integer(number)),
            Kind::Word(name) => {
                let function = functions::named(&name).ok_or_else(|| unknown_function(&name, position))?;
                if !function.arguments.contains(&0) {
                    return Err(position.error(format!("{name} needs arguments; expected parentheses around it")));
                }
                Expression::Call(function, Vec::new(), position)
            }
            Kind::Open => return self.parenthesised(position),
            Kind::Pipe | Kind::Close | Kind::End => return Err(self.unexpected("a value")),
        };
        self.at += 1;
        Ok(expression)
    }

    fn parenthesised(&mut self, opened: Position) -> Result<Expression> {
        self.at += 1;
        self.depth = self.deeper(opened)?;
        let expression = self.pipeline()?;
        self.depth -= 1;
        if self.peek().kind != Kind::Close {
            return Err(self.unexpected(")"));
        }
        self.at += 1;
        Ok(expression)
    }

    fn boolean(&mut self) -> Option<Expression> {
        let value = match &self.peek().kind {
            Kind::Word(word) if word == "true" => true,
            Kind::Word(word) if word == "false" => false,
            _ => return None,
        };
        self.at += 1;
        Some(Expression::Constant(Value::Bool(value)))
    }

    fn deeper(&self, position: Position) -> Result<usize> {
        if self.depth >= MAX_DEPTH {
            return Err(position.error(format!("this is nested more than {MAX_DEPTH} deep")));
        }
        Ok(self.depth + 1)
    }

    fn finish(&self) -> Result<()> {
        if self.peek().kind == Kind::End { Ok(()) } else { Err(self.unexpected("}}")) }
    }

    fn unexpected(&self, expected: &str) -> Error {
        let token = self.peek();
        let found = match &token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Field(names) => format!(".{}", names.join(".")),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Integer(number) => number.to_string(),
            Kind::Pipe => "|".to_owned(),
            Kind::Open => "(".to_owned(),
            Kind::Close => ")".to_owned(),
            Kind::End => "}}".to_owned(),
        };
        token.position.error(format!("found {found}; expected {expected}"))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }
}

fn unknown_function(name: &str, position: Position) -> Error {
    position.error(format!("there is no function {name}; expected one of {}", functions::names().join(", ")))
}
