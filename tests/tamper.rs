//! Damage denies, and is contained. Somebody who can write the data file, but has no key, edits it while the server is down:
//! what was edited is refused, nothing else is granted by it, and the rest is served.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use rusqlite::Connection;
use serde_json::{Value, json};
use support::moto::{Moto, REGION};
use support::server::{Server, text};

/// Bits that no key has sealed, in place of what was there.
const DAMAGE: &str = "sealed = zeroblob(length(sealed))";

/// The row that was written last.
const LAST: &str = "WHERE rowid = (SELECT max(rowid) FROM";

/// Stops the server, edits its file, starts and unseals it.
fn edit(server: &mut Server, sql: &str) {
    assert!(server.stop().success());
    let file = Connection::open(server.path("data.db")).unwrap();
    file.execute_batch(sql).unwrap();
    assert!(file.changes() > 0, "nothing was edited: {sql}");
    file.close().unwrap();
    server.start_again();
    server.unseal();
}

fn done((status, answer): (u16, Value)) -> Value {
    assert!(status == 200 || status == 204, "{status} {answer}");
    answer
}

/// A token below `parent`, with the policies of its parent unless given.
fn token(server: &Server, parent: &str, body: Value) -> String {
    text(&done(server.call("PUT", "auth/token/create", parent, body))["auth"]["client_token"])
}

fn lookup_self(server: &Server, token: &str) -> u16 {
    server.call("GET", "auth/token/lookup-self", token, Value::Null).0
}

fn with_records(records: &[&str]) -> Server {
    let server = Server::ready();
    done(server.put("sys/mounts/kv", json!({"type": "kv"})));
    for record in records {
        done(server.put(&format!("kv/{record}"), json!({ "value": record })));
    }
    server
}

#[test]
fn two_records_that_were_swapped_do_not_open_and_the_third_does() {
    let mut server = with_records(&["third", "one", "two"]);
    edit(
        &mut server,
        "CREATE TEMP TABLE kept AS SELECT node, sealed FROM main.records ORDER BY node DESC LIMIT 2;
         UPDATE main.records SET sealed = (SELECT sealed FROM kept WHERE kept.node <> records.node)
         WHERE node IN (SELECT node FROM kept);",
    );
    for name in ["one", "two"] {
        let (status, answer) = server.get(&format!("kv/{name}"));
        assert_eq!(status, 500, "{answer}");
        assert!(answer["data"].is_null(), "{answer}");
    }
    assert_eq!(done(server.get("kv/third"))["data"]["value"], "third");
    done(server.put("kv/one", json!({"value": "again"})));
    assert_eq!(done(server.get("kv/one"))["data"]["value"], "again");
}

#[test]
fn a_name_that_was_moved_to_another_folder_shows_nothing_there() {
    let mut server = with_records(&["open/one", "closed/two"]);
    edit(
        &mut server,
        "UPDATE nodes SET parent = (SELECT parent FROM nodes JOIN records ON node = id ORDER BY id DESC LIMIT 1 OFFSET 1)
         WHERE id = (SELECT max(node) FROM records);",
    );
    let (status, answer) = server.get("kv/open/two");
    assert_eq!(status, 500, "{answer}");
    assert_eq!(done(server.list("kv/open"))["data"]["keys"], json!(["one"]), "the moved name is left out");
    assert_eq!(server.get("kv/closed/two").0, 404);
    assert_eq!(done(server.get("kv/open/one"))["data"]["value"], "open/one");
}

#[test]
fn two_names_that_were_exchanged_lead_to_no_value() {
    let mut server = with_records(&["third", "one", "two"]);
    edit(
        &mut server,
        "CREATE TEMP TABLE kept AS SELECT id, name FROM main.nodes ORDER BY id DESC LIMIT 2;
         UPDATE main.nodes SET name = zeroblob(16) WHERE id = (SELECT max(id) FROM kept);
         UPDATE main.nodes SET name = (SELECT name FROM kept ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT min(id) FROM kept);
         UPDATE main.nodes SET name = (SELECT name FROM kept ORDER BY id LIMIT 1) WHERE id = (SELECT max(id) FROM kept);",
    );
    assert_eq!(server.get("kv/one").0, 500);
    assert_eq!(server.get("kv/two").0, 500);
    assert_eq!(done(server.get("kv/third"))["data"]["value"], "third");
}

/// Edits the row of a token, and looks that it is refused while its sibling is not.
fn refused_after(assignment: &str) {
    let mut server = Server::ready();
    let sibling = token(&server, &server.root, json!({"ttl": "1h"}));
    let edited = token(&server, &server.root, json!({"ttl": "1h"}));
    assert_eq!(lookup_self(&server, &edited), 200);
    edit(&mut server, &format!("UPDATE leases SET {assignment} {LAST} leases);"));
    assert_eq!(lookup_self(&server, &edited), 403);
    assert_ne!(server.put("auth/token/renew", json!({ "token": edited })).0, 200);
    assert_eq!(lookup_self(&server, &sibling), 200);
}

