//! What people see of a secret: sections with a heading each, about as wide as what is below it.

use crate::cli::{console, output};
use serde_json::{Map, Value};

/// `== Secret Path ==` and the path.
pub fn path(title: &str, path: &str) {
    console::line(padded(title, path.len()));
    console::line(format!("{path}\n"));
}

/// A heading and a table of keys and values.
pub fn members(title: &str, members: &Map<String, Value>) {
    let mut rows: Vec<_> = members.iter().map(|(key, value)| (key, output::plain(value))).collect();
    rows.sort();
    console::line(heading(title, members));
    console::line(output::table::key_value(&rows));
}

/// What writing a version led to.
pub fn written(path: &str, metadata: &Map<String, Value>) {
    self::path("Secret Path", path);
    members("Metadata", metadata);
}

/// As wide as the header of the table below it.
fn heading(title: &str, members: &Map<String, Value>) -> String {
    let longest = members.keys().map(String::len).max().unwrap_or(0);
    padded(title, longest + "    Value".len())
}

fn padded(title: &str, width: usize) -> String {
    let signs = match width.saturating_sub(title.len() + 2) {
        0 => 4,
        room => room + room % 2,
    };
    let half = "=".repeat(signs / 2);
    format!("{half} {title} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_is_as_wide_as_the_table_and_even() {
        for (key, heading_expected) in
            [("foo", "=== Data ==="), ("password", "====== Data ======"), ("a", "== Data ==")]
        {
            let data = Map::from_iter([(key.to_owned(), Value::from("x"))]);
            assert_eq!(heading("Data", &data), heading_expected);
        }
        assert_eq!(padded("Secret Path", "secret/data/creds".len()), "== Secret Path ==");
        assert_eq!(padded("Secret Path", "s/data/x".len()), "== Secret Path ==");
    }
}
