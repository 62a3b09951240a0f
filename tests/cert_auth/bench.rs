//! A server with a TLS listener beside its plain one, an authority for its clients, an audit log, and `auth/cert` enabled.

use crate::support::certificates::Certificates;
use crate::support::server::{Answer, Server};
use crate::support::{PATIENCE, wait_for};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

pub struct Bench {
    pub server: Server,
    pub authority: CertifiedIssuer<'static, KeyPair>,
    pub address: String,
    /// The authority of the server's certificate, in PEM.
    pub trusted: String,
    roots: RootCertStore,
    _files: tempfile::TempDir,
}

/// Somebody with a certificate and a key, which need not be its own, or with none.
pub struct Client {
    pub pem: String,
    pub key: String,
}

impl Client {
    pub fn new(pem: &str, key: &str) -> Self {
        Self { pem: pem.to_owned(), key: key.to_owned() }
    }

    pub fn nobody() -> Self {
        Self::new("", "")
    }
}

/// A certificate's content, for this common name and as a DNS name.
pub fn parameters(name: &str) -> CertificateParams {
    let mut made = CertificateParams::new(vec![name.to_owned()]).unwrap();
    made.distinguished_name = DistinguishedName::new();
    made.distinguished_name.push(DnType::CommonName, name);
    made
}

/// A text as ASN.1 writes it.
pub fn oid_text(text: &str) -> Vec<u8> {
    [&[0x0c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

impl Bench {
    pub fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let certificates = Certificates::new();
        std::fs::write(files.path().join("server.pem"), &certificates.certificate).unwrap();
        std::fs::write(files.path().join("server.key"), &certificates.key).unwrap();
        let at = files.path().display();
        let mut server = Server::start(&format!(
            "listener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  tls_cert_file = \"{at}/server.pem\"\n  tls_key_file = \
             \"{at}/server.key\"\n}}\naudit_directories = [\"/tmp\"]\n"
        ));
        server.init(1, 1);
        server.unseal();
        let log = server.path("audit.log");
        let device = json!({ "type": "file", "options": { "file_path": log, "log_raw": true } });
        assert_eq!(server.put("sys/audit/file", device).0, 204);
        assert_eq!(server.put("sys/auth/cert", json!({ "type": "cert" })).0, 204);
        let own = format!("127.0.0.1:{}", server.port());
        let address = wait_for("the second listener", PATIENCE, || {
            let log = server.log();
            let mut addresses =
                log.lines().filter_map(|line| line.split_once("listening on ")).map(|(_, at)| at.trim());
            addresses.find(|at| **at != own).map(str::to_owned)
        });
        let mut authority = parameters("an authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificates.authority.as_bytes()).unwrap()).unwrap();
        Self { server, authority, address, trusted: certificates.authority, roots, _files: files }
    }

    pub fn ca(&self) -> String {
        self.authority.pem()
    }

    /// Somebody with a certificate of the authority.
    pub fn client(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Client {
        let key = KeyPair::generate().unwrap();
        let mut made = parameters(name);
        change(&mut made);
        Client::new(&made.signed_by(&key, &self.authority).unwrap().pem(), &key.serialize_pem())
    }

    /// Somebody with a certificate of nobody's.
    pub fn stranger(name: &str) -> Client {
        let key = KeyPair::generate().unwrap();
        Client::new(&parameters(name).self_signed(&key).unwrap().pem(), &key.serialize_pem())
    }

    pub fn role(&self, name: &str, body: Value) {
        let (status, answer) = self.server.put(&format!("auth/cert/certs/{name}"), body);
        assert_eq!(status, 204, "{answer}");
    }

    /// Signs in, and what the answer says of the token.
    pub fn signs_in(&self, client: &Client, body: Value) -> Value {
        let (status, answer) = self.ask(client, "auth/cert/login", "", body);
        assert_eq!(status, 200, "{answer}");
        answer["auth"].clone()
    }

    pub fn refused(&self, client: &Client, body: Value, why: &str) {
        let (status, answer) = self.ask(client, "auth/cert/login", "", body);
        assert_eq!((status, answer["errors"][0].as_str()), (400, Some(why)), "{answer}");
    }

    pub fn ask(&self, client: &Client, path: &str, token: &str, body: Value) -> Answer {
        self.try_ask(client, path, token, body).unwrap()
    }

    /// What comes back, if the client is let in at all.
    pub fn try_ask(&self, client: &Client, path: &str, token: &str, body: Value) -> Option<Answer> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_client_cert_resolver(Arc::new(Shows::of(client)));
        let mut tls =
            rustls::ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        let body = body.to_string();
        let head = format!(
            "PUT /v1/{path} HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default()))
    }

    /// How many answers with this error the audit log has.
    pub fn audited(&self, why: &str) -> usize {
        let log = std::fs::read_to_string(self.server.path("audit.log")).unwrap();
        let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.filter(|entry| entry["type"] == "response" && entry["error"].as_str() == Some(why)).count()
    }
}

/// Shows a certificate, and signs with a key whether or not it is the certificate's.
#[derive(Debug)]
struct Shows(Option<Arc<CertifiedKey>>);

impl Shows {
    fn of(client: &Client) -> Self {
        if client.pem.is_empty() {
            return Self(None);
        }
        let chain = vec![CertificateDer::from_pem_slice(client.pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).unwrap();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        Self(Some(Arc::new(CertifiedKey::new(chain, key))))
    }
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
