//! The API as a service of the HTTP server: decode, hand to the core, encode.

use crate::core::Core;
use crate::http::{Answer, Request, Service, decode, encode};
use std::sync::Arc;
use std::time::Duration;

pub struct Api {
    pub core: Arc<Core>,
    /// How long a request may take to be served.
    pub at_most: Duration,
}

impl Service for Api {
    fn call(&self, wire: Request) -> Answer {
        match decode::decode(&wire, self.at_most) {
            Ok(mut request) => {
                let outcome = self.core.handle(&mut request);
                let mut answer = encode::encode(&request.id, outcome);
                answer.headers.extend(request.allowance.iter().flat_map(encode::allowance));
                answer
            }
            Err(error) => encode::encode("", Err(error)),
        }
    }
}
