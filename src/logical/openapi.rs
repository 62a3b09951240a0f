//! The OpenAPI 3.0.2 document of everything that is mounted, made from the tables of routes.

use crate::logical::doc::{ActionDoc, Endpoint, RouteDoc, captured};
use crate::logical::paging::{AFTER, LIMIT};
use crate::logical::{Field, FieldKind, Map, Operation};
use serde_json::{Value, json};

/// The document; `version` is the API level that `sys/health` names.
#[must_use]
pub fn document(version: &str, endpoints: impl Iterator<Item = Endpoint>) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints {
        add(&mut paths, &endpoint);
    }
    paths.sort_keys();
    json!({
        "openapi": "3.0.2",
        "info": {
            "title": "leasehold API",
            "description": "HTTP API that gives you full access to leasehold. All API routes are prefixed with `/v1/`.",
            "version": version,
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "paths": paths,
        "components": { "schemas": {} },
    })
}

/// Adds a route's operations. Listing has a path of its own, with a slash at the end, because it is a GET like reading.
fn add(paths: &mut Map, endpoint: &Endpoint) {
    let route = &endpoint.route;
    let thing = format!("/{}{}", endpoint.mount, plain_pattern(route.pattern));
    if let Some(action) = route.action(Operation::List) {
        let folder = if thing.ends_with('/') { thing.clone() } else { format!("{thing}/") };
        insert(paths, folder, endpoint, "get", listing(endpoint, action));
    }
    if let Some(action) = route.action(Operation::Read) {
        insert(paths, thing.clone(), endpoint, "get", reading(endpoint, action));
    }
    if let Some(action) = route.write() {
        let operation = writing(endpoint, action, "write", "application/json");
        insert(paths, thing.clone(), endpoint, "post", operation);
    }
    if let Some(action) = route.action(Operation::Patch) {
        let operation = writing(endpoint, action, "patch", "application/merge-patch+json");
        insert(paths, thing.clone(), endpoint, "patch", operation);
    }
    if let Some(action) = route.action(Operation::Delete) {
        insert(paths, thing, endpoint, "delete", operation(endpoint, action, "delete", "204"));
    }
}

fn insert(paths: &mut Map, path: String, endpoint: &Endpoint, method: &str, operation: Map) {
    let item = paths.entry(path).or_insert_with(|| Value::Object(item(&endpoint.route)));
    if let Value::Object(item) = item {
        item.insert(method.to_owned(), Value::Object(operation));
    }
}

/// What all methods of a path share.
fn item(route: &RouteDoc) -> Map {
    let mut item = Map::new();
    item.insert("description".to_owned(), route.summary.into());
    let captures: Vec<Value> = route.captures().map(|name| capture(route, name)).collect();
    if !captures.is_empty() {
        item.insert("parameters".to_owned(), captures.into());
    }
    let marks = [
        ("x-vault-sudo", route.flags.sudo),
        ("x-vault-unauthenticated", route.flags.public),
        ("x-vault-createSupported", route.action(Operation::Create).is_some()),
    ];
    item.extend(marks.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name.to_owned(), Value::Bool(true))));
    item
}

fn capture(route: &RouteDoc, name: &str) -> Value {
    let help = route.field(name).map_or("", |field| field.help);
    json!({ "name": name, "in": "path", "required": true, "description": help, "schema": { "type": "string" } })
}

fn listing(endpoint: &Endpoint, action: &ActionDoc) -> Map {
    let mut listing = operation(endpoint, action, "list", "200");
    let asked = json!({
        "name": "list", "in": "query", "required": true, "description": "Must be set to `true`",
        "schema": { "type": "string", "enum": ["true"] },
    });
    listing.insert("parameters".to_owned(), json!([asked, query(&AFTER), query(&LIMIT)]));
    listing
}

fn reading(endpoint: &Endpoint, action: &ActionDoc) -> Map {
    let mut reading = operation(endpoint, action, "read", "200");
    // Where nothing can be written, what the fields say can only stand in the query.
    let query: Vec<Value> = match endpoint.route.write() {
        Some(_) => Vec::new(),
        None => endpoint.route.parameters().map(query).collect(),
    };
    if !query.is_empty() {
        reading.insert("parameters".to_owned(), query.into());
    }
    reading
}

fn query(field: &Field) -> Value {
    json!({
        "name": field.name, "in": "query", "required": field.required, "description": field.help,
        "schema": schema(field),
    })
}

fn writing(endpoint: &Endpoint, action: &ActionDoc, verb: &str, media_type: &str) -> Map {
    let mut writing = operation(endpoint, action, verb, "200");
    if let Some(body) = body(&endpoint.route) {
        writing.insert("requestBody".to_owned(), json!({ "content": { media_type: { "schema": body } } }));
    }
    writing
}

fn body(route: &RouteDoc) -> Option<Value> {
    if route.flags.open {
        return Some(json!({ "type": "object", "additionalProperties": true }));
    }
    let property = |field: &Field| {
        let mut schema = schema(field);
        schema.insert("description".to_owned(), field.help.into());
        (field.name.to_owned(), Value::Object(schema))
    };
    let properties: Map = route.parameters().map(property).collect();
    let required: Vec<&str> = route.parameters().filter(|field| field.required).map(|field| field.name).collect();
    let mut body = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        body["required"] = required.into();
    }
    (!properties.is_empty()).then_some(body)
}

fn operation(endpoint: &Endpoint, action: &ActionDoc, verb: &str, status: &str) -> Map {
    let said = if status == "204" { "empty body" } else { "OK" };
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), action.summary.into());
    operation.insert("operationId".to_owned(), operation_id(endpoint, verb).into());
    operation.insert("tags".to_owned(), json!([tag(&endpoint.class)]));
    operation.insert("responses".to_owned(), json!({ status: { "description": said } }));
    operation
}