#[test]
fn a_token_whose_expiry_was_put_off_is_refused() {
    refused_after("expires = expires + 86400000, due = due + 86400000");
}

#[test]
fn a_token_whose_expiry_was_taken_away_is_refused() {
    refused_after("expires = NULL, due = NULL");
}

#[test]
fn a_token_whose_maximum_was_raised_is_refused() {
    refused_after("maximum = coalesce(maximum, 0) + 86400000");
}

#[test]
fn a_token_that_was_made_an_orphan_is_refused() {
    refused_after("parent = 0");
}

#[test]
fn a_token_that_was_put_on_another_mount_is_refused() {
    refused_after("mount = (SELECT mount FROM nodes WHERE mount <> leases.mount UNION SELECT zeroblob(16) LIMIT 1)");
}

#[test]
fn a_token_whose_issue_was_moved_is_refused() {
    refused_after("issued = issued + 1");
}

#[test]
fn a_token_in_the_row_of_a_stronger_one_is_refused() {
    let mut server = Server::ready();
    let weak = token(&server, &server.root, json!({"policies": ["default"], "ttl": "1h"}));
    edit(
        &mut server,
        "CREATE TEMP TABLE kept AS SELECT id, key FROM main.leases;
         UPDATE main.leases SET key = zeroblob(24) WHERE id = (SELECT max(id) FROM kept);
         UPDATE main.leases SET key = (SELECT key FROM kept ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT min(id) FROM kept);",
    );
    assert_eq!(server.call("GET", "sys/mounts", &weak, Value::Null).0, 403);
    assert_eq!(lookup_self(&server, &weak), 403);
}

#[test]
fn a_damaged_token_takes_all_below_it_along() {
    let mut server = Server::ready();
    let parent = token(&server, &server.root, json!({"ttl": "1h"}));
    let child = token(&server, &parent, json!({"ttl": "1h"}));
    assert_eq!(lookup_self(&server, &child), 200);
    edit(&mut server, &format!("UPDATE leases SET {DAMAGE} WHERE id = (SELECT parent FROM leases {LAST} leases));"));
    assert_eq!(lookup_self(&server, &parent), 403);
    assert_eq!(lookup_self(&server, &child), 403);
    assert_eq!(lookup_self(&server, &server.root), 200);
}

#[test]
fn an_accessor_that_was_put_on_another_token_finds_none() {
    let mut server = Server::ready();
    let victim = token(&server, &server.root, json!({"ttl": "1h"}));
    let made = done(server.put("auth/token/create", json!({"ttl": "1h"})));
    let accessor = json!({ "accessor": made["auth"]["accessor"] });
    done(server.put("auth/token/lookup-accessor", accessor.clone()));
    edit(
        &mut server,
        "CREATE TEMP TABLE kept AS SELECT id, accessor FROM main.leases ORDER BY id DESC LIMIT 2;
         UPDATE main.leases SET accessor = NULL WHERE id = (SELECT max(id) FROM kept);
         UPDATE main.leases SET accessor = (SELECT accessor FROM kept ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT min(id) FROM kept);",
    );
    assert_ne!(server.put("auth/token/lookup-accessor", accessor.clone()).0, 200);
    assert_ne!(server.put("auth/token/revoke-accessor", accessor).0, 204);
    assert_eq!(lookup_self(&server, &victim), 200, "the accessor of one token ended another");
}

#[test]
fn a_secrets_lease_that_was_edited_is_neither_renewed_nor_forgotten() {
    let moto = Moto::start();
    let mut server = Server::ready();
    let root = json!({
        "access_key": moto.admin.access_key, "secret_key": moto.admin.secret_key, "region": REGION,
        "iam_endpoint": moto.endpoint, "sts_endpoint": moto.endpoint,
    });
    let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    done(server.put("sys/mounts/aws", json!({"type": "aws"})));
    done(server.put("aws/config/root", root));
    done(server.put("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": nothing})));
    let whole = text(&done(server.get("aws/creds/x"))["lease_id"]);
    let edited = text(&done(server.get("aws/creds/x"))["lease_id"]);
    edit(&mut server, &format!("UPDATE leases SET expires = expires + 86400000 {LAST} leases);"));

    for path in ["sys/leases/lookup", "sys/leases/renew", "sys/leases/revoke"] {
        let (status, answer) = server.put(path, json!({ "lease_id": edited }));
        assert_eq!(status, 500, "{path}: {answer}");
    }
    done(server.put("sys/leases/renew", json!({ "lease_id": whole })));
    done(server.put("sys/leases/revoke", json!({ "lease_id": whole })));
    assert_eq!(moto.users().len(), 1, "the whole lease is ended, the edited one is not");
    assert_eq!(done(server.get("sys/leases/count"))["data"]["counts_by_path"]["aws/"], json!(1), "it is still counted");
}

