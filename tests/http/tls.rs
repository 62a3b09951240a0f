//! TLS: certificates of both sides, versions, and clients that do not speak it.

use crate::support::{Client, PATIENCE, Running, connect, echo, eventually, get};
use leasehold::http::{Answer, Limits, ListenerConfig, Request, Server, TlsConfig, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// An authority and the files that a server is given.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, files: tempfile::tempdir().unwrap() };
        let (certificate, key) = authority.issue("localhost");
        authority.write("server.pem", &certificate);
        authority.write("server.key", &key);
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    /// A certificate and its key, as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.files.path().join(name), text).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn server(&self) -> TlsConfig {
        TlsConfig::files(self.file("server.pem"), self.file("server.key"))
    }

    fn server_asking_for_clients(&self, require_client_cert: bool) -> TlsConfig {
        TlsConfig { client_ca_file: Some(self.file("ca.pem")), require_client_cert, ..self.server() }
    }

    /// A client that believes this authority and may have a certificate of its own.
    fn client(&self, own: Option<&(String, String)>, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.issuer.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        })
    }
}

const TLS12: &SupportedProtocolVersion = &rustls::version::TLS12;
const TLS13: &SupportedProtocolVersion = &rustls::version::TLS13;

/// Says whether TLS was spoken and how many certificates the client showed.
fn describe(request: Request) -> Answer {
    Answer::json(200, format!("{} {}", request.tls, request.client_certificates.len()).into_bytes())
}

fn tls_stream(running: &Running, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), connect(running.address()))
}

/// What the server answers, or `None` if it turned the client away (which under TLS 1.3 a client learns only on reading).
fn ask(running: &Running, config: &Arc<ClientConfig>) -> Option<String> {
    let mut client = Client::over(tls_stream(running, config));
    client.stream.write_all(get("/").as_bytes()).ok()?;
    client.try_reply().ok().map(|reply| reply.body)
}

#[test]
fn both_versions_are_spoken_and_requests_follow_each_other() {
    let authority = Authority::new();
    let running = Running::start_listener(Limits::default(), Some(authority.server()), echo);
    for version in [TLS12, TLS13] {
        let mut client = Client::over(tls_stream(&running, &authority.client(None, version)));
        client.send(get("/0"));
        assert_eq!(client.reply().body, "GET /0 ");
        let body = "x".repeat(1_000_000);
        client.send(format!("PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{body}"));
        assert!(client.reply().body == format!("PUT /1 {body}"));
        client.send(get("/2"));
        assert_eq!(client.reply().body, "GET /2 ");
    }
}

#[test]
fn a_minimum_version_is_kept() {
    let authority = Authority::new();
    let tls = TlsConfig { min_version: TlsVersion::Tls13, ..authority.server() };
    let running = Running::start_listener(Limits::default(), Some(tls), describe);
    assert_eq!(ask(&running, &authority.client(None, TLS12)), None);
    assert_eq!(ask(&running, &authority.client(None, TLS13)).as_deref(), Some("true 0"));
}

#[test]
fn a_client_certificate_is_shown_if_there_is_one() {
    let authority = Authority::new();
    let running =
        Running::start_listener(Limits::default(), Some(authority.server_asking_for_clients(false)), describe);
    let own = authority.issue("client");
    let foreign = Authority::new().issue("client");
    for version in [TLS12, TLS13] {
        assert_eq!(ask(&running, &authority.client(None, version)).as_deref(), Some("true 0"));
        assert_eq!(ask(&running, &authority.client(Some(&own), version)).as_deref(), Some("true 1"));
        assert_eq!(ask(&running, &authority.client(Some(&foreign), version)), None);
    }
}

#[test]
fn without_authorities_any_client_certificate_is_shown_and_none_is_when_it_is_not_asked_for() {
    let authority = Authority::new();
    let foreign = Authority::new().issue("client");
    let asking = Running::start_listener(Limits::default(), Some(authority.server()), describe);
    let tls = TlsConfig { ask_client_cert: false, ..authority.server() };
    let silent = Running::start_listener(Limits::default(), Some(tls), describe);
    for version in [TLS12, TLS13] {
        assert_eq!(ask(&asking, &authority.client(None, version)).as_deref(), Some("true 0"));
        assert_eq!(ask(&asking, &authority.client(Some(&foreign), version)).as_deref(), Some("true 1"));
        assert_eq!(ask(&silent, &authority.client(Some(&foreign), version)).as_deref(), Some("true 0"));
    }
}

