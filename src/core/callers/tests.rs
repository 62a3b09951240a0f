use crate::core::tests::Bench;
use crate::logical::{Body, Operation};
use crate::policy;
use serde_json::json;
use std::sync::Arc;

fn entity(bench: &Bench, name: &str) -> String {
    let body = json!({ "name": name, "metadata": { "team": name } });
    let made = bench.call(&bench.root, Operation::Update, "identity/entity", body).unwrap();
    match &made.body {
        Body::Data(data) => data["id"].as_str().unwrap().to_owned(),
        _ => String::new(),
    }
}

#[test]
fn two_entities_with_the_same_policies_see_each_their_own_path() {
    let bench = Bench::new();
    bench.policy(
        "own",
        "path \"kv/{{identity.entity.name}}/*\" { capabilities = [\"read\"] }\n\
         path \"kv/groups/{{identity.groups.names.ops.id}}\" { capabilities = [\"read\"] }",
    );
    let (ann, bob) = (entity(&bench, "ann"), entity(&bench, "bob"));
    let group = json!({ "name": "ops", "member_entity_ids": [bob] });
    bench.call(&bench.root, Operation::Update, "identity/group", group).unwrap();
    let live = bench.live();
    let names = ["own".to_owned()];
    let acl = |id: &str| live.acl(&names, live.resolve_entity(id).unwrap().as_deref()).unwrap();
    let reads = |id: &str, path: &str| acl(id).allows(path, policy::Operation::Read, false).is_allowed();
    // Twice, so that what is remembered is asked too.
    for _ in 0..2 {
        assert!(reads(&ann, "kv/ann/x") && !reads(&ann, "kv/bob/x"));
        assert!(reads(&bob, "kv/bob/x") && !reads(&bob, "kv/ann/x"));
        assert!(!live.acl(&names, None).unwrap().allows("kv/ann/x", policy::Operation::Read, false).is_allowed());
    }
    assert!(Arc::ptr_eq(&acl(&ann), &acl(&ann)), "it is compiled once for each");
    let ops = live.resolve_entity(&bob).unwrap().unwrap().direct[0].id.clone();
    let path = format!("kv/groups/{ops}");
    assert!(reads(&bob, &path) && !reads(&ann, &path));
    bench
        .call(&bench.root, Operation::Update, &format!("identity/entity/id/{ann}"), json!({ "name": "anne" }))
        .unwrap();
    assert!(reads(&ann, "kv/anne/x") && !reads(&ann, "kv/ann/x"), "a new name counts at once");
}
