//! Names that the server has: mounts, what it can list, and the endpoints that its own description tells of. What it does not
//! tell, or not in time, is nothing.

use crate::cli::client::Call;
use crate::cli::{Answer, Client};
use serde_json::{Map, Value};

/// What goes on a path that is being typed.
pub fn below(client: &Client, current: &str) -> Vec<String> {
    let folder = folder(current);
    let mut found = match folder {
        "" => {
            let mut all = mounts(client, "secret");
            all.push("auth/".to_owned());
            all
        }
        "auth/" => mounts(client, "auth").into_iter().map(|mount| format!("auth/{mount}")).collect(),
        folder => {
            let mut all = listed(client, folder, folder);
            // Secrets of version 2 are listed by what is known of them.
            if let Some((mount, rest)) = folder.split_once("/data/") {
                all.extend(listed(client, &format!("{mount}/metadata/{rest}"), folder));
            }
            all
        }
    };
    if !folder.is_empty() {
        found.extend(described(client).iter().filter_map(|pattern| next_of(pattern, folder)));
    }
    found
}

/// What goes on the path of a secret that is being typed, of whichever version its store is.
pub fn secrets(client: &Client, mount: Option<&str>, current: &str) -> Vec<String> {
    let folder = folder(current);
    let given = mount.map(|mount| format!("{}/", mount.trim_matches('/')));
    let whole = format!("{}{folder}", given.as_deref().unwrap_or_default());
    if whole.is_empty() {
        let answer = read(client, "sys/internal/ui/mounts");
        let all = answer.as_ref().and_then(|answer| answer.data()?.get("secret")?.as_object());
        let is_store = |mount: &Value| mount.get("type").and_then(Value::as_str) == Some("kv");
        return all.into_iter().flatten().filter(|(_, mount)| is_store(mount)).map(|(path, _)| path.clone()).collect();
    }
    let answer = read(client, &format!("sys/internal/ui/mounts/{}", whole.trim_end_matches('/')));
    let data = answer.as_ref().and_then(Answer::data);
    let path = data.and_then(|data| data.get("path")).and_then(Value::as_str).unwrap_or_default();
    let is_versioned = data.and_then(|data| data.get("options")?.get("version")?.as_str()) == Some("2");
    let Some(rest) = whole.strip_prefix(path) else { return Vec::new() };
    listed(client, &format!("{path}{}{rest}", if is_versioned { "metadata/" } else { "" }), folder)
}

/// The mounts of a class: `secret` or `auth`.
pub fn mounts(client: &Client, class: &str) -> Vec<String> {
    let answer = read(client, "sys/internal/ui/mounts");
    let mounts = answer.as_ref().and_then(|answer| answer.data()?.get(class)?.as_object());
    mounts.map(|mounts| mounts.keys().cloned().collect()).unwrap_or_default()
}

/// The kinds of engines or methods there are.
pub fn kinds(client: &Client, class: &str) -> Vec<String> {
    let answer = read(client, "sys/plugins/catalog");
    let kinds = answer.as_ref().and_then(|answer| answer.data()?.get(class)?.as_array());
    kinds.into_iter().flatten().filter_map(|kind| kind.as_str().map(str::to_owned)).collect()
}

pub fn policies(client: &Client) -> Vec<String> {
    listed(client, "sys/policies/acl/", "")
}

pub fn leases(client: &Client, current: &str) -> Vec<String> {
    let folder = folder(current);
    listed(client, &format!("sys/leases/lookup/{folder}"), folder)
}

/// The names at a path that answers with an object of them.
pub fn keys_of(client: &Client, path: &str) -> Vec<String> {
    let answer = read(client, path);
    answer.as_ref().and_then(Answer::data).map(|data| data.keys().cloned().collect()).unwrap_or_default()
}

/// The fields that a path can be written with.
pub fn fields(client: &Client, path: &str) -> Vec<(String, String)> {
    let document = read(client, "sys/internal/specs/openapi");
    let paths = document.as_ref().and_then(Answer::data_or_body).and_then(|body| body.get("paths")?.as_object());
    let fitting = paths.into_iter().flatten().find(|(pattern, _)| fits(pattern, path));
    let schema = fitting.and_then(|(_, item)| {
        item.get("post")?.get("requestBody")?.get("content")?.get("application/json")?.get("schema")
    });
    let named = schema.and_then(|schema| schema.get("$ref")?.as_str()?.rsplit('/').next());
    let schema = match named {
        Some(name) => document
            .as_ref()
            .and_then(Answer::data_or_body)
            .and_then(|body| body.get("components")?.get("schemas")?.get(name)),
        None => schema,
    };
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let about = |property: &Value| property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    properties.into_iter().flatten().map(|(name, property)| (format!("{name}="), about(property))).collect()
}

/// Whether a described path is the one that was typed: each capture stands for one word of it.
fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    let same = |(wanted, word): (&&str, &&str)| wanted.starts_with('{') || wanted == word;
    pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
}

/// A described path's next word below a folder, with the folder in front: `aws/` and `/aws/creds/{name}` give `aws/creds/`.
fn next_of(pattern: &str, folder: &str) -> Option<String> {
    let mut pattern = pattern.trim_start_matches('/').split('/');
    for word in folder.trim_end_matches('/').split('/') {
        let wanted = pattern.next()?;
        (wanted == word || wanted.starts_with('{')).then_some(())?;
    }
    let next = pattern.next().filter(|next| !next.is_empty() && !next.starts_with('{'))?;
    let goes_on = if pattern.next().is_some() { "/" } else { "" };
    Some(format!("{folder}{next}{goes_on}"))
}

fn described(client: &Client) -> Vec<String> {
    let answer = read(client, "sys/internal/specs/openapi");
    let paths = answer.as_ref().and_then(Answer::data_or_body).and_then(|body| body.get("paths"));
    paths.and_then(Value::as_object).map(Map::keys).into_iter().flatten().cloned().collect()
}

/// The names that the server lists at a path, behind what was typed.
fn listed(client: &Client, path: &str, folder: &str) -> Vec<String> {
    let call = Call::new("GET", path).with_query([("list".to_owned(), "true".to_owned())]);
    let answer = client.ask(&call).ok().flatten();
    answer.iter().flat_map(Answer::keys).map(|key| format!("{folder}{key}")).collect()
}

fn read(client: &Client, path: &str) -> Option<Answer> {
    client.read(path).ok().flatten()
}

/// Up to the last slash: what is listed to go on.
fn folder(current: &str) -> &str {
    current.rfind('/').map_or("", |at| &current[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_described_path_tells_what_comes_next() {
        let next = |pattern, folder| next_of(pattern, folder);
        assert_eq!(next("/aws/creds/{name}", "aws/").as_deref(), Some("aws/creds/"));
        assert_eq!(next("/aws/config/root", "aws/config/").as_deref(), Some("aws/config/root"));
        assert_eq!(next("/sys/mounts/{path}/tune", "sys/mounts/aws/").as_deref(), Some("sys/mounts/aws/tune"));
        assert_eq!(next("/aws/creds/{name}", "aws/creds/"), None);
        assert_eq!(next("/gcp/creds/{name}", "aws/"), None);
        assert!(fits("/aws/roles/{name}", "aws/roles/x") && !fits("/aws/roles/{name}", "aws/roles"));
    }
}
