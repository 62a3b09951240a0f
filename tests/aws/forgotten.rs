//! Keys that are forgotten while leases live.

use super::support::moto::Moto;
use super::support::server::{Server, text};
use super::support::{PATIENCE, wait_for};
use super::{configure, done};
use serde_json::json;

const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

#[test]
fn forgetting_the_keys_is_refused_while_leases_live_and_ends_them_by_force() {
    let moto = Moto::start();
    let mut server = Server::ready();
    configure(&server, &moto, true);
    done(server.put("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": NOTHING})));
    let lease = text(&done(server.get("aws/creds/x"))["lease_id"]);
    let (status, answer) = server.delete("aws/config/root");
    assert_eq!(status, 409, "{answer}");
    let error = text(&answer["errors"][0]);
    assert!(error.contains("1 leases have users") && error.contains("lease revoke -sync -prefix aws"), "{error}");
    let answer = done(server.delete("aws/config/root?force=true"));
    assert!(text(&answer["warnings"][0]).contains("1 leases"), "{answer}");
    server.crash_and_recover();
    assert_eq!(server.get("aws/config/root").0, 404);
    wait_for("the user is gone", PATIENCE, || moto.users().is_empty().then_some(()));
    wait_for("the lease is gone", PATIENCE, || {
        (server.put("sys/leases/lookup", json!({ "lease_id": lease })).0 == 400).then_some(())
    });
    assert!(!String::from_utf8_lossy(&server.stored_bytes()).contains(&moto.admin.secret_key));
}
