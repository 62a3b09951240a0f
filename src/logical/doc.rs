//! What a route tells of itself, whatever context it runs in: the one source of help texts, the OpenAPI document and the
//! list of endpoints.

use crate::logical::{Engine, Field, FieldKind, Flags, Operation, Route};

/// A route less its handlers.
#[derive(Clone)]
pub struct RouteDoc {
    pub pattern: &'static str,
    pub fields: &'static [Field],
    pub actions: Vec<ActionDoc>,
    pub summary: &'static str,
    pub help: &'static str,
    pub flags: Flags,
}

#[derive(Debug, Clone, Copy)]
pub struct ActionDoc {
    pub operation: Operation,
    pub summary: &'static str,
}

/// A route where it is mounted.
pub struct Endpoint {
    /// With a slash at the end: `aws/`, `sys/`, `auth/token/`.
    pub mount: String,
    /// `secret`, `auth` or `system`.
    pub class: String,
    pub route: RouteDoc,
}

impl<C> Route<C> {
    #[must_use]
    pub fn doc(&self) -> RouteDoc {
        let action =
            |action: &crate::logical::Action<C>| ActionDoc { operation: action.operation, summary: action.summary };
        RouteDoc {
            pattern: self.pattern,
            fields: self.fields,
            actions: self.actions.iter().map(action).collect(),
            summary: self.summary,
            help: self.help,
            flags: self.flags,
        }
    }
}

impl Engine {
    /// The routes' documents, in the order of the engine's table.
    pub fn docs(&self) -> impl Iterator<Item = RouteDoc> {
        self.routes.iter().map(|route| route.doc())
    }
}

impl RouteDoc {
    #[must_use]
    pub fn action(&self, operation: Operation) -> Option<&ActionDoc> {
        self.actions.iter().find(|action| action.operation == operation)
    }

    /// The action behind a POST: what updates, or where nothing does, what creates.
    #[must_use]
    pub fn write(&self) -> Option<&ActionDoc> {
        self.action(Operation::Update).or_else(|| self.action(Operation::Create))
    }

    /// The names that the pattern takes from the path, in its order.
    pub fn captures(&self) -> impl Iterator<Item = &'static str> {
        self.pattern.split('/').filter_map(captured)
    }

    /// The field of a captured name, where the table has one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The fields that the path does not give.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Field> {
        let captures: Vec<_> = self.captures().collect();
        self.fields.iter().filter(move |field| !captures.contains(&field.name))
    }
}

/// The name between the braces of a pattern's segment.
#[must_use]
pub fn captured(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix("..").unwrap_or(name))
}

impl FieldKind {
    /// One word for the kind, as help texts show it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "int",
            Self::Flag => "bool",
            Self::Seconds => "duration",
            Self::List | Self::Texts => "list",
            Self::Pairs => "pairs",
            Self::Object => "object",
            Self::Any => "any",
        }
    }
}
