//! Clients that mean no good, all at once, against the running program: 500 that send a byte a second, bodies of a gigabyte,
//! 100,000 nested arrays, pipelined, half-closed and garbage requests. Meanwhile somebody who signs in properly is answered in
//! milliseconds, and the server takes at most 64 MiB more than before.
//!
//! The figures are printed. The time is a median, so that a machine that is busy with other tests does not spoil it.

use crate::program::Program;
use crate::support::certificates::Certificates;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SLOW_CLIENTS: usize = 500;
const ABUSE: Duration = Duration::from_secs(8);
const MOST_MORE: u64 = 64 * 1024;
const MEDIAN: Duration = Duration::from_millis(100);

/// How the server is reached.
#[derive(Clone)]
struct Way {
    address: String,
    tls: Option<Arc<ClientConfig>>,
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

impl Way {
    fn socket(&self) -> std::io::Result<TcpStream> {
        let socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        Ok(socket)
    }

    fn connect(&self) -> std::io::Result<(Box<dyn Stream>, TcpStream)> {
        let socket = self.socket()?;
        let half = socket.try_clone()?;
        Ok(match &self.tls {
            None => (Box::new(socket), half),
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
                (Box::new(StreamOwned::new(connection, socket)), half)
            }
        })
    }

    /// A whole request on a connection of its own: the status, if there is an answer.
    fn ask(&self, head: &str, body: &[u8]) -> Option<u16> {
        let (mut stream, _) = self.connect().ok()?;
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
        let mut status = [0; 12];
        stream.read_exact(&mut status).ok()?;
        std::str::from_utf8(&status[9..]).ok()?.parse().ok()
    }
}

/// A line of `/proc/PID/status`, in KiB.
fn memory(id: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    value.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

/// 500 connections that each send a byte a second, opened anew when the server ends them.
fn trickle(way: &Way, over: &AtomicBool) {
    let bytes: &[u8] = match way.tls {
        None => b"GET /v1/sys/health HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        Some(_) => &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
    };
    let mut clients: Vec<Option<(TcpStream, usize)>> = (0..SLOW_CLIENTS).map(|_| None).collect();
    while !over.load(Ordering::SeqCst) {
        let round = Instant::now();
        for client in &mut clients {
            let (mut socket, sent) = match client.take() {
                Some(client) => client,
                None => match way.socket() {
                    Ok(socket) => (socket, 0),
                    Err(_) => continue,
                },
            };
            let byte = bytes.get(sent).copied().unwrap_or(b'a');
            if socket.write_all(&[byte]).is_ok() {
                *client = Some((socket, sent + 1));
            }
        }
        thread::sleep(Duration::from_secs(1).saturating_sub(round.elapsed()));
    }
}

fn gigabyte(way: &Way) {
    let Ok((mut stream, _)) = way.connect() else { return };
    let head = "POST /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [format!("{:x}\r\n", 1 << 16).into_bytes(), vec![b' '; 1 << 16], b"\r\n".to_vec()].concat();
    if stream.write_all(head.as_bytes()).is_ok() {
        // Sixteen thousand of them would be a gigabyte; the server says long before that it is enough.
        let sent = (0..16_384).take_while(|_| stream.write_all(&chunk).is_ok()).count();
        assert!(sent < 16_384, "a gigabyte was taken");
    }
    let announced = "POST /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n";
    assert!(matches!(way.ask(announced, &[b'x'; 1000]), Some(413 | 503) | None));
}

fn nested(way: &Way) {
    let body = "[".repeat(100_000);
    let head = format!("POST /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    assert!(matches!(way.ask(&head, body.as_bytes()), Some(400 | 503) | None));
}

fn pipelined(way: &Way) {
    let Ok((mut stream, _)) = way.connect() else { return };
    let all = "GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    if stream.write_all(all.as_bytes()).is_ok() {
        let _ = stream.read(&mut [0; 4096]);
    }
}

fn half_closed(way: &Way) {
    let Ok((mut stream, socket)) = way.connect() else { return };
    let _ = stream.write_all(b"POST /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{");
    let _ = socket.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 4096]);
}

fn garbage(way: &Way) {
    let Ok(mut socket) = way.socket() else { return };
    let bytes: Vec<u8> = (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let _ = socket.write_all(&bytes);
    let _ = socket.read(&mut [0; 64]);
}

/// Does it again and again, with a breath in between that leaves the processor to the server.
fn until(over: &AtomicBool, act: impl Fn()) {
    while !over.load(Ordering::SeqCst) {
        act();
        thread::sleep(Duration::from_millis(20));
    }
}

fn endures(name: &str, program: &Program, way: &Way, root: &str) {
    let head = format!("GET /v1/auth/token/lookup-self HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {root}\r\n\r\n");
    for _ in 0..20 {
        assert_eq!(way.ask(&head, b""), Some(200));
    }
    let before = memory(program.id(), "VmRSS");
    let over = AtomicBool::new(false);
    let mut times = Vec::new();
    thread::scope(|scope| {
        let over = &over;
        scope.spawn(move || trickle(way, over));
        for act in [gigabyte, nested, pipelined, half_closed, garbage] {
            scope.spawn(move || until(over, || act(way)));
        }
        let begin = Instant::now();
        while begin.elapsed() < ABUSE {
            let asked = Instant::now();
            let status = way.ask(&head, b"");
            times.push(asked.elapsed());
            if status != Some(200) {
                over.store(true, Ordering::SeqCst);
                panic!("{name}: somebody was answered {status:?}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        over.store(true, Ordering::SeqCst);
    });
    let more = memory(program.id(), "VmHWM").saturating_sub(before);
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{name}: {SLOW_CLIENTS} slow clients and the rest for {ABUSE:?}: {} others answered, half of them within {median:?}, the \
         slowest after {slowest:?}; {} MiB more memory at the most",
        times.len(),
        more / 1024
    );
    assert!(median < MEDIAN, "{name}: half of the others waited {median:?} and longer");
    assert!(more < MOST_MORE, "{name}: {more} KiB more memory");
    assert_eq!(way.ask(&head, b""), Some(200));
}

#[test]
fn others_are_answered_in_milliseconds_whatever_some_clients_do_to_a_plain_listener() {
    let mut program = Program::prepare();
    program.serve("listener \"tcp\" {\naddress = \"127.0.0.1:0\"\ntls_disable = true\n}");
    let way = Way { address: program.places()[0].clone(), tls: None };
    program.told("VAULT_ADDR", &format!("http://{}", way.address));
    let root = program.init();
    endures("plain", &program, &way, &root);
}

#[test]
fn others_are_answered_in_milliseconds_whatever_some_clients_do_to_a_tls_listener() {
    let mut program = Program::prepare();
    let certificates = Certificates::new();
    program.write("ca.pem", &certificates.authority);
    program.write("server.pem", &certificates.certificate);
    program.write("server.key", &certificates.key);
    program.serve(
        "listener \"tcp\" {\naddress = \"127.0.0.1:0\"\ntls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\n}",
    );
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificates.authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let way = Way { address: program.places()[0].clone(), tls: Some(Arc::new(config)) };
    program.told("VAULT_ADDR", &format!("https://{}", way.address));
    program.told("VAULT_CACERT", "ca.pem");
    let root = program.init();
    endures("TLS", &program, &way, &root);
}
