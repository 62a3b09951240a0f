//! Looks a body in JSON over before it is parsed: how deep it is, how many values it has and how long they are, in one pass that
//! takes no memory. What it would come to once it is parsed is many times its own size; that is estimated here as well.

use crate::config::JsonLimits;
use crate::http::refusal::Refusal;

/// About what a parsed value takes besides its text.
const VALUE_SIZE: usize = 128;

/// A container that is open.
#[derive(Clone, Copy)]
struct Open {
    is_object: bool,
    items: usize,
}

/// How much memory the parsed body will take at most, in bytes. What is no JSON is the parser's business.
///
/// # Errors
/// Which limit it passes.
pub(super) fn survey(body: &[u8], limits: &JsonLimits) -> Result<usize, Refusal> {
    let mut open: Vec<Open> = Vec::new();
    let (mut values, mut at) = (0_usize, 0);
    while at < body.len() {
        let byte = body[at];
        at += 1;
        match byte {
            b'{' | b'[' => {
                values += 1;
                open.push(Open { is_object: byte == b'{', items: 1 });
                if open.len() > limits.depth.min(JsonLimits::DEEPEST) {
                    return Err(Refusal::bad("failed to parse JSON input: it is nested too deeply"));
                }
            }
            b'}' | b']' => drop(open.pop()),
            b',' => {
                values += 1;
                if let Some(innermost) = open.last_mut() {
                    innermost.items += 1;
                    check_items(*innermost, limits)?;
                }
            }
            b'"' => {
                let length = string_length(&body[at..]);
                if length > limits.string_length {
                    return Err(Refusal::bad("failed to parse JSON input: a text in it is too long"));
                }
                at += length + 1;
            }
            _ => {}
        }
        if values > limits.values {
            return Err(Refusal::bad("failed to parse JSON input: it has too many values"));
        }
    }
    Ok(body.len() + values * VALUE_SIZE)
}

fn check_items(container: Open, limits: &JsonLimits) -> Result<(), Refusal> {
    match container {
        Open { is_object: true, items } if items > limits.object_entries => {
            Err(Refusal::bad("failed to parse JSON input: an object in it has too many entries"))
        }
        Open { is_object: false, items } if items > limits.array_elements => {
            Err(Refusal::bad("failed to parse JSON input: an array in it has too many elements"))
        }
        _ => Ok(()),
    }
}

/// The bytes up to the quotation mark that ends a text, or to the end of all.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str, limits: &JsonLimits) -> &'static str {
        survey(body.as_bytes(), limits).err().map_or("", |refusal| refusal.reason)
    }

    #[test]
    fn each_limit_is_kept_and_named() {
        let small = JsonLimits { depth: 3, string_length: 5, object_entries: 2, array_elements: 3, values: 6 };
        for (body, words) in [
            (r#"{"a": [{"b": 1}]}"#, ""),
            (r#"{"a": [{"b": []}]}"#, "deeply"),
            (r#"{"a": "12345"}"#, ""),
            (r#"{"a": "123456"}"#, "too long"),
            (r#"{"a": "\"\"\""}"#, "too long"),
            (r#"{"a": 1, "b": 2}"#, ""),
            (r#"{"a": 1, "b": 2, "c": 3}"#, "entries"),
            ("[1, 2, 3]", ""),
            ("[1, 2, 3, 4]", "elements"),
            ("[[1, 2], [1, 2], [1, 2]]", "too many values"),
            (r#"{"a": "[["}"#, ""),
            (r#"{"a": "\\"}"#, ""),
            ("not JSON at all }}}", ""),
            (r#"{"ends": "in a tex"#, "too long"),
            ("\"\\", ""),
        ] {
            let told = refusal(body, &small);
            assert!(told.contains(words) && told.is_empty() == words.is_empty(), "{body}: {told}");
        }
        let deep = "[".repeat(100_000);
        assert!(refusal(&deep, &JsonLimits::default()).contains("deeply"));
        let wide = format!("[{}0]", "0,".repeat(5_000));
        assert_eq!(refusal(&wide, &JsonLimits::default()), "");
    }
}
