//! How connections come in, and whom they are from: sockets of this machine, proxies in front, certificates that change while
//! the server runs.

use crate::support::{Client, Running, connect, echo, eventually, get};
use leasehold::base::cidr::Cidr;
use leasehold::config::{Forwarded, ProxyBehavior, ProxyProtocol, UnixSocket};
use leasehold::http::{Address, Answer, ListenerConfig, Request, Server, TlsConfig};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// Says whom a request is from.
fn whom(request: Request) -> Answer {
    Answer::json(200, request.peer.map_or("nobody".to_owned(), |peer| peer.to_string()).into_bytes())
}

fn local() -> Vec<Cidr> {
    vec![Cidr::parse("127.0.0.0/8").unwrap()]
}

fn elsewhere() -> Vec<Cidr> {
    vec![Cidr::parse("192.0.2.0/24").unwrap()]
}

#[test]
fn a_socket_of_this_machine_has_its_mode_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leasehold.sock");
    let socket = UnixSocket { path: path.clone(), mode: 0o660, user: None, group: None };
    let config = || ListenerConfig { address: Address::Unix(socket.clone()), ..ListenerConfig::tcp("") };
    {
        let running = Running::start_config(config(), whom);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let mut client = Client::over(UnixStream::connect(&path).unwrap());
        client.send(get("/"));
        assert_eq!(client.reply().body, "nobody");
        let second = Server::bind(&[config()], Arc::new(echo)).err().unwrap();
        assert!(second.message().ends_with("the address is already in use"), "{second:?}");
        drop(running);
    }
    assert!(!path.exists());
    // What a killed server leaves behind is no obstacle; what is no socket is left alone.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    drop(Running::start_config(config(), whom));
    std::fs::write(&path, "mine").unwrap();
    assert!(Server::bind(&[config()], Arc::new(echo)).err().unwrap().message().contains("no socket"));
    let stranger = UnixSocket { path: folder.path().join("x"), user: Some("nobody-of-this-name".into()), ..socket };
    let config = ListenerConfig { address: Address::Unix(stranger), ..ListenerConfig::tcp("") };
    assert!(Server::bind(&[config], Arc::new(echo)).err().unwrap().message().contains("socket_user"));
}

#[test]
fn a_trusted_proxy_says_whom_a_connection_is_from() {
    let of = |behavior, authorized| {
        let proxy_protocol = Some(ProxyProtocol { behavior, authorized });
        Running::start_config(ListenerConfig { proxy_protocol, ..ListenerConfig::tcp("127.0.0.1:0") }, whom)
    };
    let said = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 8200\r\n";
    for (running, heard) in [
        (of(ProxyBehavior::UseAlways, vec![]), true),
        (of(ProxyBehavior::AllowAuthorized, local()), true),
        (of(ProxyBehavior::AllowAuthorized, elsewhere()), false),
        (of(ProxyBehavior::DenyUnauthorized, local()), true),
    ] {
        let mut client = running.client();
        client.send(format!("{said}{}", get("/")));
        assert_eq!(client.reply().body == "192.0.2.7:4711", heard);
        client.send(get("/again"));
        assert_eq!(client.reply().body == "192.0.2.7:4711", heard, "it holds for the whole connection");
        // Without a header the connection is from whoever opened it.
        assert!(running.ask(get("/")).body.starts_with("127.0.0.1:"));
        assert!(running.ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").body.starts_with("127.0.0.1:"));
        assert_eq!(running.ask("PROXY TCP4 nonsense\r\n").status, 400);
    }
    let closed = of(ProxyBehavior::DenyUnauthorized, elsewhere());
    let mut client = closed.client();
    let _ = std::io::Write::write_all(&mut client.stream, get("/").as_bytes());
    assert_eq!(client.rest(), "");
}

#[test]
fn a_trusted_proxy_says_whom_a_request_is_from() {
    let of = |authorized, reject| {
        let forwarded =
            Some(Forwarded { authorized, hop_skips: 0, reject_not_authorized: reject, reject_not_present: reject });
        Running::start_config(ListenerConfig { forwarded, ..ListenerConfig::tcp("127.0.0.1:0") }, whom)
    };
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n\r\n";
    assert!(of(local(), true).ask(request).body.starts_with("192.0.2.7:"));
    assert!(of(elsewhere(), false).ask(request).body.starts_with("127.0.0.1:"));
    assert_eq!(of(elsewhere(), true).ask(request).status, 400);
    assert_eq!(of(local(), true).ask(get("/")).status, 400);
    assert!(of(local(), false).ask(get("/")).body.starts_with("127.0.0.1:"));
}

/// Believes every certificate: the tests look at which one it is.
#[derive(Debug)]
struct Curious;

impl ServerCertVerifier for Curious {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn secured(running: &Running) -> Client<StreamOwned<ClientConnection, std::net::TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Curious))
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut client = Client::over(StreamOwned::new(connection, connect(running.address())));
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    client
}

/// The certificate that the server shows now.
fn shown(running: &Running) -> Vec<u8> {
    secured(running).stream.conn.peer_certificates().unwrap()[0].to_vec()
}

/// Writes a new certificate and its key, and says which it is.
fn renew(folder: &Path) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.pem()).unwrap();
    made.der().to_vec()
}

#[test]
fn a_new_certificate_is_shown_without_a_restart_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = renew(folder);
    let tls = Some(TlsConfig::files(folder.join("cert.pem"), folder.join("key.pem")));
    let running = Running::start_config(ListenerConfig { tls, ..ListenerConfig::tcp("127.0.0.1:0") }, echo);
    let mut open = secured(&running);
    assert_eq!(shown(&running), first);

    let second = renew(folder);
    eventually("the new certificate", || (shown(&running) == second).then_some(()));
    open.send(get("/still"));
    assert_eq!(open.reply().status, 200, "who is connected stays so");

    let third = renew(folder);
    running.server.reload_certificates();
    assert_eq!(shown(&running), third, "at once when it is told to");

    std::fs::write(folder.join("key.pem"), "no key").unwrap();
    running.server.reload_certificates();
    assert_eq!(shown(&running), third);
    let fourth = renew(folder);
    eventually("the files fit together again", || (shown(&running) == fourth).then_some(()));
}
