//! The API as a service of the HTTP server: decode, hand to the core, encode.

use crate::core::Core;
use crate::http::{Answer, Request, Service, decode, encode};
use std::sync::Arc;

pub struct Api {
    pub core: Arc<Core>,
}

impl Service for Api {
    fn call(&self, wire: Request) -> Answer {
        match decode::decode(&wire) {
            Ok(mut request) => {
                let outcome = self.core.handle(&mut request);
                encode::encode(&request.id, outcome)
            }
            Err(error) => encode::encode("", Err(error)),
        }
    }
}
