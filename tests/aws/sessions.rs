//! What STS hands out: under a lease that is not renewed, and that revoking only forgets.

use super::support::moto::Moto;
use super::support::server::{Server, text};
use super::{configure, done};
use serde_json::{Value, json};

#[test]
fn tokens_of_sts_come_under_leases_that_only_expire() {
    let moto = Moto::start();
    let server = Server::ready();
    configure(&server, &moto, true);
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    moto.iam("CreateGroup", &[("GroupName", "readers")]);
    moto.iam("PutGroupPolicy", &[("GroupName", "readers"), ("PolicyName", "inline"), ("PolicyDocument", allow)]);
    done(server.put(
        "aws/roles/federated",
        json!({"credential_type": "federation_token", "policy_document": allow, "iam_groups": "readers"}),
    ));
    done(server.put("aws/roles/own", json!({"credential_type": "session_token", "max_sts_ttl": "20m"})));
    for (path, seconds) in [("aws/creds/federated?ttl=30m", 1800), ("aws/sts/own", 1200)] {
        let answer = done(server.get(path));
        let data = &answer["data"];
        assert!(text(&data["session_token"]).len() > 10 && data["security_token"] == data["session_token"], "{path}");
        assert_eq!((&answer["lease_duration"], &answer["renewable"]), (&json!(seconds), &json!(false)), "{path}");
        let lease = text(&answer["lease_id"]);
        let (status, answer) = server.put("sys/leases/renew", json!({ "lease_id": lease }));
        assert_eq!(status, 400, "{answer}");
        done(server.put("sys/leases/revoke", json!({ "lease_id": lease })));
        assert_eq!(server.put("sys/leases/lookup", json!({ "lease_id": lease })).0, 400);
    }
    let (status, answer) = server.call("GET", "aws/creds/federated?ttl=5m", &server.root, Value::Null);
    assert_eq!(status, 400, "{answer}");
}
