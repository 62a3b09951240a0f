//! The file tells nothing: what was written, as a name or as a value, stands in clear in no file of the store; and no value,
//! token or key stands in the server's log or in the audit file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::path::Path;
use support::moto::{Moto, REGION};
use support::server::{Server, text};
use support::{PATIENCE, wait_for};

/// Something that was written, and what it was.
struct Canary {
    what: &'static str,
    text: String,
}

/// What was written, by where it may not stand in clear.
#[derive(Default)]
struct Written {
    /// Names, paths, identities: not in the store.
    names: Vec<Canary>,
    /// Values, tokens, keys: neither in the store, nor in the log, nor in the audit file.
    secrets: Vec<Canary>,
}

impl Written {
    fn name(&mut self, what: &'static str) -> String {
        let text = format!("canary-{}-{}", what.replace(' ', "-"), random());
        self.names.push(Canary { what, text: text.clone() });
        text
    }

    fn value(&mut self, what: &'static str) -> String {
        let text = format!("canary-{}-{}", what.replace(' ', "-"), random());
        self.secret(what, &text);
        text
    }

    fn secret(&mut self, what: &'static str, text: &str) {
        self.secrets.push(Canary { what, text: text.to_owned() });
    }
}

fn random() -> String {
    leasehold::base::random::uuid().replace('-', "")
}

#[test]
fn nothing_that_was_written_stands_in_clear_in_the_file_or_the_log() {
    let moto = Moto::start();
    let audited = tempfile::tempdir().unwrap();
    let folder = audited.path().canonicalize().unwrap();
    let mut server = Server::start(&format!("log_level = \"trace\"\naudit_directory = \"{}\"", folder.display()));
    server.init(3, 2);
    server.unseal();
    let mut written = Written::default();
    written.secret("root token", &server.root);
    for key in &server.keys {
        written.secret("unseal key", key);
        written.secret("unseal key", &hex::encode(base64::engine::general_purpose::STANDARD.decode(key).unwrap()));
    }

    let audit_file = folder.join(format!("{}.log", written.name("audit file")));
    let device = written.name("audit device");
    let options = json!({"type": "file", "description": written.name("audit description"),
                         "options": {"file_path": audit_file}});
    done(server.put(&format!("sys/audit/{device}"), options));
    write_values(&server, &mut written);
    write_versions(&server, &mut written);
    write_tokens(&server, &mut written);
    write_wrapped(&server, &mut written);
    write_log_ins(&server, &mut written);
    write_aws(&server, &moto, &mut written);

    check(&server, &audit_file, &written);
    server.crash_and_recover();
    check(&server, &audit_file, &written);
    assert!(server.stop().success());
    check(&server, &audit_file, &written);
}

/// The judge is judged: where a canary does stand, in any of the forms, it is found.
#[test]
fn a_canary_is_found_in_all_its_forms() {
    let canary = "canary-3f9c1a";
    for prefix in ["", "x", "xy"] {
        let hidden = format!("{prefix}{canary}zz");
        for form in [hidden.clone(), hex::encode(&hidden), hex::encode_upper(&hidden), STANDARD_NO_PAD.encode(&hidden)]
        {
            assert!(stands_in(canary, format!("\0\0{form}\0").as_bytes()), "{form}");
        }
    }
    assert!(!stands_in(canary, b"canary-3f9c1b"));
}

