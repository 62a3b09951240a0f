//! Who is connected to one listener. Admits up to the cap; at the cap the connection that has been idle longest gives way;
//! where none is idle the new one is admitted only to be told so. Knows phases and sockets, nothing of HTTP.

use crate::http::socket::Socket;
use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Connections over the cap that are told so at the same time; more are closed without a word.
pub(super) const MOST_REFUSED: usize = 8;

pub(super) struct Guests {
    most: usize,
    epoch: Instant,
    leaving: AtomicBool,
    list: Mutex<List>,
    left: Condvar,
}

#[derive(Default)]
struct List {
    next: u64,
    present: HashMap<u64, Arc<Place>>,
    /// Those that count against the cap: neither refused nor asked to leave.
    seated: usize,
    refused: usize,
}

struct Place {
    socket: Socket,
    refused: bool,
    /// `BUSY`, `LEAVING`, or since when it is idle.
    phase: AtomicU64,
}

const BUSY: u64 = 0;
const LEAVING: u64 = 1;
const FIRST_IDLE: u64 = 2;

/// One connection's entry, taken out when dropped.
pub(super) struct Guest {
    guests: Arc<Guests>,
    place: Arc<Place>,
    id: u64,
    /// Nothing for one of this machine's sockets.
    pub peer: Option<SocketAddr>,
}

