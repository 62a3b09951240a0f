//! What was reported of servers of this kind in the last years, about signing in, identities and rules: each is a test, named
//! by what must not happen. Those about client certificates are in the tests of that method.

use super::Bench;
use super::ends::Kept;
use super::sign_in::GULLIBLE;
use crate::auth::{approle, userpass};
use crate::base::Kind;
use crate::core::Registry;
use crate::logical::{Engine, Operation};
use crate::server;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

static METHODS: &[&Engine] = &[&GULLIBLE, &userpass::ENGINE, &approle::ENGINE];

/// A server with `word`, which believes everybody, and `userpass` with alice.
fn bench() -> Bench {
    let bench = Bench::with(Registry { methods: METHODS, ..server::registry() });
    bench.write("sys/auth/word", json!({ "type": "gullible" })).unwrap();
    bench.write("sys/auth/userpass", json!({ "type": "userpass" })).unwrap();
    bench.write("auth/userpass/users/alice", json!({ "password": "pw" })).unwrap();
    bench
}

/// A token, and the id of its entity.
fn enter(bench: &Bench, path: &str, body: Value) -> Result<(String, String), Kind> {
    let answer = bench.call("", Operation::Update, path, body).map_err(|error| error.kind())?;
    let auth = answer.auth.as_ref().unwrap();
    Ok((auth.token.expose().clone(), auth.entity_id.clone()))
}

fn denied(bench: &Bench, token: &str, operation: Operation, path: &str) -> bool {
    bench.call(token, operation, path, Value::Null).is_err_and(|error| error.kind() == Kind::Denied)
}

const SPELLINGS: [&str; 6] = ["root", "ROOT", "Root", " root", "root ", "\troot\n"];

/// CVE-2025-5999.
#[test]
fn no_spelling_of_a_policys_name_reaches_root_through_an_entity_or_a_group() {
    let bench = bench();
    let (token, entity) = enter(&bench, "auth/word/login/eve", json!({})).unwrap();
    for root in SPELLINGS {
        for (path, body) in [
            (format!("identity/entity/id/{entity}"), json!({ "policies": [root] })),
            ("identity/entity".to_owned(), json!({ "name": "new", "policies": [root] })),
            ("identity/group".to_owned(), json!({ "name": "g", "policies": [root], "member_entity_ids": [entity] })),
        ] {
            let refused = bench.write(&path, body).err().map(|error| error.kind());
            assert_eq!(refused, Some(Kind::BadRequest), "{path} {root:?}");
        }
    }
    assert!(denied(&bench, &token, Operation::Read, "sys/mounts"));
}

#[test]
fn no_spelling_of_a_policys_name_reaches_root_through_a_log_in_or_a_new_token() {
    let bench = bench();
    bench.policy("maker", "path \"auth/token/create\" { capabilities = [\"update\"] }");
    let maker = bench.holder(&["maker"]);
    for root in SPELLINGS {
        let user = json!({ "password": "pw", "token_policies": [root] });
        bench.write("auth/userpass/users/mallory", user).unwrap();
        let entered = enter(&bench, "auth/userpass/login/mallory", json!({ "password": "pw" }));
        assert_eq!(entered, Err(Kind::BadRequest), "{root:?}");
        let made = bench.call(&maker, Operation::Update, "auth/token/create", json!({ "policies": [root] }));
        assert!(made.is_err(), "{root:?}");
    }
}

/// CVE-2025-6004.
#[test]
fn a_lockout_is_not_dodged_by_writing_the_name_otherwise() {
    let bench = bench();
    for name in ["alice", "ALICE", "Alice ", " alice", "aLICE"] {
        let refused = enter(&bench, &format!("auth/userpass/login/{name}"), json!({ "password": "guess" }));
        assert_eq!(refused, Err(Kind::BadRequest), "{name:?}");
    }
    for name in ["alice", "ALICE", " alice "] {
        let refused = enter(&bench, &format!("auth/userpass/login/{name}"), json!({ "password": "pw" }));
        assert_eq!(refused, Err(Kind::Denied), "{name:?}");
    }
}

/// CVE-2025-6011: neither an answer nor a lock nor the time that something takes tells whether there is such a user.
#[test]
fn neither_words_nor_locks_nor_time_tell_whether_there_is_a_user() {
    let bench = bench();
    let mut fastest = [Duration::MAX; 2];
    for round in 0..7 {
        let mut told = Vec::new();
        for (name, fastest) in ["alice", "nobody"].into_iter().zip(&mut fastest) {
            let began = Instant::now();
            let body = json!({ "password": "guess" });
            let refused =
                bench.call("", Operation::Update, &format!("auth/userpass/login/{name}"), body).err().unwrap();
            if round < 5 {
                *fastest = began.elapsed().min(*fastest);
            }
            told.push((refused.kind(), refused.message().to_owned()));
        }
        assert_eq!(told[0], told[1], "round {round}");
    }
    let [there, not_there] = fastest;
    assert!(there < not_there * 3 && not_there < there * 3, "{there:?} with a user, {not_there:?} without");
}

