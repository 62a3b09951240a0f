//! Puts the HTTP client's connections into TLS by settings of ours, where its own leave no room for them.

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use std::io::{Read, Write};
use std::sync::Arc;
use ureq::http::Uri;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector as Connects, Either, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};

/// The TLS of an HTTP client.
#[derive(Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    /// Who is called by another name than that of the address, and by which.
    renamed: Option<(String, ServerName<'static>)>,
}

impl Connector {
    /// The whole way to a server: through a proxy where one is set, to a socket, into TLS for `https`.
    pub fn chain(
        config: Arc<ClientConfig>,
        renamed: Option<(String, ServerName<'static>)>,
    ) -> impl Connects<(), Out: Transport> {
        ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(Self { config, renamed })
    }

    fn name(&self, uri: &Uri) -> Result<ServerName<'static>, ureq::Error> {
        let authority = uri.authority().ok_or(ureq::Error::HostNotFound)?;
        match &self.renamed {
            Some((of, name)) if authority.as_str() == of => Ok(name.clone()),
            _ => ServerName::try_from(authority.host().trim_matches(['[', ']']).to_owned())
                .map_err(|_| ureq::Error::Tls("the address is no name that a certificate can be for")),
        }
    }
}

impl<In: Transport> Connects<In> for Connector {
    type Out = Either<In, Secured>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let mut connection = ClientConnection::new(self.config.clone(), self.name(details.uri)?)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Secured { buffers, stream: Box::new(StreamOwned::new(connection, socket)) })))
    }
}

/// A connection inside TLS.
pub struct Secured {
    buffers: LazyBuffers,
    stream: Box<StreamOwned<ClientConnection, TransportAdapter>>,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secured")
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
