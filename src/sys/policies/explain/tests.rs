use crate::base::{Error, Kind, Result};
use crate::core::tests::Bench;
use crate::logical::{Body, Operation};
use serde_json::{Value, json};

const SUPPORT: &str = "# What support may do.
path \"kv/*\" {
  capabilities = [\"list\"]
}
path \"kv/open\" {
  capabilities = [\"read\", \"update\"]
  denied_parameters = { owner = [] }
}
path \"kv/{{identity.entity.name}}/*\" {
  capabilities = [\"read\"]
}
";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.call(&bench.root, Operation::Update, "sys/mounts/kv", json!({ "type": "kv" })).unwrap();
    bench.policy("support", SUPPORT);
    bench.policy("closed", "path \"kv/open\" {\n  capabilities = [\"deny\"]\n}");
    bench
}

fn ask(bench: &Bench, token: &str, path: &str, body: Value) -> Result<Value> {
    let response = bench.call(token, Operation::Update, &format!("sys/policies/{path}"), body)?;
    match &response.body {
        Body::Data(data) => Ok(Value::Object(data.clone())),
        _ => Err(Error::internal("no data")),
    }
}

#[test]
fn a_denial_is_explained_with_all_that_matched_and_what_would_allow_it() {
    let bench = bench();
    let policies = json!(["support", "gone"]);
    let answer =
        ask(&bench, &bench.root, "explain", json!({ "policies": policies, "path": "/kv/a", "operation": "read" }))
            .unwrap();
    let rule = json!({ "policy": "support", "line": 2, "path": "kv/*" });
    assert_eq!(answer["allowed"], false);
    assert_eq!(
        answer["message"],
        "The rule that decides grants list, and read is needed: path \"kv/*\" in policy \"support\", line 2."
    );
    assert_eq!((&answer["reason"]["code"], &answer["reason"]["needs"]), (&json!("not_granted"), &json!(["read"])));
    assert_eq!((&answer["rule"], &answer["reason"]["rule"]), (&rule, &rule));
    assert_eq!(
        answer["matches"],
        json!([{ "policy": "support", "line": 2, "path": "kv/*", "capabilities": ["list"], "standing": "decides" }])
    );
    assert_eq!(answer["left_out"][0]["line"], 9);
    assert_eq!(answer["left_out"][0]["why"], "identity.entity.name has no value for this token");
    assert_eq!(answer["unknown_policies"], json!(["gone"]));
    assert_eq!(answer["to_allow"], "path \"kv/a\" {\n  capabilities = [\"list\", \"read\"]\n}\n");
}

#[test]
fn what_is_allowed_is_explained_by_the_rule_and_those_it_outranks() {
    let bench = bench();
    let token = bench.holder(&["support"]);
    let body = json!({ "token": token, "path": "kv/open", "capability": "read" });
    let answer = ask(&bench, &bench.root, "explain", body).unwrap();
    assert_eq!(answer["allowed"], true);
    assert_eq!(answer["message"], "Allowed by path \"kv/open\" in policy \"support\", line 5.");
    let standings: Vec<_> =
        answer["matches"].as_array().unwrap().iter().map(|found| (&found["path"], &found["standing"])).collect();
    assert_eq!(standings, [(&json!("kv/open"), &json!("decides")), (&json!("kv/*"), &json!("outranked"))]);
    assert_eq!((&answer["to_allow"], &answer["reason"]), (&Value::Null, &Value::Null));
}

#[test]
fn deny_in_one_of_two_policies_is_shown_beside_what_the_other_grants() {
    let bench = bench();
    let body = json!({ "policies": "support,closed", "path": "kv/open", "operation": "read" });
    let answer = ask(&bench, &bench.root, "explain", body).unwrap();
    assert_eq!(answer["reason"]["code"], "denied_by_rule");
    assert_eq!(answer["rule"]["policy"], "closed");
    assert_eq!(answer["matches"][0]["standing"], "decides");
    assert_eq!(answer["matches"][1]["standing"], "decides");
    assert_eq!(answer["to_allow"], Value::Null, "no further policy takes a denial away");
}

