//! What the engine works with: the keys and endpoints, and how long leases last.

pub mod lease;
pub mod root;
pub mod rotate_root;

use crate::base::{Error, Result, Secret};
use crate::engine::aws::client::{Client, Keys, Service};
use crate::engine::aws::token_service;
use crate::logical::Ctx;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// `config/root` as it is stored.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct Root {
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    pub iam_endpoint: String,
    pub sts_endpoint: String,
    pub sts_region: String,
    pub max_retries: i64,
    pub username_template: String,
}

impl Drop for Root {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret_key);
    }
}

impl Root {
    /// # Errors
    /// `BadRequest` that says what to write first.
    pub fn load(ctx: &Ctx) -> Result<Self> {
        ctx.load(root::RECORD)?.ok_or_else(|| {
            Error::bad_request(format!(
                "no AWS keys are configured: write access_key and secret_key to {}config/root",
                ctx.mount.path
            ))
        })
    }

    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys { access_key: self.access_key.clone(), secret_key: Secret::from(self.secret_key.as_str()) }
    }

    #[must_use]
    pub fn iam(&self) -> Service {
        let endpoint = or(&self.iam_endpoint, "https://iam.amazonaws.com/");
        Service { name: "iam", version: "2010-05-08", endpoint, region: or(&self.region, "us-east-1") }
    }

    #[must_use]
    pub fn sts(&self) -> Service {
        let endpoint = or(&self.sts_endpoint, "https://sts.amazonaws.com/");
        let region = if self.sts_region.is_empty() { or(&self.region, "us-east-1") } else { self.sts_region.clone() };
        Service { name: "sts", version: "2011-06-15", endpoint, region }
    }

    /// The account that the keys belong to: the target that leases are bound to.
    ///
    /// # Errors
    /// AWS's refusal.
    pub fn account(&self, ctx: &Ctx, deadline: Instant) -> Result<String> {
        let (service, keys) = (self.sts(), self.keys());
        token_service::account(&Client { service: &service, keys: &keys, clock: ctx.clock.as_ref(), deadline })
    }
}

/// An endpoint is a URL with a path: signatures cover it.
fn or(given: &str, default: &str) -> String {
    let text = if given.is_empty() { default } else { given };
    let bare_host = text.starts_with("http") && text.matches('/').count() == 2;
    if bare_host { format!("{text}/") } else { text.to_owned() }
}
