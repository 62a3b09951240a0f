//! Users over a whole core: made, signed in, renewed, refused.

use crate::base::{Kind, Result};
use crate::core::records::MountRecords;
use crate::core::tests::Bench;
use crate::logical::{Auth, Operation};
use serde_json::{Value, json};
use std::time::Duration;

/// A server with users at `userpass`.
struct Users(Bench);

impl std::ops::Deref for Users {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.0
    }
}

fn users() -> Users {
    let bench = Bench::new();
    bench.write("sys/auth/userpass", json!({ "type": "userpass" })).unwrap();
    Users(bench)
}

impl Users {
    fn user(&self, name: &str, body: Value) {
        self.write(&format!("auth/userpass/users/{name}"), body).unwrap();
    }

    fn enter(&self, name: &str, password: &str) -> Result<Auth> {
        let body = json!({ "password": password });
        let answer = self.call("", Operation::Update, &format!("auth/userpass/login/{name}"), body)?;
        Ok(answer.auth.clone().unwrap())
    }

    fn token(&self, name: &str, password: &str) -> String {
        self.enter(name, password).unwrap().token.expose().clone()
    }

    fn stored(&self, name: &str) -> String {
        let records = MountRecords::at(&self.live(), "auth/userpass/").unwrap();
        records.load::<Value>(&format!("user/{name}")).unwrap().unwrap().to_string()
    }
}

#[test]
fn a_user_signs_in_by_its_password_in_any_case_and_space() {
    let bench = users();
    bench.user("Alice", json!({ "password": "pw", "token_policies": "app", "token_ttl": "1h" }));
    for name in ["alice", "ALICE", " alice ", "aLiCe"] {
        let auth = bench.enter(name, "pw").unwrap();
        assert_eq!(auth.policies, ["app", "default"]);
        assert_eq!(auth.metadata.unwrap()["username"], "alice");
        assert_eq!((auth.ttl, auth.renewable, auth.orphan), (Duration::from_secs(3600), true, true));
    }
    let data = bench.write("auth/token/lookup", json!({ "token": bench.token("alice", "pw") })).unwrap();
    assert_eq!((&data["display_name"], &data["path"]), (&json!("userpass-alice"), &json!("auth/userpass/login/alice")));
}

#[test]
fn who_has_no_user_and_who_has_another_password_are_told_the_same() {
    let bench = users();
    bench.user("alice", json!({ "password": "pw" }));
    let told = |name, password| {
        let error = bench.enter(name, password).err().unwrap();
        (error.kind(), error.message().to_owned())
    };
    assert_eq!(told("alice", "other"), (Kind::BadRequest, "invalid username or password".to_owned()));
    assert_eq!(told("alice", "other"), told("nobody", "other"));
    assert_eq!(told("alice", ""), (Kind::BadRequest, "missing password".to_owned()));
}

#[test]
fn reading_shows_all_but_the_password_and_older_names_where_they_were_used() {
    let bench = users();
    bench.user("alice", json!({ "password": "pw", "policies": "A,b", "ttl": "1h" }));
    let shown = bench.read("auth/userpass/users/alice").unwrap();
    assert_eq!((&shown["policies"], &shown["token_policies"]), (&json!(["a", "b"]), &json!(["a", "b"])));
    assert_eq!((&shown["ttl"], &shown["token_ttl"]), (&json!(3600), &json!(3600)));
    assert!(!shown.to_string().contains("password"));
    bench.user("alice", json!({ "token_policies": ["c"] }));
    let shown = bench.read("auth/userpass/users/alice").unwrap();
    assert_eq!((shown.get("policies"), &shown["token_policies"]), (None, &json!(["c"])));
    assert!(bench.enter("alice", "pw").is_ok(), "the password stays as it is");
}

