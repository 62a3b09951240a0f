//! How a call that failed is told: with address, code and the server's reasons, laid out as scripts of the field expect; below
//! that, where it is known, why it was refused and what to do next.

use crate::cli::Failure;
use crate::cli::help::PROGRAM;
use serde_json::Value;
use std::fmt::Write;
use std::io::ErrorKind;

/// A call as errors name it.
pub struct Described {
    pub method: &'static str,
    pub url: String,
    /// As the command line takes it.
    pub path: String,
    pub namespace: Option<String>,
}

/// The reasons a server gave for refusing.
pub fn reasons(body: Option<&Value>) -> Vec<&str> {
    texts(body, "errors")
}

fn texts<'body>(body: Option<&'body Value>, member: &str) -> Vec<&'body str> {
    let items = body.and_then(|body| body.get(member)).and_then(Value::as_array);
    items.map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Whether the server refused because it is sealed or was never initialised: waiting a moment does not change that.
pub fn says_unready(body: &Value) -> bool {
    unready(body).is_some()
}

pub fn refused(call: &Described, status: u16, body: Option<&Value>) -> Failure {
    let mut text = "Error making API request.\n\n".to_owned();
    if let Some(namespace) = &call.namespace {
        let _ = writeln!(text, "Namespace: {namespace}");
    }
    let _ = write!(text, "URL: {} {}\nCode: {status}. ", call.method, call.url);
    match body {
        Some(Value::String(raw)) => {
            let _ = write!(text, "Raw Message:\n\n{raw}");
        }
        _ => {
            // What was not found gives no reason, but may have a warning that tells where to look.
            let told = Some(reasons(body)).filter(|reasons| !reasons.is_empty());
            let lines: Vec<_> =
                told.unwrap_or_else(|| texts(body, "warnings")).iter().map(|reason| format!("* {reason}")).collect();
            let _ = write!(text, "Errors:\n\n{}", lines.join("\n"));
        }
    }
    let mut text = text.trim_end().to_owned();
    for line in [body.and_then(why).map(str::to_owned), next(call, status, body)].into_iter().flatten() {
        let _ = write!(text, "\n\n{line}");
    }
    Failure { status: Some(status), ..Failure::refused(text) }
}

/// The reason in words, as this server gives it.
fn why(body: &Value) -> Option<&str> {
    body.get("reason")?.get("message")?.as_str()
}

/// What to do about a refusal.
fn next(call: &Described, status: u16, body: Option<&Value>) -> Option<String> {
    if status == 503 {
        return body.and_then(unready);
    }
    let Some(reason) = body?.get("reason") else {
        // To a token that it does not know the server gives no reason.
        let says_nothing = status == 403 && reasons(body) == ["permission denied"];
        if says_nothing && call.path == "auth/token/lookup-self" {
            return Some(format!("Sign in with: {PROGRAM} login"));
        }
        return says_nothing
            .then(|| format!("If the token should be good, see whether it still is: {PROGRAM} token lookup"));
    };
    match reason.get("code")?.as_str()? {
        "token_missing" => Some(format!("Sign in with: {PROGRAM} login\nOr put a token into VAULT_TOKEN.")),
        "token_expired" | "token_revoked" | "parent_expired" | "parent_revoked" => {
            Some(format!("Sign in again with: {PROGRAM} login"))
        }
        "policy_damaged" | "no_route" | "unsupported_operation" => None,
        _ => {
            let mut needed =
                reason.get("needs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let operation = needed.rfind(|needed| *needed != "sudo")?;
            Some(format!("All about it: {PROGRAM} policy explain -operation={operation} {}", call.path))
        }
    }
}

/// The server is there and does not serve yet.
fn unready(body: &Value) -> Option<String> {
    let says = |word: &str| reasons(Some(body)).iter().any(|reason| reason.to_ascii_lowercase().contains(word));
    if says("not yet initialized") {
        return Some(format!("The server is new. Make its keys with: {PROGRAM} operator init"));
    }
    says("sealed").then(|| format!("Unseal the server with: {PROGRAM} operator unseal"))
}

/// No answer came: says why, and what to do next.
pub fn unreachable(call: &Described, address: &str, error: &ureq::Error) -> Failure {
    let (why, next) = explain(error, address);
    Failure::refused(format!("{} {:?}: {why}\n\n{next}", title(call.method), call.url))
}

fn explain(error: &ureq::Error, address: &str) -> (String, String) {
    let check = format!(
        "Nothing answers at {address}. Is the server running there? Name another with VAULT_ADDR or -address, or start \
         one: {PROGRAM} server -h"
    );
    match error {
        ureq::Error::Io(io) if tls_reason(io).is_some_and(|reason| reason.contains("corrupt message")) => (
            "the server answered in plain HTTP to a client that speaks HTTPS".to_owned(),
            format!("If that is meant, use VAULT_ADDR={}.", address.replacen("https://", "http://", 1)),
        ),
        ureq::Error::Io(io) if tls_reason(io).is_some() => distrusted(&tls_reason(io).unwrap_or_default()),
        ureq::Error::Rustls(tls) => distrusted(&tls.to_string()),
        ureq::Error::Io(io) => (plainly(io), check),
        ureq::Error::HostNotFound => ("no such host".to_owned(), check),
        ureq::Error::Timeout(_) => (
            "no answer in time".to_owned(),
            format!("{address} is slow or not reachable. VAULT_CLIENT_TIMEOUT sets how long to wait."),
        ),
        other => (other.to_string(), check),
    }
}

fn tls_reason(error: &std::io::Error) -> Option<String> {
    error.get_ref().filter(|inner| inner.is::<rustls::Error>()).map(ToString::to_string)
}

fn distrusted(reason: &str) -> (String, String) {
    let next = "Name the certificates to trust with VAULT_CACERT or -ca-cert, or the server's name with \
                VAULT_TLS_SERVER_NAME or -tls-server-name.";
    (format!("the TLS connection failed: {reason}"), next.to_owned())
}

fn plainly(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}

/// `GET` → `Get`, as such errors are written.
fn title(method: &str) -> String {
    let mut text = method.to_ascii_lowercase();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
