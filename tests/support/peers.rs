//! Servers that do not behave: one that takes connections and never answers, one that refuses them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Takes every connection, reads nothing, says nothing, and holds it until this value goes.
pub struct Silent {
    pub address: SocketAddr,
    ending: Arc<AtomicBool>,
    held: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Silent {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ending, held) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (is_ending, holds) = (ending.clone(), held.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_ending.load(Ordering::SeqCst) {
                    return;
                }
                holds.lock().unwrap().push(stream);
            }
        });
        Self { address, ending, held, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many have called so far.
    pub fn callers(&self) -> usize {
        self.held.lock().unwrap().len()
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is to end.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A port that refuses every connection, and is nobody else's meanwhile: bound, but never listened on.
pub struct Refusing {
    pub address: SocketAddr,
    _socket: rustix::fd::OwnedFd,
}

impl Refusing {
    pub fn start() -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
        let address = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
        Self { address, _socket: socket }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}
