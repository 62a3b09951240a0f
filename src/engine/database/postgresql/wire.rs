//! One connection to a PostgreSQL server: opened by the deadline, every wait on it bounded, its errors put into words.
//!
//! The client library is asynchronous; each connection drives it on a small runtime of its own, so that to everybody else a
//! statement is a call that returns. Invariant: what an error says holds no password.

use crate::base::failpoint::failpoint;
use crate::base::{Error, Kind, Result};
use crate::engine::database::driver::Parameters;
use crate::engine::database::postgresql::address::{Address, Host, SslMode, Wanted, place};
use crate::engine::database::postgresql::tls;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Negotiated;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};

/// How long one host may take to let us in, unless the address says.
const CONNECT: Duration = Duration::from_secs(10);

/// How long saying goodbye may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// How our sessions are called while they work for no lease.
pub const APPLICATION: &str = "leasehold";

pub struct Wire {
    /// Taken when the connection is closed.
    client: Option<Client>,
    driver: JoinHandle<()>,
    worker: Worker,
}

impl Wire {
    /// Opens a connection to the first host that will do.
    ///
    /// # Errors
    /// `Denied` for a login that is refused, else `Upstream` with why each host failed.
    pub fn open(parameters: &Parameters, address: &Address, deadline: Instant) -> Result<Self> {
        let mut failures = Vec::new();
        for host in &address.hosts {
            match Self::open_host(parameters, address, host, deadline) {
                Ok(wire) => return Ok(wire),
                Err(error) if matches!(error.kind(), Kind::Denied | Kind::BadRequest | Kind::Internal) => {
                    return Err(error);
                }
                Err(error) => failures.push(error.message().to_owned()),
            }
        }
        Err(Error::upstream(failures.join("; ")))
    }

    fn open_host(parameters: &Parameters, address: &Address, host: &(Host, u16), deadline: Instant) -> Result<Self> {
        let until = deadline.min(Instant::now() + address.connect_timeout.unwrap_or(CONNECT));
        let plain = || Self::connect(parameters, address, host, Negotiated::Disable, until);
        let secured = |mode| Self::connect(parameters, address, host, mode, until);
        let opened = match (address.ssl_mode, &host.0) {
            (_, Host::Unix(_)) | (SslMode::Disable, _) => plain(),
            // In these two libpq tries the other way where the first is refused.
            (SslMode::Allow, _) => plain().or_else(|error| secured(Negotiated::Require).map_err(|_| error)),
            (SslMode::Prefer, _) => secured(Negotiated::Prefer).or_else(|error| plain().map_err(|_| error)),
            _ => secured(Negotiated::Require),
        };
        let mut wire = opened.map_err(|error| error.context(place(host)))?;
        if address.wanted == Wanted::Writable {
            let rows = wire.query("SELECT pg_catalog.pg_is_in_recovery()", &[], until)?;
            if rows.first().is_none_or(|row| row.get::<_, bool>(0)) {
                return Err(Error::upstream(format!("{}: it is a standby, on which one cannot write", place(host))));
            }
        }
        Ok(wire)
    }

    fn connect(
        parameters: &Parameters,
        address: &Address,
        (host, port): &(Host, u16),
        mode: Negotiated,
        until: Instant,
    ) -> Result<Self> {
        let worker = Worker::start()?;
        let mut config = tokio_postgres::Config::new();
        config.user(&address.user).password(address.password.expose().as_bytes()).dbname(&address.database);
        config.application_name(APPLICATION).ssl_mode(mode);
        if !address.options.is_empty() {
            config.options(&address.options);
        }
        let (client, driver) = match host {
            Host::Unix(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{port}"));
                worker.run(until, async {
                    let stream = UnixStream::connect(&socket).await.map_err(unreachable)?;
                    start(&config, stream, NoTls).await
                })
            }
            Host::Tcp(name) if mode == Negotiated::Disable => worker.run(until, async {
                let stream = TcpStream::connect((name.as_str(), *port)).await.map_err(unreachable)?;
                start(&config, stream, NoTls).await
            }),
            Host::Tcp(name) => {
                let configuration = tls::configuration(parameters, address)?;
                let server = name.clone().try_into();
                let server = server.map_err(|_| Error::bad_request(format!("{name:?} is not the name of a host")))?;
                worker.run(until, async {
                    let stream = TcpStream::connect((name.as_str(), *port)).await.map_err(unreachable)?;
                    start(&config, stream, tls::Connector { configuration, name: server }).await
                })
            }
        }?;
        Ok(Self { client: Some(client), driver, worker })
    }