#[test]
fn a_damaged_policy_denies_the_tokens_that_name_it_and_no_others() {
    let mut server = with_records(&["one"]);
    let reading = json!({"policy": r#"path "kv/*" { capabilities = ["read"] }"#});
    done(server.put("sys/policies/acl/whole", reading.clone()));
    let damaged = json!({"policy": r#"path "kv/one" { capabilities = ["deny"] }"#});
    done(server.put("sys/policies/acl/damaged", damaged));
    let others = token(&server, &server.root, json!({"policies": ["whole"]}));
    let named = token(&server, &server.root, json!({"policies": ["whole", "damaged"]}));
    edit(&mut server, &format!("UPDATE policies SET {DAMAGE} {LAST} policies);"));

    assert_eq!(server.call("GET", "kv/one", &named, Value::Null).0, 403, "a lost deny is no permission");
    assert_eq!(lookup_self(&server, &named), 403);
    assert_eq!(server.call("GET", "kv/one", &others, Value::Null).0, 200);
    done(server.put("sys/policies/acl/damaged", reading));
    assert_eq!(server.call("GET", "kv/one", &named, Value::Null).0, 200, "written anew, it is whole again");
}

#[test]
fn the_text_of_one_policy_does_not_open_as_another() {
    let mut server = with_records(&["one"]);
    done(server.put("sys/policies/acl/weak", json!({"policy": r#"path "kv/none" { capabilities = ["read"] }"#})));
    done(server.put("sys/policies/acl/strong", json!({"policy": r#"path "*" { capabilities = ["read", "sudo"] }"#})));
    let weak = token(&server, &server.root, json!({"policies": ["weak"]}));
    edit(
        &mut server,
        "UPDATE policies SET sealed = (SELECT sealed FROM policies ORDER BY rowid DESC LIMIT 1)
         WHERE rowid = (SELECT max(rowid) - 1 FROM policies);",
    );
    assert_eq!(server.call("GET", "kv/one", &weak, Value::Null).0, 403);
    assert_eq!(lookup_self(&server, &weak), 403);
}

#[test]
fn a_damaged_mount_answers_500_and_no_shorter_mount_takes_its_place() {
    let mut server = with_records(&["one"]);
    done(server.put("sys/mounts/team/app", json!({"type": "kv"})));
    done(server.put("team/app/one", json!({"value": 1})));
    edit(&mut server, &format!("UPDATE mounts SET {DAMAGE} {LAST} mounts);"));

    let refused = |path: &str| {
        let (status, answer) = server.get(path);
        assert_eq!(status, 500, "{path}: {answer}");
        assert_eq!(server.put(path, json!({"value": 2})).0, 500, "{path} takes writes");
        assert_eq!(server.list(path.trim_end_matches("/one")).0, 500, "{path} is listed");
    };
    refused("team/app/one");
    assert_eq!(server.get("team/app").0, 500, "the mount itself, without its slash");
    assert_eq!(done(server.get("kv/one"))["data"]["value"], "one");
    assert_eq!(server.put("sys/mounts/team/app", json!({"type": "kv"})).0, 400, "its place is taken");
    // A mount above it, made before or after, does not get what is below it.
    done(server.put("sys/mounts/team", json!({"type": "kv"})));
    done(server.put("team/other", json!({"value": 3})));
    refused("team/app/one");
    assert_eq!(done(server.list("team"))["data"]["keys"], json!(["other"]));
}

#[test]
fn a_damaged_audit_device_counts_as_one_that_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().canonicalize().unwrap();
    let mut server = Server::start(&format!("audit_directory = \"{}\"", folder.display()));
    server.init(1, 1);
    server.unseal();
    done(server.put("sys/mounts/kv", json!({"type": "kv"})));
    done(server.put("kv/one", json!({"value": "one"})));
    let device = |name: &str| json!({"type": "file", "options": {"file_path": folder.join(name)}});
    done(server.put("sys/audit/first", device("first.log")));
    edit(&mut server, &format!("UPDATE audit_devices SET {DAMAGE} {LAST} audit_devices);"));

    let (status, answer) = server.get("kv/one");
    assert_eq!(status, 500, "auditing was turned off by an edit: {answer}");
    assert!(answer["data"].is_null(), "{answer}");
}

#[test]
fn a_damaged_keyring_keeps_the_server_sealed() {
    let mut server = Server::ready();
    assert!(server.stop().success());
    let file = Connection::open(server.path("data.db")).unwrap();
    assert_eq!(file.execute("UPDATE keyring SET wrapped = zeroblob(length(wrapped))", []).unwrap(), 1);
    file.close().unwrap();
    server.start_again();
    let (status, answer) = server.call("PUT", "sys/unseal", "", json!({ "key": server.keys[0] }));
    assert_eq!(status, 400, "{answer}");
    assert_eq!(server.get("sys/health").0, 503);
}