#[test]
fn a_required_client_certificate_is_required() {
    let authority = Authority::new();
    let running = Running::start_listener(Limits::default(), Some(authority.server_asking_for_clients(true)), describe);
    let own = authority.issue("client");
    let foreign = Authority::new().issue("client");
    for version in [TLS12, TLS13] {
        assert_eq!(ask(&running, &authority.client(None, version)), None);
        assert_eq!(ask(&running, &authority.client(Some(&foreign), version)), None);
        assert_eq!(ask(&running, &authority.client(Some(&own), version)).as_deref(), Some("true 1"));
    }
}

#[test]
fn a_client_certificate_is_known_again_when_the_session_is_resumed() {
    let authority = Authority::new();
    let running = Running::start_listener(Limits::default(), Some(authority.server_asking_for_clients(true)), describe);
    let config = authority.client(Some(&authority.issue("client")), TLS13);
    let kinds: Vec<_> = (0..2)
        .map(|_| {
            let mut client = Client::over(tls_stream(&running, &config));
            client.send(get("/"));
            assert_eq!(client.reply().body, "true 1");
            client.stream.conn.handshake_kind().unwrap()
        })
        .collect();
    assert_eq!(kinds, [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]);
}

#[test]
fn plain_http_on_a_tls_port_is_told_so() {
    let authority = Authority::new();
    let running = Running::start_listener(Limits::default(), Some(authority.server()), echo);
    let reply = running.ask(get("/"));
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body, r#"{"errors":["Client sent an HTTP request to an HTTPS server."]}"#);
}

#[test]
fn tls_on_a_plain_port_is_refused_at_once() {
    let authority = Authority::new();
    let running = Running::start(Limits::default(), echo);
    assert_eq!(ask(&running, &authority.client(None, TLS13)), None);
}

#[test]
fn handshakes_that_do_not_go_on_hold_no_one_up_and_end_at_their_deadline() {
    let authority = Authority::new();
    let limits = Limits { header_deadline: Duration::from_millis(100), ..Limits::default() };
    let running = Running::start_listener(limits, Some(authority.server()), describe);
    let mut stuck: Vec<_> = (0..20).map(|_| running.client()).collect();
    stuck.iter_mut().for_each(|client| client.send([0x16, 0x03, 0x01]));
    assert_eq!(ask(&running, &authority.client(None, TLS13)).as_deref(), Some("true 0"));
    stuck.iter_mut().for_each(|client| assert_eq!(client.rest(), ""));
}

#[test]
fn bytes_that_are_no_handshake_end_in_an_alert_or_nothing() {
    let authority = Authority::new();
    let running = Running::start_listener(Limits::default(), Some(authority.server()), describe);
    for bytes in [&[0x16, 0x03, 0x01, 0x00, 0x02, 0xff, 0xff][..], &[0; 64], &[0xff; 64]] {
        let mut client = running.client();
        client.send(bytes);
        client.end_sending();
        let answer = client.all();
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    }
    assert_eq!(ask(&running, &authority.client(None, TLS13)).as_deref(), Some("true 0"));
}

#[test]
fn at_the_cap_an_idle_tls_connection_gives_way_and_is_told() {
    let authority = Authority::new();
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let running = Running::start_listener(limits, Some(authority.server()), describe);
    let config = authority.client(None, TLS13);
    let mut idle = Client::over(tls_stream(&running, &config));
    idle.send(get("/"));
    assert_eq!(idle.reply().status, 200);
    eventually("a place", || ask(&running, &config).filter(|body| body == "true 0"));
    // An orderly end, not a cut: rustls reports a missing close_notify as an error.
    idle.stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(idle.stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn files_that_do_not_fit_are_named() {
    let authority = Authority::new();
    authority.write("empty.pem", "");
    authority.write("other.key", &KeyPair::generate().unwrap().serialize_pem());
    let good = || authority.server();
    for (tls, named) in [
        (TlsConfig { cert_file: authority.file("missing.pem"), ..good() }, "missing.pem"),
        (TlsConfig { cert_file: authority.file("empty.pem"), ..good() }, "empty.pem"),
        (TlsConfig { key_file: authority.file("server.pem"), ..good() }, "server.pem"),
        (TlsConfig { key_file: authority.file("other.key"), ..good() }, "server.pem"),
        (TlsConfig { client_ca_file: Some(authority.file("empty.pem")), ..good() }, "empty.pem"),
        (TlsConfig { require_client_cert: true, ..good() }, "tls_client_ca_file"),
    ] {
        let config = ListenerConfig { tls: Some(tls), ..ListenerConfig::tcp("127.0.0.1:0") };
        let error = Server::bind(&[config], Arc::new(echo)).err().unwrap();
        assert!(error.message().contains(named), "{named}: {error:?}");
    }
}
