//! Published paths that nothing serves, so that whoever asks for one is told what is missing and not only that there is no such
//! path. The table is given to the core with the routes.

use crate::logical::route;

pub struct Absent {
    /// As a route's, below `sys/`.
    pub pattern: &'static str,
    /// What the path would be for.
    pub what: &'static str,
}

/// What is missing at a path below `sys/`; none where nothing was published.
#[must_use]
pub fn find(table: &[Absent], below: &str) -> Option<&'static str> {
    table.iter().find(|absent| route::captures(absent.pattern, below).is_some()).map(|absent| absent.what)
}
