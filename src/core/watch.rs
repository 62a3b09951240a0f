//! What goes on just now: the requests in flight, each from its arrival to its answer, and the line in the log that tells of one
//! when it is over.
//!
//! Invariant: a request is in the list exactly as long as its [`Visit`] lives, however it ends.

pub use crate::audit::AuditedHeader;
use crate::base::{Timestamp, logging};
use crate::logical::Response;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A request that is being served.
#[derive(Clone)]
pub struct InFlight {
    pub method: String,
    /// With the API's prefix, as it was asked.
    pub path: String,
    /// Nothing for a client of this machine's socket.
    pub peer: Option<SocketAddr>,
    pub started: Timestamp,
    /// The entity behind the caller, once that is known; empty for none.
    pub client_id: String,
    /// The path of the mount that serves it, once that is known.
    pub mount: String,
    /// What audit devices are to be told of its headers.
    pub audited_headers: Arc<[AuditedHeader]>,
}

#[derive(Default)]
pub struct Watch {
    requests: Mutex<HashMap<String, InFlight>>,
    /// How loudly completed requests are told.
    pub told_at: OnceLock<log::Level>,
}

impl Watch {
    /// Puts a request on the list, under its id.
    #[must_use]
    pub fn enter(self: &Arc<Self>, id: &str, request: InFlight) -> Visit {
        self.lock().insert(id.to_owned(), request);
        Visit { watch: self.clone(), id: id.to_owned(), began: Instant::now() }
    }

    /// Adds what has become known of a request.
    pub fn note(&self, id: &str, mount: &str, client_id: Option<&str>) {
        if let Some(request) = self.lock().get_mut(id) {
            mount.clone_into(&mut request.mount);
            client_id.unwrap_or_default().clone_into(&mut request.client_id);
        }
    }

    /// All requests in flight, with their ids.
    #[must_use]
    pub fn in_flight(&self) -> Vec<(String, InFlight)> {
        self.lock().iter().map(|(id, request)| (id.clone(), request.clone())).collect()
    }

    /// What audit devices are to be told of a request's headers.
    #[must_use]
    pub fn audited_headers(&self, id: &str) -> Arc<[AuditedHeader]> {
        self.lock().get(id).map(|request| request.audited_headers.clone()).unwrap_or_default()
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, InFlight>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The requests in flight as they are shown.
#[must_use]
pub fn shown(watch: &Watch) -> Response {
    let shown = watch.in_flight().into_iter().map(|(id, request)| {
        let request = json!({
            "start_time": request.started.rfc3339(),
            "client_remote_address": address(request.peer),
            "request_path": request.path,
            "request_method": request.method,
            "client_id": request.client_id,
        });
        (id, request)
    });
    Response::bare(Value::Object(shown.collect()))
}

/// A request's stay on the list.
pub struct Visit {
    watch: Arc<Watch>,
    id: String,
    began: Instant,
}

impl Visit {
    /// Tells the log how the request ended: the request, and how long it took.
    pub fn completed(self, outcome: &str) -> Option<(InFlight, Duration)> {
        let request = self.watch.lock().remove(&self.id)?;
        let took = self.began.elapsed();
        let level = self.watch.told_at.get().copied().unwrap_or(log::Level::Debug);
        log::log!(
            target: logging::REQUESTS,
            level,
            "completed request: id={} method={} path={:?} mount={} client_id={} peer={} status={outcome} duration={:.3}ms",
            self.id,
            request.method,
            request.path,
            request.mount,
            request.client_id,
            address(request.peer),
            took.as_secs_f64() * 1000.0,
        );
        Some((request, took))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.watch.lock().remove(&self.id);
    }
}

/// An address as it is shown; that of a client of this machine's socket is the one that it is known by elsewhere.
fn address(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "@".to_owned(), |peer| peer.to_string())
}
