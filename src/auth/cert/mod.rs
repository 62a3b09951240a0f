//! Signing in by a TLS client certificate: the one that the listener saw the client prove it has the key to.
//!
//! `certs` are the roles: each trusts an authority, or one certificate as it is; `presented` is what a client shows; `login`
//! brings the two together. Invariants: a certificate that is trusted as it is has to be that very one, byte by byte, and not
//! one that has its serial number or its names; a token is renewed only by who shows the certificate that it was made for,
//! unless the mount is told otherwise.

mod certs;
mod config;
mod crls;
mod login;
mod presented;
mod role;

use crate::logical::Engine;

pub static ENGINE: Engine = Engine {
    name: "cert",
    summary: "Signing in by a TLS client certificate.",
    help: "Signs in whoever shows a client certificate at the listener that a role trusts. The listener must speak TLS and ask \
           for certificates, which it does unless tls_disable_client_certs is set.",
    routes: &[&certs::LIST, &certs::ROUTE, &crls::LIST, &crls::ROUTE, &config::ROUTE, &login::ROUTE],
    renew_login: Some(login::renew),
    ..Engine::BLANK
};
