//! TLS towards PostgreSQL: rustls by the program's one crypto provider, verifying as much as `sslmode` says.
//!
//! Owns the certificates and what is checked of the server's. `require` encrypts without asking whom it talks to, unless there
//! is an authority to ask by, as libpq has it.

use crate::base::tls::{self, Identity, Names, Trust};
use crate::base::{Error, Result};
use crate::engine::database::driver::Parameters;
use crate::engine::database::postgresql::address::{Address, SslMode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use zeroize::Zeroizing;

/// The settings of TLS for a connection, by its parameters and by the files that its address names.
///
/// # Errors
/// `BadRequest` for what is no certificate or key, and where there is nothing to verify by.
pub fn configuration(parameters: &Parameters, address: &Address) -> Result<Arc<ClientConfig>> {
    let certificate = pem(parameters, "tls_certificate", address.certificate.as_deref())?;
    let key = pem(parameters, "private_key", address.private_key.as_deref())?;
    let identity = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(Identity {
            chain: tls::certificates(certificate.as_bytes()).map_err(|error| error.context("tls_certificate"))?,
            key: tls::private_key(key.as_bytes()).map_err(|error| error.context("private_key"))?,
        }),
        _ => return Err(Error::bad_request("tls_certificate and private_key go together: one is missing")),
    };
    let names = if address.ssl_mode == SslMode::VerifyFull { Names::Checked } else { Names::Ignored };
    let shows_itself = identity.is_some();
    tls::client_config(trust(parameters, address)?, names, identity)
        .map_err(|error| error.context(if shows_itself { "tls_ca, tls_certificate and private_key" } else { "tls_ca" }))
}

fn trust(parameters: &Parameters, address: &Address) -> Result<Trust> {
    let authority = match address.root_certificate.as_deref() {
        Some("system") => None,
        path => pem(parameters, "tls_ca", path)?,
    };
    match (authority, address.ssl_mode) {
        (Some(authority), _) => {
            tls::certificates(authority.as_bytes()).map(Trust::Given).map_err(|error| error.context("tls_ca"))
        }
        (None, SslMode::VerifyCa | SslMode::VerifyFull) => Ok(Trust::Public),
        (None, _) => Ok(Trust::Anybody),
    }
}

/// A text in PEM: a parameter's, or a file's whose path stands in the address.
fn pem(parameters: &Parameters, name: &str, path: Option<&str>) -> Result<Option<Zeroizing<String>>> {
    match (parameters.text(name), path) {
        ("", None) => Ok(None),
        ("", Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) => Err(Error::bad_request(format!("connection_url: {path}: {error}"))),
        },
        (text, _) => Ok(Some(Zeroizing::new(text.to_owned()))),
    }
}

/// Begins TLS on a connection.
pub struct Connector {
    pub configuration: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

impl<S> TlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = tokio_rustls::TlsConnector::from(self.configuration).connect(self.name, stream);
        Box::pin(async { connecting.await.map(Stream) })
    }
}

/// A connection inside TLS.
pub struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
