//! What is printed in place of a request that is not to be sent: the command line for curl that would send it, or the policy
//! that it needs. A token never stands in either: the shell fetches it when the line is run.

use super::{Call, Client};
use crate::cli::{Answer, Failure, Invocation};
use serde_json::{Map, Value};
use std::fmt::Write;

/// What to print in place of requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    Curl,
    Policy,
}

impl Instead {
    pub fn asked_for(invocation: &Invocation) -> Option<Self> {
        match (invocation.is_set("output-curl-string"), invocation.is_set("output-policy")) {
            (true, _) => Some(Self::Curl),
            (false, true) => Some(Self::Policy),
            (false, false) => None,
        }
    }
}

/// The flags of curl that stand for those of TLS, in their order, with their values.
pub fn tls(invocation: &Invocation) -> Vec<(&'static str, Option<String>)> {
    let mut flags = Vec::new();
    for (name, flag) in
        [("ca-cert", "--cacert"), ("ca-path", "--capath"), ("client-cert", "--cert"), ("client-key", "--key")]
    {
        flags.extend(invocation.text(name).map(|value| (flag, Some(value.to_owned()))));
    }
    if invocation.is_set("tls-skip-verify") {
        flags.push(("--insecure", None));
    }
    flags
}

impl Client {
    /// The text to print in the call's place.
    pub(super) fn instead_of(&self, instead: Instead, call: &Call) -> Failure {
        Failure::instead(match instead {
            Instead::Curl => self.curl(call),
            Instead::Policy => self.policy(call),
        })
    }

    fn curl(&self, call: &Call) -> String {
        let mut line = "curl".to_owned();
        if call.method != "GET" {
            let _ = write!(line, " -X {}", call.method);
        }
        for (flag, value) in &self.curl_flags {
            let value = value.as_ref().map(|value| format!(" {}", quoted(value))).unwrap_or_default();
            let _ = write!(line, " {flag}{value}");
        }
        for (name, value) in self.clear_headers(call) {
            let _ = write!(line, " -H \"{}: {}\"", within_quotes(&name), within_quotes(&value));
        }
        if self.token.as_ref().is_some_and(|token| !token.is_empty()) {
            let _ = write!(line, " -H \"X-Vault-Token: $({} print token)\"", quoted(&self.program));
        }
        if let Some(body) = &call.body {
            let _ = write!(line, " -d {}", in_quotes(&body.to_string()));
        }
        let _ = write!(line, " {}", quoted(&self.address.url(&call.path, &call.query)));
        line
    }

    fn policy(&self, call: &Call) -> String {
        let lists = call.query.iter().any(|(name, value)| name == "list" && value == "true");
        let path = call.path.trim_start_matches('/');
        let mut capabilities = match call.method {
            "GET" if lists => vec!["list"],
            "GET" => vec!["read"],
            "PATCH" => vec!["patch"],
            "DELETE" => vec!["delete"],
            _ => vec!["create", "update"],
        };
        if self.needs_sudo(path) {
            capabilities.push("sudo");
        }
        let capabilities: Vec<String> = capabilities.iter().map(|capability| format!("{capability:?}")).collect();
        format!("path {} {{\n  capabilities = [{}]\n}}", Value::from(path), capabilities.join(", "))
    }

    /// Asks the server whether a path needs sudo; one that does not say is taken to need none.
    fn needs_sudo(&self, path: &str) -> bool {
        let answer = self.read_first("sys/internal/specs/openapi").ok().flatten();
        let paths = answer.as_ref().and_then(Answer::data_or_body).and_then(|document| document.get("paths"));
        paths.and_then(Value::as_object).is_some_and(|paths| is_marked(paths, path))
    }
}

/// Whether the described path that fits best is marked as one that needs sudo.
fn is_marked(paths: &Map<String, Value>, path: &str) -> bool {
    let fitting = paths.iter().filter_map(|(pattern, item)| Some((fit(pattern, path)?, item)));
    let best = fitting.max_by_key(|(literal, _)| *literal);
    best.and_then(|(_, item)| item.get("x-vault-sudo")).and_then(Value::as_bool).unwrap_or(false)
}

/// How many words of a pattern a path has literally, where it fits; the last capture of a pattern takes all that is left.
fn fit(pattern: &str, path: &str) -> Option<usize> {
    let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    let is_capture = |word: &str| word.starts_with('{');
    let takes_rest = pattern.last().is_some_and(|last| is_capture(last)) && path.len() > pattern.len();
    if path.len() != pattern.len() && !takes_rest {
        return None;
    }
    let fits = pattern.iter().zip(&path).all(|(wanted, word)| is_capture(wanted) || wanted == word);
    fits.then(|| pattern.iter().zip(&path).filter(|(wanted, word)| wanted == word).count())
}

/// A word of a shell's command line: bare where that is safe, else in quotes.
fn quoted(word: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(safe) { word.to_owned() } else { in_quotes(word) }
}

fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

/// What stands between double quotes, where the shell would still read some characters its own way.
fn within_quotes(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        if matches!(c, '"' | '\\' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_path_that_fits_best_says_whether_sudo_is_needed() {
        let paths = json!({
            "/sys/mounts/{path}": {}, "/sys/mounts/{path}/tune": {"x-vault-sudo": true}, "/sys/seal": {"x-vault-sudo": true},
            "/secret/{path}": {},
        });
        let paths = paths.as_object().unwrap();
        for (path, sudo) in [
            ("sys/mounts/a/b", false),
            ("sys/mounts/a/tune", true),
            ("sys/seal", true),
            ("sys/seal/x", false),
            ("secret/sys/seal", false),
            ("nothing", false),
        ] {
            assert_eq!(is_marked(paths, path), sudo, "{path}");
        }
    }

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        assert_eq!(quoted("http://h:8200/v1/a"), "http://h:8200/v1/a");
        assert_eq!(quoted("a?list=true"), "'a?list=true'");
        assert_eq!(in_quotes("it's"), "'it'\"'\"'s'");
        assert_eq!(within_quotes("a\"$b`c\\"), "a\\\"\\$b\\`c\\\\");
    }
}
