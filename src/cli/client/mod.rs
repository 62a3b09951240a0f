//! The client of the HTTP API: one call in, one answer out, with the retries, the redirect and the error texts that people
//! know. It never puts a token into an error.

mod address;
mod agent;
mod problem;

#[cfg(test)]
mod tests;

use crate::base::Secret;
use crate::cli::answer::wipe;
use crate::cli::{Answer, Failure, Invocation, token_helper};
use address::Address;
use serde_json::Value;
use std::time::Duration;
use zeroize::Zeroizing;

/// The first pause before a call is sent again; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// How long a token that wraps data by hand lives when nobody says.
const USUAL_WRAP_TTL: &str = "5m";

pub struct Client {
    agent: ureq::Agent,
    address: Address,
    token: Option<Secret<String>>,
    headers: Vec<(String, String)>,
    namespace: Option<String>,
    /// How long a wrapping token is to live that stands in for each answer.
    wrap_ttl: Option<String>,
    retries: u32,
    first_pause: Duration,
}

/// One request, before it has a server.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Option<Value>,
}

/// An answer that the server gave with success, or a 404.
struct Reply {
    status: u16,
    body: Option<Answer>,
}

impl Call {
    #[must_use]
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None }
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
}

impl Drop for Call {
    fn drop(&mut self) {
        self.body.iter_mut().for_each(wipe);
    }
}

impl Client {
    /// The client that the flags and the environment ask for.
    pub(super) fn for_invocation(invocation: &Invocation) -> Result<Self, Failure> {
        let address = Address::parse(invocation.text("address").unwrap_or_default())?;
        let retries = match invocation.environment.variable("VAULT_MAX_RETRIES") {
            None => 2,
            Some(text) => text
                .parse()
                .map_err(|_| Failure::local(format!("VAULT_MAX_RETRIES must be a whole number, not {text:?}")))?,
        };
        Ok(Self {
            agent: agent::build(invocation, &address)?,
            address,
            token: token_helper::token(&invocation.environment)?,
            headers: headers(invocation)?,
            wrap_ttl: invocation.text("wrap-ttl").filter(|ttl| !ttl.is_empty() && *ttl != "0").map(str::to_owned),
            namespace: invocation.text("namespace").map(str::to_owned).filter(|name| !name.is_empty()),
            retries,
            first_pause: FIRST_PAUSE,
        })
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(mut self, token: Secret<String>) -> Self {
        self.token = Some(token);
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
        let mut pause = self.first_pause;
        let mut attempt = 0;
        loop {
            let reply = self.send_once(call)?;
            let unready = reply.body.as_ref().is_some_and(|answer| problem::says_unready(answer.body()));
            if attempt < self.retries && is_worth_retrying(reply.status) && !unready {
                attempt += 1;
                std::thread::sleep(pause);
                pause *= 2;
                continue;
            }
            return self.judge(call, reply);
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

    fn send_once(&self, call: &Call) -> Result<Reply, Failure> {
        let url = self.address.url(&call.path, &call.query);
        let response = self.transmit(call, &url)?;
        let redirected = matches!(response.status().as_u16(), 301 | 302 | 307 | 308);
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        match location.filter(|_| redirected) {
            None => decode(response).map_err(|why| problem::unreachable(&self.describe(call), self.address(), &why)),
            Some(location) => {
                let target = self.address.redirected(&url, location)?;
                let response = self.transmit(call, &target)?;
                decode(response).map_err(|why| problem::unreachable(&self.describe(call), self.address(), &why))
            }
        }
    }

    fn transmit(&self, call: &Call, url: &str) -> Result<http::Response<ureq::Body>, Failure> {
        let mut request = http::Request::builder().method(call.method).uri(url).header("X-Vault-Request", "true");
        if let Some(token) = self.token.as_ref().filter(|token| !token.is_empty()) {
            request = request.header("X-Vault-Token", token.expose());
        }
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(ttl) = self.wrap_ttl(call) {
            request = request.header("X-Vault-Wrap-TTL", ttl);
        }
        let body = call.body.as_ref().map(|body| Zeroizing::new(body.to_string().into_bytes()));
        let malformed =
            |_| Failure::local("the token, a header or the address holds characters that HTTP does not allow");
        let response = match body {
            Some(body) => {
                let kind = if call.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
                let request = request.header("Content-Type", kind);
                self.agent.run(request.body(body.as_slice()).map_err(malformed)?)
            }
            None => self.agent.run(request.body(()).map_err(malformed)?),
        };
        response.map_err(|error| problem::unreachable(&self.describe(call), self.address(), &error))
    }

    /// Wrapping data by hand needs a length, and has one where nobody gives it. What is asked only on the way to something
    /// else is never wrapped.
    fn wrap_ttl(&self, call: &Call) -> Option<&str> {
        if call.path.starts_with("sys/internal/ui/mounts") {
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

fn is_worth_retrying(status: u16) -> bool {
    matches!(status, 412 | 429) || (status >= 500 && status != 501)
}

fn decode(mut response: http::Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let status = response.status().as_u16();
    let bytes = Zeroizing::new(response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec()?);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Reply { status, body: None });
    }
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).trim().to_owned()));
    Ok(Reply { status, body: Some(Answer::new(body)) })
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
    headers.extend(invocation.list("mfa").iter().map(|factor| ("X-Vault-MFA".to_owned(), factor.clone())));
    Ok(headers)
}
