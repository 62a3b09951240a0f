//! Listeners by their configuration: TLS alone, a certificate of the server's own making, several at once, a socket of this
//! machine, and what `server -check` says of it all.

use crate::program::Program;
use crate::support::certificates::Certificates;
use crate::support::{PATIENCE, wait_for};
use rcgen::{CertificateParams, KeyPair};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// A server with a certificate of an authority, both in files beside it.
fn with_files() -> Program {
    let program = Program::prepare();
    let certificates = Certificates::new();
    program.write("ca.pem", &certificates.authority);
    program.write("server.pem", &certificates.certificate);
    program.write("server.key", &certificates.key);
    program
}

/// The one `export …` line that the server printed, as variables.
fn printed_variables(program: &Program) -> Vec<(String, String)> {
    let log = program.log();
    let line = log.lines().find_map(|line| line.trim().strip_prefix("$ export ")).unwrap();
    let pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

#[test]
fn clients_connect_to_a_listener_with_tls_alone_with_and_without_a_certificate() {
    let mut program = with_files();
    let key = KeyPair::generate().unwrap();
    let client = CertificateParams::new(vec!["client".to_owned()]).unwrap().self_signed(&key).unwrap();
    program.write("client.pem", &client.pem());
    program.write("client.key", &key.serialize_pem());
    let files = "tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\ntls_client_ca_file = \"client.pem\"";
    let required = "tls_require_and_verify_client_cert = true";
    program.serve(&format!(
        "listener \"tcp\" {{\naddress = \"127.0.0.1:0\"\n{files}\n}}\nlistener \"tcp\" {{\naddress = \"127.0.0.1:0\"\n{files}\n{required}\n}}"
    ));
    let places = program.places();
    program.told("VAULT_CACERT", "ca.pem");
    program.told("VAULT_ADDR", &format!("https://{}", places[0]));
    program.init();
    program.runs(&["token", "lookup"]);
    let own = ["-client-cert=client.pem", "-client-key=client.key"];
    program.runs(&["token", "lookup", own[0], own[1]]);
    program.told("VAULT_ADDR", &format!("https://{}", places[1]));
    assert!(!program.run(&["token", "lookup"]).0, "a certificate is required there");
    program.runs(&["token", "lookup", own[0], own[1]]);
}

#[test]
fn a_server_makes_a_certificate_of_its_own_and_says_what_clients_need() {
    let mut program = Program::prepare();
    let listener = "listener \"tcp\" {\naddress = \"127.0.0.1:0\"\ntls_auto = true\n}";
    program.serve(listener);
    program.environment = printed_variables(&program);
    program.init();
    program.runs(&["token", "lookup"]);
    let authority = std::fs::read(program.path("data/tls/ca.pem")).unwrap();
    for key in ["ca.key", "server.key"] {
        let mode = std::fs::metadata(program.path("data/tls").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    program.stop();
    program.serve(listener);
    assert_eq!(std::fs::read(program.path("data/tls/ca.pem")).unwrap(), authority, "clients need not be told again");
    let variables = printed_variables(&program);
    program.environment = variables;
    let (_, told) = program.run(&["status"]);
    assert!(told.contains("Sealed"), "{told}");
}

#[test]
fn a_certificate_is_read_again_at_a_signal() {
    let mut program = with_files();
    program.serve(
        "listener \"tcp\" {\naddress = \"127.0.0.1:0\"\ntls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\n}",
    );
    program.told("VAULT_ADDR", &format!("https://{}", program.places()[0]));
    program.told("VAULT_CACERT", "ca.pem");
    program.init();
    let others = Certificates::new();
    program.write("server.key", &others.key);
    program.write("server.pem", &others.certificate);
    program.write("other.pem", &others.authority);
    program.signal("HUP");
    program.told("VAULT_CACERT", "other.pem");
    wait_for("the new certificate", PATIENCE, || program.run(&["token", "lookup"]).0.then_some(()));
    assert!(program.log().contains("the certificate is read again"));
}

#[test]
fn a_socket_of_this_machine_serves_beside_a_port() {
    let mut program = Program::prepare();
    program.serve(
        "listener \"tcp\" {\naddress = \"127.0.0.1:0\"\ntls_disable = true\n}\nlistener \"unix\" {\naddress = \
         \"leasehold.sock\"\nsocket_mode = \"600\"\n}",
    );
    assert_eq!(program.places()[1], "leasehold.sock");
    let mut socket = UnixStream::connect(program.path("leasehold.sock")).unwrap();
    socket.write_all(b"GET /v1/sys/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
}

#[test]
fn a_configuration_is_tried_without_starting() {
    let program = with_files();
    let check = |text: &str| {
        program.write("tried.hcl", text);
        program.run(&["server", "-check", "-config=tried.hcl"])
    };
    let storage = "storage \"sqlite\" { path = \"new.db\" }";
    let tls = "tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"";
    let (well, told) =
        check(&format!("{storage}\nlistener \"tcp\" {{\naddress = \"127.0.0.1:0\"\n{tls}\n}}\nui = true"));
    assert!(well && told.contains("The configuration is good") && told.contains("ui has no effect"), "{told}");
    assert!(told.contains("new.db is not there yet") && !program.path("new.db").exists(), "{told}");

    program.write("not-a-database", "something else entirely");
    for (text, words) in [
        ("listener \"tcp\" { tls_disable = true }".to_owned(), "no storage is configured"),
        (storage.to_owned(), "no listener is configured"),
        (format!("{storage}\nlistener \"tcp\" {{ address = 5 }}"), "tried.hcl: line 2"),
        (
            "storage \"sqlite\" { path = \"nowhere/data.db\" }\nlistener \"tcp\" { tls_disable = true }".to_owned(),
            "nowhere is not a directory",
        ),
        (
            "storage \"sqlite\" { path = \"not-a-database\" }\nlistener \"tcp\" { tls_disable = true }".to_owned(),
            "is no database of SQLite",
        ),
        (
            format!("{storage}\nlistener \"tcp\" {{\ntls_cert_file = \"server.pem\"\ntls_key_file = \"missing\"\n}}"),
            "missing",
        ),
        (
            format!("{storage}\nlistener \"tcp\" {{ tls_disable = true address = \"192.0.2.1:1\" }}"),
            "listener 192.0.2.1:1",
        ),
    ] {
        let (well, told) = check(&text);
        assert!(!well && told.contains(words), "{text}: {told}");
    }
    let (_, told) = program.run(&["server", "-check"]);
    assert!(told.contains("give -config=FILE"), "{told}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (well, told) =
        check(&format!("{storage}\nlistener \"tcp\" {{\ntls_disable = true\naddress = \"{address}\"\n}}"));
    assert!(well && told.contains("somebody listens there"), "{told}");
}
