//! Answers that are read as they come, or that are no JSON: `sys/monitor`, `sys/metrics`.

use super::{Call, Client, LARGEST_ANSWER, Lost, malformed, problem};
use crate::cli::{Answer, Failure};
use std::io::Read;

impl Client {
    /// Sends a call once and gives its answer to be read for as long as it goes on.
    ///
    /// # Errors
    /// Whatever keeps an answer from coming, and every refusal.
    pub fn stream(&self, call: &Call) -> Result<Box<dyn Read + Send>, Failure> {
        if let Some(instead) = self.instead {
            return Err(self.instead_of(instead, call));
        }
        let lost = |lost| match lost {
            Lost::Connection(error) => problem::unreachable(&self.describe(call), self.address(), &error),
            Lost::Otherwise(failure) => failure,
        };
        let response = self.open(call).map_err(lost)?;
        let status = response.status().as_u16();
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        if status < 300 {
            return Ok(Box::new(body));
        }
        let mut text = String::new();
        let _ = body.by_ref().take(LARGEST_ANSWER).read_to_string(&mut text);
        let told = serde_json::from_str(&text).ok().map(Answer::new);
        Err(problem::refused(&self.describe(call), status, told.as_ref().map(Answer::body)))
    }

    fn open(&self, call: &Call) -> Result<http::Response<ureq::Body>, Lost> {
        let url = self.address.url(&call.path, &call.query);
        let request = self.head(call, &url).body(()).map_err(malformed)?;
        Ok(self.agent.run(self.agent.configure_request(request).timeout_global(None).build())?)
    }
}