/// `aws-read-creds-name`.
fn operation_id(endpoint: &Endpoint, verb: &str) -> String {
    let segments = |text: &'static str| text.split('/').map(|segment| captured(segment).unwrap_or(segment));
    let mount = endpoint.mount.split('/');
    let words: Vec<&str> = mount.chain([verb]).chain(segments(endpoint.route.pattern)).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

fn tag(class: &str) -> &str {
    if class == "secret" { "secrets" } else { class }
}

fn schema(field: &Field) -> Map {
    let kind = match field.kind {
        FieldKind::Text => json!({ "type": "string" }),
        FieldKind::Integer => json!({ "type": "integer" }),
        FieldKind::Flag => json!({ "type": "boolean" }),
        FieldKind::Seconds => json!({ "type": "string", "format": "duration" }),
        FieldKind::List | FieldKind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        FieldKind::Pairs => json!({ "type": "object", "format": "kvpairs" }),
        FieldKind::Object => json!({ "type": "object", "format": "map" }),
        FieldKind::Any => json!({}),
    };
    let mut schema = if let Value::Object(schema) = kind { schema } else { Map::new() };
    if let Some(default) = field.default {
        // A duration stays as people write it; everything else is brought to its own type.
        let text = Value::from(default);
        let value = if field.kind == FieldKind::Seconds { text } else { field.parse(&text).unwrap_or(text) };
        schema.insert("default".to_owned(), value);
    }
    schema
}

/// The pattern as a path template: `{path..}` is a parameter like any other there.
fn plain_pattern(pattern: &str) -> String {
    pattern.replace("..}", "}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logical::doc::ActionDoc;
    use crate::logical::route::{OPEN, ORDINARY, PUBLIC, SUDO};

    fn endpoint(pattern: &'static str, operations: &[Operation], fields: &'static [Field]) -> Endpoint {
        let action = |operation: &Operation| ActionDoc { operation: *operation, summary: "does" };
        let route = RouteDoc {
            pattern,
            fields,
            actions: operations.iter().map(action).collect(),
            summary: "about",
            help: "",
            flags: ORDINARY,
        };
        Endpoint { mount: "aws/".to_owned(), class: "secret".to_owned(), route }
    }

    fn paths(endpoints: Vec<Endpoint>) -> Value {
        let document = document("1.17.0", endpoints.into_iter());
        assert_eq!((&document["openapi"], &document["info"]["version"]), (&json!("3.0.2"), &json!("1.17.0")));
        document["paths"].clone()
    }

    const FIELDS: &[Field] = &[
        Field::text("name", "The role."),
        Field::seconds("ttl", "Life.").default("1h"),
        Field::flag("on", "Whether.").default("true").required(),
    ];

    #[test]
    fn a_written_route_has_its_parameters_in_path_and_body() {
        let paths = paths(vec![endpoint("roles/{name}", &[Operation::Read, Operation::Update], FIELDS)]);
        let item = &paths["/aws/roles/{name}"];
        assert_eq!(item["parameters"][0]["name"], "name");
        assert_eq!(item["parameters"][0]["in"], "path");
        assert_eq!(item["get"]["operationId"], "aws-read-roles-name");
        assert_eq!(item["get"]["tags"], json!(["secrets"]));
        assert!(item["get"].get("parameters").is_none());
        let body = &item["post"]["requestBody"]["content"]["application/json"]["schema"];
        let expected = json!({
            "type": "object",
            "properties": {
                "ttl": { "type": "string", "format": "duration", "default": "1h", "description": "Life." },
                "on": { "type": "boolean", "default": true, "description": "Whether." },
            },
            "required": ["on"],
        });
        assert_eq!(body, &expected);
    }

    #[test]
    fn a_route_that_is_only_read_has_its_parameters_in_the_query() {
        let paths = paths(vec![endpoint("creds/{name}", &[Operation::Read], FIELDS)]);
        let query = &paths["/aws/creds/{name}"]["get"]["parameters"];
        assert_eq!((&query[0]["name"], &query[0]["in"]), (&json!("ttl"), &json!("query")));
    }

    #[test]
    fn listing_has_the_path_with_the_slash() {
        let listed = [endpoint("roles", &[Operation::List], &[]), endpoint("", &[Operation::List], &[])];
        let paths = paths(listed.into());
        assert_eq!(paths.as_object().map(Map::len), Some(2));
        for path in ["/aws/roles/", "/aws/"] {
            assert_eq!(paths[path]["get"]["parameters"][0]["name"], "list", "{path}");
        }
    }

    #[test]
    fn what_is_special_about_a_route_is_marked() {
        let flagged = |flags, pattern| {
            let mut endpoint = endpoint(pattern, &[Operation::Create, Operation::Delete], &[]);
            endpoint.route.flags = flags;
            endpoint
        };
        let paths = paths(vec![flagged(SUDO, "a"), flagged(PUBLIC, "b"), flagged(OPEN, "{path..}")]);
        assert_eq!(paths["/aws/a"]["x-vault-sudo"], true);
        assert_eq!(paths["/aws/b"]["x-vault-unauthenticated"], true);
        assert!(paths["/aws/a"].get("x-vault-unauthenticated").is_none());
        let open = &paths["/aws/{path}"];
        assert_eq!(open["x-vault-createSupported"], true);
        assert_eq!(open["parameters"][0]["name"], "path");
        let schema = &open["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["additionalProperties"], true);
        assert!(open["delete"]["responses"].get("204").is_some());
    }
}