impl Guests {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            epoch: Instant::now(),
            leaving: AtomicBool::new(false),
            list: Mutex::default(),
            left: Condvar::new(),
        }
    }

    /// Takes a new connection in, as idle. `None`: there is no room even to refuse it, or no one is let in any more.
    pub fn admit(self: &Arc<Self>, socket: Socket, peer: Option<SocketAddr>) -> Option<Guest> {
        let mut list = self.lock();
        if self.are_leaving() {
            return None;
        }
        let refused = list.seated >= self.most && !list.make_one_leave();
        match refused {
            true if list.refused >= MOST_REFUSED => return None,
            true => list.refused += 1,
            false => list.seated += 1,
        }
        let id = list.next;
        list.next += 1;
        let place = Arc::new(Place { socket, refused, phase: AtomicU64::new(self.idle_since(Instant::now())) });
        list.present.insert(id, Arc::clone(&place));
        Some(Guest { guests: Arc::clone(self), place, id, peer })
    }

    /// Makes the connection that has been idle longest leave; false where none is idle.
    pub fn make_room(&self) -> bool {
        self.lock().make_one_leave()
    }

    /// Lets no one in any more and asks everyone to leave: the idle now, the busy after their request.
    pub fn ask_all_to_leave(&self) {
        let mut list = self.lock();
        self.leaving.store(true, Ordering::SeqCst);
        while list.make_one_leave() {}
    }

    /// Waits until everyone has left; false if someone is still there at the deadline.
    pub fn wait_until_gone(&self, deadline: Instant) -> bool {
        let mut list = self.lock();
        while !list.present.is_empty() {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            list = self.left.wait_timeout(list, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Cuts the connections of those who are still there.
    pub fn throw_out(&self) {
        for place in self.lock().present.values() {
            let _ = place.socket.shutdown(Shutdown::Both);
        }
    }

    fn are_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    fn idle_since(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(u64::MAX - FIRST_IDLE)
            + FIRST_IDLE
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn make_one_leave(&mut self) -> bool {
        loop {
            let idle = self.present.values().filter(|place| !place.refused).filter_map(|place| {
                let phase = place.phase.load(Ordering::SeqCst);
                (phase >= FIRST_IDLE).then_some((phase, place))
            });
            let Some((phase, place)) = idle.min_by_key(|(phase, _)| *phase) else { return false };
            // It may have become busy this instant; then look for another.
            if place.phase.compare_exchange(phase, LEAVING, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                // Only reading ends: a request that has just arrived is still answered.
                let _ = place.socket.shutdown(Shutdown::Read);
                self.seated -= 1;
                return true;
            }
        }
    }
}

impl Guest {
    pub fn socket(&self) -> &Socket {
        &self.place.socket
    }

    /// Came when there was no room and is to be told so.
    pub fn is_refused(&self) -> bool {
        self.place.refused
    }

    /// Whether the connection is to be closed after the request at hand.
    pub fn must_leave(&self) -> bool {
        self.guests.are_leaving() || self.place.phase.load(Ordering::SeqCst) == LEAVING
    }

    /// From now on the connection may be asked to leave. If it should have left already, reading ends behind what has
    /// arrived: the next read does not wait.
    pub fn idle(&self, now: Instant) {
        let since = self.guests.idle_since(now);
        let _ = self.place.phase.compare_exchange(BUSY, since, Ordering::SeqCst, Ordering::SeqCst);
        if self.must_leave() {
            let _ = self.place.socket.shutdown(Shutdown::Read);
        }
    }

    /// From now on the connection is not asked to leave.
    pub fn busy(&self) {
        let phase = self.place.phase.load(Ordering::SeqCst);
        if phase >= FIRST_IDLE {
            // If this fails it was asked to leave in between, and stays so.
            let _ = self.place.phase.compare_exchange(phase, BUSY, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    /// The connection is about to be closed and gives up its seat, so that the client whom it is closed for can come again
    /// at once.
    pub fn leave(&self) {
        let mut list = self.guests.lock();
        if !self.place.refused && self.place.phase.swap(LEAVING, Ordering::SeqCst) != LEAVING {
            list.seated -= 1;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave();
        let mut list = self.guests.lock();
        list.present.remove(&self.id);
        list.refused -= usize::from(self.place.refused);
        self.guests.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// A connection's far end, and its entry if it was let in.
    fn arrive(guests: &Arc<Guests>) -> (TcpStream, Option<Guest>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, peer) = listener.accept().unwrap();
        (far, guests.admit(Socket::Tcp(near), Some(peer)))
    }

    fn guest(guests: &Arc<Guests>) -> (TcpStream, Guest) {
        let (far, guest) = arrive(guests);
        (far, guest.unwrap())
    }

    #[test]
    fn who_has_been_idle_longest_leaves_first() {
        let guests = Arc::new(Guests::new(3));
        let all: Vec<_> = (0..3).map(|_| guest(&guests)).collect();
        let now = Instant::now();
        for (late, (_, guest)) in [2, 0, 1].into_iter().zip(&all) {
            guest.busy();
            guest.idle(now + Duration::from_secs(late));
        }
        for expected in [1, 2, 0] {
            assert!(guests.make_room());
            assert!(all[expected].1.must_leave());
            assert_eq!(all[expected].1.socket().read(&mut [0; 1]).unwrap(), 0);
        }
        assert!(!guests.make_room());
    }

    #[test]
    fn who_is_busy_is_not_asked_to_leave_and_no_more_come_in_than_the_cap() {
        let guests = Arc::new(Guests::new(1));
        let (_far, busy) = guest(&guests);
        busy.busy();
        let refused: Vec<_> = (0..MOST_REFUSED).map(|_| guest(&guests)).collect();
        assert!(refused.iter().all(|(_, guest)| guest.is_refused()) && !busy.must_leave());
        assert!(arrive(&guests).1.is_none());
        drop(refused);
        drop(busy);
        assert!(!guest(&guests).1.is_refused());
    }

    #[test]
    fn a_seat_is_free_as_soon_as_its_holder_is_leaving() {
        let guests = Arc::new(Guests::new(1));
        let (_far, first) = guest(&guests);
        first.busy();
        first.leave();
        let (_far, second) = guest(&guests);
        assert!(!second.is_refused());
        second.busy();
        drop(first);
        assert!(guest(&guests).1.is_refused());
    }

    #[test]
    fn once_all_are_asked_to_leave_no_one_comes_in() {
        let guests = Arc::new(Guests::new(2));
        let (_far, idle) = guest(&guests);
        let (_far, busy) = guest(&guests);
        busy.busy();
        guests.ask_all_to_leave();
        assert!(arrive(&guests).1.is_none());
        assert!(!guests.wait_until_gone(Instant::now()));
        assert!(idle.must_leave() && busy.must_leave());
        // Whoever becomes idle now does not wait for another request.
        busy.idle(Instant::now());
        assert_eq!(busy.socket().read(&mut [0; 1]).unwrap(), 0);
        drop((idle, busy));
        assert!(guests.wait_until_gone(Instant::now()));
    }
}
