//! Where a path leads: its mount, its route with what the pattern took from it, and the path as rules are to see it.

use crate::base::{Error, Result, fold};
use crate::core::authorize::{Fields, Wanted};
use crate::core::mounts::{Mount, Resolved};
use crate::core::{Call, Core, Live};
use crate::logical::route::{self, Flags, ORDINARY};
use crate::logical::{CanonicalPath, Ctx, Field, Map, Operation, Route};
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