#[test]
fn parameters_sudo_and_other_forms_of_a_path_are_judged_as_a_request_would_be() {
    let bench = bench();
    bench.policy(
        "more",
        "path \"sys/audit\" { capabilities = [\"read\"] }\npath \"sys/renew\" { capabilities = [\"update\"] }\n\
         path \"sys/policies/acl/ops\" { capabilities = [\"deny\"] }\npath \"sys/policies/acl/*\" { capabilities = [\"read\"] }",
    );
    for (path, operation, data, allowed, code) in [
        ("kv/open", "update", json!({ "owner": "me" }), false, "parameter_denied"),
        ("kv/open", "write", json!({ "other": "me" }), true, ""),
        ("kv/open", "create", json!({}), false, "not_granted"),
        ("kv", "list", json!({}), true, ""),
        ("sys/audit", "read", json!({}), false, "needs_sudo"),
        ("sys/leases/renew", "update", json!({}), true, ""),
        ("sys/policies/acl/OPS/", "read", json!({}), false, "denied_by_rule"),
        ("sys/health", "read", json!({}), true, ""),
        ("nowhere/at/all", "read", json!({}), false, "no_rule"),
    ] {
        let body = json!({ "policies": ["support", "more"], "path": path, "operation": operation, "data": data });
        let answer = ask(&bench, &bench.root, "explain", body).unwrap();
        assert_eq!(answer["allowed"], allowed, "{path} {operation}: {answer}");
        assert_eq!(answer["reason"]["code"].as_str().unwrap_or_default(), code, "{path} {operation}: {answer}");
    }
    let root = ask(&bench, &bench.root, "explain", json!({ "policies": "root", "path": "kv/x" })).unwrap();
    assert_eq!((&root["allowed"], &root["message"]), (&json!(true), &json!("The policy \"root\" allows everything.")));
}

#[test]
fn everybody_may_ask_about_the_own_token_and_others_take_a_right() {
    let bench = bench();
    let token = bench.holder(&["support", "default"]);
    let mine = ask(&bench, &token, "explain-self", json!({ "path": "kv/open" })).unwrap();
    assert_eq!((&mine["allowed"], &mine["policies"]), (&json!(true), &json!(["default", "support"])));
    for body in [json!({ "policies": "root", "path": "kv/open" }), json!({ "token": bench.root, "path": "kv/open" })] {
        assert_eq!(ask(&bench, &token, "explain", body).unwrap_err().kind(), Kind::Denied);
    }
    let without_default = bench.holder(&["support"]);
    assert_eq!(ask(&bench, &without_default, "explain-self", json!({ "path": "a" })).unwrap_err().kind(), Kind::Denied);
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let bench = bench();
    for (body, words) in [
        (json!({ "path": "a" }), "give one of token, accessor and policies"),
        (json!({ "path": "a", "token": "x", "policies": "y" }), "give one of token, accessor and policies"),
        (json!({ "path": "a", "token": "hvs.gone" }), "invalid token"),
        (json!({ "path": "a", "accessor": "gone" }), "invalid accessor"),
        (json!({ "policies": "a" }), "missing path"),
        (json!({ "policies": "a", "path": "a", "operation": "frob" }), "invalid operation \"frob\"; expected create"),
        (json!({ "policies": "a", "path": "a/../b" }), "path cannot contain parent references"),
    ] {
        let error = ask(&bench, &bench.root, "explain", body.clone()).unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{body}");
        assert!(error.message().contains(words), "{body}: {error}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_told_what_may_have_been_meant() {
    let bench = bench();
    let hint = |token: &str, operation, path: &str| {
        let error = bench.call(token, operation, path, json!({ "a": "b" })).err().unwrap();
        error.reason().map(|reason| reason["did_you_mean"].clone()).unwrap_or_default()
    };
    bench.call(&bench.root, Operation::Update, "sys/mounts/team/store", json!({ "type": "kv" })).unwrap();
    bench.policy("store", "path \"team/store/a\" {\n  capabilities = [\"list\"]\n}");
    let token = bench.holder(&["store"]);
    for (path, meant) in [
        ("team/stroe/b", json!("team/store/b")),
        ("taem/store", json!("team/store")),
        ("team/store/b", Value::Null),
        ("syss/mounts", Value::Null),
        ("cubbyhoel/x", Value::Null),
        ("far/away", Value::Null),
    ] {
        assert_eq!(hint(&token, Operation::Read, path), meant, "{path}");
    }
    for (path, meant) in [
        ("team/stroe", "team/store"),
        ("syss/mounts", "sys/mounts"),
        ("sys/mount", "sys/mounts"),
        ("sys/policies/alc/x", "sys/policies/acl/x"),
        ("auth/tokne/lookup-self", "auth/token/lookup-self"),
        ("auth/token/lookup-sefl", "auth/token/lookup-self"),
    ] {
        assert_eq!(hint(&bench.root, Operation::Read, path), json!(meant), "{path}");
    }
    let error = bench.call(&bench.root, Operation::Delete, "sys/mounts", Value::Null).err().unwrap();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(error.reason().unwrap()["message"], "This path does not take delete; it takes read.");
}
