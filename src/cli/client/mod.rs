//! The client of the HTTP API: one call in, one answer out, with the retries, the redirect and the error texts that people
//! know. It never puts a token into an error.

mod address;
mod agent;
mod instead;
mod pace;
mod problem;
mod proxy;
mod stream;

#[cfg(test)]
mod tests;

use crate::base::Secret;
use crate::cli::answer::wipe;
use crate::cli::{Answer, Failure, Invocation, token_helper};
use address::Address;
use instead::Instead;
use pace::{Pace, is_passing, is_worth_retrying};
use serde_json::Value;
use std::time::Duration;
use zeroize::Zeroizing;

const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// How long a token that wraps data by hand lives when nobody says.
const USUAL_WRAP_TTL: &str = "5m";

#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    address: Address,
    token: Option<Secret<String>>,
    headers: Vec<(String, String)>,
    namespace: Option<String>,
    /// How long a wrapping token is to live that stands in for each answer.
    wrap_ttl: Option<String>,
    pace: Pace,
    follows_redirects: bool,
    /// What to print in place of requests.
    instead: Option<Instead>,
    /// The flags for curl that do what the flags for TLS do here.
    curl_flags: Vec<(&'static str, Option<String>)>,
    program: String,
}

/// One request, before it has a server.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Option<Value>,
    /// Asked only on the way to what the command is for: always sent, never wrapped.
    is_first: bool,
    pub headers: Vec<(&'static str, String)>,
}

/// An answer that the server gave with success, or a 404.
struct Reply {
    status: u16,
    body: Option<Answer>,
    /// How long the server wants to be left alone.
    retry_after: Option<Duration>,
}

impl Call {
    #[must_use]
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None, is_first: false, headers: Vec::new() }
    }

    #[must_use]
    pub fn with_query(mut self, query: impl IntoIterator<Item = (String, String)>) -> Self {
        self.query.extend(query);
        self
    }

    #[must_use]
    pub fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.body.iter_mut().for_each(wipe);
    }
}

impl Client {
    /// The client that the flags and the environment ask for.
    pub(super) fn for_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        let server = invocation.text("agent-address").filter(|agent| !agent.is_empty()).or(invocation.text("address"));
        let address = Address::parse(server.unwrap_or_default())?;
        refuse_what_is_missing(invocation)?;
        Ok(Self {
            agent: agent::build(invocation, &address)?,
            address,
            token: token_helper::token(&invocation.environment)?,
            headers: headers(invocation)?,
            wrap_ttl: invocation.text("wrap-ttl").filter(|ttl| !ttl.is_empty() && *ttl != "0").map(str::to_owned),
            namespace: invocation.text("namespace").map(str::to_owned).filter(|name| !name.is_empty()),
            pace: Pace::of(&invocation.environment)?,
            follows_redirects: !invocation.is_set("disable-redirects"),
            instead: Instead::asked_for(invocation),
            curl_flags: instead::tls(invocation),
            program: invocation.environment.program().to_owned(),
        })
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(mut self, token: Secret<String>) -> Self {
        self.token = Some(token);
        self
    }

    /// The same client that sends each call once: for whoever paces repetitions itself.
    #[must_use]
    pub fn without_retries(mut self) -> Self {
        self.pace = self.pace.without_retries();
        self
    }

    #[must_use]
    pub fn token(&self) -> Option<&Secret<String>> {
        self.token.as_ref()
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> &str {
        self.address.as_given()
    }

    /// Sends a call. Nothing at the path, or an answer without a body, is `None`.
    ///
    /// # Errors
    /// Whatever keeps an answer from coming, and every refusal.
    pub fn ask(&self, call: &Call) -> Result<Option<Answer>, Failure> {
        Ok(self.send(call)?.body)
    }

    /// Sends a call whose 404 is a refusal: the thing to change, not the thing to read, is missing.
    ///
    /// # Errors
    /// Whatever keeps an answer from coming, and every refusal.
    pub fn change(&self, call: &Call) -> Result<Option<Answer>, Failure> {
        let reply = self.send(call)?;
        if reply.status == 404 {
            return Err(problem::refused(&self.describe(call), reply.status, reply.body.as_ref().map(Answer::body)));
        }
        Ok(reply.body)
    }

    /// Reads a path.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn read(&self, path: &str) -> Result<Option<Answer>, Failure> {
        self.ask(&Call::new("GET", path))
    }

