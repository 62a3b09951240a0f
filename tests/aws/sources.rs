//! Keys that the server finds in its surroundings.

use super::support::moto::{Key, Moto, elements};
use super::support::server::{Server, text};
use super::{configure, done};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// A user comes and goes by the keys that the engine works with.
fn a_user_is_made_and_ended(server: &Server, moto: &Moto) {
    done(server.put("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": NOTHING})));
    let answer = done(server.get("aws/creds/x"));
    let key = Key::new(&text(&answer["data"]["access_key"]), &text(&answer["data"]["secret_key"]));
    assert!(moto.accepts(&key));
    done(server.put("sys/leases/revoke", json!({"lease_id": answer["lease_id"], "sync": true})));
    assert!(!moto.accepts(&key));
}

fn source(server: &Server) -> String {
    text(&done(server.get("aws/config/root"))["data"]["credentials_from"])
}

#[test]
fn keys_of_the_environment_and_of_the_shared_files_are_used_and_not_shown() {
    let moto = Moto::start();
    let keys = [("AWS_ACCESS_KEY_ID", &*moto.admin.access_key), ("AWS_SECRET_ACCESS_KEY", &*moto.admin.secret_key)];
    let server = Server::ready_with(&keys);
    configure(&server, &moto, false);
    a_user_is_made_and_ended(&server, &moto);
    assert_eq!(source(&server), "the environment");
    let (status, answer) = server.put("aws/config/rotate-root", Value::Null);
    assert!(status == 400 && answer.to_string().contains("no access_key to rotate"), "{status} {answer}");
    let shown = done(server.get("aws/config/root")).to_string();
    assert!(!shown.contains(&moto.admin.secret_key) && !server.log().contains(&moto.admin.secret_key));

    let server = Server::ready_with(&[("AWS_PROFILE", "work")]);
    configure(&server, &moto, false);
    let (status, answer) = server.get("aws/config/root");
    assert_eq!(status, 200, "{answer}");
    std::fs::create_dir(server.path(".aws")).unwrap();
    let (id, secret) = (&moto.admin.access_key, &moto.admin.secret_key);
    let file = format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(server.path(".aws/credentials"), file).unwrap();
    assert_eq!(source(&server), "the profile \"work\" of the shared files");
    a_user_is_made_and_ended(&server, &moto);
}

/// Plays the metadata of an instance: hands out whatever keys stand in it, and counts how often.
struct Metadata {
    address: String,
    keys: Arc<Mutex<(Key, u64, usize)>>,
}

impl Metadata {
    fn start(key: Key, seconds: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new((key, seconds, 0)));
        let serving = keys.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                let body = match line.split(' ').nth(1).unwrap_or_default() {
                    "/latest/api/token" => "token".to_owned(),
                    "/latest/meta-data/iam/security-credentials/" => "web".to_owned(),
                    _ => document(&serving),
                };
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).ok();
            }
        });
        Self { address, keys }
    }

    fn asked(&self) -> usize {
        self.keys.lock().unwrap().2
    }

    fn change(&self, key: Key, seconds: u64) {
        let mut keys = self.keys.lock().unwrap();
        (keys.0, keys.1) = (key, seconds);
    }
}

fn document(keys: &Mutex<(Key, u64, usize)>) -> String {
    let mut keys = keys.lock().unwrap();
    keys.2 += 1;
    let end = SystemTime::now() + std::time::Duration::from_secs(keys.1);
    let end = jiff::Timestamp::try_from(end).unwrap();
    let key = &keys.0;
    json!({
        "Code": "Success", "AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "Token": key.session_token,
        "Expiration": end.to_string(),
    })
    .to_string()
}

/// Keys of a role that may do everything.
fn assumed(moto: &Moto) -> Key {
    let role = "arn:aws:iam::123456789012:role/instance";
    let parameters = [("RoleArn", role), ("RoleSessionName", "i-1")];
    let (status, answer) = moto.query(&moto.admin, "sts", "2011-06-15", "AssumeRole", &parameters);
    assert_eq!(status, 200, "{answer}");
    let part = |name| elements(&answer, name).remove(0);
    Key::new(&part("AccessKeyId"), &part("SecretAccessKey")).with_session(&part("SessionToken"))
}

#[test]
fn temporary_keys_of_an_instance_are_used_kept_and_replaced_before_they_end() {
    let moto = Moto::start();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    moto.iam("CreateRole", &[("RoleName", "instance"), ("AssumeRolePolicyDocument", trust)]);
    moto.iam("PutRolePolicy", &[("RoleName", "instance"), ("PolicyName", "all"), ("PolicyDocument", all)]);
    let metadata = Metadata::start(assumed(&moto), 3600);
    let server = Server::ready_with(&[
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.address),
    ]);
    configure(&server, &moto, false);
    a_user_is_made_and_ended(&server, &moto);
    a_user_is_made_and_ended(&server, &moto);
    assert_eq!((source(&server).as_str(), metadata.asked()), ("the instance's metadata", 1));
    done(server.put("aws/roles/own", json!({"credential_type": "session_token"})));
    let (status, answer) = server.get("aws/creds/own");
    assert!(status == 400 && answer.to_string().contains("temporary themselves"), "{status} {answer}");

    // Keys that are about to end are replaced at the next use, though the old ones are still good.
    let server = Server::ready_with(&[
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.address),
    ]);
    metadata.change(Key::new("ASIAUNKNOWN", "x").with_session("x"), 2);
    configure(&server, &moto, false);
    done(server.put("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": NOTHING})));
    assert_eq!(server.get("aws/creds/x").0, 400, "the emulator does not know these");
    metadata.change(assumed(&moto), 3600);
    let mut log = String::new();
    super::support::wait_for("the new keys are fetched", super::support::PATIENCE, || {
        let (status, answer) = server.get("aws/creds/x");
        writeln!(log, "{status} {answer}").unwrap();
        (status == 200).then_some(())
    });
}
