//! Listens, accepts, and stops. One thread accepts for all listeners and does nothing that could block it: handshakes and
//! requests happen on the workers.

use crate::base::{Error, Kind, Result};
use crate::http::Service;
use crate::http::config::{Limits, ListenerConfig};
use crate::http::connection;
use crate::http::guests::{Guests, MOST_REFUSED};
use crate::http::tls;
use crate::http::workers::Workers;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub struct Server {
    /// Taken by `serve`, so that the ports are free as soon as it stops accepting.
    sockets: Mutex<Vec<TcpListener>>,
    listeners: Vec<Arc<Listener>>,
    workers: Workers,
    service: Arc<dyn Service>,
    /// A byte sent on the first end wakes the accepting thread at the second, for good.
    wake: (UnixStream, UnixStream),
    stopped: (Mutex<bool>, Condvar),
}

struct Listener {
    address: SocketAddr,
    limits: Limits,
    tls: Option<Arc<rustls::ServerConfig>>,
    guests: Arc<Guests>,
}

/// Connections accepted from one listener before the others get their turn.
const TURN: usize = 64;
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Server {
    /// Listens on every address; nothing is accepted before [`Server::serve`].
    ///
    /// # Errors
    /// Which address cannot be listened on and why, or which file of a certificate is wrong.
    pub fn bind(configs: &[ListenerConfig], service: Arc<dyn Service>) -> Result<Self> {
        let mut sockets = Vec::with_capacity(configs.len());
        let mut listeners = Vec::with_capacity(configs.len());
        for config in configs {
            let (socket, address) = listen(&config.address)?;
            let tls = config.tls.as_ref().map(tls::server_config).transpose()?;
            let limits = config.limits.clone();
            let guests = Arc::new(Guests::new(limits.max_connections));
            listeners.push(Arc::new(Listener { address, limits, tls, guests }));
            sockets.push(socket);
        }
        let most = configs.iter().map(|config| config.limits.max_connections + MOST_REFUSED).sum();
        let wake = UnixStream::pair()
            .map_err(|error| Error::internal("no pair of sockets for the server").caused_by(error))?;
        Ok(Self {
            sockets: Mutex::new(sockets),
            listeners,
            workers: Workers::new(most),
            service,
            wake,
            stopped: Default::default(),
        })
    }

    /// The addresses in the order of their configurations, with the ports that were really taken.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Accepts and serves on the calling thread; returns once [`Server::shutdown`] is done.
    ///
    /// # Errors
    /// When the operating system fails to wait for connections at all.
    pub fn serve(&self) -> Result<()> {
        let sockets = std::mem::take(&mut *self.sockets.lock().unwrap_or_else(PoisonError::into_inner));
        self.accept_until_woken(&sockets)
            .map_err(|error| Error::internal("waiting for connections failed").caused_by(error))?;
        drop(sockets);
        let (stopped, changed) = &self.stopped;
        let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(stopped, |stopped| !*stopped));
        Ok(())
    }

    /// Stops accepting, closes idle connections, lets requests in flight finish, and cuts what is left after `grace`.
    pub fn shutdown(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let _ = (&self.wake.0).write_all(b"!");
        self.listeners.iter().for_each(|listener| listener.guests.ask_all_to_leave());
        for listener in &self.listeners {
            if !listener.guests.wait_until_gone(deadline) {
                log::warn!("{}: requests were still running and are cut off", listener.address);
                listener.guests.throw_out();
            }
        }
        self.workers.close();
        *self.stopped.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.1.notify_all();
    }

    fn accept_until_woken(&self, sockets: &[TcpListener]) -> io::Result<()> {
        let mut pause = None;
        loop {
            let ready = match self.wait(if pause.is_some() { &[] } else { sockets }, pause) {
                Wait::Woken => return Ok(()),
                Wait::Failed(error) => return Err(error),
                // After a pause everyone may be ready; accepting does not block.
                Wait::Ready(_) if pause.is_some() => (0..sockets.len()).collect(),
                Wait::Ready(ready) => ready,
            };
            let exhausted = ready
                .into_iter()
                .filter_map(|index| self.accept_turn(&sockets[index], &self.listeners[index]).err())
                .last();
            pause = exhausted.map(|error| self.next_pause(pause, &error));
        }
    }

    /// Waits for connections on `sockets`, for `pause` where there is one, or to be woken.
    fn wait(&self, sockets: &[TcpListener], pause: Option<Duration>) -> Wait {
        let mut waited: Vec<_> = std::iter::once(PollFd::new(&self.wake.1, PollFlags::IN))
            .chain(sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)))
            .collect();
        let pause = pause.and_then(|pause| Timespec::try_from(pause).ok());
        match poll(&mut waited, pause.as_ref()) {
            Ok(_) if !waited[0].revents().is_empty() => Wait::Woken,
            Ok(_) => Wait::Ready((0..sockets.len()).filter(|at| !waited[at + 1].revents().is_empty()).collect()),
            Err(rustix::io::Errno::INTR) => Wait::Ready(Vec::new()),
            Err(error) => Wait::Failed(error.into()),
        }
    }

    /// Accepts until no one is waiting or the turn is over.
    ///
    /// # Errors
    /// Only those that will not go away by trying again at once: descriptors or memory have run out.
    fn accept_turn(&self, socket: &TcpListener, listener: &Arc<Listener>) -> io::Result<()> {
        for _ in 0..TURN {
            match socket.accept() {
                Ok((stream, peer)) => self.admit(stream, peer, listener),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, listener: &Arc<Listener>) {
        // Where accepted sockets inherit it, they would not block. A socket that fails here is gone already.
        if stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true)).is_err() {
            return;
        }
        let Some(guest) = listener.guests.admit(stream, peer) else { return };
        let (listener, service) = (Arc::clone(listener), Arc::clone(&self.service));
        let started = self.workers.run(move || {
            connection::serve(&guest, listener.tls.as_ref(), &listener.limits, &*service);
        });
        if let Err(error) = started {
            log::warn!("{peer}: closed, since no thread can be started: {error}");
        }
    }

    /// After `error`: idle connections give way, since each holds a descriptor, and accepting pauses, longer each time.
    fn next_pause(&self, before: Option<Duration>, error: &io::Error) -> Duration {
        if before.is_none() {
            log::warn!("no connection can be accepted at the moment: {error}");
        }
        for listener in &self.listeners {
            listener.guests.make_room();
        }
        before.map_or(SHORTEST_PAUSE, |before| (before * 2).min(LONGEST_PAUSE))
    }
}

enum Wait {
    Woken,
    Ready(Vec<usize>),
    Failed(io::Error),
}

fn listen(address: &str) -> Result<(TcpListener, SocketAddr)> {
    let refused = |error: io::Error| {
        let kind = match error.kind() {
            ErrorKind::AddrInUse => Kind::Conflict,
            ErrorKind::PermissionDenied => Kind::Denied,
            _ => Kind::BadRequest,
        };
        Error::new(kind, format!("cannot listen on {address}: {}", plain_words(&error))).caused_by(error)
    };
    let socket = TcpListener::bind(address).map_err(refused)?;
    socket.set_nonblocking(true).map_err(refused)?;
    let local = socket.local_addr().map_err(refused)?;
    Ok((socket, local))
}

fn plain_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "the address is already in use".to_owned(),
        ErrorKind::PermissionDenied => "permission denied by the operating system".to_owned(),
        _ => error.to_string(),
    }
}
