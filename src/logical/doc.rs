//! A route without its handlers: what help, the OpenAPI document and the endpoint list are made from.

use crate::logical::{Field, Flags, Operation, Route};

pub struct RouteDoc {
    pub pattern: &'static str,
    pub fields: &'static [Field],
    pub operations: Vec<(Operation, &'static str)>,
    pub summary: &'static str,
    pub help: &'static str,
    pub flags: Flags,
}

impl<C> Route<C> {
    #[must_use]
    pub fn doc(&self) -> RouteDoc {
        RouteDoc {
            pattern: self.pattern,
            fields: self.fields,
            operations: self.actions.iter().map(|action| (action.operation, action.summary)).collect(),
            summary: self.summary,
            help: self.help,
            flags: self.flags,
        }
    }
}
