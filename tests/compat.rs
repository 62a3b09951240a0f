//! Clients that are not ours, against the built server: what they do must work unchanged.

mod support;

use std::process::{Command, Stdio};
use support::moto::Moto;
use support::python;
use support::server::Server;

/// The library signs in, keeps secrets, makes a token, and takes AWS credentials through the whole of their life.
#[test]
fn hvac_uses_the_server_as_it_would_use_any_other() {
    let moto = Moto::start();
    let server = Server::dev();

    let output = Command::new(python::interpreter())
        .arg(python::repository().join("tests/compat/hvac/walk_through.py"))
        .env("VAULT_ADDR", &server.address)
        .env("VAULT_TOKEN", &server.root)
        .env("AWS_ENDPOINT", &moto.endpoint)
        .env("AWS_ADMIN_ACCESS_KEY", &moto.admin.access_key)
        .env("AWS_ADMIN_SECRET_KEY", &moto.admin.secret_key)
        .stdin(Stdio::null())
        .output()
        .expect("Python starts");

    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.trim_end().ends_with("all done"), "{said}");
    assert_eq!(moto.users(), Vec::<String>::new(), "the revoked lease left its user behind");
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