/// What stands in a name is no pattern.
#[test]
fn a_wildcard_in_an_identitys_name_widens_no_template() {
    let bench = bench();
    let accessor = bench.live().mounts().at("auth/word/").unwrap().accessor.clone();
    bench.write("sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    bench.write("kv/alice/secret", json!({ "k": "v" })).unwrap();
    let by = |what: &str| format!("path \"kv/{{{{{what}}}}}/*\" {{ capabilities = [\"read\"] }}");
    bench.policy("by-alias", &by(&format!("identity.entity.aliases.{accessor}.name")));
    bench.policy("by-name", &by("identity.entity.name"));
    let (alice, _) = enter(&bench, "auth/word/login/alice", json!({ "policies": "by-alias" })).unwrap();
    assert!(bench.call(&alice, Operation::Read, "kv/alice/secret", Value::Null).is_ok());
    for name in ["*", "+", "al*", "a/../alice"] {
        let path = format!("auth/word/login/{}", name.replace('/', "%2F"));
        let Ok((token, entity)) = enter(&bench, &path, json!({ "policies": "by-alias,by-name" })) else { continue };
        let renamed = bench.write(&format!("identity/entity/id/{entity}"), json!({ "name": name }));
        assert!(denied(&bench, &token, Operation::Read, "kv/alice/secret"), "{name} {renamed:?}");
    }
}

#[test]
fn editing_entities_and_groups_makes_nobody_root() {
    let bench = bench();
    bench.policy("identities", "path \"identity/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }");
    let (token, entity) = enter(&bench, "auth/word/login/eve", json!({ "policies": "identities" })).unwrap();
    let by_eve = |path: &str, body: Value| bench.call(&token, Operation::Update, path, body);
    assert!(by_eve(&format!("identity/entity/id/{entity}"), json!({ "policies": "root" })).is_err());
    assert!(
        by_eve("identity/group", json!({ "name": "r", "policies": "root", "member_entity_ids": [entity] })).is_err()
    );
    let root_alias = json!({ "name": "root", "canonical_id": entity, "mount_accessor": "token_nothing" });
    assert!(by_eve("identity/entity-alias", root_alias).is_err());
    assert!(denied(&bench, &token, Operation::Read, "sys/mounts"));
}

#[test]
fn a_group_of_another_mount_takes_nobody_in() {
    let bench = bench();
    bench.write("sys/auth/other", json!({ "type": "gullible" })).unwrap();
    bench.policy("mounts", "path \"sys/mounts\" { capabilities = [\"read\"] }");
    let accessor = bench.live().mounts().at("auth/other/").unwrap().accessor.clone();
    let group =
        bench.write("identity/group", json!({ "name": "a", "type": "external", "policies": "mounts" })).unwrap();
    let alias = json!({ "name": "admins", "mount_accessor": accessor, "canonical_id": group["id"] });
    bench.write("identity/group-alias", alias).unwrap();
    let groups = json!({ "groups": "admins" });
    let (here, _) = enter(&bench, "auth/word/login/eve", groups.clone()).unwrap();
    let (there, _) = enter(&bench, "auth/other/login/eve", groups).unwrap();
    assert!(denied(&bench, &here, Operation::Read, "sys/mounts"));
    assert!(bench.call(&there, Operation::Read, "sys/mounts", Value::Null).is_ok());
}

/// A rule holds for a folder however that is asked for.
#[test]
fn a_denial_is_not_dodged_by_listing_with_or_without_a_slash() {
    let bench = bench();
    bench.write("sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    bench.write("kv/private/secret", json!({ "k": "v" })).unwrap();
    for denial in ["kv/private", "kv/private/", "kv/private/*", "kv/+/"] {
        let text = format!(
            "path \"kv/*\" {{ capabilities = [\"read\", \"list\"] }}\npath \"{denial}\" {{ capabilities = [\"deny\"] }}"
        );
        bench.policy("reader", &text);
        let token = bench.holder(&["reader"]);
        for path in ["kv/private", "kv/private/"] {
            assert!(denied(&bench, &token, Operation::List, path), "{denial}: {path}");
        }
    }
}

#[test]
fn a_denial_of_a_user_is_not_dodged_by_writing_the_name_otherwise() {
    let bench = bench();
    let text = "path \"auth/userpass/users/*\" { capabilities = [\"create\", \"update\", \"delete\"] }\n\
                path \"auth/userpass/users/alice\" { capabilities = [\"deny\"] }\n\
                path \"auth/userpass/users/alice/*\" { capabilities = [\"deny\"] }";
    bench.policy("writer", text);
    let token = bench.holder(&["writer"]);
    for path in ["alice", "ALICE", "Alice/", " alice", "alice/password", "ALICE/password", "alice /policies"] {
        assert!(denied(&bench, &token, Operation::Update, &format!("auth/userpass/users/{path}")), "{path:?}");
    }
}

#[test]
fn a_denial_of_an_identity_is_not_dodged_by_writing_its_name_or_id_otherwise() {
    let bench = bench();
    let (_, entity) = enter(&bench, "auth/word/login/alice", json!({})).unwrap();
    bench.write(&format!("identity/entity/id/{entity}"), json!({ "name": "Alice" })).unwrap();
    let text = format!(
        "path \"identity/*\" {{ capabilities = [\"read\", \"update\"] }}\n\
         path \"identity/entity/name/alice\" {{ capabilities = [\"deny\"] }}\n\
         path \"identity/entity/id/{entity}\" {{ capabilities = [\"deny\"] }}"
    );
    bench.policy("reader", &text);
    let token = bench.holder(&["reader"]);
    for path in ["name/alice", "name/Alice", "name/ALICE", "name/ alice"] {
        assert!(denied(&bench, &token, Operation::Read, &format!("identity/entity/{path}")), "{path:?}");
    }
    assert!(denied(&bench, &token, Operation::Read, &format!("identity/entity/id/{}", entity.to_uppercase())));
    assert_eq!(bench.read("identity/entity/name/ALICE").unwrap()["name"], "Alice", "kept as it was written");
}

#[test]
fn revoking_at_one_mount_ends_nothing_at_another() {
    let bench = bench();
    bench.write("sys/auth/word2", json!({ "type": "gullible" })).unwrap();
    let (here, _) = enter(&bench, "auth/word/login/eve", json!({})).unwrap();
    let (there, _) = enter(&bench, "auth/word2/login/eve", json!({})).unwrap();
    for path in ["sys/leases/revoke-prefix/auth/word", "sys/leases/revoke-alias/auth/word/eve"] {
        bench.write(path, json!({})).unwrap();
        assert!(!bench.lives(&here) && bench.lives(&there), "{path}");
    }
    bench.delete("sys/auth/word").unwrap();
    assert!(bench.lives(&there));
}

#[test]
fn a_leaked_secret_id_and_a_token_of_a_disabled_entity_are_refused_and_put_on_record() {
    let bench = bench();
    bench.write("sys/auth/approle", json!({ "type": "approle" })).unwrap();
    bench.write("auth/approle/role/web", json!({ "role_id": "web", "secret_id_bound_cidrs": "10.0.0.0/8" })).unwrap();
    let secret = |body: Value| bench.write("auth/approle/role/web/secret-id", body).unwrap()["secret_id"].clone();
    let (elsewhere, destroyed) = (secret(json!({})), secret(json!({})));
    bench.write("auth/approle/role/web/secret-id/destroy", json!({ "secret_id": destroyed })).unwrap();
    let (token, entity) = enter(&bench, "auth/word/login/eve", json!({})).unwrap();
    bench.write(&format!("identity/entity/id/{entity}"), json!({ "disabled": true })).unwrap();
    let kept = Kept::on(&bench);
    for secret in [elsewhere, destroyed] {
        assert!(enter(&bench, "auth/approle/login", json!({ "role_id": "web", "secret_id": secret })).is_err());
    }
    assert!(denied(&bench, &token, Operation::Read, "auth/token/lookup-self"));
    assert_eq!(enter(&bench, "auth/word/login/eve", json!({})), Err(Kind::Denied));
    let errors = |path: &str| -> Vec<String> {
        let lines = kept.requests(path).into_iter().filter(|line| line["type"] == "response");
        lines.map(|line| line["error"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let logins = errors("auth/approle/login");
    assert!(logins[0].contains("CIDR restrictions") && logins[1] == "invalid role or secret ID", "{logins:?}");
    assert!(errors("auth/token/lookup-self").iter().all(|error| error.contains("permission denied")));
    assert!(errors("auth/word/login/eve")[0].contains("permission denied"));
}
