//! Where a path leads: its mount, its route with what the pattern took from it, and the path as rules are to see it.

use crate::base::{Error, Result, fold};
use crate::core::authorize::{Fields, Wanted};
use crate::core::hints;
use crate::core::mounts::{Mount, Resolved};
use crate::core::{Call, Core, Live};
use crate::logical::paging::{AFTER, LIMIT, Page};
use crate::logical::route::{self, Flags, ORDINARY};
use crate::logical::{CanonicalPath, Ctx, Field, Input, Map, Operation, Request, Response, Route, help};
use std::sync::Arc;
use std::time::Duration;

/// What a pattern's `{name}`s took from a path.
pub type Taken = Vec<(&'static str, String)>;

/// A route of one of the two kinds.
pub enum Endpoint {
    Engine(&'static Route<Ctx>),
    System(&'static Route<Call>),
}

impl Endpoint {
    #[must_use]
    pub fn flags(&self) -> Flags {
        match self {
            Self::Engine(route) => route.flags,
            Self::System(route) => route.flags,
        }
    }

    #[must_use]
    pub fn pattern(&self) -> &'static str {
        match self {
            Self::Engine(route) => route.pattern,
            Self::System(route) => route.pattern,
        }
    }

    fn fields(&self) -> &'static [Field] {
        match self {
            Self::Engine(route) => route.fields,
            Self::System(route) => route.fields,
        }
    }

    fn tells_create_from_update(&self) -> bool {
        match self {
            Self::Engine(route) => route.exists.is_some(),
            Self::System(_) => false,
        }
    }
}

/// Where a request goes.
pub struct Target {
    pub mount: Arc<Mount>,
    /// The path below the mount.
    pub below: String,
    /// None where the mount has no such path.
    pub endpoint: Option<(Endpoint, Taken)>,
    /// Whether there is a mount at the path at all; where there is none, `mount` is the system's.
    pub is_mounted: bool,
}

impl Target {
    /// # Errors
    /// `Internal` when the mount is damaged.
    pub fn resolve(core: &Core, live: &Live, path: &str) -> Result<Self> {
        let mounts = live.mounts();
        let (mount, below, is_mounted) = match mounts.resolve(&live.barrier, path) {
            Resolved::Mount(mount, below) => (mount, below.to_owned(), true),
            Resolved::Damaged => {
                return Err(Error::internal("the mount at this path is damaged: see the server's log"));
            }
            // Nothing serves it; the policy check still decides between "denied" and "not there".
            Resolved::Nowhere => (
                mounts.at("sys/").cloned().ok_or_else(|| Error::internal("there is no system mount"))?,
                "\0nowhere".to_owned(),
                false,
            ),
        };
        let endpoint = find(core, live, &mount, &below)?;
        Ok(Self { mount, below, endpoint, is_mounted })
    }

    #[must_use]
    pub fn flags(&self) -> Flags {
        self.endpoint.as_ref().map_or(ORDINARY, |(endpoint, _)| endpoint.flags())
    }

    /// What the policy check is to judge.
    #[must_use]
    pub fn wanted<'w>(
        &self,
        path: &'w CanonicalPath,
        operation: Operation,
        data: &'w Map,
        wrap_ttl: Option<Duration>,
    ) -> Wanted<'w> {
        let endpoint = self.endpoint.as_ref().map(|(endpoint, _)| endpoint);
        Wanted {
            path: self.judged(path, operation),
            folded: self.folded(),
            operation,
            flags: self.flags(),
            data,
            wrap_ttl,
            fields: Fields(endpoint.map_or(&[], Endpoint::fields)),
            hides_existence: endpoint.is_some_and(Endpoint::tells_create_from_update),
        }
    }

    /// The path as rules see it: where a slash at its end means nothing to the route, it is not there.
    fn judged<'p>(&self, path: &'p CanonicalPath, operation: Operation) -> &'p str {
        let takes_rest = self.endpoint.as_ref().is_none_or(|(endpoint, _)| endpoint.pattern().ends_with("..}"));
        if takes_rest || operation == Operation::List { path.as_str() } else { path.without_slash() }
    }

    /// The path with the names folded that compare so; none where that changes nothing.
    fn folded(&self) -> Option<String> {
        let (endpoint, captures) = self.endpoint.as_ref()?;
        let is_folded =
            |name: &str| endpoint.fields().iter().any(|field| field.name == name && (field.folded || field.alike));
        if !captures.iter().any(|(name, value)| is_folded(name) && fold(value) != *value) {
            return None;
        }
        let segments = endpoint.pattern().split('/').map(|segment| {
            let name = segment.strip_prefix('{').map(|name| name.trim_end_matches('}').trim_end_matches(".."));
            match name.and_then(|name| captures.iter().find(|(captured, _)| *captured == name)) {
                Some((name, value)) if is_folded(name) => fold(value),
                Some((_, value)) => value.clone(),
                None => segment.to_owned(),
            }
        });
        Some(format!("{}{}", self.mount.path, segments.collect::<Vec<_>>().join("/")))
    }
}

