//! What the system's endpoints work in: unlike an engine's, their context holds the core itself.

use crate::base::{Error, Result, Secret};
use crate::core::causes::{Cause, Event};
use crate::core::prepared::Prepared;
use crate::core::{Core, Identity, Live};
use crate::logical::WrapFormat;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Call {
    pub core: Arc<Core>,
    /// None while sealed.
    pub live: Option<Arc<Live>>,
    /// None on public routes.
    pub identity: Option<Arc<Identity>>,
    /// The token as it was sent.
    pub token: Option<Secret<String>>,
    pub request_id: String,
    /// The whole path, as `auth/token/create`.
    pub path: String,
    pub peer: Option<SocketAddr>,
    pub certificates: Arc<[Vec<u8>]>,
    pub deadline: Instant,
    /// How long a token that wraps the answer is to live, where that is asked for.
    pub wrap_ttl: Option<Duration>,
    pub wrap_format: WrapFormat,
    /// What the answer brings to life when it is sent.
    pub prepared: Prepared,
}

impl Call {
    /// # Errors
    /// `Sealed`.
    pub fn live(&self) -> Result<&Arc<Live>> {
        self.live.as_ref().ok_or_else(|| Error::sealed("Vault is sealed"))
    }

    /// # Errors
    /// `Denied` on a public route.
    pub fn identity(&self) -> Result<&Arc<Identity>> {
        self.identity.as_ref().ok_or_else(Error::permission_denied)
    }

    /// This request as what ends leases.
    #[must_use]
    pub fn cause(&self, event: Event) -> Cause {
        let by = self.identity.as_ref().map(|identity| identity.token().accessor.clone()).unwrap_or_default();
        Cause { request_id: self.request_id.clone(), by, ..Cause::of(event) }
    }

    /// Whether the caller has `sudo` on the path it called.
    #[must_use]
    pub fn has_sudo(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| {
            identity.acl.allows(&self.path, crate::policy::Operation::Update, true).is_allowed()
        })
    }
}
