//! Users in the account, held against the leases.

use super::support::moto::Moto;
use super::support::server::{Server, text};
use super::{configure, done};
use serde_json::{Value, json};

const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// The lease, and the name of its user.
fn issue(server: &Server, moto: &Moto) -> (String, String) {
    let before = moto.users();
    let answer = done(server.get("aws/creds/x"));
    let user = moto.users().into_iter().find(|user| !before.contains(user)).unwrap();
    (text(&answer["lease_id"]), user)
}

fn subjects(report: &Value, kind: &str) -> Vec<String> {
    report[kind].as_array().unwrap().iter().map(|item| text(&item["subject"])).collect()
}

fn tagged(moto: &Moto, user: &str, server: &str, mark: &str) {
    let tags = [
        ("UserName", user),
        ("Tags.member.1.Key", "leasehold:server"),
        ("Tags.member.1.Value", server),
        ("Tags.member.2.Key", "leasehold:lease-mark"),
        ("Tags.member.2.Value", mark),
    ];
    moto.iam("CreateUser", &tags);
}

#[test]
fn users_without_leases_are_ended_if_they_carry_our_tags_and_left_alone_if_not() {
    let moto = Moto::start();
    let server = Server::ready();
    configure(&server, &moto, true);
    done(server.put("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": NOTHING})));
    let (lease, kept) = issue(&server, &moto);
    let id = text(&done(server.get("sys/health"))["cluster_id"]);
    tagged(&moto, "vault-by-hand-1", &id, "AbCdEfGhIjKlMnOpQrSt");
    moto.iam("CreateAccessKey", &[("UserName", "vault-by-hand-1")]);
    tagged(&moto, "vault-of-another", "11111111-2222-3333-4444-555555555555", "AbCdEfGhIjKlMnOpQrSu");
    for stranger in ["vault-somebody", "alice"] {
        moto.iam("CreateUser", &[("UserName", stranger)]);
    }
    let report = done(server.get("sys/leases/reconcile/aws"))["data"].take();
    assert_eq!(subjects(&report, "orphans"), ["vault-by-hand-1"], "{report}");
    assert_eq!(subjects(&report, "unknown"), ["vault-somebody"], "{report}");
    assert_eq!((subjects(&report, "ghosts"), subjects(&report, "drift")), (vec![], vec![]), "{report}");
    assert_eq!((&report["of_others"], &report["leases"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(moto.users().len(), 5, "looking changes nothing");

    let report = done(server.put("sys/leases/reconcile/aws", json!({"fix": true})))["data"].take();
    assert_eq!(report["orphans"][0]["outcome"]["state"], json!("ended"), "{report}");
    let left = moto.users();
    assert_eq!(left.len(), 4, "{left:?}");
    for name in ["alice", &kept, "vault-of-another", "vault-somebody"] {
        assert!(left.iter().any(|user| user == name), "{left:?}");
    }
    assert_eq!(server.put("sys/leases/lookup", json!({ "lease_id": lease })).0, 200);

    // By the account's own changes a lease and its user come apart.
    let keys = moto.access_keys(&kept);
    moto.iam("DeleteAccessKey", &[("UserName", &kept), ("AccessKeyId", &keys[0])]);
    let other = moto.make_key(&kept).access_key;
    let report = done(server.get("sys/leases/reconcile/aws"))["data"].take();
    let told = report["drift"].to_string();
    assert!(told.contains(&format!("has the access key {} no more", keys[0])) && told.contains(&other), "{report}");
    moto.iam("UntagUser", &[("UserName", &kept), ("TagKeys.member.1", "leasehold:lease-mark")]);
    let report = done(server.get("sys/leases/reconcile/aws"))["data"].take();
    assert!(report["drift"].to_string().contains("does not carry its lease's mark"), "{report}");
}

#[test]
fn a_user_that_was_just_made_is_not_missed_yet() {
    let moto = Moto::start();
    let server = Server::ready();
    configure(&server, &moto, true);
    done(server.put("aws/roles/x", json!({"credential_type": "iam_user", "policy_document": NOTHING})));
    let (lease, user) = issue(&server, &moto);
    moto.iam("DeleteAccessKey", &[("UserName", &user), ("AccessKeyId", &moto.access_keys(&user)[0])]);
    moto.iam("DeleteUserPolicy", &[("UserName", &user), ("PolicyName", &user)]);
    moto.iam("DeleteUser", &[("UserName", &user)]);
    let report = done(server.put("sys/leases/reconcile/aws", json!({"fix": true})))["data"].take();
    assert_eq!((&report["too_young"], &report["ghosts"]), (&json!(1), &json!([])), "{report}");
    assert_eq!(server.put("sys/leases/lookup", json!({ "lease_id": lease })).0, 200);
}