fn write_values(server: &Server, written: &mut Written) {
    let mount = format!("{}/{}", written.name("mount path"), written.name("mount folder"));
    let description = written.name("mount description");
    done(server.put(&format!("sys/mounts/{mount}"), json!({"type": "kv", "description": description})));
    let path = format!("{mount}/{}/{}", written.name("kv folder"), written.name("kv name"));
    done(server.put(&path, json!({ written.name("kv key"): written.value("kv value") })));
    done(server.put(&path, json!({"list": [written.value("kv list")], "deep": {"er": written.value("kv deep")}})));
    done(server.get(&path));
    done(server.list(&mount));
    let deleted = format!("{mount}/{}", written.name("deleted name"));
    done(server.put(&deleted, json!({"value": written.value("deleted value")})));
    done(server.delete(&deleted));
    done(server.put(&format!("cubbyhole/{}", written.name("own name")), json!({"value": written.value("own value")})));

    // What is refused goes the same way through the log and the audit file.
    let refused = written.value("refused value");
    assert_eq!(server.call("PUT", &path, "hvs.nobody", json!({ "value": refused })).0, 403);
    let stranger = format!("hvs.{}", written.value("refused token"));
    assert_eq!(server.call("GET", &path, &stranger, Value::Null).0, 403);
    // A message that says what is wrong with a secret must not repeat it.
    for (path, body) in [
        (path.as_str(), json!(written.value("text for a body"))),
        (path.as_str(), json!([written.value("list for a body")])),
        ("auth/token/create", json!({"id": format!("{} {}", written.value("token with a space"), random())})),
        ("auth/token/create", json!({"id": {"deep": written.value("object for a token")}})),
        ("auth/token/lookup", json!({"token": written.value("unknown token")})),
        ("auth/token/revoke", json!({"token": [written.value("list for a token")]})),
        ("sys/unseal", json!({"key": {"deep": written.value("object for a key")}})),
    ] {
        let (status, answer) = server.put(path, body);
        let said = answer["errors"].to_string();
        assert!(written.secrets.iter().all(|canary| !stands_in(&canary.text, said.as_bytes())), "{status} {said}");
    }
}

fn write_log_ins(server: &Server, written: &mut Written) {
    let (people, machines) = (written.name("people"), written.name("machines"));
    done(server.put(&format!("sys/auth/{people}"), json!({ "type": "userpass" })));
    done(server.put(&format!("sys/auth/{machines}"), json!({ "type": "approle" })));

    let (user, password) = (written.name("user"), written.value("password"));
    done(server.put(&format!("auth/{people}/users/{user}"), json!({ "password": password })));
    let enter = format!("auth/{people}/login/{user}");
    let (status, answer) = server.call("PUT", &enter, "", json!({ "password": password }));
    assert_eq!(status, 200, "{answer}");
    written.secret("token of a user", &text(&answer["auth"]["client_token"]));
    let wrong = json!({ "password": written.value("wrong password") });
    assert_eq!(server.call("PUT", &enter, "", wrong).0, 400);

    let role = format!("auth/{machines}/role/{}", written.name("approle"));
    let id = written.name("role id");
    done(server.put(&role, json!({ "role_id": id })));
    let metadata = json!({ written.name("metadata name"): written.name("metadata text") });
    let (status, made) = server.put(&format!("{role}/secret-id"), json!({ "metadata": metadata }));
    assert_eq!(status, 200, "{made}");
    let custom = written.value("custom secret id");
    assert_eq!(server.put(&format!("{role}/custom-secret-id"), json!({ "secret_id": custom })).0, 200);
    for secret in [text(&made["data"]["secret_id"]), custom] {
        written.secret("secret id", &secret);
        let body = json!({ "role_id": id, "secret_id": secret });
        let (status, answer) = server.call("PUT", &format!("auth/{machines}/login"), "", body);
        assert_eq!(status, 200, "{answer}");
        written.secret("token of a machine", &text(&answer["auth"]["client_token"]));
    }
    let wrong = json!({ "role_id": id, "secret_id": written.value("wrong secret id") });
    assert_eq!(server.call("PUT", &format!("auth/{machines}/login"), "", wrong).0, 400);
}

fn write_versions(server: &Server, written: &mut Written) {
    let (mount, path) = (written.name("versioned mount"), written.name("versioned name"));
    done(server.put(&format!("sys/mounts/{mount}"), json!({"type": "kv-v2"})));
    let data = format!("{mount}/data/{path}");
    for what in ["first version", "destroyed version", "third version"] {
        done(server.put(&data, json!({"data": { written.name("versioned key"): written.value(what) }})));
    }
    let patch = json!({"data": {"deep": { written.name("patched key"): written.value("patch") }}});
    done(server.call("PATCH", &data, &server.root, patch));
    done(server.put(&format!("{mount}/destroy/{path}"), json!({"versions": [2]})));
    let custom = json!({"custom_metadata": { written.name("custom name"): written.value("custom text") }});
    done(server.put(&format!("{mount}/metadata/{path}"), custom));
    done(server.get(&data));
    done(server.get(&format!("{mount}/subkeys/{path}")));
    done(server.list(&format!("{mount}/metadata/")));
    let stale = json!({"data": {"value": written.value("stale value")}, "options": {"cas": 1}});
    assert_eq!(server.put(&data, stale).0, 400);

    let (mount, path) = (written.name("upgraded mount"), written.name("upgraded name"));
    done(server.put(&format!("sys/mounts/{mount}"), json!({"type": "kv"})));
    done(server.put(&format!("{mount}/{path}"), json!({"value": written.value("upgraded value")})));
    done(server.put(&format!("sys/mounts/{mount}/tune"), json!({"options": {"version": "2"}})));
    wait_for("the mount is upgraded", PATIENCE, || {
        (server.get(&format!("{mount}/data/{path}")).0 == 200).then_some(())
    });
}

