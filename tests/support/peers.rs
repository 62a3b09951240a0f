//! Servers that do not behave: one that takes connections and never answers, one that refuses them, and a way to one that can be
//! cut off.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

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

/// A way to another port on this machine that can be told to swallow all that comes: what is said then is read by nobody, and
/// nobody is told.
pub struct Gateway {
    pub address: SocketAddr,
    ending: Arc<AtomicBool>,
    swallowing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ending, swallowing) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (is_ending, swallows) = (ending.clone(), swallowing.clone());
        let thread = std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if is_ending.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (is_ending, swallows) = (is_ending.clone(), swallows.clone());
                    std::thread::spawn(move || pass_on(from, to, &is_ending, &swallows));
                }
            }
        });
        Self { address, ending, swallowing, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Swallows all, or lets through what comes from now on; what was swallowed is lost, with its connections.
    pub fn swallow(&self, swallows: bool) {
        self.swallowing.store(swallows, Ordering::SeqCst);
    }
}

/// Passes bytes on until one side closes, or some were swallowed.
fn pass_on(mut from: TcpStream, mut to: TcpStream, is_ending: &AtomicBool, swallows: &AtomicBool) {
    const LOOK: Duration = Duration::from_millis(20);
    from.set_read_timeout(Some(LOOK)).unwrap();
    let (mut buffer, mut has_swallowed) = ([0; 16 * 1024], false);
    while !is_ending.load(Ordering::SeqCst) {
        if swallows.load(Ordering::SeqCst) {
            has_swallowed = true;
            std::thread::sleep(LOOK);
            continue;
        }
        if has_swallowed {
            break;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) if to.write_all(&buffer[..length]).is_ok() => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    for side in [from, to] {
        side.shutdown(Shutdown::Both).ok();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
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
