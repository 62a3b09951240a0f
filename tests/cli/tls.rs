//! TLS: which certificates the command line believes, the name it expects, and the one it shows.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

struct Signed {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

fn signed_for(name: &str, issuer: &Issuer<'_, KeyPair>) -> Signed {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    Signed { certificate: certificate.der().clone(), pem: certificate.pem(), key }
}

/// A server of one secret whose certificate is for `vault.example` alone and that wants to see one; writes what a client
/// needs into the folder.
fn start(folder: &Path) -> String {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let (server, client) = (signed_for("vault.example", &issuer), signed_for("client.example", &issuer));
    fs::write(folder.join("ca.pem"), root.pem()).unwrap();
    fs::write(folder.join("client.pem"), &client.pem).unwrap();
    fs::write(folder.join("client.key"), client.key.serialize_pem()).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::try_from(server.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.certificate], key)
        .unwrap();
    serve(Arc::new(config))
}

fn serve(config: Arc<ServerConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut socket, mut tls) = (connection.unwrap(), ServerConnection::new(config.clone()).unwrap());
            let mut stream = Stream::new(&mut tls, &mut socket);
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let body = "{\"data\":{\"value\":\"reached\"}}";
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        }
    });
    address
}

fn read(address: &str, folder: &Path, variables: &[(&str, &str)], flags: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .arg("read")
        .args(flags)
        .args(["-field=value", "secret/x"])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("VAULT_ADDR", address)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_server_is_believed_only_with_the_right_authority_and_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let address = start(folder);
    let own = [("VAULT_CLIENT_CERT", "client.pem"), ("VAULT_CLIENT_KEY", "client.key")];
    let with = |more: &[(&'static str, &'static str)]| [own.as_slice(), more].concat();
    let authority = ("VAULT_CACERT", "ca.pem");
    let name = ("VAULT_TLS_SERVER_NAME", "vault.example");

    let reached = (true, "reached".to_owned());
    assert_eq!(read(&address, folder, &with(&[authority, name]), &[]), reached);
    assert_eq!(read(&address, folder, &with(&[]), &["-ca-path=.", "-tls-server-name=vault.example"]), reached);
    assert_eq!(read(&address, folder, &with(&[("VAULT_SKIP_VERIFY", "true")]), &[]), reached);

    for (variables, words) in [
        (with(&[name]), "VAULT_CACERT"),
        (with(&[authority]), "VAULT_TLS_SERVER_NAME"),
        (vec![authority, name], "TLS"),
        (vec![authority, name, own[0]], "needs both -client-cert and -client-key"),
        (with(&[("VAULT_CACERT", "client.key")]), "client.key holds no certificate"),
    ] {
        let (success, told) = read(&address, folder, &variables, &[]);
        assert!(!success && told.contains(words), "{variables:?}: {told}");
    }
}

/// A server whose certificate `openssl` made as people make it: it signed itself, and says that it is an authority.
fn start_with_its_own(folder: &Path) -> String {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=vault"])
        .args(["-addext", "subjectAltName=DNS:vault.example,IP:127.0.0.1", "-keyout", "own.key", "-out", "own.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = |name| fs::read(folder.join(name)).unwrap();
    let certificate = CertificateDer::from_pem_slice(&pem("own.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&pem("own.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    serve(Arc::new(config))
}

#[test]
fn a_server_that_signed_its_own_certificate_is_believed_by_who_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let address = start_with_its_own(folder);
    fs::create_dir_all(folder.join("trusted/below")).unwrap();
    fs::copy(folder.join("own.pem"), folder.join("trusted/below/own.crt")).unwrap();
    let text = fs::read_to_string(folder.join("own.pem")).unwrap();

    let reached = (true, "reached".to_owned());
    let own = ("VAULT_CACERT", "own.pem");
    for variables in [
        vec![own],
        vec![own, ("VAULT_TLS_SERVER_NAME", "vault.example")],
        vec![("VAULT_CACERT_BYTES", text.as_str())],
        vec![("VAULT_CAPATH", "trusted")],
        vec![("SSL_CERT_FILE", "own.pem")],
        vec![("VAULT_SKIP_VERIFY", "1")],
        vec![("VAULT_SKIP_VERIFY", "1"), ("VAULT_TLS_SERVER_NAME", "other.example")],
    ] {
        assert_eq!(read(&address, folder, &variables, &[]), reached, "{variables:?}");
    }
    for (variables, words) in [
        (vec![], "VAULT_CACERT"),
        (vec![own, ("VAULT_TLS_SERVER_NAME", "other.example")], "other.example"),
        (vec![("VAULT_CACERT_BYTES", "nothing")], "VAULT_CACERT_BYTES"),
        (vec![own, ("VAULT_TLS_SERVER_NAME", "a name")], "no name that a certificate can be for"),
    ] {
        let (success, told) = read(&address, folder, &variables, &[]);
        assert!(!success && told.contains(words), "{variables:?}: {told}");
    }
}
