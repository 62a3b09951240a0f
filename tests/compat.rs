//! Clients that are not ours, against the built server: what they do must work unchanged.
#![allow(clippy::expect_used, reason = "a test")]

mod support;

use std::process::{Command, Stdio};
use support::certificates::Certificates;
use support::moto::Moto;
use support::server::{PROGRAM, Server};
use support::{PATIENCE, clients, python, wait_for};

/// The library signs in, keeps secrets, makes a token, and takes AWS credentials through the whole of their life.
#[test]
fn hvac_uses_the_server_as_it_would_use_any_other() {
    let moto = Moto::start();
    let server = Server::dev();

    comes_to_its_end(at_aws(&moto, program("walk_through.py", &server)), "all done");
    assert_eq!(moto.users(), Vec::<String>::new(), "the revoked lease left its user behind");
}

/// The library that the field's tools are built on: states, mounts, both versions of key/value, policies, tokens, wrapping,
/// leases with the renewal that most programs rely on; and a suite that starts servers of its own, named `vault`.
#[test]
fn the_official_client_for_go_uses_the_server_as_it_would_use_any_other() {
    let moto = Moto::start();
    let server = Server::dev();
    let mut program = at_aws(&moto, root_at(&server, clients::go()));
    program.args(["-test.v", "-test.timeout=5m"]).env("LEASEHOLD_PROGRAM", PROGRAM);
    comes_to_its_end(program, "PASS");
    wait_for("no user is left at AWS", PATIENCE, || moto.users().is_empty().then_some(()));
}

#[test]
fn node_vault_uses_the_server_as_it_would_use_any_other() {
    let moto = Moto::start();
    let server = Server::dev();
    comes_to_its_end(at_aws(&moto, root_at(&server, clients::node())), "all done");
    wait_for("no user is left at AWS", PATIENCE, || moto.users().is_empty().then_some(()));
}

#[test]
fn vaultrs_uses_the_server_as_it_would_use_any_other() {
    let moto = Moto::start();
    let server = Server::dev();
    comes_to_its_end(at_aws(&moto, root_at(&server, clients::rust())), "all done");
}

/// The library's whole interface to versioned secrets, from the first version to the upgrade of an older mount.
#[test]
fn hvac_keeps_versions_of_secrets() {
    let server = Server::ready();
    comes_to_its_end(program("versions.py", &server), "all done");
}

/// The library's whole interface to tokens, token roles, policies, capabilities and wrapping.
#[test]
fn hvac_makes_and_ends_tokens_and_asks_what_they_may_do() {
    let server = Server::dev();
    comes_to_its_end(program("tokens.py", &server), "all done");
}

/// The library's auth methods, and the identities behind who signs in.
#[test]
fn hvac_signs_in_by_every_method() {
    let server = Server::ready();
    comes_to_its_end(program("sign_in.py", &server), "all done");
}

/// A suite that starts the program by the name of the field, with a configuration file of the field, and goes through the
/// library's whole interface to the system: states, seals, mounts, leases, raw paths, and every kind of adapter.
#[test]
fn hvac_starts_a_server_named_vault_and_uses_its_system() {
    let directory = tempfile::tempdir().expect("a directory");
    let made = Certificates::new();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("the directory takes files");
        path
    };
    let (authority, key) = (write("ca.pem", &made.authority), write("key.pem", &made.key));
    let certificate = write("cert.pem", &made.certificate);
    let mut program = Command::new(python::interpreter());
    program.arg(python::repository().join("tests/compat/hvac/system.py")).stdin(Stdio::null());
    program.env("LEASEHOLD_PROGRAM", PROGRAM);
    program.env("CERTIFICATE", certificate).env("KEY", key).env("AUTHORITY", authority);
    comes_to_its_end(program, "all done");
}

/// The library's whole interface to entities, aliases and groups, and what they add to tokens.
#[test]
fn hvac_keeps_identities() {
    let server = Server::ready();
    comes_to_its_end(program("identity.py", &server), "all done");
}

/// A Python program that is root at the server.
fn program(name: &str, server: &Server) -> Command {
    let mut program = Command::new(python::interpreter());
    program.arg(python::repository().join("tests/compat/hvac").join(name));
    root_at(server, program)
}

fn root_at(server: &Server, mut program: Command) -> Command {
    program.env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root).stdin(Stdio::null());
    program
}

fn at_aws(moto: &Moto, mut program: Command) -> Command {
    program
        .env("AWS_ENDPOINT", &moto.endpoint)
        .env("AWS_ADMIN_ACCESS_KEY", &moto.admin.access_key)
        .env("AWS_ADMIN_SECRET_KEY", &moto.admin.secret_key);
    program
}

fn comes_to_its_end(mut program: Command, last_words: &str) {
    let output = program.output().expect("the program starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.trim_end().ends_with(last_words), "{said}");
}

/// The judge is judged: an emulator that let everything through would prove nothing.
#[test]
fn the_emulator_refuses_what_aws_would_refuse() {
    let moto = Moto::start();
    moto.make_bucket("records");
    let reading = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::records/*"}]}"#;
    moto.iam("CreateUser", &[("UserName", "reader")]);
    moto.iam("PutUserPolicy", &[("UserName", "reader"), ("PolicyName", "read"), ("PolicyDocument", reading)]);
    let reader = moto.make_key("reader");
    let forged = support::moto::Key::new(&reader.access_key, "not the secret");

    assert_eq!(moto.s3(&moto.admin, "PUT", "/records/one", b"1").0, 200);
    assert_eq!(moto.s3(&reader, "GET", "/records/one", b""), (200, "1".into()));
    assert_eq!(moto.s3(&reader, "PUT", "/records/one", b"2").0, 403);
    assert!(moto.accepts(&reader));
    assert!(!moto.accepts(&forged));
    assert_eq!(moto.users(), ["reader"]);

    moto.iam("DeleteAccessKey", &[("UserName", "reader"), ("AccessKeyId", &reader.access_key)]);
    assert!(!moto.accepts(&reader));
}
