//! Templates of the shape that Go's have: text with `{{ … }}` actions, for the names of users that engines make.
//!
//! Text is cut into pieces (`lexer`), parsed into a tree (`parser`) and evaluated ([`Template::render`]); the functions
//! are a table (`functions`). Owns no field names: those are given with the values. Invariant: no template makes it panic,
//! nest without end or write without end.

mod functions;
mod layout;
mod lexer;
mod parser;
mod printf;
mod shape;
#[cfg(test)]
mod tests;

use crate::base::hcl::Position;
use crate::base::{Clock, Error, Result};
use functions::Function;
pub use shape::Shape;
use std::collections::BTreeMap;
use std::fmt;

/// The longest template, in bytes.
const MAX_TEMPLATE: usize = 64 * 1024;
/// The longest text that is written, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Output(Expression),
    /// Branches with their conditions, in order; then what holds when none does.
    If(Vec<(Expression, Vec<Node>)>, Vec<Node>),
}

#[derive(Debug, Clone)]
enum Expression {
    Constant(Value),
    /// `.A.B`: the names between the dots.
    Field(Vec<String>, Position),
    /// A function and its arguments; a piped value is the last.
    Call(&'static Function, Vec<Expression>, Position),
}

/// What fields and expressions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    Map(Values),
}

/// The fields that a template may name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values(BTreeMap<String, Value>);

impl Values {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the field `.name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// `BadRequest` as `line 1, column 9: …`; also for a function that there is not.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TEMPLATE {
            return Err(Error::too_large(format!("the template is longer than {MAX_TEMPLATE} bytes")));
        }
        Ok(Self { nodes: parser::parse(text)? })
    }

    /// Writes the template out with these values.
    ///
    /// # Errors
    /// `BadRequest` for a field that is not among the values, and for values that a function cannot take.
    pub fn render(&self, values: &Values, clock: &dyn Clock) -> Result<String> {
        let mut output = String::new();
        Evaluation { values, clock }.write(&self.nodes, &mut output)?;
        Ok(output)
    }
}

struct Evaluation<'a> {
    values: &'a Values,
    clock: &'a dyn Clock,
}

impl Evaluation<'_> {
    fn write(&self, nodes: &[Node], output: &mut String) -> Result<()> {
        for node in nodes {
            match node {
                Node::Text(text) => output.push_str(text),
                Node::Output(expression) => output.push_str(&self.value(expression)?.to_string()),
                Node::If(branches, otherwise) => self.write(self.chosen(branches, otherwise)?, output)?,
            }
            if output.len() > MAX_OUTPUT {
                return Err(Error::bad_request(format!("the template writes more than {MAX_OUTPUT} bytes")));
            }
        }
        Ok(())
    }

    fn chosen<'n>(&self, branches: &'n [(Expression, Vec<Node>)], otherwise: &'n [Node]) -> Result<&'n [Node]> {
        for (condition, nodes) in branches {
            if self.value(condition)?.is_true() {
                return Ok(nodes);
            }
        }
        Ok(otherwise)
    }

    fn value(&self, expression: &Expression) -> Result<Value> {
        match expression {
            Expression::Constant(value) => Ok(value.clone()),
            Expression::Field(names, position) => self.field(names, *position),
            Expression::Call(function, arguments, position) => {
                let arguments = arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>>>()?;
                (function.apply)(&arguments, self.clock)
                    .map_err(|error| position.error(format!("{}: {}", function.name, error.message())))
            }
        }
    }

    fn field(&self, names: &[String], position: Position) -> Result<Value> {
        let mut fields = &self.values.0;
        let mut found = None;
        for (at, name) in names.iter().enumerate() {
            let value = fields.get(name).ok_or_else(|| {
                let known: Vec<String> = fields.keys().map(|known| format!(".{known}")).collect();
                let field = names[..=at].join(".");
                position.error(format!("there is no field .{field}; expected one of {}", known.join(", ")))
            })?;
            found = Some(value);
            static NONE: BTreeMap<String, Value> = BTreeMap::new();
            fields = if let Value::Map(inner) = value { &inner.0 } else { &NONE };
        }
        found.cloned().ok_or_else(|| position.error("expected the name of a field after the dot"))
    }
}

impl Value {
    /// As conditions take it: everything but false, zero and what is empty.
    fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Integer(number) => *number != 0,
            Self::Bool(value) => *value,
            Self::Map(values) => !values.0.is_empty(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Values> for Value {
    fn from(values: Values) -> Self {
        Self::Map(values)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Map(values) => {
                let entries: Vec<String> = values.0.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                write!(f, "map[{}]", entries.join(" "))
            }
        }
    }
}
