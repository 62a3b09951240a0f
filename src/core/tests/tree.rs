//! Asking the tree: what hangs below a token, whose something outside is, and why a lease lives or does not.

use super::Bench;
use super::outside::{bench, data_of, world};
use crate::base::{Kind, Timestamp};
use crate::logical::Operation;
use serde_json::{Value, json};
use std::time::Duration;

impl Bench {
    fn named_child(&self, parent: &str, name: &str, ttl: &str) -> (String, String) {
        let asked = json!({ "ttl": ttl, "policies": ["root"], "display_name": name });
        let made = self.call(parent, Operation::Update, "auth/token/create", asked).unwrap();
        let auth = made.auth.as_ref().unwrap();
        (auth.token.expose().clone(), auth.accessor.clone())
    }

    fn tree(&self, asked: Value) -> Value {
        self.write("sys/leases/tree", asked).unwrap()
    }

    fn why(&self, asked: Value) -> Value {
        self.write("sys/leases/why", asked).unwrap()
    }

    fn at(&self, seconds: u64) -> String {
        Timestamp(1_800_000_000_000).plus(Duration::from_secs(seconds)).rfc3339()
    }
}

fn said(answer: &Value) -> String {
    let sentences = answer["why"].as_array().unwrap().iter().filter_map(Value::as_str);
    sentences.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_tree_tells_when_each_part_really_ends_and_with_whom() {
    let bench = bench();
    let (deploy, above) = bench.named_child(&bench.root, "deploy", "1h");
    let (job, below) = bench.named_child(&deploy, "job", "2h");
    let lease = bench.lease(&job, "db/creds/app", "30m").unwrap();
    let longer = bench.lease(&job, "db/creds/app", "3h").unwrap();
    let tree = bench.tree(json!({ "accessor": above }));
    assert_eq!((&tree["shown"], &tree["left_out"], &tree["next"]), (&json!(4), &json!(0), &Value::Null));
    let top = &tree["tree"];
    assert_eq!((top["display_name"].as_str(), top["state"].as_str()), (Some("token-deploy"), Some("active")));
    assert_eq!(top["effective_expire_time"], bench.at(3600));
    assert_eq!(top["ends_with"], Value::Null);
    let inner = &top["children"][0];
    assert_eq!((&inner["accessor"], &inner["expire_time"]), (&json!(below), &json!(bench.at(7200))));
    assert_eq!(inner["effective_expire_time"], bench.at(3600));
    assert_eq!(inner["ends_with"], json!({ "accessor": above, "display_name": "token-deploy" }));
    let leaves = inner["children"].as_array().unwrap();
    assert_eq!((&leaves[0]["id"], &leaves[0]["effective_expire_time"]), (&json!(lease), &json!(bench.at(1800))));
    assert_eq!((&leaves[1]["id"], &leaves[1]["effective_expire_time"]), (&json!(longer), &json!(bench.at(3600))));
    assert_eq!(leaves[1]["ends_with"]["accessor"], above);
    assert_eq!((&leaves[1]["role"], &leaves[1]["subject"]), (&json!("app"), &json!("app-2")));
    let text = tree.to_string();
    assert!(!text.contains(&deploy) && !text.contains(&job), "no token is shown");
}

#[test]
fn a_tree_is_the_same_by_every_name_and_begins_wherever_it_is_asked_for() {
    let bench = bench();
    let (deploy, accessor) = bench.named_child(&bench.root, "deploy", "1h");
    let lease = bench.lease(&deploy, "db/creds/app", "2h").unwrap();
    let by_accessor = bench.tree(json!({ "accessor": accessor }));
    assert_eq!(by_accessor, bench.tree(json!({ "token": deploy })));
    let leaf = bench.tree(json!({ "id": lease }));
    assert_eq!(leaf["tree"]["ends_with"]["accessor"], accessor, "what is above counts though it is not shown");
    for wrong in
        [json!({}), json!({ "id": "a", "token": "b" }), json!({ "accessor": "none" }), json!({ "token": "none" })]
    {
        assert_eq!(bench.write("sys/leases/tree", wrong).unwrap_err().kind(), Kind::BadRequest);
    }
}

#[test]
fn everybody_may_see_their_own_tree_without_the_accessors_above_it() {
    let bench = bench();
    let (deploy, above) = bench.named_child(&bench.root, "deploy", "1h");
    let asked = json!({ "ttl": "2h", "policies": ["default"] });
    let made = bench.call(&deploy, Operation::Update, "auth/token/create", asked).unwrap();
    let token = made.auth.as_ref().unwrap().token.expose().clone();
    let own = bench.call(&token, Operation::Read, "sys/leases/tree-self", Value::Null).unwrap();
    let own = data_of(&own);
    assert_eq!(own["tree"]["ends_with"], json!({ "display_name": "token-deploy" }));
    assert!(!own.to_string().contains(&above));
    let other = bench.call(&token, Operation::Update, "sys/leases/tree", json!({ "accessor": above }));
    assert_eq!(other.err().unwrap().kind(), Kind::Denied);
}

#[test]
fn what_does_not_fit_into_a_tree_is_counted_and_can_be_had() {
    let bench = bench();
    let (deploy, accessor) = bench.named_child(&bench.root, "deploy", "1h");
    let (job, _) = bench.named_child(&deploy, "job", "1h");
    for _ in 0..5 {
        bench.lease(&job, "db/creds/app", "30m").unwrap();
        bench.named_child(&deploy, "other", "1h");
    }
    let shallow = bench.tree(json!({ "accessor": accessor, "depth": 1 }));
    assert_eq!((&shallow["shown"], &shallow["left_out"]), (&json!(7), &json!(5)));
    assert_eq!(shallow["tree"]["children"][0]["left_out"], 5);
    let few = bench.tree(json!({ "accessor": accessor, "limit": 4 }));
    assert_eq!((&few["shown"], &few["left_out"]), (&json!(4), &json!(3 + 5)));
    assert_eq!(few["tree"]["left_out"], 3, "level by level: the job's leases wait");
    let rest = bench.tree(json!({ "accessor": accessor, "after": few["next"] }));
    assert_eq!(rest["tree"]["children"].as_array().unwrap().len(), 3);
    assert_eq!(bench.tree(json!({ "accessor": accessor }))["shown"], 12);
}

#[test]
fn what_is_dead_is_shown_dead_until_it_is_gone() {
    let bench = bench();
    let (deploy, accessor) = bench.named_child(&bench.root, "deploy", "1h");
    let lease = bench.lease(&deploy, "db/creds/app", "2h").unwrap();
    world(&bench.uuid("db/"), |world| world.is_down = true);
    bench.write("auth/token/revoke", json!({ "token": deploy })).unwrap();
    let told = said(&bench.why(json!({ "id": lease })));
    assert!(told.contains("The lease is dead: "), "{told}");
    bench.sweep_until(|| bench.why(json!({ "id": lease }))["attempts"].as_u64() > Some(0));
    let why = bench.why(json!({ "id": lease }));
    assert_eq!((&why["alive"], &why["state"], &why["would_end"]), (&json!(false), &json!("revoking"), &json!([])));
    let told = said(&why);
    for part in
        ["Its credential is being ended.", "It failed once", "the outside is down", "Its target is silent since"]
    {
        assert!(told.contains(part), "{told:?} should say {part:?}");
    }
    assert!(bench.write("sys/leases/tree", json!({ "accessor": accessor })).is_err(), "the token itself is gone");
}

#[test]
fn why_tells_what_a_lease_waits_for_and_what_would_end_it() {
    let bench = bench();
    let (deploy, accessor) = bench.named_child(&bench.root, "deploy", "1h");
    let lease = bench.lease(&deploy, "db/creds/app", "2h").unwrap();
    let why = bench.why(json!({ "id": lease }));
    let told = said(&why);
    for part in [
        format!("lives until {} (in 1h), when the token \"token-deploy\" (accessor {accessor}) ends", bench.at(3600)),
        format!("its own end would be {}", bench.at(7200)),
        "Renewing moves its own end".to_owned(),
    ] {
        assert!(told.contains(&part), "{told:?} should say {part:?}");
    }
    let ends = why["would_end"].as_array().unwrap();
    assert_eq!(ends[0], format!("lease revoke {lease}"));
    assert_eq!(ends[1], format!("token revoke -accessor {accessor}"));
    assert_eq!(said(&bench.why(json!({ "token": bench.root }))), "The token lives, and does not end by itself.");
    bench.core.seal();
    bench.clock.advance(Duration::from_secs(3600));
    bench.unseal();
    if let Ok(why) = bench.write("sys/leases/why", json!({ "id": lease })) {
        assert_eq!(why["alive"], false);
    }
}

#[test]
fn the_owner_of_a_user_or_key_is_found_by_its_name_outside() {
    let bench = bench();
    bench.write("sys/mounts/other", json!({ "type": "outside" })).unwrap();
    let (deploy, above) = bench.named_child(&bench.root, "deploy", "1h");
    let (job, accessor) = bench.named_child(&deploy, "job", "1h");
    let lease = bench.lease(&job, "db/creds/app", "30m").unwrap();
    bench.lease(&job, "db/creds/else", "30m").unwrap();
    for subject in ["app-1", "key-1"] {
        let found = bench.write("sys/leases/owner", json!({ "subject": subject })).unwrap();
        let owners = found["owners"].as_array().unwrap();
        assert_eq!(owners.len(), 1, "{subject}");
        assert_eq!((&owners[0]["id"], &owners[0]["request_id"]), (&json!(lease), &json!("r")));
        assert_eq!(owners[0]["token"], json!({ "accessor": accessor, "display_name": "token-job" }));
        assert_eq!(owners[0]["above"][0], json!({ "accessor": above, "display_name": "token-deploy" }));
        assert_eq!(owners[0]["subjects"], json!(["key-1"]));
    }
    bench.lease(&job, "other/creds/app", "30m").unwrap();
    let both = bench.write("sys/leases/owner", json!({ "subject": "app-1" })).unwrap();
    assert_eq!(both["owners"].as_array().unwrap().len(), 2, "names may be used on several targets");
    let nobody = bench.write("sys/leases/owner", json!({ "subject": "App-1" })).unwrap_err();
    assert_eq!(nobody.kind(), Kind::NotFound);
}

#[test]
fn an_answer_warns_when_a_token_above_ends_before_the_lease() {
    let bench = bench();
    let warnings = |token: &str, ttl: &str| {
        let answer = bench.call(token, Operation::Update, "db/creds/app", json!({ "ttl": ttl })).unwrap();
        answer.warnings.clone()
    };
    let (deploy, _) = bench.named_child(&bench.root, "deploy", "10m");
    let (job, _) = bench.named_child(&deploy, "job", "1h");
    assert!(warnings(&bench.root, "1h").is_empty());
    assert!(warnings(&deploy, "10m").is_empty());
    let warning = warnings(&deploy, "1h").join("");
    for part in ["ends in 10m", &bench.at(600), "the calling token (\"token-deploy\")"] {
        assert!(warning.contains(part), "{warning:?} should say {part:?}");
    }
    let warning = warnings(&job, "1h").join("");
    assert!(warning.contains("a token above the calling one (\"token-deploy\")"), "{warning}");
}