    /// Rows, with typed parameters.
    ///
    /// # Errors
    /// See [`Wire::execute`].
    pub fn query(
        &mut self,
        statement: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        deadline: Instant,
    ) -> Result<Vec<Row>> {
        let client = self.client()?;
        let outcome =
            self.worker.run(deadline, async { Ok(client.query_typed(statement, parameters).await.map_err(failed)) });
        outcome.unwrap_or_else(unfinished)
    }

    /// One or several statements as they stand.
    ///
    /// # Errors
    /// `BadRequest` for what the server refuses; `Upstream` when no answer came or the server is in no state to answer.
    pub fn execute(&mut self, statements: &str, deadline: Instant) -> Result<()> {
        let client = self.client()?;
        let outcome = self.worker.run(deadline, async { Ok(client.batch_execute(statements).await.map_err(failed)) });
        failpoint!("postgresql.answered");
        outcome.unwrap_or_else(unfinished)
    }

    /// Waits, while the connection is tended.
    pub fn pause(&self, length: Duration) {
        // That the time is up is what it waits for.
        drop(self.worker.run(Instant::now() + length, std::future::pending::<Result<()>>()));
    }

    /// Says goodbye; nothing can be asked from here on.
    pub fn close(&mut self) {
        // Without its client the driver tells the server that it goes, and ends.
        if self.client.take().is_some() {
            let driver = &mut self.driver;
            let farewell = async { driver.await.map_err(|_| Error::internal("the connection's driver broke off")) };
            drop(self.worker.run(Instant::now() + FAREWELL, farewell));
        }
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| Error::upstream("the connection is closed"))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close();
    }
}

/// Drives one connection. Dropped, it leaves behind what it waits for: a name that does not resolve must hold up nobody.
struct Worker(Option<Runtime>);

impl Worker {
    fn start() -> Result<Self> {
        let built = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        Ok(Self(Some(built.map_err(|error| Error::internal("no runtime for a connection").caused_by(error))?)))
    }

    fn run<T>(&self, deadline: Instant, work: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = self.0.as_ref().ok_or_else(|| Error::internal("the connection's runtime has ended"))?;
        let outcome = runtime.block_on(async { tokio::time::timeout_at(deadline.into(), work).await });
        outcome.unwrap_or_else(|_| Err(Error::upstream("the database did not answer in time")))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

async fn start<S, T>(config: &tokio_postgres::Config, stream: S, tls: T) -> Result<(Client, JoinHandle<()>)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: tokio_postgres::tls::TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, tls).await.map_err(failed)?;
    // How it ends shows in what is asked of it.
    Ok((client, tokio::spawn(async { drop(connection.await) })))
}

/// The server let us in and answered before: that one statement takes longer than there is time says nothing of it.
fn unfinished<T>(error: Error) -> Result<T> {
    Err(error.context("a statement was not done in time").answered())
}

fn unreachable(error: std::io::Error) -> Error {
    Error::upstream(format!("cannot connect: {error}"))
}

/// Puts the library's error into the words and the kind that the engine goes by.
fn failed(error: tokio_postgres::Error) -> Error {
    let Some(refusal) = error.as_db_error() else {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        return Error::upstream(format!("{error}{cause}"));
    };
    let code = refusal.code().code();
    let part = |name: &str, text: Option<&str>| text.map(|text| format!("; {name}: {text}")).unwrap_or_default();
    let message = format!(
        "{} (SQLSTATE {code}{}{})",
        refusal.message(),
        part("detail", refusal.detail()),
        part("hint", refusal.hint())
    )
    .replace('\n', ", ");
    match code {
        "28P01" | "28000" => Error::denied(message),
        // Being shut down or started, or full: for nobody it goes better just now.
        _ if ["57P", "53300", "08"].iter().any(|class| code.starts_with(class)) => Error::upstream(message),
        // Out of memory, in each other's way: it may go well another time.
        _ if ["53", "58", "XX", "40", "55P03"].iter().any(|class| code.starts_with(class)) => {
            Error::upstream(message).answered()
        }
        _ => Error::bad_request(message),
    }
}
