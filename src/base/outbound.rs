//! The one HTTP client for calls to other servers: TLS by the program's one crypto provider, a deadline on every call, a
//! limit on every answer, no redirects.

use crate::base::{Error, Result};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use ureq::tls::{RootCerts, TlsConfig};

/// The most that is read of an answer, in bytes.
const ANSWER_LIMIT: u64 = 4 * 1024 * 1024;

/// What came back, whatever the status.
pub struct Reply {
    pub status: u16,
    pub body: String,
}

/// Posts a body with headers.
///
/// # Errors
/// `Upstream` when no answer came: the address, and why.
pub fn post(url: &str, headers: &[(String, String)], body: &str, deadline: Instant) -> Result<Reply> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Error::upstream(format!("no time left to call {url}")));
    }
    let mut request = agent().post(url).config().timeout_global(Some(left)).build();
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let unanswered = |error: ureq::Error| Error::upstream(format!("{url} did not answer: {error}"));
    let mut response = request.send(body).map_err(unanswered)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string().map_err(unanswered)?;
    Ok(Reply { status, body })
}

fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(RootCerts::WebPki).build();
        ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .max_idle_connections_per_host(4)
            .build()
            .into()
    })
}