    /// Reads what a command has to know before it asks what it is for: sent whatever is to be printed in place of requests,
    /// and never wrapped.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn read_first(&self, path: &str) -> Result<Option<Answer>, Failure> {
        let mut call = Call::new("GET", path);
        call.is_first = true;
        self.ask(&call)
    }

    /// Lists a path.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn list(&self, path: &str) -> Result<Option<Answer>, Failure> {
        self.ask(&Call::new("GET", path).with_query([("list".to_owned(), "true".to_owned())]))
    }

    /// Writes to a path.
    ///
    /// # Errors
    /// As [`Client::change`].
    pub fn write(&self, path: &str, body: Value) -> Result<Option<Answer>, Failure> {
        self.change(&Call::new("PUT", path).with_body(body))
    }

    /// Posts to a path.
    ///
    /// # Errors
    /// As [`Client::change`].
    pub fn post(&self, path: &str, body: Value) -> Result<Option<Answer>, Failure> {
        self.change(&Call::new("POST", path).with_body(body))
    }

    /// Changes what is at a path by a JSON merge patch.
    ///
    /// # Errors
    /// As [`Client::change`].
    pub fn patch(&self, path: &str, body: Value) -> Result<Option<Answer>, Failure> {
        self.change(&Call::new("PATCH", path).with_body(body))
    }

    /// Deletes a path.
    ///
    /// # Errors
    /// As [`Client::change`].
    pub fn delete(&self, path: &str) -> Result<Option<Answer>, Failure> {
        self.change(&Call::new("DELETE", path))
    }

    fn send(&self, call: &Call) -> Result<Reply, Failure> {
        if let Some(instead) = self.instead.filter(|_| !call.is_first) {
            return Err(self.instead_of(instead, call));
        }
        let mut attempt = 0;
        loop {
            self.pace.wait_for_turn();
            let wish = match self.send_once(call) {
                Ok(reply) => {
                    let unready = reply.body.as_ref().is_some_and(|answer| problem::says_unready(answer.body()));
                    if unready || !is_worth_retrying(reply.status) || !self.pace.allows(attempt) {
                        return self.judge(call, reply);
                    }
                    reply.retry_after
                }
                Err(Lost::Connection(error)) if is_passing(&error) && self.pace.allows(attempt) => None,
                Err(Lost::Connection(error)) => {
                    return Err(problem::unreachable(&self.describe(call), self.address(), &error));
                }
                Err(Lost::Otherwise(failure)) => return Err(failure),
            };
            self.pace.wait_again(attempt, wish);
            attempt += 1;
        }
    }

    /// Success and missing paths pass; the rest is a failure with the server's own words.
    fn judge(&self, call: &Call, reply: Reply) -> Result<Reply, Failure> {
        let refused =
            |reply: &Reply| problem::refused(&self.describe(call), reply.status, reply.body.as_ref().map(Answer::body));
        match reply.status {
            200..=299 => Ok(reply),
            404 if call.method == "GET" && problem::reasons(reply.body.as_ref().map(Answer::body)).is_empty() => {
                let says_something =
                    reply.body.as_ref().is_some_and(|answer| answer.data().is_some() || !answer.warnings().is_empty());
                Ok(if says_something { reply } else { Reply { body: None, ..reply } })
            }
            404 if call.method != "GET" => Ok(reply),
            _ => Err(refused(&reply)),
        }
    }

    fn send_once(&self, call: &Call) -> Result<Reply, Lost> {
        let url = self.address.url(&call.path, &call.query);
        let response = self.transmit(call, &url)?;
        let redirected = self.follows_redirects && matches!(response.status().as_u16(), 301 | 302 | 307 | 308);
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        match location.filter(|_| redirected) {
            None => Ok(decode(response)?),
            Some(location) => {
                let target = self.address.redirected(&url, location)?;
                Ok(decode(self.transmit(call, &target)?)?)
            }
        }
    }

    fn transmit(&self, call: &Call, url: &str) -> Result<http::Response<ureq::Body>, Lost> {
        let request = self.head(call, url);
        let body = call.body.as_ref().map(|body| Zeroizing::new(body.to_string().into_bytes()));
        Ok(match body {
            Some(body) => {
                let kind = if call.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
                let request = request.header("Content-Type", kind);
                self.agent.run(request.body(body.as_slice()).map_err(malformed)?)?
            }
            None => self.agent.run(request.body(()).map_err(malformed)?)?,
        })
    }

    fn head(&self, call: &Call, url: &str) -> http::request::Builder {
        let mut request = http::Request::builder().method(call.method).uri(url);
        if let Some(token) = self.token.as_ref().filter(|token| !token.is_empty()) {
            request = request.header("X-Vault-Token", token.expose());
        }
        for (name, value) in self.clear_headers(call) {
            request = request.header(name, value);
        }
        request
    }

    /// The headers of a call that are no secret.
    fn clear_headers(&self, call: &Call) -> Vec<(String, String)> {
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        headers.extend(self.namespace.iter().map(|namespace| ("X-Vault-Namespace".to_owned(), namespace.clone())));
        headers.extend(self.headers.iter().cloned());
        headers.extend(call.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        headers.extend(self.wrap_ttl(call).map(|ttl| ("X-Vault-Wrap-TTL".to_owned(), ttl.to_owned())));
        headers
    }

    /// Wrapping data by hand needs a length, and has one where nobody gives it. What is asked only on the way to something
    /// else is never wrapped.
    fn wrap_ttl(&self, call: &Call) -> Option<&str> {
        if call.is_first {
            return None;
        }
        let usual = (call.method == "PUT" && call.path == "sys/wrapping/wrap").then_some(USUAL_WRAP_TTL);
        self.wrap_ttl.as_deref().or(usual)
    }

    /// The call as errors name it.
    fn describe(&self, call: &Call) -> problem::Described {
        problem::Described {
            method: call.method,
            url: self.address.url(&call.path, &call.query),
            path: call.path.trim_start_matches('/').to_owned(),
            namespace: self.namespace.clone(),
        }
    }
}

