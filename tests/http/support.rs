//! Starts servers, and a client that sends bytes as they are given.

use leasehold::http::{Answer, Limits, ListenerConfig, Request, Server, Service, TlsConfig};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What no test should come near to: it ends a test that would hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Running {
    pub server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(limits: Limits, service: impl Service) -> Self {
        Self::start_listener(limits, None, service)
    }

    pub fn start_listener(limits: Limits, tls: Option<TlsConfig>, service: impl Service) -> Self {
        Self::start_config(ListenerConfig { tls, limits, ..ListenerConfig::tcp("127.0.0.1:0") }, service)
    }

    pub fn start_config(config: ListenerConfig, service: impl Service) -> Self {
        let server = Arc::new(Server::bind(&[config], Arc::new(service)).unwrap());
        let serving = Arc::clone(&server);
        let thread = std::thread::spawn(move || serving.serve().unwrap());
        Self { server, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub fn client(&self) -> Client<TcpStream> {
        Client::over(connect(self.address()))
    }

    /// Opens a connection, sends the bytes, and reads the one answer to them.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.client();
        client.send(request);
        client.reply()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown(Duration::ZERO);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Says back what it was asked.
pub fn echo(request: Request) -> Answer {
    let text = format!("{} {} {}", request.method, request.target, String::from_utf8_lossy(&request.body));
    let mut answer = Answer::empty(200);
    answer.body.extend_from_slice(text.as_bytes());
    answer
}

pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

pub struct Client<S> {
    pub stream: S,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    fn from_head(head: String) -> Self {
        Self { status: head[9..12].parse().unwrap(), head, body: String::new() }
    }

    pub fn has(&self, line: &str) -> bool {
        self.head.lines().any(|known| known.eq_ignore_ascii_case(line))
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn reply(&mut self) -> Reply {
        self.try_reply().unwrap()
    }

    /// The answer to a HEAD: its length is announced, its body does not follow.
    pub fn reply_to_head(&mut self) -> Reply {
        self.head().map(Reply::from_head).unwrap()
    }

    pub fn try_reply(&mut self) -> io::Result<Reply> {
        let mut reply = Reply::from_head(self.head()?);
        let length = reply.head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.read_more()?;
        }
        reply.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        Ok(reply)
    }

    fn head(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap());
            }
            self.read_more()?;
        }
    }

    /// Waits for the end of the connection and returns what came before it. A reset is an end, too.
    pub fn rest(&mut self) -> String {
        match self.stream.read(&mut [0; 1]) {
            Ok(1..) => panic!("the connection was to end, and more was sent"),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the connection does not end"),
            Ok(0) | Err(_) => {}
        }
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        let amount = self.stream.read(&mut piece)?;
        self.unread.extend_from_slice(&piece[..amount]);
        if amount == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl Client<TcpStream> {
    pub fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Everything until the end of the connection.
    pub fn all(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        let _ = self.stream.read_to_end(&mut all);
        all
    }
}

/// Tries until it works; for what becomes true a moment later, on another thread.
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::yield_now();
    }
}