fn write_tokens(server: &Server, written: &mut Written) {
    let policy = written.name("policy");
    let rule = format!("path \"{}/*\" {{ capabilities = [\"read\"] }}", written.name("policy text"));
    done(server.put(&format!("sys/policies/acl/{policy}"), json!({ "policy": rule })));
    for ttl in ["1h", "2h"] {
        let body = json!({
            "policies": [policy], "ttl": ttl, "display_name": written.name("display name"),
            "meta": {"owner": written.name("metadata")},
        });
        let made = done(server.put("auth/token/create", body));
        let token = text(&made["auth"]["client_token"]);
        written.secret("token", &token);
        written.names.push(Canary { what: "accessor", text: text(&made["auth"]["accessor"]) });
        done(server.call("GET", "auth/token/lookup-self", &token, Value::Null));
        done(server.call("PUT", "auth/token/renew-self", &token, json!({})));
        done(server.put("auth/token/lookup", json!({ "token": token })));
        if ttl == "2h" {
            done(server.put("auth/token/revoke", json!({ "token": token })));
        }
    }
    let body = json!({"type": "batch", "policies": [policy], "meta": {"owner": written.name("batch metadata")}});
    let batch = text(&done(server.put("auth/token/create", body))["auth"]["client_token"]);
    written.secret("batch token", &batch);
    done(server.call("GET", "auth/token/lookup-self", &batch, Value::Null));
    let chosen = written.value("chosen token");
    done(server.put("auth/token/create", json!({"id": chosen, "policies": [policy]})));
    done(server.call("GET", "auth/token/lookup-self", &chosen, Value::Null));
}

fn write_wrapped(server: &Server, written: &mut Written) {
    for unwrap in [true, false] {
        let own = json!({ written.name("wrapped key"): written.value("wrapped value") });
        let wrapped = done(server.put_wrapped("sys/wrapping/wrap", &own));
        let token = text(&wrapped["wrap_info"]["token"]);
        written.secret("wrapping token", &token);
        written.names.push(Canary { what: "wrapping accessor", text: text(&wrapped["wrap_info"]["accessor"]) });
        done(server.put("sys/wrapping/lookup", json!({ "token": token })));
        if unwrap {
            done(server.put("sys/wrapping/unwrap", json!({ "token": token })));
        }
    }
    let made = done(server.put_wrapped("auth/token/create", &json!({"ttl": "1h"})));
    let made = done(server.call("PUT", "sys/wrapping/unwrap", &text(&made["wrap_info"]["token"]), Value::Null));
    written.secret("wrapped token", &text(&made["auth"]["client_token"]));
}

