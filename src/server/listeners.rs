//! What the configuration says of listeners, as those who listen take it.

use crate::base::Result;
use crate::config::{ClientCertificates, Config, ListenerConfig as Configured, TlsConfig as ConfiguredTls};
use crate::http::{Limits, ListenerConfig, Open, TlsConfig};

/// The listeners of a configuration.
///
/// # Errors
/// `BadRequest` where a certificate is to be made and cannot be.
pub fn of(config: &Config) -> Result<Vec<ListenerConfig>> {
    config.listeners.iter().map(|listener| one(config, listener)).collect()
}

/// One of them.
pub fn one(config: &Config, listener: &Configured) -> Result<ListenerConfig> {
    let defaults = Limits::default();
    let limits = Limits {
        max_connections: listener.max_connections,
        max_in_flight: listener.max_in_flight_requests,
        max_body_bytes: usize::try_from(listener.max_request_size).unwrap_or(usize::MAX),
        json: listener.json.clone(),
        header_deadline: listener.http_read_header_timeout,
        body_deadline: listener.http_read_timeout,
        idle_deadline: listener.http_idle_timeout,
        write_deadline: listener.http_write_timeout.unwrap_or(defaults.write_deadline),
        open: Open {
            metrics: listener.unauthenticated_metrics_access,
            in_flight_requests: listener.unauthenticated_in_flight_requests_access,
        },
        ..defaults
    };
    Ok(ListenerConfig {
        address: listener.address.clone(),
        tls: listener.tls.as_ref().map(|tls| of_tls(config, listener, tls)).transpose()?,
        limits,
        proxy_protocol: listener.proxy_protocol.clone(),
        forwarded: listener.forwarded.clone(),
    })
}

fn of_tls(config: &Config, listener: &Configured, tls: &ConfiguredTls) -> Result<TlsConfig> {
    let (cert_file, key_file) = if tls.auto {
        super::tls_auto::files(config, listener, tls)?
    } else {
        (tls.cert_file.clone(), tls.key_file.clone())
    };
    Ok(TlsConfig {
        cert_file,
        key_file,
        ask_client_cert: tls.client_certificates != ClientCertificates::NotAsked,
        client_ca_file: tls.client_ca_file.clone(),
        require_client_cert: tls.client_certificates == ClientCertificates::Required,
        min_version: tls.min_version,
        max_version: tls.max_version,
        cipher_suites: tls.cipher_suites.clone(),
    })
}
