//! Listens, accepts, and stops. One thread accepts for all listeners and does nothing that could block it: handshakes and
//! requests happen on the workers.

use crate::base::{Error, Result};
use crate::http::Service;
use crate::http::budget::Budget;
use crate::http::config::{Address, Forwarded, Limits, ListenerConfig, ProxyProtocol};
use crate::http::guests::{Guests, MOST_REFUSED};
use crate::http::socket::{Door, Socket};
use crate::http::tls::Keeper;
use crate::http::workers::Workers;
use crate::http::{connection, door};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub struct Server {
    /// Taken by `serve`, so that the ports are free as soon as it stops accepting.
    doors: Mutex<Vec<Door>>,
    listeners: Vec<Arc<Listener>>,
    workers: Workers,
    service: Arc<dyn Service>,
    /// A byte sent on the first end wakes the accepting thread at the second, for good.
    wake: (UnixStream, UnixStream),
    stopped: (Mutex<bool>, Condvar),
}

/// What the connections of one listener are served by.
pub(super) struct Listener {
    place: Address,
    /// Nothing for one of this machine's sockets.
    address: Option<SocketAddr>,
    pub limits: Limits,
    pub tls: Option<Keeper>,
    pub proxy_protocol: Option<ProxyProtocol>,
    pub forwarded: Option<Forwarded>,
    /// Bytes of bodies, of all listeners.
    pub bodies: Arc<Budget>,
    /// Requests that are being answered.
    pub in_flight: Arc<Budget>,
    guests: Arc<Guests>,
}

/// What the bodies of all requests may take together: the largest that is allowed, and this much more.
const MORE_BODIES: usize = 1024 * 1024;

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
        let largest = configs.iter().map(|config| config.limits.max_body_bytes).max().unwrap_or_default();
        let bodies = Budget::new(largest.saturating_add(MORE_BODIES));
        let mut doors = Vec::with_capacity(configs.len());
        let mut listeners = Vec::with_capacity(configs.len());
        for config in configs {
            let tls = config.tls.clone().map(Keeper::new).transpose()?;
            let (door, address) = door::open(&config.address)?;
            let limits = config.limits.clone();
            listeners.push(Arc::new(Listener {
                place: config.address.clone(),
                address,
                tls,
                proxy_protocol: config.proxy_protocol.clone(),
                forwarded: config.forwarded.clone(),
                bodies: Arc::clone(&bodies),
                in_flight: Budget::new(limits.max_in_flight),
                guests: Arc::new(Guests::new(limits.max_connections)),
                limits,
            }));
            doors.push(door);
        }
        let most = configs.iter().map(|config| config.limits.max_connections + MOST_REFUSED).sum();
        let wake = UnixStream::pair()
            .map_err(|error| Error::internal("no pair of sockets for the server").caused_by(error))?;
        Ok(Self {
            doors: Mutex::new(doors),
            listeners,
            workers: Workers::new(most),
            service,
            wake,
            stopped: Default::default(),
        })
    }

    /// The addresses on the network in the order of their configurations, with the ports that were really taken.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.address).collect()
    }

    /// Where it listens, for people.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.name()).collect()
    }

    /// Reads the files of all certificates again. Where they do not fit together, the certificate in use stays.
    pub fn reload_certificates(&self) {
        self.listeners.iter().filter_map(|listener| listener.tls.as_ref()).for_each(Keeper::reload);
    }

    /// Accepts and serves on the calling thread; returns once [`Server::shutdown`] is done.
    ///
    /// # Errors
    /// When the operating system fails to wait for connections at all.
    pub fn serve(&self) -> Result<()> {
        let doors = std::mem::take(&mut *self.doors.lock().unwrap_or_else(PoisonError::into_inner));
        self.accept_until_woken(&doors)
            .map_err(|error| Error::internal("waiting for connections failed").caused_by(error))?;
        drop(doors);
        self.listeners.iter().for_each(|listener| listener.take_away());
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
                log::warn!("{}: requests were still running and are cut off", listener.name());
                listener.guests.throw_out();
            }
        }
        self.workers.close();
        *self.stopped.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.1.notify_all();
    }

    fn accept_until_woken(&self, doors: &[Door]) -> io::Result<()> {
        let mut pause = None;
        loop {
            let ready = match self.wait(if pause.is_some() { &[] } else { doors }, pause) {
                Wait::Woken => return Ok(()),
                Wait::Failed(error) => return Err(error),
                // After a pause everyone may be ready; accepting does not block.
                Wait::Ready(_) if pause.is_some() => (0..doors.len()).collect(),
                Wait::Ready(ready) => ready,
            };
            let exhausted = ready
                .into_iter()
                .filter_map(|index| self.accept_turn(&doors[index], &self.listeners[index]).err())
                .last();
            pause = exhausted.map(|error| self.next_pause(pause, &error));
        }
    }

    /// Waits for connections at `doors`, for `pause` where there is one, or to be woken.
    fn wait(&self, doors: &[Door], pause: Option<Duration>) -> Wait {
        let mut waited: Vec<_> = std::iter::once(PollFd::new(&self.wake.1, PollFlags::IN))
            .chain(doors.iter().map(|door| PollFd::new(door, PollFlags::IN)))
            .collect();
        let pause = pause.and_then(|pause| Timespec::try_from(pause).ok());
        match poll(&mut waited, pause.as_ref()) {
            Ok(_) if !waited[0].revents().is_empty() => Wait::Woken,
            Ok(_) => Wait::Ready((0..doors.len()).filter(|at| !waited[at + 1].revents().is_empty()).collect()),
            Err(rustix::io::Errno::INTR) => Wait::Ready(Vec::new()),
            Err(error) => Wait::Failed(error.into()),
        }
    }

    /// Accepts until no one is waiting or the turn is over.
    ///
    /// # Errors
    /// Only those that will not go away by trying again at once: descriptors or memory have run out.
    fn accept_turn(&self, door: &Door, listener: &Arc<Listener>) -> io::Result<()> {
        for _ in 0..TURN {
            match door.accept() {
                Ok((socket, peer)) => self.admit(socket, peer, listener),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn admit(&self, socket: Socket, peer: Option<SocketAddr>, listener: &Arc<Listener>) {
        // Where accepted sockets inherit it, they would not block. A socket that fails here is gone already.
        if socket.settle().is_err() {
            return;
        }
        let Some(guest) = listener.guests.admit(socket, peer) else { return };
        let (listener, service) = (Arc::clone(listener), Arc::clone(&self.service));
        let started = self.workers.run(move || connection::serve(&guest, &listener, &*service));
        if let Err(error) = started {
            log::warn!("{}: closed, since no thread can be started: {error}", connection::name(peer));
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

impl Listener {
    fn name(&self) -> String {
        self.address.map_or_else(|| self.place.to_string(), |address| address.to_string())
    }

    /// A socket's file is of no use to anybody once nobody listens. That it cannot be removed harms nobody: the next start does.
    fn take_away(&self) {
        if let Address::Unix(unix) = &self.place {
            drop(std::fs::remove_file(&unix.path));
        }
    }
}