fn write_aws(server: &Server, moto: &Moto, written: &mut Written) {
    let mount = written.name("aws mount");
    done(server.put(&format!("sys/mounts/{mount}"), json!({"type": "aws"})));
    written.names.push(Canary { what: "aws access key", text: moto.admin.access_key.clone() });
    written.secret("aws secret key", &moto.admin.secret_key);
    for wrong in [json!({"deep": written.value("object for a key")}), json!([written.value("list for a key")])] {
        server.put(&format!("{mount}/config/root"), json!({"access_key": moto.admin.access_key, "secret_key": wrong}));
    }
    done(server.put(&format!("{mount}/config/root"), root_of(moto, &moto.admin.secret_key)));
    let role = written.name("aws role");
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "*", "Resource": format!("arn:aws:s3:::{}", written.value("bucket"))}],
    });
    let body = json!({"credential_type": "iam_user", "policy_document": document.to_string()});
    done(server.put(&format!("{mount}/roles/{role}"), body));
    for keep in [true, false] {
        let made = done(server.get(&format!("{mount}/creds/{role}")));
        written.names.push(Canary { what: "made access key", text: text(&made["data"]["access_key"]) });
        written.secret("made secret key", &text(&made["data"]["secret_key"]));
        let lease = text(&made["lease_id"]);
        let suffix = lease.rsplit('/').next().unwrap().to_owned();
        written.names.push(Canary { what: "lease id", text: suffix });
        done(server.put("sys/leases/renew", json!({ "lease_id": lease })));
        if !keep {
            done(server.put("sys/leases/revoke", json!({ "lease_id": lease })));
        }
    }
    for user in moto.users() {
        written.names.push(Canary { what: "aws user", text: user });
    }
    write_static_and_sessions(server, moto, &mount, written);
    // A failure at AWS is reported and logged, the secret is not.
    let wrong = written.value("wrong secret key");
    done(server.put(&format!("{mount}/config/root"), root_of(moto, &wrong)));
    assert_ne!(server.get(&format!("{mount}/creds/{role}")).0, 200);
}

fn write_static_and_sessions(server: &Server, moto: &Moto, mount: &str, written: &mut Written) {
    let (user, role) = (written.name("static user"), written.name("static role"));
    moto.iam("CreateUser", &[("UserName", &user)]);
    done(server.put(&format!("{mount}/static-roles/{role}"), json!({"username": user, "rotation_period": "1h"})));
    let shown = done(server.get(&format!("{mount}/static-creds/{role}")));
    written.secret("static secret key", &text(&shown["data"]["secret_key"]));
    let role = written.name("session role");
    done(server.put(&format!("{mount}/roles/{role}"), json!({"credential_type": "session_token"})));
    let opened = done(server.get(&format!("{mount}/creds/{role}")));
    written.secret("session token", &text(&opened["data"]["session_token"]));
}

fn root_of(moto: &Moto, secret_key: &str) -> Value {
    json!({
        "access_key": moto.admin.access_key, "secret_key": secret_key, "region": REGION,
        "iam_endpoint": moto.endpoint, "sts_endpoint": moto.endpoint,
    })
}

fn check(server: &Server, audit_file: &Path, written: &Written) {
    let store = store(server);
    assert!(!store.is_empty());
    for (name, bytes) in &store {
        for Canary { what, text } in written.names.iter().chain(&written.secrets) {
            assert!(!stands_in(text, bytes), "{what} stands in {name}");
        }
    }
    let log = server.log();
    assert!(log.contains("unsealed"), "there is a log to look into");
    let audit = std::fs::read(audit_file).unwrap();
    assert!(written.names.iter().any(|canary| stands_in(&canary.text, &audit)), "paths are what it is for");
    for Canary { what, text } in &written.secrets {
        assert!(!stands_in(text, log.as_bytes()), "{what} stands in the log");
        assert!(!stands_in(text, &audit), "{what} stands in the audit file");
    }
}

/// The data file and all that SQLite keeps beside it.
fn store(server: &Server) -> Vec<(String, Vec<u8>)> {
    let folder = server.path("data.db").parent().unwrap().to_owned();
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_the_store = names.filter(|name| name.starts_with("data.db"));
    of_the_store.map(|name| (name.clone(), std::fs::read(server.path(&name)).unwrap_or_default())).collect()
}

/// Whether the text stands in the bytes: as it is, in hexadecimal, or anywhere in something in base64.
fn stands_in(text: &str, bytes: &[u8]) -> bool {
    forms(text).iter().any(|form| contains(bytes, form.as_bytes()))
}

fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), hex::encode(text), hex::encode_upper(text)];
    for skipped in 0..3 {
        // Base64 of the part that fills whole groups of three bytes, wherever the text begins in its group.
        let rest = &text.as_bytes()[skipped..];
        let whole = &rest[..rest.len() / 3 * 3];
        forms.extend([STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
    }
    forms
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(part) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn done((status, answer): (u16, Value)) -> Value {
    assert!(status == 200 || status == 204, "{status} {answer}");
    answer
}
