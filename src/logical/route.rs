//! Routes as data. An endpoint's file opens with one; dispatch, `path-help`, the OpenAPI document, `docs/endpoints.md` and
//! completion are made from the same table.

use crate::base::Result;
use crate::logical::{Field, Input, Operation, Response};

/// Serves one operation. `C` is the context: [`crate::logical::Ctx`] for engines, the core's own for the system.
pub type Handler<C> = fn(&mut C, &Input) -> Result<Response>;

/// What a pattern's `{name}`s took from a path.
pub type Captures<'p> = Vec<(&'static str, &'p str)>;

pub struct Action<C: 'static> {
    pub operation: Operation,
    pub run: Handler<C>,
    pub summary: &'static str,
}

impl<C> Action<C> {
    #[must_use]
    pub const fn new(operation: Operation, run: Handler<C>, summary: &'static str) -> Self {
        Self { operation, run, summary }
    }
}

/// What is special about a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// Served without a token.
    pub public: bool,
    /// Needs the `sudo` capability besides the operation's own.
    pub sudo: bool,
    /// Served while sealed.
    pub sealed_ok: bool,
    /// Takes any field: the body is the data.
    pub open: bool,
    /// Unwraps: called with a wrapping token as the caller's own, it spends that itself.
    pub unwraps: bool,
    /// Takes a wrapping token, which may be in the form of a JWT.
    pub takes_wrapping: bool,
}

pub const ORDINARY: Flags =
    Flags { public: false, sudo: false, sealed_ok: false, open: false, unwraps: false, takes_wrapping: false };
pub const SUDO: Flags = Flags { sudo: true, ..ORDINARY };
pub const PUBLIC: Flags = Flags { public: true, ..ORDINARY };
pub const SEALED_OK: Flags = Flags { public: true, sealed_ok: true, ..ORDINARY };
pub const OPEN: Flags = Flags { open: true, ..ORDINARY };
pub const UNWRAPS: Flags = Flags { unwraps: true, takes_wrapping: true, ..ORDINARY };

pub struct Route<C: 'static> {
    /// Segments; `{name}` takes one, `{path..}` takes the rest (at least one character; only last).
    pub pattern: &'static str,
    /// Path captures and body parameters.
    pub fields: &'static [Field],
    pub actions: &'static [Action<C>],
    /// Tells create from update: runs before the policy check, read-only; its result is never shown.
    pub exists: Option<fn(&mut C, &Input) -> Result<bool>>,
    /// One line.
    pub summary: &'static str,
    /// As long as it needs to be.
    pub help: &'static str,
    pub flags: Flags,
}

impl<C> Route<C> {
    #[must_use]
    pub fn action(&self, operation: Operation) -> Option<&Action<C>> {
        self.actions.iter().find(|action| action.operation == operation)
    }

    /// The captures, if the path (below the mount) is one of this route's.
    #[must_use]
    pub fn matches<'p>(&self, path: &'p str) -> Option<Captures<'p>> {
        captures(self.pattern, path)
    }

    /// How well the pattern fits where several match: literal segments before captures before a rest.
    #[must_use]
    pub fn precedence(&self) -> Vec<u8> {
        let rank = |segment: &str| match (segment.starts_with('{'), segment.ends_with("..}")) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        self.pattern.split('/').map(rank).collect()
    }
}

/// What a pattern takes from a path, if the path is one of its.
#[must_use]
pub fn captures<'p>(pattern: &'static str, path: &'p str) -> Option<Captures<'p>> {
    let mut captures = Vec::new();
    let mut rest = Some(path);
    for segment in pattern.split('/') {
        let here = rest?;
        if let Some(name) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix("..}")) {
            captures.push((name, here));
            return (!here.is_empty()).then_some(captures);
        }
        let (head, tail) = here.split_once('/').map_or((here, None), |(head, tail)| (head, Some(tail)));
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            Some(name) if !head.is_empty() => captures.push((name, head)),
            None if head == segment => {}
            _ => return None,
        }
        rest = tail;
    }
    matches!(rest, None | Some("")).then_some(captures)
}

/// The route for a path, the most literal one first.
#[must_use]
pub fn find<'r, 'p, C>(
    routes: impl Iterator<Item = &'r Route<C>>,
    path: &'p str,
) -> Option<(&'r Route<C>, Captures<'p>)> {
    routes.filter_map(|route| Some((route, route.matches(path)?))).min_by_key(|(route, _)| route.precedence())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(pattern: &'static str) -> Route<()> {
        Route { pattern, fields: &[], actions: &[], exists: None, summary: "", help: "", flags: ORDINARY }
    }

    #[test]
    fn a_pattern_takes_its_paths_and_no_others() {
        assert_eq!(route("creds/{name}").matches("creds/support"), Some(vec![("name", "support")]));
        assert_eq!(route("creds/{name}").matches("creds/support/"), Some(vec![("name", "support")]));
        assert_eq!(route("creds/{name}").matches("creds/"), None);
        assert_eq!(route("creds/{name}").matches("creds/a/b"), None);
        assert_eq!(route("data/{path..}").matches("data/a/b/"), Some(vec![("path", "a/b/")]));
        assert_eq!(route("data/{path..}").matches("data/"), None);
        assert_eq!(route("roles").matches("roles/"), Some(vec![]));
        assert_eq!(route("roles").matches("roles"), Some(vec![]));
        assert_eq!(route("roles").matches("rolesx"), None);
        assert_eq!(route("").matches(""), Some(vec![]));
    }

    #[test]
    fn the_most_literal_route_wins() {
        let routes = [route("{path..}"), route("lookup/{id}"), route("lookup/self")];
        let found = |path| find(routes.iter(), path).map(|(route, _)| route.pattern);
        assert_eq!(found("lookup/self"), Some("lookup/self"));
        assert_eq!(found("lookup/other"), Some("lookup/{id}"));
        assert_eq!(found("else/where"), Some("{path..}"));
    }
}