/// Why there is no reply.
enum Lost {
    Connection(ureq::Error),
    /// Something that no further attempt changes.
    Otherwise(Failure),
}

impl From<ureq::Error> for Lost {
    fn from(error: ureq::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Self::Otherwise(failure)
    }
}

fn malformed(_: http::Error) -> Failure {
    Failure::local("the token, a header or the address holds characters that HTTP does not allow")
}

fn decode(mut response: http::Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(Duration::from_secs);
    let bytes = Zeroizing::new(response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec()?);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Reply { status, body: None, retry_after });
    }
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).trim().to_owned()));
    Ok(Reply { status, body: Some(Answer::new(body)), retry_after })
}

/// The headers that flags ask for, beside the token and the namespace.
fn headers(invocation: &Invocation) -> Result<Vec<(String, String)>, Failure> {
    let mut headers: Vec<(String, String)> =
        invocation.pairs("header").map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some((name, _)) = headers.iter().find(|(name, _)| name.to_ascii_lowercase().starts_with("x-vault-")) {
        return Err(Failure::local(format!(
            "-header cannot set {name}: headers that start with X-Vault- are reserved"
        )));
    }
    if invocation.is_set("policy-override") {
        headers.push(("X-Vault-Policy-Override".to_owned(), "true".to_owned()));
    }
    Ok(headers)
}

/// Refuses what no server of ours can honour, rather than send a request that means less than was asked.
fn refuse_what_is_missing(invocation: &Invocation) -> Result<(), Failure> {
    let refuse = |why: &str| Err(Failure::local(why));
    if invocation.text("mfa").is_some_and(|factor| !factor.is_empty()) {
        return refuse("-mfa is not supported: there are no second factors. Leave it and VAULT_MFA away.");
    }
    if invocation.text("unlock-key").is_some_and(|key| !key.is_empty()) {
        return refuse("-unlock-key is not supported: there are no namespaces that could be locked.");
    }
    Ok(())
}