impl Target {
    /// The patterns of all paths below the mount.
    #[must_use]
    pub fn patterns(&self, core: &Core, live: &Live) -> Vec<&'static str> {
        fn of<C>(routes: &[&'static Route<C>]) -> Vec<&'static str> {
            routes.iter().map(|route| route.pattern).collect()
        }
        match routes(core, live, &self.mount) {
            Ok(Routes::System(routes)) => of(routes),
            Ok(Routes::Engine(routes)) => of(routes),
            Err(_) => Vec::new(),
        }
    }
}

enum Routes {
    Engine(&'static [&'static Route<Ctx>]),
    System(&'static [&'static Route<Call>]),
}

fn routes(core: &Core, live: &Live, mount: &Mount) -> Result<Routes> {
    Ok(match mount.kind.as_str() {
        "system" => Routes::System(core.registry.system),
        "token" => Routes::System(core.registry.token),
        "identity" => Routes::System(core.registry.identity),
        _ => Routes::Engine(live.engine(mount)?.routes),
    })
}

/// The route for a path below a mount, with what its pattern takes.
fn find(core: &Core, live: &Live, mount: &Mount, below: &str) -> Result<Option<(Endpoint, Taken)>> {
    let owned =
        |captures: route::Captures<'_>| captures.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    Ok(match routes(core, live, mount)? {
        Routes::System(routes) => route::find(routes.iter().copied(), below)
            .map(|(route, captures)| (Endpoint::System(route), owned(captures))),
        Routes::Engine(routes) => route::find(routes.iter().copied(), below)
            .map(|(route, captures)| (Endpoint::Engine(route), owned(captures))),
    })
}

/// Parses the input by the route's table and runs the operation; what the table does not know becomes a warning.
///
/// # Errors
/// `Unsupported` for an operation that the route does not have, `BadRequest` for fields that do not parse, and the operation's.
pub fn run_route<C>(
    route: &'static Route<C>,
    context: &mut C,
    operation: Operation,
    below: &str,
    captures: &[(&'static str, String)],
    request: &Request,
    full_pattern: &str,
) -> Result<Response> {
    if operation == Operation::Help {
        return Ok(Response::bare(serde_json::json!({ "help": help::route(&route.doc(), full_pattern) })));
    }
    // A route that does not tell create from update serves both as one.
    let action = route
        .action(operation)
        .or_else(|| (operation == Operation::Create).then(|| route.action(Operation::Update))?);
    let action = action.ok_or_else(|| {
        Error::unsupported("unsupported operation").because(hints::operations(operation, route.actions))
    })?;
    let captures: Vec<_> = captures.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (input, mut ignored) = Input::parse(operation, below, route.fields, &captures, &request.data)?;
    let mut response = (action.run)(context, &input)?;
    let pages_itself = route.fields.iter().any(|field| field.name == LIMIT.name);
    if operation == Operation::List && !pages_itself {
        Page::of(&request.data)?.cut(&mut response)?;
        ignored.unknown.retain(|name| name != AFTER.name && name != LIMIT.name);
    }
    if !route.flags.open && !ignored.unknown.is_empty() {
        response
            .warnings
            .push(format!("Endpoint ignored these unrecognized parameters: [{}]", ignored.unknown.join(" ")));
    }
    if !ignored.replaced.is_empty() {
        let names = ignored.replaced.join(" ");
        response.warnings.push(format!("Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [{names}]"));
    }
    Ok(response)
}
