//! Tables: columns as wide as their widest cell, four spaces between them, a line of dashes below the header, `n/a` for
//! what is empty, and no blanks at the end of a line.

const BETWEEN: &str = "    ";
const EMPTY: &str = "n/a";

/// A table of two columns, `Key` and `Value`.
#[must_use]
pub fn key_value<K: ToString>(rows: &[(K, String)]) -> String {
    let mut table = vec![vec!["Key".to_owned(), "Value".to_owned()]];
    table.extend(rows.iter().map(|(key, value)| vec![key.to_string(), value.clone()]));
    with_header(&table)
}

/// A table whose first row is its header.
#[must_use]
pub fn with_header(rows: &[Vec<String>]) -> String {
    let Some((header, rest)) = rows.split_first() else { return String::new() };
    let dashes = header.iter().map(|title| "-".repeat(title.chars().count())).collect();
    let mut all = vec![header.clone(), dashes];
    all.extend_from_slice(rest);
    columns(&all)
}

/// Rows without a header.
#[must_use]
pub fn plain(rows: &[Vec<String>]) -> String {
    columns(rows)
}

fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(|cell| filled(cell)).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

fn line(row: &[&str], widths: &[usize]) -> String {
    let Some((last, others)) = row.split_last() else { return String::new() };
    let mut text = String::new();
    for (cell, width) in others.iter().zip(widths) {
        text.push_str(&format!("{cell:width$}{BETWEEN}"));
    }
    text.push_str(last);
    text
}

fn filled(cell: &str) -> &str {
    let cell = cell.trim();
    if cell.is_empty() { EMPTY } else { cell }
}
