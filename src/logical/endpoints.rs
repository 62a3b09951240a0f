//! `docs/endpoints.md`: every endpoint on one page, made from the tables of routes.

use crate::logical::doc::{Endpoint, RouteDoc};
use crate::logical::{Flags, Operation};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The page. Mounts and, in them, patterns are sorted, so that it changes only where a table does.
#[must_use]
pub fn markdown(endpoints: impl Iterator<Item = Endpoint>) -> String {
    let mut mounts: BTreeMap<String, Vec<RouteDoc>> = BTreeMap::new();
    for endpoint in endpoints {
        mounts.entry(endpoint.mount).or_default().push(endpoint.route);
    }
    let mut page = String::from(
        "# Endpoints\n\nMade from the tables of routes; do not edit. All paths are below `/v1/`. POST and PUT are the same; \
         LIST is also\nGET with `?list=true`. Where an engine is mounted is yours to choose: shown is its usual place.\n\n\
         *public*: without a token. *sudo*: needs the capability `sudo` too. *sealed*: also while sealed.\n",
    );
    for (mount, mut routes) in mounts {
        routes.sort_by_key(|route| route.pattern);
        let _ = write!(
            page,
            "\n## {mount}\n\n| path | methods | access | what it does | parameters |\n|---|---|---|---|---|\n"
        );
        routes.iter().for_each(|route| row(&mut page, &mount, route));
    }
    page
}

fn row(page: &mut String, mount: &str, route: &RouteDoc) {
    let parameters = match route.flags.open {
        true => "any".to_owned(),
        false => route.parameters().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", "),
    };
    let _ = writeln!(
        page,
        "| `{mount}{}` | {} | {} | {} | {parameters} |",
        route.pattern,
        methods(route).join(", "),
        access(route.flags).join(", "),
        route.summary.replace('|', "\\|"),
    );
}

fn methods(route: &RouteDoc) -> Vec<&'static str> {
    let served = |operation| route.action(operation).is_some();
    let methods = [
        ("GET", served(Operation::Read)),
        ("LIST", served(Operation::List)),
        ("POST", route.write().is_some()),
        ("PATCH", served(Operation::Patch)),
        ("DELETE", served(Operation::Delete)),
    ];
    methods.into_iter().filter(|(_, served)| *served).map(|(method, _)| method).collect()
}

fn access(flags: Flags) -> Vec<&'static str> {
    let marks = [("public", flags.public), ("sudo", flags.sudo), ("sealed", flags.sealed_ok)];
    marks.into_iter().filter(|(_, set)| *set).map(|(mark, _)| mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logical::Field;
    use crate::logical::doc::ActionDoc;
    use crate::logical::route::{ORDINARY, SEALED_OK};

    const FIELDS: &[Field] = &[Field::text("name", "The role."), Field::text("arn", "What it becomes.")];

    fn endpoint(mount: &str, pattern: &'static str, operations: &[Operation], flags: Flags) -> Endpoint {
        let action = |operation: &Operation| ActionDoc { operation: *operation, summary: "does" };
        let actions = operations.iter().map(action).collect();
        let route = RouteDoc { pattern, fields: FIELDS, actions, summary: "About a | b.", help: "", flags };
        Endpoint { mount: mount.to_owned(), class: "secret".to_owned(), route }
    }

    #[test]
    fn each_endpoint_has_its_row_below_its_mount() {
        let page = markdown(
            [
                endpoint("sys/", "seal-status", &[Operation::Read], SEALED_OK),
                endpoint("aws/", "roles/{name}", &[Operation::Update, Operation::Create, Operation::Delete], ORDINARY),
                endpoint("aws/", "creds/{name}", &[Operation::Read, Operation::List], ORDINARY),
            ]
            .into_iter(),
        );
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("## ") || line.starts_with("| `")).collect();
        assert_eq!(
            rows,
            [
                "## aws/",
                "| `aws/creds/{name}` | GET, LIST |  | About a \\| b. | `arn` |",
                "| `aws/roles/{name}` | POST, DELETE |  | About a \\| b. | `arn` |",
                "## sys/",
                "| `sys/seal-status` | GET | public, sealed | About a \\| b. | `name`, `arn` |",
            ]
        );
    }
}
