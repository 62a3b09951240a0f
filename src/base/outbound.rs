//! The one HTTP client for calls to other servers: TLS by the program's one crypto provider, a deadline on every call, a
//! limit on every answer, no redirects. Proxies are those that the environment names.
//!
//! It knows nothing of what it carries; retrying is its callers' business, who know what may be asked twice.

use crate::base::{Error, Result};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

/// The most that is read of an answer, in bytes.
const ANSWER_LIMIT: u64 = 4 * 1024 * 1024;

const CONNECT: Duration = Duration::from_secs(10);
const CONNECT_NEARBY: Duration = Duration::from_secs(1);

/// What came back, whatever the status. The body may hold secrets.
pub struct Reply {
    pub status: u16,
    pub body: Zeroizing<String>,
}

/// How something is asked for that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Put,
}

/// Asks a server that is as good as on this machine (an agent, the metadata of an instance): never through a proxy, and one that
/// is not there is found out about in a second. A `PUT` has no body.
///
/// # Errors
/// `Upstream` when no answer came: the address, and why.
pub fn nearby(method: Method, url: &str, headers: &[(String, String)], deadline: Instant) -> Result<Reply> {
    let left = time_left(url, deadline)?;
    let sent = match method {
        Method::Get => {
            let mut request = direct_agent().get(url).config().timeout_global(Some(left)).build();
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request.call()
        }
        Method::Put => {
            let mut request = direct_agent().put(url).config().timeout_global(Some(left)).build();
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request.send_empty()
        }
    };
    reply(url, sent)
}

/// Posts a body with headers.
///
/// # Errors
/// `Upstream` when no answer came: the address, and why. Whether the call took effect is then unknown.
pub fn post(url: &str, headers: &[(String, String)], body: &str, deadline: Instant) -> Result<Reply> {
    let left = time_left(url, deadline)?;
    let mut request = agent().post(url).config().timeout_global(Some(left)).build();
    for (name, value) in headers {
        request = request.header(name, value);
    }
    reply(url, request.send(body))
}

fn time_left(url: &str, deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::upstream(format!("no time is left to call {url}"))) } else { Ok(left) }
}

pub(super) fn reply(url: &str, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Reply> {
    let unanswered = |error: ureq::Error| Error::upstream(format!("{url} did not answer: {error}"));
    let mut response = sent.map_err(unanswered)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string().map_err(unanswered)?;
    Ok(Reply { status, body: Zeroizing::new(body) })
}

/// Checks the address of a server: `https://host[:port][/path]`, or `http://` for emulators.
///
/// # Errors
/// `BadRequest` saying what an address looks like.
pub fn check_address(url: &str) -> Result<()> {
    let wrong = || Error::bad_request(format!("{url:?} is not an address: write https://host, with a port if need be"));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let named = uri.host().is_some_and(|host| !host.is_empty());
    let plain = !url.contains(['?', '#', '@']);
    if named && plain && matches!(uri.scheme_str(), Some("http" | "https")) { Ok(()) } else { Err(wrong()) }
}

fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| configuration().timeout_connect(Some(CONNECT)).build().into())
}

fn direct_agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| configuration().proxy(None).timeout_connect(Some(CONNECT_NEARBY)).build().into())
}

fn configuration() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(RootCerts::WebPki).build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("leasehold/", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_anybody_calls_it() {
        for right in ["https://iam.amazonaws.com", "http://127.0.0.1:5000", "http://[::1]:80/", "https://a.b/c"] {
            assert!(check_address(right).is_ok(), "{right}");
        }
        for wrong in ["", "iam.amazonaws.com", "ftp://a", "https://", "https://u:p@a", "https://a?b", "http://a b"] {
            assert!(check_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_call_ends_at_its_deadline_though_nobody_answers() -> std::io::Result<()> {
        let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", silent.local_addr()?);
        let start = Instant::now();
        let outcome = post(&url, &[], "a=b", start + Duration::from_millis(200));
        let error = outcome.map(|reply| reply.status).unwrap_err();
        assert!(error.message().contains("did not answer"), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(post(&url, &[], "", start).is_err(), "a deadline that has passed allows no call");
        Ok(())
    }
}