#[test]
fn password_and_policies_change_alone() {
    let bench = users();
    bench.user("alice", json!({ "password": "pw", "token_policies": "app" }));
    let at = |part: &str, body| bench.write(&format!("auth/userpass/users/alice/{part}"), body);
    at("password", json!({ "password": "new" })).unwrap();
    assert!(bench.enter("alice", "pw").is_err());
    at("policies", json!({ "token_policies": "other" })).unwrap();
    assert_eq!(bench.enter("alice", "new").unwrap().policies, ["default", "other"]);
    assert_eq!(at("password", json!({})).err().unwrap().message(), "missing password");
    let unknown = bench.write("auth/userpass/users/nobody/password", json!({ "password": "new" }));
    assert_eq!(unknown.err().unwrap().message(), "username does not exist");
}

#[test]
fn a_user_needs_a_password_and_a_name_that_can_be_one() {
    let bench = users();
    let write = |name: &str, body: Value| {
        let refused = bench.write(&format!("auth/userpass/users/{name}"), body);
        refused.err().map(|error| error.message().to_owned()).unwrap_or_default()
    };
    assert_eq!(write("alice", json!({ "policies": "app" })), "missing password");
    let both = json!({ "password": "a", "password_hash": "b" });
    assert!(write("alice", both).contains("both given"));
    assert!(write("alice", json!({ "password_hash": "b" })).contains("bcrypt"));
    for name in ["-alice", ".alice", "alice.", "al ice", "al*", "ål"] {
        assert!(write(name, json!({ "password": "pw" })).contains("cannot be a user's"), "{name}");
    }
    assert_eq!(write("a.l-i_ce9", json!({ "password": "pw" })), "");
}

#[test]
fn a_hash_made_elsewhere_is_replaced_at_the_first_log_in() {
    let bench = users();
    let hash = bcrypt::hash("pw", 4).unwrap();
    bench.user("alice", json!({ "password_hash": hash }));
    let kept = || bench.stored("alice");
    assert!(kept().contains("bcrypt"));
    assert!(bench.enter("alice", "other").is_err() && kept().contains("bcrypt"));
    bench.enter("alice", "pw").unwrap();
    assert!(kept().contains("argon2id"));
    bench.enter("alice", "pw").unwrap();
}

#[test]
fn a_token_is_renewed_only_while_its_user_is_there_with_the_same_policies() {
    let bench = users();
    bench.user("alice", json!({ "password": "pw", "token_policies": "app", "token_ttl": "1h" }));
    let token = bench.token("alice", "pw");
    let renew = || bench.call(&token, Operation::Update, "auth/token/renew-self", json!({}));
    bench.user("alice", json!({ "token_ttl": "2h" }));
    assert_eq!(renew().unwrap().auth.as_ref().unwrap().ttl, Duration::from_secs(7200));
    bench.user("alice", json!({ "token_policies": "other" }));
    assert!(renew().err().unwrap().message().contains("policies have changed"));
    bench.user("alice", json!({ "token_policies": "app" }));
    bench.delete("auth/userpass/users/alice").unwrap();
    assert!(renew().err().unwrap().message().contains("not there any more"));
    assert!(bench.enter("alice", "pw").is_err());
}

#[test]
fn a_rule_against_a_user_is_not_dodged_by_case_or_space() {
    let bench = users();
    let text = "path \"auth/userpass/users/*\" { capabilities = [\"create\", \"update\"] }\n\
                path \"auth/userpass/users/admin\" { capabilities = [\"deny\"] }";
    bench.policy("writer", text);
    let token = bench.holder(&["writer"]);
    for name in ["admin", "ADMIN", " admin", "admin ", "Admin/"] {
        let refused =
            bench.call(&token, Operation::Update, &format!("auth/userpass/users/{name}"), json!({ "password": "x" }));
        assert_eq!(refused.err().map(|error| error.kind()), Some(Kind::Denied), "{name:?}");
    }
    bench.call(&token, Operation::Update, "auth/userpass/users/other", json!({ "password": "x" })).unwrap();
}
