//! Long lists a page at a time: `after` and `limit`, which every LIST takes.
//!
//! Owns what the two mean and cuts an answer by them. Those whose lists can be long for other reasons than a folder's names read
//! the page itself from the store, and declare the fields in their route.
//!
//! Invariant: pages that follow each other, each `after` the last name of the one before, have each name once, as long as it is
//! there all the while.

use crate::base::{Error, Result};
use crate::logical::{Body, Field, Map, Response};
use serde_json::Value;

pub const AFTER: Field = Field::text("after", "Begins with the name that follows this one, which need not be there.");
pub const LIMIT: Field = Field::integer("limit", "How many names there are in the answer at most; 0 is all.");

/// What a request wants of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub after: String,
    pub limit: Option<usize>,
}

impl Page {
    /// # Errors
    /// `BadRequest` for what is no number.
    pub fn of(data: &Map) -> Result<Self> {
        let after = data.get(AFTER.name).map(|value| AFTER.parse(value)).transpose()?;
        let limit = data.get(LIMIT.name).map(|value| LIMIT.parse(value)).transpose()?;
        let limit = limit.and_then(|limit| limit.as_i64()).unwrap_or_default();
        Ok(Self {
            after: after.and_then(|after| after.as_str().map(str::to_owned)).unwrap_or_default(),
            limit: usize::try_from(limit).ok().filter(|limit| *limit > 0),
        })
    }

    /// Cuts the names of an answer, and what it tells of each.
    ///
    /// # Errors
    /// `NotFound` where none is left, as for a list that has none.
    pub fn cut(&self, response: &mut Response) -> Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        let (Body::Data(data) | Body::DataAndTop(data)) = &mut response.body else { return Ok(()) };
        let Some(Value::Array(keys)) = data.get_mut("keys") else { return Ok(()) };
        keys.drain(..self.start(keys));
        keys.truncate(self.limit.unwrap_or(usize::MAX));
        let kept: Vec<String> = keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
        if kept.is_empty() {
            return Err(Error::not_found(""));
        }
        if let Some(Value::Object(info)) = data.get_mut("key_info") {
            info.retain(|name, _| kept.contains(name));
        }
        Ok(())
    }

    /// Lists are sorted, but for a name or two that always stand at the end.
    fn start(&self, keys: &[Value]) -> usize {
        if self.after.is_empty() {
            return 0;
        }
        let is_it = |key: &Value| key.as_str() == Some(&self.after);
        let is_later = |key: &Value| key.as_str().is_some_and(|key| key > self.after.as_str());
        match keys.iter().position(is_it) {
            Some(at) => at + 1,
            None => keys.iter().position(is_later).unwrap_or(keys.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Kind;
    use serde_json::json;

    fn cut(query: Value) -> Result<Value> {
        let page = Page::of(query.as_object().unwrap())?;
        let info = json!({ "a": 1, "c": 2, "default": 3, "root": 4 });
        let mut response = Response::json(json!({ "keys": ["a", "c", "default", "root"], "key_info": info }));
        page.cut(&mut response)?;
        match &response.body {
            Body::Data(data) => Ok(json!([data["keys"], data["key_info"].as_object().unwrap().len()])),
            _ => Ok(Value::Null),
        }
    }

    #[test]
    fn a_page_begins_behind_a_name_and_ends_with_its_limit() {
        for (query, wanted) in [
            (json!({}), json!([["a", "c", "default", "root"], 4])),
            (json!({ "limit": "2" }), json!([["a", "c"], 2])),
            (json!({ "limit": 0 }), json!([["a", "c", "default", "root"], 4])),
            (json!({ "limit": "-1", "after": "" }), json!([["a", "c", "default", "root"], 4])),
            (json!({ "after": "c", "limit": "1" }), json!([["default"], 1])),
            (json!({ "after": "b" }), json!([["c", "default", "root"], 3])),
            (json!({ "after": "default", "limit": 9 }), json!([["root"], 1])),
        ] {
            assert_eq!(cut(query.clone()).unwrap(), wanted, "{query}");
        }
    }

    #[test]
    fn behind_the_last_name_there_is_nothing() {
        assert_eq!(cut(json!({ "after": "root" })).err().map(|error| error.kind()), Some(Kind::NotFound));
        assert_eq!(cut(json!({ "limit": "many" })).err().map(|error| error.kind()), Some(Kind::BadRequest));
    }
}
